"""Drizzle: light, noise and the errors of star fluxes on stacks of shrunk pixels."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import erf

from pogson.core.errors import SettingError
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.stack.coadd import coadd, stack_frames
from pogson.steps.stack.layer import Layer

SIDE = 300
PLACES = np.array([(x, y) for x in range(40, 270, 38) for y in range(40, 270, 38)], float)
PLACES += np.random.default_rng(7).uniform(-5, 5, PLACES.shape)
FLUX = 10 ** np.random.default_rng(8).uniform(3.8, 5.2, len(PLACES))
SIGMA = 1.2


def turned_maps(n, seed=2):
    dice = np.random.default_rng(seed)
    maps = [Transform.identity()]
    for _ in range(n - 1):
        t, (dx, dy) = 0.004 * dice.standard_normal(), dice.uniform(-4, 4, 2)
        maps.append(Transform(np.array([[np.cos(t), -np.sin(t), dx], [np.sin(t), np.cos(t), dy]])))
    return maps


def sky_of_stars(move, sky=0.0):
    image = np.full((SIDE, SIDE), sky)
    for x, y, f in zip(*move.apply(*PLACES.T), FLUX, strict=True):
        i, j = int(x) - 12, int(y) - 12
        gx, gy = (
            0.5 * (erf((k - c + 0.5) / SIGMA / 2**0.5) - erf((k - c - 0.5) / SIGMA / 2**0.5))
            for k, c in ((np.arange(i, i + 25), x), (np.arange(j, j + 25), y))
        )
        image[max(j, 0) : j + 25, max(i, 0) : i + 25] += f * np.outer(gy, gx)[max(-j, 0) :, max(-i, 0) :]
    return image


def frames_of(maps, seed=None, sky=150.0):
    dice = np.random.default_rng(seed)
    frames = []
    for move in maps:
        light = sky_of_stars(move, sky)
        data = light if seed is None else dice.poisson(light) + 6.0 * dice.standard_normal(light.shape)
        frames.append(Frame.from_array(data - sky, variance=np.maximum(data, 1.0) + 36.0,
                                       exposure=Exposure(exptime=1.0)))  # fmt: skip
    return frames


def measured(stack, pixel):
    frame = Frame(
        stack.data, stack.variance, stack.mask, Exposure(exptime=1.0), correlation=stack.correlation
    )
    x, y = ((PLACES.T + 0.5) / pixel) - 0.5
    field = Table({"id": np.arange(len(x)), "x": x, "y": y, "flux": FLUX})
    return measure_aperture(frame, field, fwhm=2.355 * SIGMA / pixel, radius_pixels=7.0 / pixel)


@pytest.mark.parametrize(("pixel", "pixfrac"), [(1.0, 1.0), (1.0, 0.7), (0.5, 0.7), (1.6, 1.0)])
def test_star_fluxes_are_right_to_a_thousandth(pixel, pixfrac):
    maps = turned_maps(12)
    stack = stack_frames(
        frames_of(maps), maps, method="weighted_mean", resample="drizzle", pixel=pixel, pixfrac=pixfrac
    )
    assert stack.data.shape == (int(np.ceil(SIDE / pixel)),) * 2 and stack.pixel == pixel
    ratio = measured(stack, pixel)["flux"] / FLUX
    assert np.median(ratio) == pytest.approx(1.0, abs=1e-3)
    assert np.std(ratio) < 2e-3


@pytest.mark.parametrize(("pixel", "pixfrac"), [(1.0, 1.0), (1.0, 0.7), (0.6, 0.8)])
def test_the_errors_of_star_fluxes_are_right(pixel, pixfrac):
    pulls = []
    for seed in range(6):
        maps = turned_maps(10, seed)
        stack = stack_frames(frames_of(maps, seed), maps, resample="drizzle", pixel=pixel, pixfrac=pixfrac)
        got = measured(stack, pixel)
        # on fine pixels few frames cover unevenly: that alone scatters fluxes by 0.07 %
        plain = got["flux_err"] / FLUX > (0.002 if pixel < 1 else 0.0)
        pulls += list(((got["flux"] - FLUX) / got["flux_err"])[plain])
    assert len(pulls) > 150
    assert np.std(pulls) == pytest.approx(1.0, abs=0.1)  # so many stars tell it to 5 %


@pytest.mark.parametrize("method", ["weighted_mean", "median"])
@pytest.mark.parametrize(("pixel", "pixfrac"), [(1.0, 1.0), (1.0, 0.7), (0.6, 0.8)])
def test_the_variance_and_the_correlation_factor_are_those_of_the_pixels(pixel, pixfrac, method):
    empty, boxes = [], []
    dice = np.random.default_rng(3)
    for seed in range(12):
        frames = [Frame.from_array(dice.normal(0, 13.6, (SIDE, SIDE)), variance=13.6**2) for _ in range(10)]
        stack = stack_frames(
            frames, turned_maps(10, seed), method=method, resample="drizzle", pixel=pixel, pixfrac=pixfrac
        )
        first, m = int(20 / pixel), int(260 / pixel) // 40 * 40
        part, var = (v[first : first + m, first : first + m] for v in (stack.data, stack.variance))
        empty.append(np.mean(part**2) / np.mean(var))
        sums = part.reshape(m // 40, 40, m // 40, 40).sum(axis=(1, 3))
        boxes.append(np.mean(sums**2) / (1600 * np.mean(var)) / stack.correlation**2)
    assert np.mean(empty) == pytest.approx(1.0, abs=0.03)
    assert np.sqrt(np.mean(boxes)) == pytest.approx(1.0, abs=0.08)  # so many boxes tell it to 3 %


def test_smaller_drops_are_less_correlated_and_sharper():
    maps = turned_maps(16)
    frames = frames_of(maps)
    wide, small = (
        stack_frames(frames, maps, method="mean", resample="drizzle", pixfrac=p) for p in (1.0, 0.5)
    )
    assert small.correlation < wide.correlation - 0.1
    assert np.nanmax(small.data) > 1.02 * np.nanmax(wide.data)


def test_a_hot_pixel_costs_its_own_drop_only():
    frame = Frame.from_array(np.full((30, 30), 10.0), variance=1.0)
    frame.mask[12, 13] = 2
    move = Transform(np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 0.4]]))
    stack = coadd([Layer.of_frame(frame, move)], (30, 30), method="mean", resample="drizzle", pixfrac=1.0)
    assert np.isfinite(stack.data[5:25, 5:25]).all()
    np.testing.assert_allclose(stack.data[5:25, 5:25], 10.0, rtol=1e-6)


def test_wishes_that_drizzle_cannot_fulfil_are_refused():
    layer = Layer.of_frame(Frame.from_array(np.ones((9, 9)), variance=1.0), Transform.identity())
    for wish in (
        {"pixel": 0.5},
        {"pixfrac": 0.0, "resample": "drizzle"},
        {"pixel": 0.0, "resample": "drizzle"},
    ):
        with pytest.raises(SettingError):
            coadd([layer], (9, 9), **wish)
