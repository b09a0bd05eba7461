"""Compile the kernels before the first night: said, shown, and done once."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import pkgutil
import platform
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import local
from types import ModuleType

import llvmlite.binding
import numba
import numpy as np
from astropy.table import Table
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

import pogson.kernels
from pogson.core.frame import Calibration, Exposure, Frame, RawFrame
from pogson.core.transform import Transform
from pogson.io.encoded import write_images
from pogson.kernels.stats import median
from pogson.pipeline.workers import Progress, Silent
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


def compile_kernels(progress: Progress | None = None) -> None:
    """Compile all kernels that a night needs, unless the compiled ones are there."""
    done = _mark()
    if done.exists():
        return
    shown = progress or Silent()
    shown.say("Compiling the kernels: once, about half a minute ...")
    _remove_outdated(done.parent)
    stages = (_calibrate, _measure, _search, _stack)
    shown.stage("compiling", len(stages))
    for stage in stages:
        stage()
        shown.advance()
    with contextlib.suppress(OSError):  # where nothing can be written, numba has said so
        done.touch()


def _mark() -> Path:
    """The empty file beside the compiled kernels that says that they belong to these sources, here."""
    source = Path(median.py_func.__code__.co_filename).parent
    files = [(p.name, p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(source.glob("*.py"))]
    cpu = llvmlite.binding.get_host_cpu_name()
    place = (numba.__version__, np.__version__, platform.python_version(), platform.machine(), cpu)
    names = (hashlib.sha256(repr(part).encode()).hexdigest()[:12] for part in (files, place))
    return Path(median.stats.cache_path) / ".".join(("kernels", *names, "done"))


def _remove_outdated(cache: Path) -> None:
    """Remove what was compiled from other sources.

    Numba looks at a kernel's own file only: one that calls a changed kernel of another file would
    go on calling what that was before.
    """
    for name in _kernel_names():
        old = [p for kind in ("nbi", "nbc") for p in cache.glob(f"{name}.*.{kind}")]
        changed = max(Path(str(_module(n).__file__)).stat().st_mtime for n in _built_of(name))
        if any(p.stat().st_mtime < changed for p in old):
            for path in (*old, *cache.glob("kernels.*.done")):
                with contextlib.suppress(OSError):
                    path.unlink()


def _kernel_names() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(pogson.kernels.__path__)]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"pogson.kernels.{name}")


def _built_of(name: str) -> set[str]:
    """The kernels' file of this name, and all files whose kernels it calls."""
    used = {k.py_func.__module__ for k in vars(_module(name)).values() if isinstance(k, Dispatcher)}
    others = {full.rpartition(".")[2] for full in used} - {name}
    return {name}.union(*map(_built_of, others))


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
    known = camera.applied_to(light.exposure)
    for raw in (RawFrame(light.pixels, known, 1.0, 32768.0, swapped=True), RawFrame(light.adu(), known)):
        calibrate_frame(raw, Masters((bias, dark, flat)))


def _measure() -> None:
    dice = np.random.default_rng(2)
    y, x = np.mgrid[0:160, 0:160]
    light = np.full((160, 160), 400.0)
    for k, (cx, cy) in enumerate(dice.uniform(20, 140, (12, 2))):
        light += (9000.0 if k else 90000.0) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 5.0)
    data = dice.poisson(light).astype(np.float32)
    mask = np.where(light > 20000.0, 4, 0).astype(np.uint16)
    mask[3, 3] = 1
    frame = Frame(data, data.copy(), mask, Exposure(exptime=60.0), Calibration.none())
    stars = detect_stars(frame)
    measure_metrics(frame, stars, stars.meta["sky"].level_mesh)
    measure_aperture(frame, stars, fwhm=stars.meta["psf"].fwhm)
    phase_scatter(2.0, 1.5, 3.0)
    fit_growth(frame, stars, fwhm=stars.meta["psf"].fwhm)


def _search() -> None:
    dice = np.random.default_rng(4)
    ra, dec, mag = dice.uniform(0, 360, 300), dice.uniform(-80, 80, 300), dice.uniform(5, 12, 300)
    index = make_quads(ra, dec, mag, width=40.0)
    stars = dice.uniform(0, 100, (8, 2))
    find_sightings(stars, index, centre=(50.0, 50.0), scales=(1.0, 9e4), bright=8, most=3)
    places = dice.uniform(0, 900, (2, 40))
    table = Table({"x": places[0], "y": places[1], "flux": np.arange(40.0, 0.0, -1.0)})
    match_stars(table, table, guess=Transform.identity())
    match_stars(table, table)
    stand_out(*[Points(places.T, np.ones(40))] * 2)


def _stack() -> None:
    dice = np.random.default_rng(3)
    raws = [_raw(dice, "light", 900, 60.0) for _ in range(3)]
    known = [replace(r, exposure=replace(r.exposure, gain=1.5, read_noise=5.0)) for r in raws]
    for resample in ("lanczos3", "drizzle"):
        layers = [
            Layer(rows, (96, 96), Transform(np.array([[1.0, 0.0, 0.3 * i], [0.0, 1.0, 0.2 * i]])))
            for i, rows in enumerate(_rows_of(raw) for raw in known)
        ]
        coadd(layers, (96, 96), resample=resample)
    stack_frames([calibrate_frame(r, Masters()) for r in known], [Transform.identity()] * 3)
    write_images(BytesIO(), {}, [("", np.zeros((8, 8), np.float32))])


def _rows_of(raw: RawFrame) -> RowCalibrator:
    def read(y0: int, y1: int, out: NDArray[np.uint16]) -> NDArray[np.uint16]:
        out[:] = raw.pixels[y0:y1]
        return out

    return RowCalibrator(raw, Masters(), read, local())


if __name__ == "__main__":
    if not _mark().exists():
        print("pogson: compiling the kernels (once, about half a minute) ...", flush=True)
        start = time.perf_counter()
        compile_kernels()
        print(f"pogson: kernels compiled in {time.perf_counter() - start:.0f} s")
