"""A stack's values, variance, coverage and correlation, against what went in."""

import numpy as np
import pytest

from pogson.core.errors import FrameError, SettingError
from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.steps.stack.coadd import coadd, stack_frames
from pogson.steps.stack.effective import combine_exposures
from pogson.steps.stack.layer import KINDS, Layer, SkyMesh
from pogson.steps.stack.options import METHODS
from pogson.steps.stack.order import unequal_factor, variance_factors


def empty_frames(n, shape=(220, 230), sky=100.0, seed=1, mask=None):
    dice = np.random.default_rng(seed)
    return [Frame.from_array(dice.poisson(sky, shape) - sky, variance=sky, mask=mask) for _ in range(n)]


def moved(n, seed=2, turn=0.0):
    dice = np.random.default_rng(seed)
    out = [Transform.identity()]
    for _ in range(n - 1):
        dx, dy = dice.uniform(-4, 4, 2)
        out.append(Transform(np.array([[1.0, turn, dx], [-turn, 1.0, dy]])))
    return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("resample", ["bilinear", "lanczos3", "shift"])
def test_the_variance_is_that_of_the_pixels(method, resample):
    frames = empty_frames(7)
    stack = stack_frames(frames, moved(7), method=method, resample=resample)
    full = stack.coverage == 7
    assert full.sum() > 40000
    got = np.var(stack.data[full]) / np.mean(stack.variance[full])
    assert got == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("resample", KINDS)
def test_wide_sums_are_as_noisy_as_the_correlation_factor_says(resample):
    noise = []
    for seed in range(12):
        stack = stack_frames(empty_frames(5, seed=seed), moved(5), method="weighted_mean", resample=resample)
        boxes = stack.data[10:210, 10:210].reshape(10, 20, 10, 20).sum(axis=(1, 3))
        noise.append(np.var(boxes) / (400 * np.mean(stack.variance[10:210, 10:210])))
    assert np.sqrt(np.mean(noise)) == pytest.approx(stack.correlation, rel=0.05)


def test_padding_is_nowhere_in_the_stack():
    frames = [Frame.from_array(np.full((60, 60), 50.0), variance=1.0) for _ in range(5)]
    shifts = [(0, 0), (10, -3), (-7.5, 2.5), (70, 0), (3, 12)]
    maps = [Transform(np.array([[1.0, 0, dx], [0, 1.0, dy]])) for dx, dy in shifts]
    for method in METHODS:
        stack = stack_frames(frames, maps, method=method)
        assert stack.coverage.max() == 4 and stack.coverage.min() >= 1
        np.testing.assert_allclose(stack.data, 50.0, rtol=1e-5)


def test_pixels_without_any_frame_are_empty_and_have_no_value():
    mask = np.zeros((30, 30), np.uint16)
    mask[4, 5] = int(Pixel.HOT)
    stack = stack_frames(empty_frames(3, (30, 30), mask=mask), [Transform.identity()] * 3)
    assert np.isnan(stack.data[4, 5]) and np.isnan(stack.variance[4, 5])
    assert stack.coverage[4, 5] == 0 and stack.mask[4, 5] == int(Pixel.EMPTY)
    assert np.isfinite(stack.data).sum() == 899 and stack.mask.astype(bool).sum() == 1


def test_a_saturated_pixel_is_flagged_unless_it_was_rejected():
    frames = empty_frames(5, (40, 40))
    for frame in frames:
        frame.data[10, 10] = 5000.0  # a star that saturates in all
        frame.mask[10, 10] = int(Pixel.SATURATED)
    frames[2].data[30, 30] = 60000.0  # a cosmic ray in one
    frames[2].mask[30, 30] = int(Pixel.SATURATED)
    stack = stack_frames(frames, [Transform.identity()] * 5)
    assert stack.mask[10, 10] == int(Pixel.SATURATED)
    assert stack.mask[30, 30] == 0 and stack.rejected[30, 30] == 1
    assert abs(stack.data[30, 30]) < 30


def test_a_cosmic_ray_and_its_neighbours_go_and_a_star_in_changing_seeing_stays():
    y, x = np.mgrid[0:60, 0:60]
    dice = np.random.default_rng(4)
    frames = []
    for k in range(7):
        s = 1.4 * (1 + 0.1 * dice.uniform(-1, 1))
        light = 100 + 30000 / (2 * np.pi * s**2) * np.exp(-((x - 20) ** 2 + (y - 25) ** 2) / (2 * s**2))
        data = dice.poisson(light) - 100.0
        if k == 3:
            data[40:42, 40:43] += [[40, 900, 35], [45, 2000, 40]]
        frames.append(Frame.from_array(data, variance=light))
    same = [Transform.identity()] * 7
    robust, strict = (stack_frames(frames, same, method=m) for m in ("robust", "kappa_sigma"))
    plain = stack_frames(frames, same, method="weighted_mean")
    star = np.hypot(x - 20, y - 25) < 8
    whole = plain.data[star].sum()
    assert robust.data[star].sum() == pytest.approx(whole, rel=1e-3)
    assert strict.data[star].sum() < 0.995 * whole  # a limit from noise alone eats the star
    assert np.abs(robust.data[39:43, 39:44]).max() < 5 * np.sqrt(100 / 7)
    assert plain.data[41, 41] > 100


def test_a_stars_flux_survives_turning_scaling_and_mirroring():
    y, x = np.mgrid[0:120, 0:120]
    light = 1000 * np.exp(-((x - 60.3) ** 2 + (y - 58.8) ** 2) / (2 * 2.0**2))
    frame = Frame.from_array(light, variance=1.0)
    c, s = np.cos(0.7), np.sin(0.7)
    for matrix in (
        [[c, -s, 55.0], [s, c, -20.0]],
        [[0.8, 0, 12.0], [0, 0.8, 12.0]],
        [[-1.0, 0, 119.0], [0, 1.0, 0.4]],
    ):
        for resample in ("bilinear", "bicubic", "lanczos3"):
            stack = coadd([Layer.of_frame(frame, Transform(np.array(matrix)))], (120, 120), resample=resample)
            assert np.nansum(stack.data) == pytest.approx(light.sum(), rel=1e-3)


def test_the_result_does_not_depend_on_the_memory_or_the_order_of_work():
    frames, maps = empty_frames(6, (90, 70)), moved(6, turn=0.01)
    frames[1].data[::7, ::5] += 300.0
    layers = [Layer.of_frame(f, t) for f, t in zip(frames, maps, strict=True)]
    whole = coadd(layers, (90, 70), memory=1.0)
    parts = coadd(layers, (90, 70), memory=1e-5, each=lambda f, bands: map(f, reversed(bands)))
    for name in ("data", "variance", "mask", "coverage", "rejected"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_weights_are_those_of_scale_and_noise():
    frames = [
        Frame.from_array(np.full((20, 20), k * 8.0 + 5.0), variance=v) for k, v in ((1, 4.0), (0.5, 4.0))
    ]
    layers = [
        Layer.of_frame(f, Transform.identity(), scale=k, sky=SkyMesh.constant(5.0))
        for f, k in zip(frames, (1.0, 0.5), strict=True)
    ]
    stack = coadd(layers, (20, 20), method="weighted_mean")
    np.testing.assert_allclose(stack.weights, [0.8, 0.2])
    np.testing.assert_allclose(stack.data, 8.0, rtol=1e-6)
    np.testing.assert_allclose(stack.variance, 1 / (1 / 4 + 0.25 / 4), rtol=1e-5)


def test_the_noise_of_medians_is_known_for_few_and_many_frames():
    factors = variance_factors(40, -1, -1, True)
    np.testing.assert_allclose(
        factors[[1, 2, 3, 4, 5]], [1, 1, 1.346, 1.193, 1.434], rtol=0.01
    )  # exact values
    assert factors[39] == pytest.approx(np.pi / 2, rel=0.03)
    assert unequal_factor([np.ones(1)] * 9, -1, -1, True) == pytest.approx(1.0, abs=1e-9)


def test_the_header_tells_the_exposure_that_the_stack_is_worth():
    exposures = [
        Exposure(exptime=30.0, jd_utc=2460000.5 + 0.01 * k, gain=1.5, read_noise=8.0, airmass=1.2)
        for k in range(4)
    ]
    worth = combine_exposures(exposures, [1.0] * 4, np.full(4, 0.25), 0)
    assert worth.number == pytest.approx(4) and worth.gain == pytest.approx(4)
    assert worth.total == 120.0 and worth.time == pytest.approx(120.0)
    assert worth.exposure.jd_utc == pytest.approx(2460000.515, abs=1e-6)
    assert worth.read_noise == pytest.approx(np.sqrt(4 * 8.0**2))  # of the sum of four read-outs
    cloudy = combine_exposures(exposures[:2], [1.0, 0.5], np.array([0.8, 0.2]), 0)
    assert cloudy.number == pytest.approx(1 / (0.64 + 0.04 / 0.5))


def test_impossible_wishes_are_refused_in_one_line():
    layer = Layer.of_frame(empty_frames(1, (10, 10))[0], Transform.identity())
    for wish in ({"method": "magic"}, {"resample": "magic"}, {"kappa": 0.0}, {"method": "minmax"}):
        with pytest.raises(SettingError) as error:
            coadd([layer], (10, 10), **wish)
        assert "\n" not in str(error.value)
    with pytest.raises(FrameError):
        coadd([], (10, 10))
    with pytest.raises(SettingError):
        SkyMesh.of(None, "magic")


@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos3"])
def test_rays_leave_no_rings_in_the_noise(resample):
    """A kernel with negative weights spreads a ray over 36 pixels: most below the limit, all together 6 %."""
    found = []
    for seed in range(4):
        frames = empty_frames(9, seed=seed)
        dice = np.random.default_rng(50 + seed)
        for frame in frames:
            hit = dice.integers(0, frame.data.size, 200)
            frame.data.ravel()[hit] += dice.uniform(300, 20000, 200)
        stack = stack_frames(frames, moved(9), resample=resample)
        full = stack.coverage == 9
        found.append(np.mean(stack.data[full] ** 2 / stack.variance[full]))
    assert np.mean(found) == pytest.approx(1.0, abs=0.01)
