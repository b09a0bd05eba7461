"""Frames combined from their stored numbers: as from their calibrated rows."""

from dataclasses import replace
from threading import local

import numpy as np
import pytest

from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, Master, RawFrame
from pogson.core.transform import Transform
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.rows import RowCalibrator
from pogson.steps.stack.coadd import coadd
from pogson.steps.stack.layer import Layer, SkyMesh
from pogson.steps.stack.options import METHODS, Options
from pogson.steps.stack.plan import Plan
from pogson.steps.stack.stored import StoredFrames

SHAPE = (120, 150)
PLANES = ("data", "variance", "mask", "coverage", "rejected")


def raw_frames(n, seed=1, **facts):
    dice = np.random.default_rng(seed)
    out = []
    for k in range(n):
        pixels = dice.poisson(400, SHAPE)
        pixels[60:64, 70:75] = 60000  # a star that saturates in all
        pixels[dice.integers(0, SHAPE[0], 9), dice.integers(0, SHAPE[1], 9)] += 5000
        exposure = Exposure(path=f"{k}", kind="light", exptime=30.0, shape=SHAPE, gain=1.5, read_noise=5.0,
                            saturation=60000.0)  # fmt: skip
        stored = (pixels - 32768).astype(">i2").view(np.uint16)
        out.append(RawFrame(stored, replace(exposure, **facts), 1.0, 32768.0, swapped=True))
    return out


def flat(dice):
    level = dice.uniform(0.8, 1.2, SHAPE).astype(np.float32)
    mask = np.where(dice.uniform(size=SHAPE) < 0.01, int(Pixel.FLAT), 0).astype(np.uint16)
    return Master("flat", level, np.full(SHAPE, 1e-5, np.float32), mask, 5)


def layers_of(raws, maps, masters, plain=False):
    """Layers of stored numbers, or of the same frames given by rows."""
    shared, dice, out = local(), np.random.default_rng(5), []
    for raw, transform in zip(raws, maps, strict=True):

        def read(y0, y1, target, pixels=raw.pixels):
            target[:] = pixels[y0:y1]

        rows = RowCalibrator(raw, masters, read, shared)
        given = (lambda y0, y1, rows=rows: tuple(p.copy() for p in rows(y0, y1))) if plain else rows
        sky = SkyMesh(dice.uniform(590, 610, (3, 3)).astype(np.float32), 75.0)
        out.append(Layer(given, rows.shape, transform, dice.uniform(0.9, 1.1), sky, 25.0))
    return out


def maps_of(n, turn):
    dice = np.random.default_rng(2)
    shifts = dice.uniform(-6, 6, (n, 2))
    shifts[0] = 0
    shifts = np.round(shifts) if turn is None else shifts
    a, middle = turn or 0.0, np.array([SHAPE[1], SHAPE[0]]) / 2
    turned = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return [Transform(np.column_stack([turned, middle + shift - turned @ middle])) for shift in shifts]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("resample", "turn"), [("bilinear", None), ("bilinear", 0.02), ("lanczos3", 3.13), ("shift", 0.01)]
)
def test_numbers_combine_to_what_calibrated_rows_combine_to(method, resample, turn):
    raws, maps = raw_frames(5), maps_of(5, turn)
    for masters in (Masters(), Masters((flat(np.random.default_rng(3)),))):
        stored, plain = (layers_of(raws, maps, masters, rows) for rows in (False, True))
        assert StoredFrames.are_alike(stored) and not StoredFrames.are_alike(plain)
        got, wanted = (coadd(one, SHAPE, method=method, resample=resample) for one in (stored, plain))
        rejects = method in ("robust", "kappa_sigma")
        same = got.rejected == wanted.rejected
        assert (~same).sum() <= (3 if rejects else 0)  # rounding decides the ties
        for name in PLANES:
            a, b = getattr(got, name)[same], getattr(wanted, name)[same]
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-3)
        assert np.any(got.mask & int(Pixel.SATURATED)) or rejects


def test_an_overscan_and_an_unknown_gain_are_the_same_too():
    for facts in ({"overscan": (0, SHAPE[0], 140, 150), "trim": (10, 110, 0, 140)}, {"gain": np.nan}):
        raws, maps = raw_frames(4, **facts), maps_of(4, 0.01)
        stored, plain = (layers_of(raws, maps, Masters(), rows) for rows in (False, True))
        for layer in stored:
            layer.rows.noise2 = np.float32(380.0)
        if "gain" in facts:
            plain = [
                replace(layer, rows=lambda y0, y1, rows=layer.rows: tuple(p.copy() for p in rows(y0, y1)))
                for layer in stored
            ]
        shape = stored[0].shape
        got, wanted = (coadd(one, shape, method="median") for one in (stored, plain))
        for name in PLANES:
            np.testing.assert_allclose(getattr(got, name), getattr(wanted, name), rtol=2e-5, atol=2e-3)


@pytest.mark.parametrize("turn", [0.0, 0.03])
def test_bands_and_the_order_of_work_change_no_bit(turn):
    raws, maps = raw_frames(6), maps_of(6, turn)
    layers = layers_of(raws, maps, Masters())
    whole = coadd(layers, SHAPE)
    parts = coadd(layers, SHAPE, memory=8e-5, each=lambda f, bands: map(f, reversed(bands)))
    for name in PLANES:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_little_memory_or_frames_that_are_no_numbers_alike_take_the_other_way():
    layers = layers_of(raw_frames(3), maps_of(3, 1.2), Masters())
    plan = Plan(layers, SHAPE, Options("mean", "bilinear", 1.0, 0.8, 4.0, 1.5, 1, 1))
    assert plan.rows_together(1e9) == (120, 120) and plan.stored
    assert plan.rows_together(1e5)[0] >= 1 and not plan.stored
    other = layers_of(raw_frames(1, gain=2.0), maps_of(1, 0.0), Masters())
    assert not StoredFrames.are_alike([*layers, *other])
    small = coadd([*layers, *other], SHAPE, memory=1e-4)
    assert np.isfinite(small.data).mean() > 0.9
