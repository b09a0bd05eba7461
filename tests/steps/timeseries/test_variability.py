"""Constant stars look constant, variables stand out, and a satellite is no variable."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from known_series import series

from pogson.core.columns import VARIABILITY
from pogson.core.flags import Star
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.indices import interquartile_range, inverse_von_neumann, stetson_j
from pogson.steps.timeseries.noise import isolated_outliers, local_noise, red_noise_factor, standard_deviation
from pogson.steps.timeseries.variability import measure_variability


def test_white_noise_has_the_values_that_theory_gives():
    rng = np.random.default_rng(1)
    mag = rng.normal(0, 0.01, (300, 400))
    mag[rng.uniform(size=mag.shape) < 0.1] = np.nan
    err = np.full(mag.shape, 0.01)
    time = np.arange(400) / 400
    assert np.mean(local_noise(mag)) == pytest.approx(0.01, rel=0.01)
    assert np.median(red_noise_factor(mag)) == pytest.approx(1.0, abs=0.04)
    assert np.mean(inverse_von_neumann(mag)) == pytest.approx(0.5, abs=0.01)
    assert np.mean(interquartile_range(mag)) == pytest.approx(0.01349, rel=0.02)
    assert np.mean(stetson_j(mag, err, np.nanmean(mag, 1), time)) == pytest.approx(0.0, abs=0.01)


def test_each_index_is_its_formula():
    rng = np.random.default_rng(2)
    mag = rng.normal(0, 1, (1, 9))
    mag[0, 4] = np.nan
    x = mag[0, np.isfinite(mag[0])]
    assert standard_deviation(mag)[0] == pytest.approx(x.std(ddof=1))
    assert inverse_von_neumann(mag)[0] == pytest.approx(x.var(ddof=1) / np.mean(np.diff(x) ** 2))
    err = np.full(mag.shape, 0.5)
    pulls = np.sqrt(8 / 7) * (mag[0] - 0.1) / 0.5
    terms = [np.sign(a * b) * np.sqrt(abs(a * b)) for a, b in pairwise(pulls) if np.isfinite(a * b)]
    assert stetson_j(mag, err, np.array([0.1]), np.arange(9.0))[0] == pytest.approx(np.mean(terms))


def test_red_noise_is_seen_where_the_scatter_alone_is_blind():
    """Two stars of the same rms: one of white noise, one that wanders (Pont et al. 2006)."""
    rng = np.random.default_rng(3)
    white = rng.normal(0, 1, 600)
    wander = np.convolve(rng.normal(0, 1, 640), np.ones(30) / 30, "same")[20:620]
    red = rng.normal(0, 0.7, 600) + 0.7 * wander / wander.std()
    both = np.array([white / white.std(), red / red.std()])
    beta = red_noise_factor(both)
    assert beta[0] == pytest.approx(1.0, abs=0.2)
    assert beta[1] > 2.5


def test_global_noise_holds_the_slow_change_and_local_noise_does_not():
    curves, _, _ = series(stars=60, frames=300)
    curves.flux[5] *= 10 ** (-0.4 * 0.1 * np.sin(np.arange(300) / 25))
    table = measure_variability(compare_ensemble(curves))
    VARIABILITY.check(table)
    assert table["global_noise"][5] == pytest.approx(0.1 / np.sqrt(2), rel=0.05)
    assert table["local_noise"][5] == pytest.approx(table["expected_rms"][5], rel=0.25)
    assert table["rank"][5] == 1


def test_every_variable_stands_above_every_constant_star():
    truth = {3: 0.004, 40: 0.01, 90: 0.015, 120: 0.02, 170: 0.06, 230: 0.1, 280: 0.2}
    curves, _, _ = series(stars=300, frames=300, seed=5)
    phase = 2 * np.pi * np.arange(300) / 90
    for k, amplitude in truth.items():
        curves.flux[k] *= 10 ** (-0.4 * amplitude * np.sin(phase))
    curves.flux[20, 100:150] *= 0.97  # a transit
    table = measure_variability(compare_ensemble(curves))
    first = np.asarray(table["rank"])[[*truth, 20]]
    assert sorted(first) == list(range(1, 9))
    assert np.max(table["excess"][table["rank"] > 8]) < 4.5
    constant = table["rank"] > 8
    ratio = table["rms"] / table["expected_rms"]
    bright = constant & (table["expected_rms"] < 1.0857 / 20)
    assert np.median(ratio[bright]) == pytest.approx(1.0, abs=0.03)


def test_a_satellite_does_not_make_a_variable_but_is_seen_in_the_global_noise():
    curves, _, _ = series(stars=60, frames=200)
    curves.flux[30, 77] *= 3.0
    table = measure_variability(compare_ensemble(curves))
    assert table["excess"][30] < 4
    assert table["global_noise"][30] > 1.5 * table["rms"][30]
    mag = np.zeros((1, 30))
    mag[0, [5, 12, 13]] = 1.0
    wild = isolated_outliers(mag, np.full(mag.shape, 0.01))
    assert np.flatnonzero(wild[0]).tolist() == [5], "a flare of two points stays"


def test_a_few_frames_through_thick_cloud_hide_no_variable():
    """They would make the whole of every star's standard deviation, expected and measured."""
    curves, _, _ = series(stars=200, frames=200)
    rng = np.random.default_rng(8)
    curves.flux[50] *= 10 ** (-0.4 * 0.02 * np.sin(np.arange(200) / 20))
    for k in (30, 31, 90):
        light = np.maximum(curves.flux[:, k], 1.0) * 60 * 10 ** (-0.4 * 4.0)
        counts = light + rng.normal(0, np.sqrt(light + 300.0**2))
        curves.flux[:, k] = counts / 60
        curves.flux_err[:, k] = np.sqrt(np.maximum(counts, 0) + 300.0**2) / 60
    table = measure_variability(compare_ensemble(curves))
    assert table["rank"][50] == 1
    assert table["excess"][50] > 10
    constant = (table["star"] != 51) & (table["expected_rms"] < 1.0857 / 20)
    assert np.median((table["rms"] / table["expected_rms"])[constant]) == pytest.approx(1.0, abs=0.03)


def test_faint_stars_are_no_variables_because_their_magnitudes_are_not_normal():
    rng = np.random.default_rng(9)
    curves, _, _ = series(stars=300, frames=150)
    light = np.full((200, 150), 60.0 * 6)
    faint = light + rng.normal(0, 100.0, light.shape)
    curves.flux[100:], curves.flux_err[100:] = faint / 60, 100.0 / 60
    table = measure_variability(compare_ensemble(curves), max_unusable=0.5)
    assert np.nanmax(table["excess"]) < 4.5


def test_a_star_behind_a_branch_for_one_frame_is_no_variable():
    curves, _, _ = series(stars=60, frames=200)
    curves.flux[2, 50] = -1.0
    table = measure_variability(compare_ensemble(curves))
    assert table["excess"][2] < 4


def test_quality_counts_faults_and_variation_is_none():
    curves, _, _ = series(stars=60, frames=200)
    curves.flux[5] *= 10 ** (-0.4 * 0.1 * np.sin(np.arange(200) / 40))
    curves.flux[10, :50] = np.nan
    curves.flux[11, :15] = np.nan
    curves.flags[12, :30] = int(Star.NEIGHBOR)
    curves.flux[13] *= 1 + 0.03 * np.random.default_rng(1).normal(size=200)
    curves.flags[14, :60] = int(Star.SATURATED)
    curves.flux[15, :175] = np.nan
    table = measure_variability(compare_ensemble(curves))
    assert table["quality"][[10, 11, 12, 13, 14, 15]].tolist() == [-1, 1, 1, 1, -1, -1]
    assert table["quality"][5] == 0
    assert table["rank"][15] == 0
    assert table["flags"][12] == int(Star.NEIGHBOR)


def test_a_variable_that_a_bad_column_crossed_is_found_by_the_points_that_are_left():
    curves, _, _ = series(stars=60, frames=200, variable=(5,), amplitude=0.3)
    curves.flags[5, 20:90] = int(Star.BAD_PIXEL)
    table = measure_variability(compare_ensemble(curves))
    assert table["quality"][5] == -1
    assert table["rank"][5] == 1


def test_roles_say_what_a_star_was_used_for():
    curves, _, _ = series(stars=60)
    found = compare_ensemble(curves, target=8, exclude=[9])
    role = dict(zip(*[measure_variability(found)[c].tolist() for c in ("star", "role")], strict=True))
    assert role[8] == "target"
    assert role[9] == "field"
    assert role[found.check] == "check"
    assert all(role[int(n)] == "comparison" for n in found.members)


def test_a_night_of_one_frame_has_no_noise_to_tell():
    curves, _, _ = series(stars=20, frames=1)
    table = measure_variability(compare_ensemble(curves))
    assert np.isnan(table["rms"]).all()
    assert (table["rank"] == 0).all()


def test_a_star_that_drifts_into_the_dark_rows_of_the_edge_is_no_variable():
    curves, _, _ = series(stars=60, frames=120)
    x, y = np.full((2, 60, 120), 500.0)
    y[7] = np.linspace(5.0, 200.0, 120)  # its first frames are within reach of the edge
    y[9] = 5.0  # always there: what it does is told as of any star
    curves.flux[7, y[7] < 9.0] *= 0.5
    curves.flux[9] *= 10 ** (-0.4 * 0.2 * np.sin(np.arange(120) / 15))
    ensemble = compare_ensemble(replace(curves, details={"x": x, "y": y}))
    assert measure_variability(ensemble)["excess"][7] > 20
    for name, value in (("annulus", 15.0), ("rows", 1000), ("columns", 1000)):
        ensemble.curves.frames[name] = value
    table = measure_variability(ensemble)
    assert table["excess"][7] < 5
    assert table["rank"][9] == 1
    assert table["n"][7] == 120
