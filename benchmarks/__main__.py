"""`python -m benchmarks`: pogson beside its peers."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):  # one thread each, before they are loaded
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from benchmarks import aperture, calibrate, detect, frame, page, processes  # noqa: E402
from benchmarks.race import Case, Row, present, race  # noqa: E402
from benchmarks.scene import Scene, make_scene  # noqa: E402

PIXELS: dict[str, Callable[[Scene], Iterator[Case]]] = {
    "calibrate": calibrate.cases,
    "detect": detect.cases,
    "aperture": aperture.cases,
    "align": frame.align_cases,
    "frame": frame.frame_cases,
    "parts": frame.part_cases,
}
COMMANDS = ("start", "compile", "night")
PEERS = ("sep", "photutils", "ccdproc", "astroscrappy", "astroalign")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Run the tasks that are named, or all; print, and write the page where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join((*PIXELS, *COMMANDS)))
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md; takes all tasks")
    given = parser.parse_args()
    unknown = set(given.tasks) - {*PIXELS, *COMMANDS}
    if unknown:
        parser.error(f"no task {', '.join(sorted(unknown))}; there are {', '.join((*PIXELS, *COMMANDS))}")
    if given.write and given.tasks:
        parser.error("--write takes all tasks")
    tasks = given.tasks or [*PIXELS, *COMMANDS]
    missing = [name for name in PEERS if not present(name)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (pip install 'pogson[bench]')")
    with tempfile.TemporaryDirectory() as folder:
        rows, lines, scene = _run(tasks, given.quick, Path(folder))
    if given.write and scene is not None:
        parts = rows.pop("parts")
        together = [row for task in rows.values() for row in task]
        PAGE.write_text(page.make_page(together, parts, lines, scene.frame.shape, scene.n_true))


def _run(
    tasks: list[str], quick: bool, folder: Path
) -> tuple[dict[str, list[Row]], list[page.Line], Scene | None]:
    print(page.describe_machine())
    scene = make_scene(folder / "night") if {*tasks} & {*PIXELS, "start"} else None
    rows: dict[str, list[Row]] = {}
    if scene is not None and {*tasks} & {*PIXELS}:
        print(f"{'':66}{'pogson':>10}   {'peer':23}{'peer':>10}{'ratio':>8}   (ms)")
        for name in [task for task in PIXELS if task in tasks]:
            rows[name] = []
            for case in PIXELS[name](scene):
                rows[name].append(race(case, quick))
                print(page.format_row(rows[name][-1]), flush=True)
    lines: list[page.Line] = []
    measures: dict[str, Callable[[], list[page.Line]]] = {
        "start": lambda: processes.measure_start(folder / "night", quick),
        "compile": lambda: processes.measure_compile(folder),
        "night": lambda: processes.measure_night(folder, quick),
    }
    for name in [task for task in COMMANDS if task in tasks]:
        new = measures[name]()
        lines += new
        print("\n".join(map(page.format_line, new)), flush=True)
    return rows, lines, scene


if __name__ == "__main__":
    main()
