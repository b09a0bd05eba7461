"""The zero level from the overscan, and how well it is known."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_night import Night, masters_of, stored

from pogson.core.frame import Exposure
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.masters import make_bias, make_dark
from pogson.steps.calibrate.overscan import measure_overscan

ROWS, COLUMNS = 400, 16


def strip(rng, level=0.0, noise=4.0):
    """A frame of nothing but overscan, beside one useful column."""
    adu = np.rint(1000.0 + np.reshape(level, (-1, 1)) + rng.normal(0.0, noise, (ROWS, COLUMNS + 1)))
    return stored(adu, Exposure(overscan=(0, ROWS, 1, COLUMNS + 1), trim=(0, ROWS, 0, 1)))


@pytest.mark.parametrize("jitter", [0.0, 1.5])
def test_the_noise_of_the_level_is_what_it_says_and_a_pattern_of_rows_makes_it_no_larger(jitter):
    rng = np.random.default_rng(1)
    pattern = rng.normal(0.0, jitter, ROWS)  # the same in every frame
    found = [measure_overscan(strip(rng, pattern)) for _ in range(200)]
    levels = np.array([f.level for f in found])
    scatter = np.var(levels, axis=0, ddof=1)
    assert np.median([f.rows for f in found]) == 99
    assert np.mean(scatter[50:-50]) == pytest.approx(np.mean([f.variance for f in found]), rel=0.1)
    # up to twice the error at the ends
    assert np.sqrt(scatter.max()) < 2.5 * 4.0 / np.sqrt(99 * COLUMNS)
    assert levels.mean() == pytest.approx(1000.0 + pattern.mean(), abs=0.05)


def test_a_level_that_wanders_is_followed():
    rng = np.random.default_rng(2)
    waves = 5.0 * np.sin(np.arange(ROWS) / 25.0)
    found = measure_overscan(strip(rng, waves))
    assert found.rows == 15
    assert np.std(found.level - waves) < 0.6
    assert found.variance == pytest.approx(16.0 / (15 * COLUMNS), rel=0.2)


def test_a_straight_slope_is_followed_to_its_ends():
    slope = np.linspace(0.0, 10.0, ROWS)
    found = measure_overscan(strip(np.random.default_rng(3), slope))
    assert found.rows == 99
    assert np.abs(found.level - 1000.0 - slope).max() < 0.5


def test_a_strip_of_whole_rows_gives_one_number_that_is_no_whole_one():
    adu = np.random.default_rng(4).normal(1000.37, 4.0, (30, 400)).round()
    found = measure_overscan(stored(adu, Exposure(overscan=(20, 30, 0, 400), trim=(0, 20, 0, 400))))
    assert found.level == pytest.approx(1000.37, abs=0.2)
    assert found.variance == pytest.approx(16.0 / 4000.0, rel=0.1) and np.isinf(found.rows)


def beside(night, columns, rng):
    """Let a night's frames have an overscan, and a level that drifts from frame to frame."""
    plain, steady = night.raw, night.bias

    def raw(kind, *given, **more):
        ny, nx = night.shape
        drift = rng.normal(0.0, 0.7)
        night.bias = steady + drift
        frame = plain(kind, *given, **more)
        empty = rng.normal(night.bias_level + drift, night.read_noise / night.gain, (ny, columns))
        known = replace(
            frame.exposure, trim=(0, ny, 0, nx), overscan=(0, ny, nx, nx + columns) if columns else None
        )
        return stored(np.hstack([frame.adu(), np.rint(empty)]), known)

    night.raw = raw


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("columns", [6, 0])
def test_the_error_of_the_zero_level_is_known_with_and_without_an_overscan(columns, n):
    pulls = []
    for seed in range(40):
        night = Night(seed=seed, shape=(64, 100))
        beside(night, columns, np.random.default_rng(100 + seed))
        bias = make_bias(night.biases(n), night.camera)
        masters = Masters((bias, make_dark(night.darks(n), bias, night.camera)))
        frame = calibrate_frame(night.raw("light", 0.0, 100.0), masters, cosmics=False)
        # the level of each row, above the noise of its pixels
        claimed = frame.zero_variance + frame.variance.mean() / frame.shape[1]
        pulls.append(frame.data.mean(axis=1)[8:-8] / np.sqrt(claimed))
        assert np.sqrt(frame.zero_variance) > (0.5 if columns else 0.15)
    low, high = np.percentile(pulls, [15.865, 84.135])
    # about 160 and 40 of the numbers are independent; two times three levels do not tell a drift well
    assert 0.5 * (high - low) == pytest.approx(1.0, abs=0.12) if columns else 0.8 < 0.5 * (high - low) < 1.3


def test_frames_of_a_steady_level_have_no_error_of_it():
    night = Night(seed=7)
    frame = calibrate_frame(night.raw("light", 50.0, 100.0), masters_of(night, 10), cosmics=False)
    assert np.sqrt(frame.zero_variance) < 0.1
