"""A night of many frames, from raw files to light curves: `python -m benchmarks.series`.

pogson's command beside pipelines put together from the peers. Every way is a process of its own, on the
same simulated night; its memory is that of its largest process at its peak. The light curves of all are
judged by the same plain ensemble.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):  # one thread each, before they are loaded
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402
from astropy.io import fits  # noqa: E402

from benchmarks.page import describe_machine  # noqa: E402
from benchmarks.race import present  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks-series.md"

INTRO = """# A night of many frames

From raw files to light curves, each way in a process of its own; `python -m benchmarks.series --write`
writes this page anew.

The night is a simulated one of 1676 x 1266 pixels, or so many as are said, with twilight, moon, veils,
thick cloud, a meridian flip, trailed frames and a tree (recipe *series*, without variables). pogson's time
is that of the whole command, from its start to the report: camera and masters, cosmic rays, calibration with
variance and mask, sky, stars, judgement, alignment, fluxes of so many stars with the whole error budget,
curve of growth, ensemble, variability, periods, pictures. The peers calibrate with plain numpy, find the
stars, align, and measure fluxes; they stop there. Peak memory is that of the largest process. Scatter is
that of stars of rank 30 to 130, and 800 to 1000, by brightness, all judged by the same plain ensemble; nan:
a way lost these stars.

*Machine*: {machine}.

"""

STAGES = """
Where pogson's time goes, in seconds of the clock, as `run.json` says:
"""

FRAMES = (58, 116, 232, 464)
STARS = (500, 2000, 8000)
SIZE = (1676, 1266)
#: half as long and twice as long on each side: a quarter and four times the pixels
SIZES = ((838, 633), (3352, 2532))
PEERS = ("sep", "photutils")

#: of the stars of the field, brightest first: those whose scatter is compared
COMPARED = {"bright (rank 30 to 130)": slice(30, 130), "faint (rank 800 to 1000)": slice(800, 1000)}


@dataclass(frozen=True)
class Result:
    """What one way took: `scatter` in mmag for each of COMPARED."""

    name: str
    stars: int
    frames: int
    workers: int
    wall: float
    peak: float  # MB
    scatter: tuple[float, ...]
    size: tuple[int, int] = SIZE
    stages: Mapping[str, float] = field(default_factory=dict)  # seconds, as the run itself says

    @property
    def rate(self) -> float:
        """Frames per second, from the start of the process to its end."""
        return self.frames / self.wall


def main() -> None:
    """Run all, print a table in Markdown, and write the page where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.series", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short nights only")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks-series.md")
    given = parser.parse_args()
    lines = [
        "| way | pixels | stars | frames | workers | wall [s] | frames / s | peak [MB] | scatter [mmag] |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    print("\n".join([describe_machine(), "", *lines]), flush=True)
    ours: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for result in results(Path(folder), given.quick):
            lines.append(describe(result))
            print(lines[-1], flush=True)
            ours += [result] if result.stages else []
    stages = describe_stages(ours)
    print("\n".join(["", *stages]))
    if given.write:
        page = [INTRO.format(machine=describe_machine()) + "\n".join(lines), STAGES, "\n".join(stages)]
        PAGE.write_text("\n".join(page) + "\n")


def results(place: Path, quick: bool) -> Iterator[Result]:
    """More and more stars, more and more pixels, longer and longer nights; the peers at 2000 stars."""
    for n in STARS:
        night = make_night(place / "night", FRAMES[0], n)
        yield from (run_pogson(night, place / "out", n, workers) for workers in (1, 2))
        if n == 2000:
            yield from run_peers(night, place / "peer.npz", n, (1, 2))
    if quick:
        return
    for size in SIZES:
        yield run_pogson(make_night(place / "night", FRAMES[0], 2000, size), place / "out", 2000, 2)
    for frames in FRAMES[1:]:
        night = make_night(place / "night", frames, 2000)
        yield run_pogson(night, place / "out", 2000, 2)
    yield from run_peers(night, place / "peer.npz", 2000, (2,), PEERS[:1])  # the faster one


def describe(result: Result) -> str:
    """One line of the table."""
    scatter = ", ".join(f"{value:.1f}" for value in result.scatter)
    return (
        f"| {result.name} | {result.size[0]} x {result.size[1]} | {result.stars} | {result.frames} "
        f"| {result.workers} | {result.wall:.1f} | {result.rate:.1f} | {result.peak:.0f} | {scatter} |"
    )


def describe_stages(ours: Sequence[Result]) -> list[str]:
    """A table of the seconds of each stage."""
    names = list(dict.fromkeys(name for result in ours for name in result.stages))
    lines = [
        f"| pixels | stars | frames | workers | {' | '.join(names)} | start, tables, report |",
        "|---|" + "--:|" * (len(names) + 4),
    ]
    for result in ours:
        rest = result.wall - sum(result.stages.values())
        parts = [f"{result.stages.get(name, 0.0):.1f}" for name in names] + [f"{rest:.1f}"]
        size = f"{result.size[0]} x {result.size[1]}"
        lines.append(
            f"| {size} | {result.stars} | {result.frames} | {result.workers} | {' | '.join(parts)} |"
        )
    return lines


def make_night(folder: Path, frames: int, stars: int, size: tuple[int, int] = SIZE) -> Path:
    """A night of the series recipe in which at least so many stars can be found; replaces the one before."""
    shutil.rmtree(folder, ignore_errors=True)
    # in a process of its own: the memory of a child begins with that of its parent
    make = "import sys; from benchmarks.series import simulate; simulate(*sys.argv[1:])"
    words = [str(word) for word in (folder, frames, stars, *size)]
    subprocess.run([sys.executable, "-c", make, *words], check=True)
    return folder


def simulate(folder: str, frames: str, stars: str, nx: str, ny: str) -> None:
    """Write the night."""
    from pogson.pipeline.simulated import write_night
    from pogson.simulate.recipes import named_recipe

    recipe = named_recipe("series", frames=int(frames), size=(int(nx), int(ny)))
    recipe["field"] |= {"field_stars": round(1.6 * int(stars)), "variables": []}
    write_night(recipe, folder)


def run_pogson(night: Path, out: Path, stars: int, workers: int) -> Result:
    """`pogson run`, all of it: masters, judgement, zero points, ensemble, periods, pictures, report."""
    command = ["-m", "pogson", "run", str(night), "--recipe", "series", "--stars", str(stars), "--quiet"]
    wall, peak = measure([*command, "--out", str(out), "--overwrite", "--workers", str(workers)])
    table = parquet.read_table(out / "photometry.parquet", columns=["star", "frame", "flux"])
    names = table["frame"].combine_chunks().dictionary_encode()
    flux = np.full((stars + 1, len(names.dictionary)), np.nan)
    star = np.asarray(table["star"])
    kept = star <= stars
    flux[star[kept], np.asarray(names.indices)[kept]] = np.asarray(table["flux"])[kept]
    stages = json.loads((out / "run.json").read_text())["seconds"]
    frames, size = facts_of(night)
    return Result("pogson", stars, frames, workers, wall, peak, scatter_of(flux[1:]), size, stages)


def run_peers(
    night: Path, out: Path, stars: int, workers: Sequence[int], peers: Sequence[str] = PEERS
) -> Iterator[Result]:
    """The frames' fluxes by the peers that are there, and nothing else."""
    frames, size = facts_of(night)
    for peer in peers:
        if not (present(peer) and present("astroalign")):
            continue
        for n in workers:
            wall, peak = measure(
                ["-m", "benchmarks.series_peer", peer, str(night), str(out), str(stars), str(n)]
            )
            scatter = scatter_of(np.load(out)["flux"])
            yield Result(f"{peer} + astroalign", stars, frames, n, wall, peak, scatter, size)


def facts_of(night: Path) -> tuple[int, tuple[int, int]]:
    """How many light frames there are, and their columns and rows."""
    lights = sorted(night.glob("series_*.fits"))
    header = fits.getheader(lights[0])
    return len(lights), (header["NAXIS1"], header["NAXIS2"])


def measure(arguments: list[str]) -> tuple[float, float]:
    """Wall time in seconds of a Python process, and its peak memory in MB, that of its children included."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # 3: finished, but the thickest clouds were no use
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, used.ru_maxrss / 1024


def scatter_of(flux: np.ndarray) -> tuple[float, ...]:
    """Median scatter of the stars of each class, mmag, against the median of the brighter stars.

    Frames in which the bright stars lost half of their light are left out.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
    warnings.simplefilter("ignore")  # stars and frames without a single flux
    mag = mag[np.argsort(np.nan_to_num(_row_median(mag), nan=99.0))]
    mag -= _row_median(mag)[:, None]
    frame = np.nanmedian(mag[20:220], 0)
    mag = (mag - frame)[:, np.abs(frame - np.nanmin(frame)) < 0.75]
    spread = 1.4826 * _row_median(np.abs(mag))
    return tuple(1e3 * float(np.nanmedian(spread[part])) for part in COMPARED.values())


def _row_median(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values).any(1)
    out = np.full(len(values), np.nan)
    out[known] = np.nanmedian(values[known], 1)
    return out


if __name__ == "__main__":
    main()
