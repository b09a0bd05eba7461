"""The model agrees with an integral over the disk, and known transits and minima come back."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from pogson.core.errors import NightError, SettingError
from pogson.steps.timeseries.minimum import fit_minimum, fit_minimum_polynomial
from pogson.steps.timeseries.transit import Transit, transit_flux
from pogson.steps.timeseries.transit_fit import fit_transit

HATP32 = Transit(time=0.0, ratio=0.1508, impact=0.1161, duration=0.13, period=2.15)


def integrated(z, p, u1, u2):
    """Rings of the star's disk, each times the angle that is hidden."""

    def hidden(r):
        if r + z <= p:
            return 2 * np.pi
        return 2 * np.arccos(np.clip((r * r + z * z - p * p) / (2 * r * z), -1, 1)) if r * z > 0 else 0.0

    def ring(s, a, b):
        r = a + (b - a) * (1 - np.cos(np.pi * s)) / 2
        mu = np.sqrt(max(1 - r * r, 0.0))
        light = 1 - u1 * (1 - mu) - u2 * (1 - mu) ** 2
        return light * hidden(r) * r * (b - a) * np.pi / 2 * np.sin(np.pi * s)

    edges = sorted(
        {max(0.0, z - p), min(1.0, z + p)} | ({abs(p - z)} if abs(p - z) < min(1, z + p) else set())
    )
    lost = sum(quad(ring, 0, 1, args=ab, epsabs=1e-13, epsrel=1e-11)[0] for ab in pairwise(edges))
    return 1 - lost / (np.pi * (1 - u1 / 3 - u2 / 6))


@pytest.mark.parametrize("p", [0.01, 0.1, 0.1508, 0.5, 0.6])
def test_the_model_is_the_integral_over_the_disk_to_a_part_in_ten_million(p):
    z = np.array(
        [0, 1e-9, 0.05, p, p * (1 + 1e-8), 0.999 * p, 0.3, 1 - p, 1 - p + 1e-8, 0.95, 1.0, 1 + p - 1e-6]
    )
    truth = [integrated(one, p, 0.4, 0.25) for one in z]
    np.testing.assert_allclose(transit_flux(z, p, 0.4, 0.25), truth, atol=1e-7)
    assert (transit_flux(np.array([1 + p, 2.0, np.inf]), p, 0.4, 0.25) == 1).all()


def test_without_limb_darkening_the_depth_is_the_square_of_the_ratio():
    np.testing.assert_allclose(transit_flux(np.array([0.0, 0.5]), 0.1, 0.0, 0.0), 0.99, atol=1e-9)


def test_the_model_agrees_with_batman():
    """Values of batman 2.5 (Kreidberg 2015) for P = 2.15, a = 6.05, i = 88.9."""
    impact = 6.05 * np.cos(np.radians(88.9))
    wide = np.sqrt((1.1508**2 - impact**2) / (6.05**2 - impact**2))
    transit = Transit(0.0, 0.1508, impact, 2.15 / np.pi * np.arcsin(wide), 2.15)
    assert transit.scaled_axis == pytest.approx(6.05)
    assert transit.inclination == pytest.approx(88.9)
    times = np.array([0, 0.02, 0.04, 0.055, 0.06, 0.065, 0.07])
    peer = [0.972575713634, 0.973348919036, 0.976615987397, 0.989721962654, 0.996382829554, 0.999985011243, 1]
    np.testing.assert_allclose(transit.flux(times), peer, atol=1e-7)


def test_a_long_exposure_is_the_mean_over_its_length():
    """Ten minutes: the value at mid-exposure is 0.3 millimagnitudes off where the transit begins."""
    times = np.array([0, 0.02, 0.04, 0.055, 0.06, 0.065, 0.07])
    fine = (np.arange(4000) + 0.5) / 4000 - 0.5
    mean = [HATP32.flux(t + fine * 600.0 / 86400).mean() for t in times]
    np.testing.assert_allclose(HATP32.flux(times, exptime=600.0), mean, atol=2e-6)
    assert np.abs(HATP32.flux(times) - mean).max() > 3e-4


def test_a_transit_comes_back_with_pulls_one_wide():
    rng = np.random.default_rng(1)
    t, err = 2458107.7 + np.linspace(-0.12, 0.12, 142), np.full(142, 0.005)
    truth = Transit(2458107.71, 0.15, 0.1, 0.13, 2.15)
    pulls = []
    for _ in range(50):
        flux = truth.flux(t, exptime=60.0) * (1 + 0.1 * (t - t[0])) + rng.normal(0, 0.005, 142)
        start = Transit(2458107.7, 0.1, 0.1, 0.11, 2.15)
        fit = fit_transit(t, flux, err, start, design=t[:, None], exptime=60.0)
        pulls.append(
            [
                (getattr(fit.transit, k) - getattr(truth, k)) / fit.errors[k]
                for k in ("time", "ratio", "duration")
            ]
        )
    assert np.std(pulls, axis=0) == pytest.approx([1.0] * 3, abs=0.25)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.45
    assert fit.improvement > 400
    assert fit.rms == pytest.approx(0.005, rel=0.2)


def test_red_noise_widens_the_errors():
    """Errors from white noise alone are 3 times too small for a light curve that wanders."""
    rng = np.random.default_rng(2)
    t, err = np.linspace(-0.12, 0.12, 200), np.full(200, 0.003)
    start = Transit(0.0, 0.12, 0.1, 0.12, 2.15)
    away, said, naive = [], [], []
    for _ in range(30):
        wander = np.convolve(rng.normal(size=260), np.ones(25) / 5, "same")[30:230] * 0.003
        flux = start.flux(t) + wander
        fit = fit_transit(t, flux, err, start, permutations=True)
        away.append(fit.transit.time)
        said.append(fit.errors["time"])
        naive.append(fit.errors["time"] / fit.beta)
    assert np.std(away) / np.median(said) < 1.6
    assert fit.beta > 2


def test_a_baseline_fitted_together_leaves_the_depth_as_it_is():
    """Dividing by a line through all points first makes the transit shallower."""
    t = np.linspace(-0.1, 0.05, 120)
    truth = Transit(0.0, 0.12, 0.1, 0.12, 2.15)
    flux = truth.flux(t) * (1 + 0.3 * t)
    fit = fit_transit(t, flux, np.full(120, 0.001), truth, design=t[:, None])
    assert fit.transit.depth == pytest.approx(truth.depth, rel=1e-4)
    before = flux / np.polyval(np.polyfit(t, flux, 1), t)
    wrong = fit_transit(t, before, np.full(120, 0.001), truth)
    assert abs(wrong.transit.depth / truth.depth - 1) > 0.03


def test_gaps_and_impossible_wishes_are_said():
    t = np.linspace(-0.1, 0.1, 60)
    flux = HATP32.flux(t)
    flux[20:24] = np.nan
    fit = fit_transit(t, flux, np.full(60, 0.001), HATP32)
    assert np.isnan(fit.model[20:24]).all()
    assert fit.transit.time == pytest.approx(0.0, abs=1e-5)
    with pytest.raises(SettingError, match="a transit has no depth to fit"):
        fit_transit(t, flux, np.full(60, 0.001), HATP32, free=("depth",))
    with pytest.raises(NightError, match="3 points for 4 parameters"):
        fit_transit(t[:3], flux[:3], np.full(3, 0.001), HATP32)


def test_the_minimum_of_an_eclipse_comes_back_both_ways():
    rng = np.random.default_rng(3)
    both = []
    for _ in range(60):
        t, t0 = np.linspace(-0.1, 0.1, 120) + rng.uniform(-3e-4, 3e-4, 120), rng.uniform(-0.01, 0.01)
        mag = 0.5 * np.exp(-((t - t0) ** 2) / 2 / 0.03**2) + rng.normal(0, 0.01, 120)
        err = np.full(120, 0.01)
        found = [fit_minimum(t, mag, err), fit_minimum_polynomial(t, mag, err)]
        both.append([(f.time - t0) / f.time_err for f in found])
    assert np.std(both, axis=0) == pytest.approx([1.0, 1.0], abs=0.25)
    assert found[1].degree >= 4
    assert found[1].mag == pytest.approx(0.5, abs=0.02)


def test_half_an_eclipse_has_no_minimum():
    t = np.linspace(0.01, 0.1, 60)
    mag = 0.5 * np.exp(-(t**2) / 2 / 0.03**2)
    for fit in (fit_minimum, fit_minimum_polynomial):
        with pytest.raises(NightError, match="a longer light curve is needed"):
            fit(t, mag, np.full(60, 0.01))
    with pytest.raises(NightError, match="9 points around the minimum"):
        fit_minimum(t[:9], mag[:9], np.full(9, 0.01))
