"""A night of many frames, from raw files to light curves: `python -m benchmarks.series`.

pogson's command beside pipelines put together from the peers. Every way is a process of its own, on the
same simulated night; its memory is that of its largest process at its peak. The light curves of all are
judged by the same plain ensemble.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):  # one thread each, before they are loaded
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402

from benchmarks.page import describe_machine  # noqa: E402
from benchmarks.race import present  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks-series.md"

INTRO = """# A night of many frames

From raw files to light curves, each way in a process of its own; `python -m benchmarks.series --write`
writes this page anew.

The night is a simulated one of 1676 x 1266 pixels with twilight, moon, veils, thick cloud, a meridian flip,
trailed frames and a tree (recipe *series*, without variables). pogson's time is that of the whole command,
from its start to the report: camera and masters, cosmic rays, calibration with variance and mask, sky,
stars, judgement, alignment, fluxes of so many stars with the whole error budget, curve of growth, ensemble,
variability, periods, pictures. The peers calibrate with plain numpy, find the stars, align, and measure
fluxes; they stop there. Memory is that of the largest process. Scatter is that of stars of rank 30 to 130,
and 800 to 1000, by brightness, all judged by the same plain ensemble; nan: a way lost these stars.

*Machine*: {machine}.

"""

FRAMES = (58, 116, 232, 464)
STARS = (500, 2000, 8000)
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
        "| way | stars | frames | workers | wall [s] | frames / s | peak memory [MB] | scatter [mmag] |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    print("\n".join([describe_machine(), "", *lines]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for result in results(Path(folder), given.quick):
            lines.append(describe(result))
            print(lines[-1], flush=True)
    if given.write:
        PAGE.write_text(INTRO.format(machine=describe_machine()) + "\n".join(lines) + "\n")


def results(place: Path, quick: bool) -> Iterator[Result]:
    """More and more stars, beside the peers at 2000; then longer and longer nights."""
    for n in STARS:
        night = make_night(place / f"stars{n}", FRAMES[0], n)
        for workers in (1, 2):
            yield run_pogson(night, place / "out", n, FRAMES[0], workers)
        for peer in PEERS if n == 2000 else ():
            if present(peer) and present("astroalign"):
                for workers in (1, 2):
                    yield run_peer(night, place / "peer.npz", peer, n, FRAMES[0], workers)
    for frames in () if quick else FRAMES[1:]:
        night = make_night(place / f"frames{frames}", frames, 2000)
        yield run_pogson(night, place / "out", 2000, frames, 2)


def describe(result: Result) -> str:
    """One line of the table."""
    scatter = ", ".join(f"{value:.1f}" for value in result.scatter)
    return (
        f"| {result.name} | {result.stars} | {result.frames} | {result.workers} | {result.wall:.1f} | "
        f"{result.rate:.1f} | {result.peak:.0f} | {scatter} |"
    )


def make_night(folder: Path, frames: int, stars: int) -> Path:
    """A night of the series recipe in which at least so many stars can be found."""
    # in a process of its own: the memory of a child begins with that of its parent
    make = "import sys; from benchmarks.series import simulate; simulate(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", make, str(folder), str(frames), str(stars)], check=True)
    return folder


def simulate(folder: str, frames: str, stars: str) -> None:
    """Write the night."""
    from pogson.pipeline.simulated import write_night
    from pogson.simulate.recipes import named_recipe

    recipe = named_recipe("series", frames=int(frames))
    recipe["field"] |= {"field_stars": round(1.6 * int(stars)), "variables": []}
    write_night(recipe, folder)


def run_pogson(night: Path, out: Path, stars: int, frames: int, workers: int) -> Result:
    """`pogson run`, all of it: masters, judgement, zero points, ensemble, periods, pictures, report."""
    command = ["-m", "pogson", "run", str(night), "--recipe", "series", "--stars", str(stars), "--quiet"]
    wall, peak = measure([*command, "--out", str(out), "--overwrite", "--workers", str(workers)])
    table = parquet.read_table(out / "photometry.parquet", columns=["star", "frame", "flux"])
    names = table["frame"].combine_chunks().dictionary_encode()
    flux = np.full((stars + 1, len(names.dictionary)), np.nan)
    star = np.asarray(table["star"])
    kept = star <= stars
    flux[star[kept], np.asarray(names.indices)[kept]] = np.asarray(table["flux"])[kept]
    return Result("pogson", stars, frames, workers, wall, peak, scatter_of(flux[1:]))


def run_peer(night: Path, out: Path, peer: str, stars: int, frames: int, workers: int) -> Result:
    """The frames' fluxes, and nothing else."""
    wall, peak = measure(
        ["-m", "benchmarks.series_peer", peer, str(night), str(out), str(stars), str(workers)]
    )
    return Result(
        f"{peer} + astroalign", stars, frames, workers, wall, peak, scatter_of(np.load(out)["flux"])
    )


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
