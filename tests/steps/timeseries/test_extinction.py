"""Blue stars lose more light low in the sky: the term comes back, and none is taken where none is."""

import numpy as np
import pytest
from known_series import series

from pogson.steps.timeseries.ensemble import compare_ensemble


def night(term, gaps=0.0, seed=1):
    curves, _, _ = series(stars=60, frames=200, gaps=gaps, seed=seed)
    rng = np.random.default_rng(seed + 50)
    color, air = rng.uniform(0.2, 1.6, 60), 1.0 + np.linspace(0.0, 1.1, 200) ** 2
    curves.stars["color"], curves.frames["airmass"] = color, air
    curves.flux[:] *= 10 ** (-0.4 * term * (color[:, None] - 0.8) * (air - 1.3))
    return curves


def test_the_term_comes_back_with_an_honest_error():
    pulls = []
    for seed in range(100, 112):
        found = compare_ensemble(night(-0.03, seed=seed)).color_extinction
        pulls.append((found.term + 0.03) / found.term_err)
    assert found.reason == ""
    assert np.std(pulls) == pytest.approx(1.0, abs=0.4)
    assert abs(np.mean(pulls)) < 0.8


def short_night(seed, drift=0.0):
    """Twelve frames, half of them low in the sky: more stars than are wanted for comparison."""
    curves, _, _ = series(stars=200, frames=12, clouds=0.1, seed=seed)
    rng = np.random.default_rng(seed + 50)
    color, air = rng.uniform(0.2, 1.6, 200), np.repeat([1.0, 2.1], 6)
    curves.stars["color"], curves.frames["airmass"] = color, air
    lean = -0.03 * color + drift * rng.normal(size=200)
    curves.flux[:] *= 10 ** (-0.4 * lean[:, None] * (air - 1.5))
    return curves


@pytest.mark.parametrize("drift", [0.0, 0.004])
def test_neither_the_choice_of_stars_nor_their_own_drifts_hide_a_part_of_the_term(drift):
    found = [compare_ensemble(short_night(seed, drift)).color_extinction for seed in range(40)]
    pulls = np.array([(one.term + 0.03) / one.term_err for one in found])
    assert abs(pulls.mean()) < 0.5  # over 1 where the stars that scatter least tell
    assert pulls.std() == pytest.approx(1.0, abs=0.3)


def test_a_red_target_keeps_no_trend_among_blue_stars():
    curves = night(-0.03)
    more = 3.0 - curves.stars["color"][5]
    curves.stars["color"][5] = 3.0
    air = np.asarray(curves.frames["airmass"])
    curves.flux[5] *= 10 ** (-0.4 * -0.03 * more * (air - 1.3))
    with_color = compare_ensemble(curves, target=6)
    del curves.stars["color"]
    without = compare_ensemble(curves, target=6)
    trend = [abs(np.polyfit(air, e.mag[5], 1)[0]) for e in (with_color, without)]
    assert trend[0] < 0.004
    assert trend[1] > 0.04


def test_gaps_are_no_colour():
    found = compare_ensemble(night(-0.03, gaps=0.3)).color_extinction
    assert found.term == pytest.approx(-0.03, abs=4 * found.term_err)


def test_nothing_is_taken_where_there_is_nothing_or_nothing_can_be_known():
    none = compare_ensemble(night(0.0)).color_extinction
    assert none.term == 0.0
    assert "is not 3 of its errors" in none.reason
    low = night(-0.03)
    low.frames["airmass"] = np.full(200, 1.2)
    assert compare_ensemble(low).color_extinction.reason == "the airmass hardly changed"
    gray = night(-0.03)
    gray.stars["color"] = np.full(60, np.nan)
    assert compare_ensemble(gray).color_extinction.reason == "0 comparison stars with a colour, or all of one"
    assert compare_ensemble(series()[0]).color_extinction.reason == "no colours"
