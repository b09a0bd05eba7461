"""The field looks like an old cluster before field stars."""

import numpy as np
import pytest
from astropy.wcs import WCS

from pogson.simulate.catalog import make_catalog
from pogson.simulate.cluster import SEQUENCE
from pogson.simulate.field import make_stars
from pogson.simulate.pointing import wcs_cards
from pogson.simulate.recipe import Recipe


@pytest.fixture(scope="module")
def stars():
    return make_stars(Recipe())


def test_stars_are_numbered_by_brightness_and_counted_by_kind(stars):
    assert list(stars["id"]) == list(range(1, 1901))
    assert (np.diff(stars["mag_r"]) >= 0).all()
    assert np.sum(stars["kind"] == "cluster") == 1400


def test_the_diagram_has_a_turn_off_a_giant_branch_and_a_horizontal_branch(stars):
    members = stars[stars["kind"] == "cluster"]
    mag, color = np.asarray(members["mag_r"]) - 12.6, np.asarray(members["color"])

    def ridge(low, high):
        return np.median(color[(mag > low) & (mag < high) & (color > 0.2)])

    assert ridge(3.7, 4.2) < ridge(5.0, 5.6) < ridge(6.8, 7.2)
    assert ridge(3.7, 4.2) + 0.2 < ridge(1.5, 2.5) < ridge(-2.0, -0.5)
    assert 10 < np.sum((color < 0.2) & (mag < 2.5)) < 25


def test_binaries_lie_above_the_main_sequence_and_singles_on_it():
    members = make_stars(
        Recipe.from_dict({"field": {"field_stars": 0, "horizontal_branch": 0, "binaries": 0}})
    )
    mag = np.asarray(members["mag_r"]) - 12.6
    off = members["color"] - np.interp(mag, SEQUENCE[:, 0], SEQUENCE[:, 1])
    low = mag > 4.5
    assert np.std(off[low]) < 0.02
    mixed = make_stars(
        Recipe.from_dict({"field": {"field_stars": 0, "horizontal_branch": 0, "binaries": 0.5}})
    )
    mag = np.asarray(mixed["mag_r"]) - 12.6
    off = mixed["color"] - np.interp(mag, SEQUENCE[:, 0], SEQUENCE[:, 1])
    assert 0.25 < np.mean(off[(mag > 4.5) & (mag < 7)] > 0.04) < 0.5


def test_the_cluster_thins_out_from_its_middle(stars):
    members = stars[stars["kind"] == "cluster"]
    r = np.hypot(members["x"] - 511.5, members["y"] - 511.5)
    inner, outer = np.sum(r < 150) / 150**2, np.sum((r > 350) & (r < 500)) / (500**2 - 350**2)
    assert inner > 3 * outer


@pytest.mark.parametrize("angle", [0.0, 137.0])
def test_the_true_wcs_joins_pixels_and_sky(angle):
    recipe = Recipe.from_dict({"telescope": {"angle": angle}, "field": {"ra": 0.02, "dec": -61.0}})
    stars = make_stars(recipe)
    x, y = WCS(wcs_cards(recipe)).all_world2pix(stars["ra"], stars["dec"], 0)
    np.testing.assert_allclose(x, stars["x"], atol=1e-6)
    np.testing.assert_allclose(y, stars["y"], atol=1e-6)


def test_the_catalog_lists_the_brighter_half_with_honest_errors(stars):
    catalog = make_catalog(Recipe(), stars)
    assert catalog.colnames == ["id", "ra", "dec", "g", "g_err", "r", "r_err"]
    assert len(catalog) == 950
    pull = (catalog["g"] - stars["mag_g"][:950]) / catalog["g_err"]
    assert np.std(pull) == pytest.approx(1.0, abs=0.1)
    off = (catalog["dec"] - stars["dec"][:950]) * 3600
    assert np.std(off) == pytest.approx(0.05, rel=0.1)


def test_a_field_without_stars_is_a_field():
    stars = make_stars(Recipe.from_dict({"field": {"cluster_stars": 0, "field_stars": 0}}))
    assert len(stars) == 0
    assert "mag_g" in stars.colnames
