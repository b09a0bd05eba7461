"""Bands that a catalogue lacks come from published relations, in their range, with their scatter."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.steps.match.bands import add_bands


def catalog(**mags):
    columns = {f"mag_{band}": np.atleast_1d(np.asarray(m, float)) for band, m in mags.items()}
    return Table(columns, meta={"bands": ",".join(mags)})


def test_the_sun_from_gaia():
    sun = add_bands(catalog(G=[4.67], BP=[5.0], RP=[4.18]), "VRIgri")
    assert sun["mag_V"][0] - 4.67 == pytest.approx(0.152, abs=0.003)
    assert (sun["mag_V"] - sun["mag_R"])[0] == pytest.approx(0.365, abs=0.003)
    assert (sun["mag_V"] - sun["mag_I"])[0] == pytest.approx(0.727, abs=0.003)
    assert (sun["mag_g"] - sun["mag_r"])[0] == pytest.approx(0.419, abs=0.003)
    assert (sun["mag_r"] - sun["mag_i"])[0] == pytest.approx(0.150, abs=0.003)
    assert "V from G and BP-RP (Riello" in sun.meta["derived"]
    assert set(sun.meta["bands"].split(",")) == {"G", "BP", "RP", "V", "R", "I", "g", "r", "i"}


def test_r_and_i_are_not_taken_for_cousins_r_and_i():
    stars = add_bands(catalog(g=[15.5], r=[15.0], i=[14.8]), "BVRI", system="ps1")
    assert stars["mag_R"][0] - 15.0 == pytest.approx(-0.198, abs=0.001)
    assert stars["mag_I"][0] - 14.8 == pytest.approx(-0.4385, abs=0.001)
    assert stars["mag_R"][0] != stars["mag_r"][0]


def test_nothing_is_extrapolated_and_own_bands_are_left_alone():
    stars = add_bands(catalog(g=[17.5, 15.5], r=[15.0, 15.0], V=[1.0, 2.0]), "VB", system="sdss")
    assert list(stars["mag_V"]) == [1.0, 2.0]
    assert np.isfinite(stars["mag_B"]).tolist() == [False, True]


def test_the_error_holds_both_magnitudes_and_the_relation():
    table = catalog(g=[15.5], r=[15.0])
    table["mag_g_err"], table["mag_r_err"] = [0.02], [0.03]
    err = add_bands(table, "V", system="sdss")["mag_V_err"][0]
    assert err == pytest.approx(np.sqrt((0.41 * 0.02) ** 2 + (0.59 * 0.03) ** 2 + 0.01**2))


def test_a_system_that_is_not_known_is_refused():
    with pytest.raises(SettingError, match="system must be one of gaia, ps1, sdss, got 'apass'"):
        add_bands(catalog(g=[1.0]), "V", system="apass")
