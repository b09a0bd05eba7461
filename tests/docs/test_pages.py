"""Every command and every example of the pages runs, in the order of the page."""

import re
import shlex
from pathlib import Path

import matplotlib
import pytest

from pogson.apps.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ROOT / "docs" / "how-to" / "catalogues.md",
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks_of(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch, small_night):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POGSON_CATALOGS", str(tmp_path / "catalogs"))
    if page.name in ("README.md", "catalogues.md"):
        (tmp_path / "night").symlink_to(small_night)
    names: dict[str, object] = {}
    for language, text in blocks_of(page):
        if language == "toml":
            (tmp_path / "recipe.toml").write_text(text)
        elif language == "sh":
            for line in text.splitlines():
                with pytest.raises(SystemExit) as end:
                    main(shlex.split(line)[1:])
                assert end.value.code == 0, line
        elif language == "python":
            exec(compile(text, str(page), "exec"), names)


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=str)
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page}: {target}"
