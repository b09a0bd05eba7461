"""A transit or a minimum is found where it is, and nothing where nothing is."""

import numpy as np
import pytest

from pogson.core.errors import SettingError
from pogson.steps.timeseries.event import find_event, find_spikes
from pogson.steps.timeseries.noise import red_noise_factor
from pogson.steps.timeseries.transit import Transit

TRUTH = Transit(2460473.52, 0.13, 0.2, 0.105, 2.5, 0.35, 0.25)
ERR = 0.004


def night(seed, n=60, shape=None):
    rng = np.random.default_rng(seed)
    time = 2460473.52 + np.linspace(-0.08, 0.08, n)
    flux = (np.ones(n) if shape is None else shape(time)) + rng.normal(0.0, ERR, n)
    return time, flux, np.full(n, ERR)


def dip(time):
    """An eclipse of 0.4 mag that starts and ends smoothly."""
    return 1.0 - 0.3 * np.exp(-0.5 * ((time - 2460473.523) / 0.02) ** 2)


def test_a_transit_is_told_from_a_constant_wherever_it_is():
    pulls = []
    for seed in range(40):
        found = find_event(*night(seed, shape=TRUTH.flux), known=TRUTH)
        assert found.kind == "transit"
        assert found.gain > 10
        errors, transit = found.transit.errors, found.transit.transit
        names = ("time", "duration", "depth")
        pulls.append([(getattr(transit, name) - getattr(TRUTH, name)) / errors[name] for name in names])
    assert np.abs(pulls).max() < 4.0
    np.testing.assert_allclose(np.std(pulls, axis=0), 1.0, atol=0.25)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.5


def test_an_eclipse_is_a_minimum_and_no_planet():
    for seed in range(5):
        found = find_event(*night(seed, shape=dip))
        assert found.kind == "minimum"
        assert abs(found.minimum.time - 2460473.523) < 3.0 * found.minimum.time_err
        assert abs(found.polynomial.time - 2460473.523) < 3.5 * found.polynomial.time_err


def test_a_constant_star_has_neither():
    assert [find_event(*night(seed)).kind for seed in range(20)] == ["none"] * 20
    assert "better than a constant" in find_event(*night(1)).reason


def red(seed, shape=None, n=120, share=1.0):
    """A night whose noise remembers the last ten points, as drift over an unflattened detector makes it."""
    time, flux, err = night(seed, n, shape)
    rng = np.random.default_rng([seed, 1])
    wander = np.zeros(n)
    for k in range(1, n):
        wander[k] = 0.9 * wander[k - 1] + rng.normal(0.0, np.sqrt(1 - 0.9**2))
    return time, flux + share * ERR * wander, err


def test_red_noise_raises_the_bar_to_what_constant_stars_of_the_night_show():
    """By their own residuals alone one constant star in ten of such a night would have an event."""
    nights = np.array([red(seed)[1] for seed in range(40)])
    beta = float(np.median(red_noise_factor(nights, shortest=10, longest=20)))
    assert beta > 1.8
    alone = [find_event(*red(seed)).kind for seed in range(40)]
    among = [find_event(*red(seed), red_noise=beta).kind for seed in range(40)]
    assert alone.count("none") <= 36
    assert among.count("none") >= 39
    assert [find_event(*red(seed, TRUTH.flux), red_noise=beta).kind for seed in range(5)] == ["transit"] * 5
    assert [find_event(*red(seed, dip), red_noise=beta).kind for seed in range(5)] == ["minimum"] * 5


def test_a_dip_at_the_edge_of_the_night_is_fitted_where_it_is_asked_for():
    """Dusk, low air and a late start dim the first and the last frames of any star."""
    late = Transit(TRUTH.time + 0.06, 0.13, 0.2, 0.105, 2.5, 0.35, 0.25)
    assert find_event(*night(1, shape=late.flux)).kind == "none"
    found = find_event(*night(1, shape=late.flux), model="transit")
    assert abs(found.transit.transit.time - late.time) < 3.0 * found.transit.errors["time"]
    assert find_event(*night(1, shape=lambda t: dip(t - 0.07))).kind == "none"


def test_what_follows_the_air_or_the_place_is_no_event():
    """The same curve without what it follows is taken for a transit or minimum."""
    time, flux, err = night(3)
    wander = np.exp(-0.5 * ((time - time[30]) / 0.025) ** 2)
    dimmed = flux - 0.02 * wander
    assert find_event(time, dimmed, err).kind != "none"
    assert find_event(time, dimmed, err, rivals={"x": wander}).kind == "none"


def test_a_leaning_baseline_is_fitted_together_with_the_transit():
    air = np.linspace(-1.0, 1.0, 60)
    found = find_event(*night(1, shape=lambda t: TRUTH.flux(t) * (1 + 0.02 * air)), terms={"airmass": air})
    assert found.terms == ("airmass",)
    assert abs(found.transit.transit.depth - TRUTH.depth) < 2.5 * found.transit.errors["depth"]
    assert np.ptp(found.transit.baseline) == pytest.approx(0.04, rel=0.2)


def test_a_model_that_is_asked_for_is_fitted_even_to_noise():
    found = find_event(*night(2), model="transit")
    assert found.kind == "transit"
    assert found.gain < 10
    assert find_event(*night(2, shape=TRUTH.flux), model="none").kind == "none"
    with pytest.raises(SettingError, match="no model 'planet' of a target; use one of: auto, none, transit"):
        find_event(*night(2), model="planet")


def test_a_cosmic_ray_in_the_transit_changes_nothing():
    time, flux, err = night(4, shape=TRUTH.flux)
    hit = flux.copy()
    hit[31] += 0.05
    clean, found = find_event(time, flux, err), find_event(time, hit, err)
    assert found.transit.transit.time == pytest.approx(clean.transit.transit.time, abs=2e-4)
    assert np.isnan(found.transit.residual[31])


def test_spikes_stand_alone_and_the_bottom_of_an_eclipse_does_not():
    _, flux, err = night(5, shape=lambda t: 1.0 - 0.3 * np.clip(1 - np.abs(t - 2460473.52) / 0.02, 0, None))
    assert not find_spikes(flux, err).any()
    flux[[0, 20, 45]] += [0.05, -0.05, 0.05]
    np.testing.assert_array_equal(np.flatnonzero(find_spikes(flux, err)), [0, 20, 45])


def test_a_few_points_are_too_few_in_words():
    assert "10 points, 15 are needed" in find_event(*night(1, n=10)).reason
