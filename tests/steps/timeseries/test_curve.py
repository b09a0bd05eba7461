"""One star's light curve as a table that may be changed without changing the ensemble."""

import numpy as np
import pytest
from known_series import series

from pogson.core.columns import LIGHTCURVE
from pogson.steps.timeseries.curve import light_curve
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.variability import measure_variability


def test_a_light_curve_holds_the_star_its_check_star_and_what_the_frames_know():
    curves, _, _ = series(stars=30, frames=40)
    curves.frames["airmass"] = np.linspace(1, 2, 40)
    found = compare_ensemble(curves, target=3)
    table = light_curve(found, 3)
    LIGHTCURVE.check(table)
    assert np.nanmedian(table["flux"]) == pytest.approx(1.0)
    np.testing.assert_allclose(1.0857 * table["flux_err"] / table["flux"], table["mag_err"], rtol=1e-4)
    np.testing.assert_array_equal(table["check_mag"], found.mag[curves.row(found.check)])
    assert table["airmass"][-1] == 2.0
    with pytest.raises(KeyError, match="no star 99"):
        light_curve(found, 99)


def test_sorting_what_was_handed_out_changes_nothing_inside():
    curves, _, _ = series(stars=30, frames=40)
    found = compare_ensemble(curves, target=3)
    measure_variability(found).sort("rank")
    table = light_curve(found, 3)
    table.sort("mag")
    table["mag"] = 0.0
    np.testing.assert_array_equal(curves.stars["id"], np.arange(1, 31))
    assert (np.diff(curves.time) > 0).all()
    assert np.nanmax(found.mag) < 0
