"""crossmatch pairs one to one, at the right epoch, and says where it doubts."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import CATALOG
from pogson.core.flags import Star
from pogson.steps.match.crossmatch import crossmatch

ARCSEC = 1 / 3600.0


def catalog(ra, dec, *, pmra=0.0, pmdec=0.0, epoch=2016.0, mag=None, flags=0):
    ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
    full = lambda v: np.broadcast_to(v, ra.shape).astype(float)  # noqa: E731
    extra = {} if mag is None else {"mag_g": np.asarray(mag, float)}
    return CATALOG.table(
        {"epoch": epoch, "name": "test"},
        id=np.arange(len(ra)).astype(str),
        ra=ra,
        dec=dec,
        pmra=full(pmra),
        pmdec=full(pmdec),
        flags=np.broadcast_to(flags, ra.shape),
        **extra,
    )


def test_a_thousand_stars_find_themselves():
    rng = np.random.default_rng(1)
    ra, dec = 150 + rng.uniform(0, 0.5, 1000), 60 + rng.uniform(0, 0.5, 1000)
    order = rng.permutation(1000)
    noise = rng.normal(0, 0.1 * ARCSEC, (2, 1000))
    found = crossmatch(ra + noise[0] * 2, dec + noise[1], catalog(ra[order], dec[order]))
    assert len(found) > 995
    assert np.array_equal(order[found["row"]], found["star"])
    assert np.median(found["separation"]) == pytest.approx(0.1 * np.sqrt(2 * np.log(2)), rel=0.15)


def test_two_stars_never_share_a_catalogue_star():
    found = crossmatch([10.0, 10.0], [0.0, 0.6 * ARCSEC], catalog(10.0, 0.1 * ARCSEC))
    assert list(found["star"]) == [0]
    # the wrong way: the nearest catalogue star alone is the partner of both
    from astropy.coordinates import SkyCoord

    ours, theirs = (
        SkyCoord([10.0, 10.0], [0.0, 0.6 * ARCSEC], unit="deg"),
        SkyCoord([10.0], [0.1 * ARCSEC], unit="deg"),
    )
    index, separation, _ = ours.match_to_catalog_sky(theirs)
    assert (list(index), (separation.arcsec < 1.5).all()) == ([0, 0], True)


def test_two_candidates_are_ambiguous_and_a_faint_distant_one_is_not():
    cat = catalog([10.0, 10.0], [0.0, 1.0 * ARCSEC], mag=[15.0, 17.5])
    assert crossmatch([10.0], [0.1 * ARCSEC], cat)["flags"][0] == int(Star.AMBIGUOUS)
    cat["mag_g"][1] = 19.0
    assert crossmatch([10.0], [0.1 * ARCSEC], cat)["flags"][0] == 0
    far_faint = catalog([10.0, 10.0], [0.0, 2.0 * ARCSEC], mag=[15.0, 19.0])
    assert crossmatch([10.0], [0.1 * ARCSEC], far_faint)["flags"][0] == 0
    far_bright = catalog([10.0, 10.0], [0.0, 2.0 * ARCSEC], mag=[15.0, 15.5])
    assert crossmatch([10.0], [0.1 * ARCSEC], far_bright)["flags"][0] == int(Star.AMBIGUOUS)


def test_proper_motion_is_applied_to_the_epoch():
    cat = catalog(100.0, 60.0, pmra=1000.0, pmdec=-500.0)
    ra, dec = 100.0 + 10 * 1.0 * ARCSEC / np.cos(np.radians(60)), 60.0 - 10 * 0.5 * ARCSEC
    assert crossmatch([ra], [dec], cat, epoch=2026.0)["separation"][0] < 1e-3
    assert len(crossmatch([ra], [dec], cat)) == 0


def test_across_the_zero_of_right_ascension_and_at_the_pole():
    assert len(crossmatch([359.9999], [0.0], catalog(0.0001, 0.0))) == 1
    assert len(crossmatch([10.0], [89.99999], catalog(190.0, 89.99999))) == 1


def test_stars_without_a_position_are_left_out_and_ids_and_flags_pass():
    cat = catalog([10.0, 11.0], [0.0, 0.0], flags=[0, int(Star.VARIABLE)])
    found = crossmatch([np.nan, 11.0], [np.nan, 0.0], cat, ids=[7, 9])
    assert (list(found["star"]), list(found["flags"])) == ([9], [int(Star.VARIABLE)])
    assert len(crossmatch([], [], cat)) == 0
    assert len(crossmatch([1.0], [1.0], CATALOG.empty())) == 0
    assert isinstance(found, Table)


def test_the_first_of_three_candidates_is_not_the_nearest():
    """Catalogue rows in the order of the file: the first is 3 arcsec away and 2 mag brighter."""
    cat = catalog([10.0, 10.0, 10.0], [3.0 * ARCSEC, 0.1 * ARCSEC, 2.5 * ARCSEC], mag=[13.0, 15.0, 19.5])
    inside = np.flatnonzero(np.abs(np.asarray(cat["dec"])) < 4.0 * ARCSEC)
    assert inside[0] == 0
    found = crossmatch([10.0], [0.0], cat)
    assert list(found["row"]) == [1]
