"""Small frames on which every kernel of a night is used once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from threading import local

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.frame import Calibration, Exposure, Frame, RawFrame
from pogson.core.transform import Transform
from pogson.io.encoded import write_images
from pogson.steps.calibrate.camera import measure_camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat
from pogson.steps.calibrate.rows import RowCalibrator
from pogson.steps.detect.find import detect_stars
from pogson.steps.inspect.metrics import measure_metrics
from pogson.steps.match.align import match_stars
from pogson.steps.match.fit import Points, stand_out
from pogson.steps.match.quads import find_sightings, make_quads
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth
from pogson.steps.measure.phase import phase_scatter
from pogson.steps.stack.coadd import coadd, stack_frames
from pogson.steps.stack.layer import Layer

FULL = 60000.0  # ADU, saturation of the frames made here


def _raw(dice: np.random.Generator, kind: str, level: float, exptime: float) -> RawFrame:
    """A frame whose first columns hold a saturated star that bleeds."""
    pixels = dice.poisson(level, (96, 96))
    if kind == "light":
        pixels[30:50, 2:5] = int(FULL)
    exposure = Exposure(
        path=f"{kind}{dice.integers(1 << 30)}",
        kind=kind,
        band="V",
        exptime=exptime,
        shape=(96, 96),
        saturation=FULL,
    )
    return RawFrame((pixels - 32768).astype(">i2").view(np.uint16), exposure, 1.0, 32768.0, swapped=True)


def calibrate() -> None:
    """Make masters, and calibrate frames."""
    dice = np.random.default_rng(1)
    biases = [_raw(dice, "bias", 200, 0.0) for _ in range(3)]
    darks = [_raw(dice, "dark", 220, 60.0) for _ in range(3)]
    flats = [_raw(dice, "flat", 9000, 1.0) for _ in range(3)]
    camera = measure_camera(biases, flats, [])
    bias = make_bias(biases, camera)
    dark = make_dark(darks, bias, camera)
    flat = make_flat(flats, bias, dark, camera)
    light = _raw(dice, "light", 900, 60.0)
    known = camera.applied_to(light.exposure)
    for raw in (RawFrame(light.pixels, known, 1.0, 32768.0, swapped=True), RawFrame(light.adu(), known)):
        calibrate_frame(raw, Masters((bias, dark, flat)))


def _starry() -> tuple[Frame, Table]:
    """A frame of stars, one of them saturated, and where they are."""
    dice = np.random.default_rng(2)
    y, x = np.mgrid[0:160, 0:160]
    light = np.full((160, 160), 400.0)
    places = dice.uniform(20, 140, (12, 2))
    heights = np.where(np.arange(12), 9000.0, 90000.0)
    for (cx, cy), height in zip(places, heights, strict=True):
        light += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 5.0)
    data = dice.poisson(light).astype(np.float32)
    mask = np.where(light > 20000.0, 4, 0).astype(np.uint16)
    mask[3, 3] = 1
    frame = Frame(data, data.copy(), mask, Exposure(exptime=60.0), Calibration.none())
    return frame, Table({"id": np.arange(12), "x": places[:, 0], "y": places[:, 1], "flux": heights})


def detect() -> None:
    """Find stars."""
    frame, _ = _starry()
    stars = detect_stars(frame)
    measure_metrics(frame, stars, stars.meta["sky"].level_mesh)


def measure() -> None:
    """Measure stars."""
    frame, stars = _starry()
    measure_aperture(frame, stars, fwhm=3.7)
    phase_scatter(2.0, 1.5, 3.0)
    fit_growth(frame, stars, fwhm=3.7)


def search() -> None:
    """Look for a frame all over the sky."""
    dice = np.random.default_rng(4)
    ra, dec, mag = dice.uniform(0, 360, 300), dice.uniform(-80, 80, 300), dice.uniform(5, 12, 300)
    index = make_quads(ra, dec, mag, width=40.0)
    stars = dice.uniform(0, 100, (8, 2))
    find_sightings(stars, index, centre=(50.0, 50.0), scales=(1.0, 9e4), bright=8, most=3)


def match() -> None:
    """Match star lists."""
    places = np.random.default_rng(5).uniform(0, 900, (40, 2))
    stars = Table({"x": places[:, 0], "y": places[:, 1], "flux": np.arange(40.0, 0.0, -1.0)})
    match_stars(stars, stars, guess=Transform.identity())
    match_stars(stars, stars)
    points = Points(places, np.ones(40))
    stand_out(points, points)


def stack() -> None:
    """Add frames up, and write a picture."""
    dice = np.random.default_rng(3)
    raws = [_raw(dice, "light", 900, 60.0) for _ in range(3)]
    known = [replace(r, exposure=replace(r.exposure, gain=1.5, read_noise=5.0)) for r in raws]
    masters = Masters()
    maps = [Transform(np.array([[1.0, 0.0, 0.3 * i], [0.0, 1.0, 0.2 * i]])) for i in range(3)]
    for resample in ("lanczos3", "drizzle"):
        layers = [Layer(_rows_of(r, masters), (96, 96), m) for r, m in zip(known, maps, strict=True)]
        coadd(layers, (96, 96), resample=resample)
    stack_frames([calibrate_frame(r, masters) for r in known], maps)
    write_images(BytesIO(), {}, [("", np.zeros((8, 8), np.float32))])


def _rows_of(raw: RawFrame, masters: Masters) -> RowCalibrator:
    def read(y0: int, y1: int, out: NDArray[np.uint16]) -> NDArray[np.uint16]:
        out[:] = raw.pixels[y0:y1]
        return out

    return RowCalibrator(raw, masters, read, local())


#: the longest first
JOBS: dict[str, Callable[[], None]] = {
    job.__name__: job for job in (detect, calibrate, stack, measure, match, search)
}
