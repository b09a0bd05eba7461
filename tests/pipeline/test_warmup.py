"""The warm-up compiles what a night needs, and nothing old stays beside it."""

import importlib
import os
import pkgutil
from types import SimpleNamespace

import numpy as np
from numba.core.dispatcher import Dispatcher

import pogson.kernels
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.pipeline import warmup
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.quads import find_sightings, make_quads
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth
from pogson.steps.stack.coadd import stack_frames


def compiled():
    found = set()
    for module in pkgutil.iter_modules(pogson.kernels.__path__):
        kernels = vars(importlib.import_module(f"pogson.kernels.{module.name}")).values()
        found |= {(k.py_func.__qualname__, str(k.signatures)) for k in kernels if isinstance(k, Dispatcher)}
    return found


def starry_frame(dice, shape, n, sky):
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.full(shape, sky)
    for cx, cy, height in zip(
        *dice.uniform(10, min(shape) - 10, (2, n)), dice.uniform(200, 6e4, n), strict=True
    ):
        light += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 5.0)
    data = dice.poisson(light).astype(np.float32)
    mask = np.where(data > 40000, 4, 0).astype(np.uint16)
    return Frame.from_array(data, variance=data + 25.0, mask=mask, exposure=Exposure(exptime=10.0))


def test_frames_of_any_shape_and_crowding_compile_nothing_after_the_warm_up():
    warmup._calibrate()
    warmup._measure()
    warmup._search()
    warmup._stack()
    before = compiled()
    dice = np.random.default_rng(3)
    for shape, n, sky in (((150, 210), 60, 300.0), ((260, 130), 4, 20.0)):
        frame = starry_frame(dice, shape, n, sky)
        stars = detect_stars(frame, left_out=("0:5,0:5",))
        measure_aperture(frame, stars, at=Transform.identity(), fwhm=3.0, radii=(3.0, 6.0))
        fit_growth(frame, stars, fwhm=3.0)
        for how in ({"method": "median", "resample": "bicubic"}, {"resample": "drizzle", "pixel": 0.7}):
            turned = Transform(np.array([[1.0, 0.01, 0.3], [-0.01, 1.0, 0.2]]))
            stack_frames([frame, frame], [Transform.identity(), turned], **how)
    sky = (dice.uniform(0, 360, 900), dice.uniform(-89, 89, 900), dice.uniform(5, 12, 900))
    index = make_quads(*sky, width=20.0)
    find_sightings(
        dice.uniform(0, 900, (12, 2)), index, centre=(450.0, 450.0), scales=(1.0, 9e4), bright=12, most=9
    )
    assert compiled() == before


def test_kernels_that_call_a_changed_kernel_are_removed_with_it(tmp_path, monkeypatch):
    source = {name: tmp_path / f"{name}.py" for name in warmup._kernel_names()}
    for path in source.values():
        path.touch()
        os.utime(path, (1000, 1000))
    monkeypatch.setattr(warmup, "_module", fake_module(source))
    for name in ("stats", "annulus", "peaks", "overlap"):
        compiled_file = tmp_path / f"{name}.kernel-1.py311.nbi"
        compiled_file.touch()
        os.utime(compiled_file, (2000, 2000))
    warmup._remove_outdated(tmp_path)
    assert len(list(tmp_path.glob("*.nbi"))) == 4
    os.utime(source["stats"], (3000, 3000))
    warmup._remove_outdated(tmp_path)
    assert [p.name for p in tmp_path.glob("*.nbi")] == ["overlap.kernel-1.py311.nbi"]


def fake_module(source):
    """The true kernels, as if their files were others."""

    def module(name):
        true = importlib.import_module(f"pogson.kernels.{name}")
        return SimpleNamespace(**{**vars(true), "__file__": str(source[name])})

    return module


def test_a_second_warm_up_does_nothing(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(warmup, "_remove_outdated", lambda cache: None)
    monkeypatch.setattr(warmup, "_mark", lambda: tmp_path / "kernels.a.b.done")
    monkeypatch.setattr(warmup, "_calibrate", lambda: calls.append("calibrate"))
    monkeypatch.setattr(warmup, "_measure", lambda: calls.append("measure"))
    monkeypatch.setattr(warmup, "_stack", lambda: calls.append("stack"))
    warmup.compile_kernels()
    warmup.compile_kernels()
    assert calls == ["calibrate", "measure", "stack"]
