"""A variation that something else may have made is told from one that only the star can make."""

from dataclasses import replace

import numpy as np
import pytest
from known_series import series

from pogson.core.flags import Star
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.variability import measure_variability


def test_a_variable_with_a_neighbour_comes_after_the_clean_ones_and_before_stars_that_do_not_vary():
    curves, _, _ = series(stars=60, frames=200, variable=(5, 6), amplitude=0.3)
    curves.flags[5] = int(Star.NEIGHBOR)
    table = measure_variability(compare_ensemble(curves))
    assert table["rank"][6] == 1
    assert table["rank"][5] == 2


def beside_others(light):
    """Two variables of which the second has neighbours' light in its aperture, more in bad seeing."""
    curves, _, _ = series(stars=60, frames=200, variable=(5, 6), amplitude=0.3)
    share = np.zeros((60, 200), np.float32)
    share[6] = light * (1.0 + 0.3 * np.cos(np.arange(200) / 23.0))
    curves.flags[6] |= np.where(share[6] > 0.01, int(Star.NEIGHBOR), 0)
    return measure_variability(compare_ensemble(replace(curves, details={"contamination": share})))


def test_a_variation_that_neighbours_cannot_make_is_beyond_doubt():
    table = beside_others(0.015)
    assert table["flags"][6] == 0
    assert table["contamination"][6] == pytest.approx(2.5 * np.log10(1.015), rel=0.05)
    assert table["contamination"][5] == 0.0


def test_a_variation_no_larger_than_ten_times_the_light_of_neighbours_is_in_doubt():
    table = beside_others(0.03)
    assert table["rank"][[5, 6]].tolist() == [1, 2]
    assert table["flags"][6] == int(Star.NEIGHBOR)


def test_what_only_follows_the_seeing_is_in_doubt_and_a_variable_that_does_a_little_is_not():
    """As stars do with a neighbour that no one sees, and those whose brightest pixels are full."""
    curves, _, _ = series(stars=100, frames=200, variable=(6,), amplitude=0.05)
    seeing = 3.0 + 0.4 * np.cos(np.arange(200) / 9.0)
    curves.frames["fwhm"] = seeing
    curves.flux[3] *= 1.0 + 0.05 * (seeing - 3.0)
    curves.flux[6] *= 1.0 + 0.05 * (seeing - 3.0)
    table = measure_variability(compare_ensemble(curves))
    assert table["excess"][3] > 5
    assert table["flags"][[3, 6]].tolist() == [int(Star.SEEING), 0]
    assert table["rank"][[6, 3]].tolist() == [1, 2]
    assert (np.asarray(table["flags"]) != 0).sum() == 1, "no constant star is accused"
    curves.frames["fwhm"] = np.nan
    assert measure_variability(compare_ensemble(curves))["flags"][3] == 0, "nothing is known of the seeing"


def test_among_those_in_doubt_come_last_the_ones_that_the_seeing_explains():
    curves, _, _ = series(stars=100, frames=200, variable=(6,), amplitude=0.02)
    seeing = 3.0 + 0.4 * np.cos(np.arange(200) / 9.0)
    curves.frames["fwhm"] = seeing
    curves.flux[3] *= 1.0 + 0.3 * (seeing - 3.0)
    curves.flags[[3, 6]] = int(Star.NEIGHBOR)
    table = measure_variability(compare_ensemble(curves))
    assert table["excess"][3] > table["excess"][6] > 5
    assert table["rank"][[6, 3]].tolist() == [1, 2]
