"""Compile the kernels before the first night: said, shown, and done once."""

from __future__ import annotations

import sys
import time
from math import nan
from pathlib import Path

import numpy as np

import pogson.kernels
from pogson.core.frame import Calibration, Exposure, Frame, RawFrame
from pogson.pipeline.workers import Progress, Silent
from pogson.steps.calibrate.camera import measure_camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat
from pogson.steps.detect.find import detect_stars
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth

#: kernels of the simulator
NOT_NEEDED = ("__init__", "noise", "profiles")


def compile_kernels(progress: Progress | None = None) -> None:
    """Compile all kernels that a night needs, unless the compiled ones are there."""
    if _compiled():
        return
    shown = progress or Silent()
    shown.say("Compiling the kernels: once, about half a minute ...")
    stages = (_calibrate, _detect)
    shown.stage("compiling", len(stages))
    for stage in stages:
        stage()
        shown.advance()


def _compiled() -> bool:
    """Whether numba's cache beside the kernels is newer than the kernels."""
    folder = Path(pogson.kernels.__file__).parent
    for source in folder.glob("*.py"):
        if source.stem in NOT_NEEDED:
            continue
        cached = list((folder / "__pycache__").glob(f"{source.stem}.*.nbi"))
        if not cached or max(c.stat().st_mtime for c in cached) < source.stat().st_mtime:
            return False
    return True


def _raw(dice: np.random.Generator, kind: str, level: float, exptime: float) -> RawFrame:
    pixels = dice.poisson(level, (96, 96)).astype(">u2").view(np.uint16)
    exposure = Exposure(
        path=f"{kind}{dice.integers(1 << 30)}", kind=kind, band="V", exptime=exptime, shape=(96, 96)
    )
    return RawFrame(pixels, exposure, swapped=True)


def _calibrate() -> None:
    dice = np.random.default_rng(1)
    biases = [_raw(dice, "bias", 200, 0.0) for _ in range(3)]
    darks = [_raw(dice, "dark", 220, 60.0) for _ in range(3)]
    flats = [_raw(dice, "flat", 9000, 1.0) for _ in range(3)]
    camera = measure_camera(biases, flats, [])
    bias = make_bias(biases, camera)
    dark = make_dark(darks, bias, camera)
    flat = make_flat(flats, bias, dark, camera)
    light = _raw(dice, "light", 900, 60.0)
    known = RawFrame(light.pixels, camera.applied_to(light.exposure), swapped=True)
    calibrate_frame(known, Masters((bias, dark, flat)))


def _detect() -> None:
    dice = np.random.default_rng(2)
    y, x = np.mgrid[0:160, 0:160]
    light = np.full((160, 160), 400.0)
    for cx, cy in dice.uniform(20, 140, (12, 2)):
        light += 9000.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 5.0)
    data = dice.poisson(light).astype(np.float32)
    frame = Frame(
        data, data.copy(), np.zeros(data.shape, np.uint16), Exposure(exptime=60.0), Calibration.none()
    )
    stars = detect_stars(frame)
    measure_aperture(frame, stars, fwhm=stars.meta["psf"].fwhm)
    fit_growth(frame, stars, fwhm=stars.meta["psf"].fwhm if stars.meta["psf"].fwhm > 0 else nan)


if __name__ == "__main__":
    if not _compiled():
        print("pogson: compiling the kernels (once, about half a minute) ...", flush=True)
        start = time.perf_counter()
        _calibrate()
        _detect()
        print(f"pogson: kernels compiled in {time.perf_counter() - start:.0f} s", file=sys.stdout)
