"""The sky level under a star is right within its error, also where few electrons make it."""

import numpy as np
import pytest

from pogson.core.frame import Calibration, Frame
from pogson.steps.measure.annulus import measure_annulus
from pogson.steps.measure.budget import zero_errors
from pogson.steps.measure.stars import Stars

EMPTY = np.empty((0, 0), np.float32)


def read_out(rng, sky, dark, read_noise, gain=1.5, n=20, side=900):
    """A frame of nothing but sky, less a master dark of n frames."""
    shape = (side, side)
    bias = 1000.0 + rng.normal(0.0, 1.5, shape)
    stored = np.rint((rng.poisson(sky + dark, shape) + rng.normal(0.0, read_noise, shape)) / gain + bias)
    master = (
        rng.poisson(n * dark, shape) / n + rng.normal(0.0, read_noise / np.sqrt(n), shape)
    ) / gain + bias
    calibration = Calibration(EMPTY, EMPTY, np.full(shape, dark, np.float32), EMPTY)
    data = (gain * (stored - master)).astype(np.float32)
    variance = np.full(shape, sky + dark + read_noise**2, np.float32)
    return Frame(data, variance, np.zeros(shape, np.uint16), calibration=calibration)


@pytest.mark.parametrize("method", ["median", "mean"])
@pytest.mark.parametrize(("sky", "dark", "read_noise"), [(10, 3, 2), (10, 50, 6), (50, 3, 6), (1000, 3, 6)])
def test_the_level_of_a_dark_sky_is_not_below_the_truth(sky, dark, read_noise, method):
    rng = np.random.default_rng(sky + dark)
    where = np.arange(60.0, 850.0, 110.0)
    x, y = (a.ravel() for a in np.meshgrid(where, where))
    stars, pulls = Stars(np.arange(len(x)), x, y, np.ones(len(x)), 3.0, 3.0), []
    for _ in range(3):
        frame = read_out(rng, sky, dark, read_noise)
        blocked = np.zeros(frame.shape, np.uint8)
        found = measure_annulus(frame, stars, blocked, inner=30.0, outer=55.0, method=method)
        pulls.append((found.level - sky) / found.level_err)
    # two errors of a mean and of a width from 192 numbers
    assert abs(np.mean(pulls)) < 0.1 + 2.0 / np.sqrt(np.size(pulls))
    assert abs(np.std(pulls) - 1.0) < 0.05 + 1.4 / np.sqrt(np.size(pulls))


def test_a_level_averaged_over_rows_errs_as_it_says():
    rng = np.random.default_rng(5)
    inner, outer, radius, n = 9.0, 16.0, 4.0, 15
    j, i = np.mgrid[-20:21, -20:21]
    ring = (np.hypot(i, j) > inner) & (np.hypot(i, j) <= outer)
    disc = np.hypot(i, j) <= radius
    sky, star = [], []
    for _ in range(4000):
        level = np.convolve(rng.normal(0.0, 1.0, 41 + n - 1), np.full(n, 1.0 / n), "valid")
        rows = np.repeat(level[:, None], 41, axis=1)
        sky.append(rows[ring].mean())
        star.append(rows[disc].mean() - rows[ring].mean())
    errors = zero_errors(1.0 / n, float(n), inner=inner, outer=outer, radius=radius, height=1e6)
    np.testing.assert_allclose([np.std(sky), np.std(star)], errors, rtol=0.05)


def test_what_all_rows_share_is_in_the_sky_and_not_in_the_flux():
    assert zero_errors(4.0, np.inf, inner=12.0, outer=21.0, radius=4.5, height=500) == pytest.approx(
        (2.0, 0.0), abs=1e-7
    )
    for rows, expected in ((128, (0.94, 0.20)), (15, (0.57, 0.70))):
        found = zero_errors(1.0, rows, inner=12.0, outer=21.0, radius=4.5, height=1e6)
        assert found == pytest.approx(expected, abs=0.005)
    assert zero_errors(0.0, np.inf, inner=12.0, outer=21.0, radius=4.5, height=500) == (0.0, 0.0)
