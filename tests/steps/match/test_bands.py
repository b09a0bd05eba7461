"""Bands that a catalogue lacks come from published relations, in their range, with their scatter."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.io.relations import known_relations
from pogson.steps.match import bands


def add_bands(catalog, wanted, system="gaia", to=""):
    return bands.add_bands(catalog, wanted, known_relations(), system=system, to=to)


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
    with pytest.raises(SettingError, match="system must be one of gaia, johnson, ps1, sdss, got 'apass'"):
        add_bands(catalog(g=[1.0]), "V", system="apass")


def test_a_star_without_an_error_gets_none():
    table = catalog(g=[15.5, 15.6], r=[15.0, 15.0])
    table["mag_g_err"], table["mag_r_err"] = [0.02, np.nan], [0.03, 0.03]
    assert np.isfinite(add_bands(table, "V", system="ps1")["mag_V_err"]).tolist() == [True, False]


def test_pan_starrs_becomes_sdss_only_where_that_is_asked_for():
    ps1 = catalog(g=[15.5, 18.0], r=[15.0, 15.0])
    assert list(add_bands(ps1, "g", system="ps1")["mag_g"]) == [15.5, 18.0]
    sdss = add_bands(ps1, "g", system="ps1", to="sdss")
    assert sdss["mag_g"][0] == pytest.approx(15.5 + 0.013 + 0.145 * 0.5 + 0.019 * 0.25)
    # the magnitudes of another system are no stand-in where the relation does not hold
    assert np.isnan(sdss["mag_g"][1])
    assert sdss.meta["derived"] == "g from g and g-r (Tonry et al. 2012, ApJ, 750, 99)"


@pytest.mark.parametrize("relation", known_relations(), ids=lambda r: f"{r.start}-{r.to}-{r.band}")
def test_every_relation_is_complete_and_gives_sane_magnitudes(relation):
    assert relation.low < relation.high and 0.003 < relation.scatter < 0.11 and relation.source
    color = np.linspace(relation.low, relation.high, 50)
    curve = np.polynomial.Polynomial(relation.terms)(color)
    assert np.abs(curve).max() < 7.0 and np.abs(np.diff(curve)).max() < 1.0


def test_relations_agree_where_two_ways_lead_to_the_same_band():
    """A solar star: g-r = 0.44 of SDSS, so the g-r of Pan-STARRS follows; V by both must agree."""
    color = np.linspace(0.1, 0.9, 9)  # g-r of Pan-STARRS
    ps1 = catalog(g=15.0 + color, r=np.full(9, 15.0), i=15.0 - 0.4 * color)
    sdss = add_bands(ps1, "gri", system="ps1", to="sdss")
    for band, agree in (("B", 0.04), ("V", 0.02), ("R", 0.06), ("I", 0.06)):
        one, two = add_bands(ps1, band, system="ps1"), add_bands(sdss, band, system="sdss")
        assert np.abs(one[f"mag_{band}"] - two[f"mag_{band}"]).max() < agree, band


def test_sdss_and_johnson_are_each_others_inverse():
    color = np.linspace(0.1, 1.1, 9)
    there = add_bands(catalog(g=15.0 + color, r=np.full(9, 15.0)), "BV", system="sdss")
    two = Table({name: there[name] for name in ("mag_B", "mag_V", "mag_B_err", "mag_V_err")}, meta={})
    back = add_bands(two, "gr", system="johnson")
    assert np.abs(back["mag_g"] - 15.0 - color).max() < 0.03 and np.abs(back["mag_r"] - 15.0).max() < 0.03
