"""The colour terms of all bands are solved together."""

import numpy as np
import pytest

from pogson.steps.standardize.color import solve_colors
from pogson.steps.standardize.zeropoint import ColorTerm

TERMS = {
    "g": ColorTerm("g-r", 0.2, 0.01, mean=0.6, spread=0.3),
    "r": ColorTerm("r-i", -0.1, 0.02, mean=0.2, spread=0.1),
    "i": ColorTerm(),
}


def plain_of(truth):
    plain = {band: np.array([m]) for band, m in truth.items()}
    plain["g"] -= 0.2 * (truth["g"] - truth["r"])
    plain["r"] += 0.1 * (truth["r"] - truth["i"])
    return plain


def test_true_magnitudes_come_back():
    truth = {"g": 17.0, "r": 16.1, "i": 15.7}
    mag, _, lacking = solve_colors(plain_of(truth), dict.fromkeys(truth, np.array([0.01])), TERMS)
    assert {band: m[0] for band, m in mag.items()} == pytest.approx(truth)
    assert not any(flag[0] for flag in lacking.values())


def test_errors_are_those_of_a_simulation():
    rng = np.random.default_rng(1)
    truth = {"g": 17.0, "r": 16.1, "i": 15.7}
    err = {"g": 0.03, "r": 0.02, "i": 0.04}
    noisy = {band: m[0] + rng.normal(0, err[band], 20000) for band, m in plain_of(truth).items()}
    exact = {band: ColorTerm(t.color, t.value, 0.0, t.mean, t.spread) for band, t in TERMS.items()}
    mag, mag_err, _ = solve_colors(noisy, {b: np.full(20000, e) for b, e in err.items()}, exact)
    for band in truth:
        assert np.std(mag[band]) == pytest.approx(mag_err[band][0], rel=0.03)


def test_a_missing_band_costs_the_spread_of_the_colours():
    truth = {"g": 17.0, "r": 16.4, "i": 15.7}
    plain = plain_of(truth)
    plain["r"][:] = np.nan
    mag, err, lacking = solve_colors(plain, dict.fromkeys(truth, np.array([0.01])), TERMS)
    assert mag["g"][0] == pytest.approx(17.0)  # its colour is the mean one
    assert err["g"][0] == pytest.approx(np.hypot(0.01, 0.2 * 0.3))
    assert lacking["g"][0]
    assert not lacking["i"][0]
    assert np.isnan(mag["r"][0])


def test_without_any_term_nothing_changes():
    mag, err, _ = solve_colors({"V": np.array([12.0])}, {"V": np.array([0.1])}, {})
    assert (mag["V"][0], err["V"][0]) == (12.0, pytest.approx(0.1))
