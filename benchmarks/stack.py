"""Shift, scale and combine: `python -m benchmarks.stack`.

pogson against Siril, SWarp, ccdproc and NumPy, where they are installed, on the same frames in one run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.page import describe_machine

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks-stack.md"
SETS = ((13, 3056), (50, 2048))  # frames, pixels on a side
METHODS = {"mean": "mean", "median": "median", "minmax": "without extremes", "kappa_sigma": "kappa-sigma"}
WHOLE = (("median", "bilinear"), ("robust", "bilinear"), ("median", "lanczos3"))

INTRO = """# Stacks

Frames of 16 bits from the page cache, one file that comes out; `python -m benchmarks.stack --write` writes
this page anew. All ways take turns; pogson and Siril {rounds} times, of which the least is shown, the others
once. *CPU* is the processor's time of all threads, *wall* that of the clock, memory that of the process at
its peak; *ratio* is a way's CPU over pogson's.

pogson writes the variance, the mask and the counts beside the image, the others the image alone. Siril and
SWarp are timed as commands, with their start (Siril's takes {siril:.2f} s of CPU); pogson, ccdproc and NumPy
in a process that has loaded them, pogson when it has run there once (to load it takes {start:.2f} s of CPU).
Siril interpolates with its own choice of kernel. kappa-sigma clips at 4 sigma: pogson by the known noise, the
others by the scatter of a pixel's values, NumPy by the known noise once.

*Machine*: {machine}.
"""

HEADER = "| what | way | CPU [s] | wall [s] | memory [GB] | ratio |\n|---|---|--:|--:|--:|--:|"


@dataclass(frozen=True)
class Time:
    """Seconds of the processor and of the clock, and GB at the peak."""

    cpu: float = np.inf
    wall: float = np.inf
    memory: float = np.inf

    def least(self, other: Time) -> Time:
        """The better of both, number by number."""
        return Time(min(self.cpu, other.cpu), min(self.wall, other.wall), min(self.memory, other.memory))


Way = Callable[[], Time | None]


def make_frames(folder: Path, n: int, side: int, dither: bool) -> Path:
    """Star fields with cosmic rays, 16 bits, as a camera writes them."""
    folder.mkdir(parents=True)
    dice = np.random.default_rng(3)
    x, y = dice.uniform(20, side - 20, (2, 1500))
    flux = 10 ** dice.uniform(3.0, 5.3, 1500)
    for k in range(n):
        dx, dy, turn = (
            (0, 0, 0) if not (k and dither) else (*dice.uniform(-8, 8, 2), 2e-4 * dice.standard_normal())
        )
        image = np.full((side, side), 300.0, np.float32)
        for a, b, f in zip(x, y, flux, strict=True):
            u, v = a + turn * (b - side / 2) + dx, b - turn * (a - side / 2) + dy
            i, j = int(u) - 12, int(v) - 12
            rows, columns = slice(max(j, 0), j + 25), slice(max(i, 0), i + 25)
            part = image[rows, columns]
            gx = np.exp(-((np.arange(part.shape[1]) + columns.start - u) ** 2) / 4.5)
            gy = np.exp(-((np.arange(part.shape[0]) + rows.start - v) ** 2) / 4.5)
            part += (f / 14.14 * np.outer(gy, gx)).astype(np.float32)
        image += np.sqrt(image + 64) * dice.standard_normal(image.shape, dtype=np.float32)
        image.ravel()[dice.integers(0, image.size, 300)] += 5000.0
        cards = {"EXPTIME": 30.0, "FILTER": "V", "IMAGETYP": "Light Frame", "EGAIN": 1.0, "RDNOISE": 8.0,
                 "DATE-OBS": f"2024-03-01T{20 + k // 60}:{k % 60:02d}:00"}  # fmt: skip
        fits.writeto(
            folder / f"l{k:03d}.fits", np.clip(np.rint(image), 0, 65535).astype(np.uint16), fits.Header(cards)
        )
    return folder


def in_process(code: str, *words: object) -> Time | None:
    """What a job takes in a process of its own that has loaded and compiled all; None where that fails."""
    source = f"import os, sys, time\n{code}\n"
    source += "a, b = time.process_time(), time.perf_counter()\njob()\n"
    source += "print('SECONDS', time.process_time() - a, time.perf_counter() - b)"
    _, peak, text = measure([sys.executable, "-W", "ignore", "-c", source, *map(str, words)])
    found = [line.split()[1:] for line in text.splitlines() if line.startswith("SECONDS")]
    return Time(float(found[0][0]), float(found[0][1]), peak) if found else None


def as_command(*words: object, cwd: Path) -> Time | None:
    """What another program takes from its start to its end; None where it fails."""
    start = time.perf_counter()
    cpu, peak, _ = measure([*map(str, words)], cwd)
    return Time(cpu, time.perf_counter() - start, peak) if cpu >= 0 else None


def measure(words: list[str], cwd: Path | None = None) -> tuple[float, float, str]:
    """Seconds of the processor (negative where it failed), peak memory in GB, and what it printed."""
    process = subprocess.Popen(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime if process.returncode == 0 else -1.0
    return cpu, used.ru_maxrss / 1e6, text


POGSON = """
from pogson.pipeline.stack.make import stack
folder, method, aligned, resample = sys.argv[1:5]
out = folder + "_p.fits"
def job():
    how = dict(aligned=True, scaled=False, sky="none") if aligned == "1" else {}
    stack(folder, out, method=method, resample=resample, **how)
job()
os.remove(out)
"""

CCDPROC = """
import ccdproc, numpy as np, glob
from astropy.stats import mad_std
folder, method = sys.argv[1:3]
how = {"mean": dict(method="average"), "median": dict(method="median"),
       "minmax": dict(method="average", clip_extrema=True, nlow=1, nhigh=1),
       "kappa_sigma": dict(method="average", sigma_clip=True,
                            sigma_clip_low_thresh=4, sigma_clip_high_thresh=4)}
def job():
    ccdproc.combine(sorted(glob.glob(folder + "/*.fits")), folder + "_c.fits", unit="adu", dtype=np.float32,
                    mem_limit=8e9, overwrite_output=True, **how[method])
"""

NUMPY = """
import numpy as np, glob
from astropy.io import fits
folder, method = sys.argv[1:3]
def job():
    cube = np.array([fits.getdata(f).astype(np.float32) for f in sorted(glob.glob(folder + "/*.fits"))])
    if method == "mean":
        out = cube.mean(0)
    elif method == "median":
        out = np.median(cube, 0)
    elif method == "minmax":
        out = (cube.sum(0) - cube.min(0) - cube.max(0)) / (len(cube) - 2)
    else:
        middle = np.median(cube, 0)
        cube[np.abs(cube - middle) > 4 * np.sqrt(middle + 64)] = np.nan
        out = np.nanmean(cube, 0)
    fits.writeto(folder + "_n.fits", out.astype(np.float32), overwrite=True)
"""


def siril(folder: Path, method: str, register: bool) -> Time | None:
    """Siril's own commands."""
    if shutil.which("siril-cli") is None:
        return None
    work = folder.parent / "siril"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for k, path in enumerate(sorted(folder.glob("*.fits")), 1):
        (work / f"s_{k:05d}.fit").symlink_to(path)
    how = {"mean": "mean none", "median": "med", "minmax": "mean p 0.1 0.1", "kappa_sigma": "mean s 4 4"}
    lines = ["requires 1.0.0", f"cd {work}", "setcpu 2", *(["register s_"] if register else [])]
    name = "r_s_" if register else "s_"
    lines += [f"stack {name} {how[method]} -nonorm -out=out", "close"]
    (work / "job.ssf").write_text("\n".join(lines) + "\n")
    found = as_command("siril-cli", "-s", work / "job.ssf", cwd=work)
    return found if list(work.glob("out.fit*")) else None


def swarp(folder: Path, method: str) -> Time | None:
    """SWarp combining frames as they lie (no coordinates)."""
    kind = {"mean": "AVERAGE", "median": "MEDIAN", "kappa_sigma": "CLIPPED"}.get(method)
    if shutil.which("SWarp") is None or kind is None:
        return None
    how = {
        "COMBINE_TYPE": kind,
        "RESAMPLE": "N",
        "SUBTRACT_BACK": "N",
        "VERBOSE_TYPE": "QUIET",
        "WRITE_XML": "N",
    }
    words = [word for name, value in how.items() for word in (f"-{name}", value)]
    return as_command("SWarp", *sorted(folder.glob("*.fits")), *words, cwd=folder.parent)


def read_once(folder: Path) -> float:
    """Seconds of processor to read the pixels from the page cache."""
    memory = np.empty(1 << 20, np.uint8)
    start = time.process_time()
    for path in folder.glob("*.fits"):
        with path.open("rb", buffering=0) as file:
            while file.readinto(memory.data):
                pass
    return time.process_time() - start


def race(what: str, ways: dict[str, Way], rounds: int) -> list[str]:
    """All ways in turn, and again: lines of a table."""
    best: dict[str, Time] = {}
    for turn in range(rounds):
        for name, run in list(ways.items()):
            if turn and name not in ("pogson", "Siril"):
                continue
            found = run()
            if found is None:
                del ways[name]
            else:
                best[name] = best.get(name, Time()).least(found)
    ours = best["pogson"]
    return [
        f"| {what if name == 'pogson' else ''} | {name} | {t.cpu:.2f} | {t.wall:.2f} | {t.memory:.2f} | "
        + (f"{t.cpu / ours.cpu:.1f} |" if name != "pogson" else "|")
        for name, t in best.items()
    ]


def main() -> None:
    """Print the tables, and write the page where asked."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.stack", description=__doc__)
    words.add_argument("--frames", type=int, default=0, help="only so many frames; needs --side")
    words.add_argument("--side", type=int, default=0, help="pixels on a side of them")
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument(
        "--slow", action="store_true", help="also SWarp, ccdproc and NumPy, which take minutes"
    )
    words.add_argument(
        "--write", action="store_true", help="write docs/benchmarks-stack.md; --slow and all sets"
    )
    given = words.parse_args()
    sets = ((given.frames, given.side),) if given.frames and not given.write else SETS
    lines: list[str] = []
    print(f"{describe_machine()}; load {os.getloadavg()[0]:.1f}")
    for frames, side in sets:
        with tempfile.TemporaryDirectory() as folder:
            for line in tables(Path(folder), frames, side, given.rounds, given.slow or given.write):
                lines.append(line)
                print(line, flush=True)
    if given.write:
        facts = {"rounds": given.rounds, "machine": describe_machine(), **starts()}
        PAGE.write_text(INTRO.format(**facts) + "\n".join(lines) + "\n")


def starts() -> dict[str, float]:
    """CPU seconds that programs take to start."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "nothing.ssf"
        script.write_text("requires 1.0.0\nclose\n")
        siril_cpu = measure(["siril-cli", "-s", str(script)])[0] if shutil.which("siril-cli") else np.nan
    return {
        "siril": siril_cpu,
        "start": measure([sys.executable, "-c", "import pogson.pipeline.stack.make"])[0],
    }


def tables(folder: Path, frames: int, side: int, rounds: int, slow: bool) -> Iterator[str]:
    """All ways, on frames that are aligned and on frames that are not."""
    still = make_frames(folder / "still", frames, side, False)
    moved = make_frames(folder / "moved", frames, side, True)
    once = min(read_once(still) for _ in range(3))
    yield f"\n## {frames} frames of {side} x {side}\n\nReading the pixels once takes {once:.3f} s of CPU.\n"
    yield f"Aligned frames, file to file:\n\n{HEADER}"
    for method, name in METHODS.items():
        ways: dict[str, Way] = {
            "pogson": lambda m=method: in_process(POGSON, still, m, 1, "bilinear"),  # type: ignore[misc]
            "Siril": lambda m=method: siril(still, m, False),  # type: ignore[misc]
        }
        if slow:
            ways["SWarp"] = lambda m=method: swarp(still, m)  # type: ignore[misc]
            ways["ccdproc"] = lambda m=method: in_process(CCDPROC, still, m)  # type: ignore[misc]
            ways["NumPy"] = lambda m=method: in_process(NUMPY, still, m)  # type: ignore[misc]
        yield from race(name, ways, rounds)
    yield f"\nFind stars, align, move, combine, file to file:\n\n{HEADER}"
    for method, resample in WHOLE:
        ways = {"pogson": lambda m=method, r=resample: in_process(POGSON, moved, m, 0, r)}  # type: ignore[misc]
        if method == "median":
            ways["Siril"] = lambda: siril(moved, "median", True)
        yield from race(f"{method}, {resample}", ways, rounds)


if __name__ == "__main__":
    main()
