"""What every test may ask for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

REAL_DATA = Path(os.environ.get("POGSON_DATA", Path(__file__).parents[2] / "shared" / "data"))

#: a night that is made in two seconds and reduced in two
SMALL = {
    "detector": {"nx": 320, "ny": 320, "overscan": 16},
    "sky": {"cloudy": []},
    "field": {"cluster_stars": 100, "field_stars": 60, "core_radius": 1.5, "faintest": 19.5},
    "night": {"exposures": [["g", 60.0, 2], ["r", 60.0, 2]]},
    "calibration": {"bias": 3, "dark": 3, "flat": 3},
}


@pytest.fixture(scope="session", autouse=True)
def no_catalogs_of_your_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Catalogues that somebody keeps at hand must not change what the tests see."""
    os.environ["POGSON_CATALOGS"] = str(tmp_path_factory.mktemp("catalogs"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real frames; the test is skipped where it is not there."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real frames are not here: {REAL_DATA} (set POGSON_DATA)")
    return REAL_DATA


@pytest.fixture(scope="session")
def small_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated night: 4 lights in g and r, 12 calibration frames, catalog.csv, truth/. Never change it."""
    from pogson.pipeline.simulated import write_night

    folder = tmp_path_factory.mktemp("small") / "night"
    write_night(SMALL, folder)
    return folder


@pytest.fixture(scope="session")
def small_run(small_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The products of the small night, on the system of its catalogue."""
    from pogson.pipeline.run import run

    out = tmp_path_factory.mktemp("run") / "out"
    run(small_night, out=out, catalog=small_night / "catalog.csv", workers=2)
    return out


@pytest.fixture
def linked_night(small_night: Path, tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with links to frames of the small night."""

    def link(name: str = "broken", keep: Callable[[str], bool] = lambda name: True) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for path in small_night.glob("*.fits"):
            if keep(path.name):
                (folder / path.name).symlink_to(path)
        return folder

    return link


class Answer(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of an error."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def pogson(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command `pogson` in this process."""
    from pogson.apps.cli.main import main

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Answer(int(left.value.code or 0), captured.out, captured.err)

    return call
