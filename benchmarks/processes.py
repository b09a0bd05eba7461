"""What whole commands take: the start, the first frame, compiling, a night."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from pogson.pipeline.simulated import write_night

Line = tuple[str, float, float]  # what, wall time, processor's time of all threads, s


def measure_start(night: Path, quick: bool) -> list[Line]:
    """From the start of the interpreter to the end of the command."""
    first = "import pogson as pg, sys; frames = pg.scan_frames(sys.argv[1]);"
    first += " pg.detect_stars(pg.calibrate_frame(next(pg.read_frames(frames))))"
    commands = {
        "Python alone": ["-c", ""],
        "import pogson": ["-c", "import pogson"],
        "pogson --help": ["-m", "pogson", "--help"],
        "one frame: scan, read, calibrate, detect, kernels compiled before": ["-c", first, str(night)],
    }
    return [(name, *_seconds(arguments, 3 if quick else 7)) for name, arguments in commands.items()]


def measure_compile(folder: Path) -> list[Line]:
    """Seconds to compile all kernels into an empty cache."""
    command = ["-m", "pogson.pipeline.warmup"]
    return [("compile all kernels, once after installing", *_seconds(command, 1, cache=folder / "empty"))]


def measure_night(folder: Path, quick: bool) -> list[Line]:
    """Seconds for `pogson run` on the simulated night of `make demo`."""
    night = folder / "demo"
    files = len(write_night({}, night).names)
    lines = []
    for workers in (1, 2):
        out = folder / f"out{workers}"
        command = ["-m", "pogson", "run", str(night), "--out", str(out), "--quiet", "--overwrite"]
        command += ["--catalog", str(night / "catalog.csv"), "--workers", str(workers)]
        what = f"pogson run, {files} files of 1024 x 1024, {workers} worker{'s' * (workers > 1)}"
        lines.append((what, *_seconds(command, 1 if quick else 3)))
    return lines


def _seconds(arguments: list[str], rounds: int, cache: Path | None = None) -> tuple[float, float]:
    """Median wall and processor's time of Python; only a compilation begins without a cache."""
    environment = dict(os.environ) | ({"NUMBA_CACHE_DIR": str(cache)} if cache else {})

    def run() -> tuple[float, float]:
        start, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed: {done.stderr.strip().splitlines()[-1:]}")
        wall, after = time.perf_counter() - start, os.times()
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        return wall, busy

    if cache is None:
        run()
    wall, busy = zip(*(run() for _ in range(rounds)), strict=True)
    return median(wall), median(busy)
