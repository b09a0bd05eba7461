"""Shift, scale and combine: against ccdproc, NumPy, and Siril and SWarp where they are installed, in one run.

python benchmarks/stack.py [--frames 13] [--side 3056] [--rounds 2] [--slow]
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

METHODS = ("mean", "median", "minmax", "kappa_sigma")
NOTHING = np.full(3, np.nan)


def make_frames(folder, n, side, dither):
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


def in_process(code, *words):
    """Seconds of processor and of the clock, and peak memory (GB), of a job in a process of its own.

    Start-up is not counted.
    """
    source = f"import sys, time, resource\n{code}\na, b = time.process_time(), time.perf_counter()\njob()\n"
    source += "print('SECONDS', time.process_time() - a, time.perf_counter() - b,"
    source += " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source, *map(str, words)], capture_output=True, text=True
    )
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1])
        return NOTHING
    line = next(line for line in done.stdout.splitlines() if line.startswith("SECONDS"))
    return np.array([float(word) for word in line.split()[1:]])


def as_command(*words, cwd):
    """The same of another program, start-up counted; NOTHING where it is not there or fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return NOTHING
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return np.array([cpu, seconds, np.nan])


POGSON = """
from pogson.pipeline.stack.make import stack
folder, method, aligned, resample = sys.argv[1:5]
def job():
    how = dict(aligned=True, scaled=False, sky="none") if aligned == "1" else {}
    stack(folder, folder + ".fits", method=method, resample=resample, **how)
job()  # loads the compiled kernels
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


def siril(folder, method, register):
    """Siril's own commands."""
    if shutil.which("siril-cli") is None:
        return NOTHING
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
    return found if list(work.glob("out.fit*")) else NOTHING


def swarp(folder):
    """SWarp combining frames as they lie (no coordinates)."""
    if shutil.which("SWarp") is None:
        return NOTHING
    how = [
        "-COMBINE_TYPE",
        "CLIPPED",
        "-RESAMPLE",
        "N",
        "-SUBTRACT_BACK",
        "N",
        "-VERBOSE_TYPE",
        "QUIET",
        "-WRITE_XML",
        "N",
    ]
    return as_command("SWarp", *sorted(folder.glob("*.fits")), *how, cwd=folder.parent)


def read_once(folder):
    """Seconds of processor to read the pixels from the page cache."""
    start = time.process_time()
    for path in folder.glob("*.fits"):
        np.fromfile(path, np.uint16)
    return time.process_time() - start


def race(what, ways, rounds):
    """All ways in turn, and again; print the least of processor and clock, and ratios of the processor."""
    best = {name: np.full(3, np.inf) for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            best[name] = np.fmin(best[name], run())
    ours = best.pop("pogson")
    cells = [f"{what:20s} pogson {ours[0]:6.2f} ({ours[1]:5.2f} s, {ours[2]:4.2f} GB)"]
    cells += [f"{k} {t[0]:6.2f} = {t[0] / ours[0]:4.1f} x ({t[1]:5.2f} s)" for k, t in best.items()]
    print("   ".join(cells), flush=True)


def main():
    """Print the tables."""
    words = argparse.ArgumentParser()
    words.add_argument("--frames", type=int, default=13)
    words.add_argument("--side", type=int, default=3056)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--slow", action="store_true", help="also ccdproc and NumPy, which take minutes")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


def measure(given, folder):
    """All ways, on frames that are aligned and on frames that are not."""
    still, moved = folder / "still", folder / "moved"
    make_frames(still, given.frames, given.side, False)
    make_frames(moved, given.frames, given.side, True)
    print(
        f"{given.frames} frames of {given.side} x {given.side}, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; seconds of processor (of the clock)"
    )
    print(f"reading the pixels once: {min(read_once(still) for _ in range(3)):.3f}")
    print("\naligned frames, file to file")
    for method in METHODS:
        ways = {
            "pogson": lambda m=method: in_process(POGSON, still, m, 1, "bilinear"),
            "siril": lambda m=method: siril(still, m, False),
        }
        if given.slow:
            ways["ccdproc"] = lambda m=method: in_process(CCDPROC, still, m)
            ways["numpy"] = lambda m=method: in_process(NUMPY, still, m)
        if method == "kappa_sigma":
            ways["swarp"] = lambda: swarp(still)
        race(method, ways, given.rounds)
    print("\ndetect, align, resample, combine, file to file")
    for method, resample in (("median", "bilinear"), ("robust", "bilinear"), ("median", "lanczos3")):
        ways = {"pogson": lambda m=method, r=resample: in_process(POGSON, moved, m, 0, r)}
        if method == "median":
            ways["siril"] = lambda: siril(moved, "median", True)
        race(f"{method} {resample}", ways, given.rounds)


if __name__ == "__main__":
    main()
