"""The stars of a field: a user's table, blends, proper motions."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.simulate import Recipe, simulate_night
from pogson.simulate.field import make_stars

R_ONLY = {"night": {"exposures": [["r", 60.0, 1]]}}


def sky_table(**more):
    columns = {"ra": [270.0, 270.05, 269.95], "dec": [38.0, 38.02, 37.98], "mag_r": [14.0, 12.0, 16.0]}
    return Table(columns | more)


def test_a_table_of_stars_takes_the_place_of_the_cluster():
    night = simulate_night(Recipe.from_dict(R_ONLY), sky_table(color=[0.1, 0.2, 0.3]))
    stars = night.stars
    assert list(stars["mag_r"]) == [12.0, 14.0, 16.0]
    assert list(stars["id"]) == [1, 2, 3] and set(stars["kind"]) == {"table"}
    assert (stars["x"][1], stars["y"][1]) == (pytest.approx(511.5), pytest.approx(511.5))
    from astropy.wcs import WCS

    from pogson.simulate.pointing import wcs_cards

    x, y = WCS(wcs_cards(night.recipe)).all_world2pix(stars["ra"], stars["dec"], 0)
    np.testing.assert_allclose([x, y], [stars["x"], stars["y"]], atol=1e-6)


def test_a_table_in_pixels_keeps_its_places_and_its_numbers():
    table = Table({"x": [10.0, 200.5], "y": [20.0, 300.25], "mag_r": [15.0, 14.0], "id": [7, 3]})
    stars = make_stars(Recipe.from_dict(R_ONLY), table)
    assert list(stars["id"]) == [7, 3] and list(stars["x"]) == [10.0, 200.5]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table({"ra": [1.0], "dec": [2.0]}), "field.table: no column 'mag_r'; it needs ra, dec, mag_r"),
        (Table({"ra": [1.0], "mag_r": [2.0]}), "field.table: no column 'x'"),
        (sky_table(color=[0.1, np.nan, 0.2]), "field.table: column 'color' has no number in row 1"),
    ],
)
def test_a_table_that_lacks_something_is_refused_in_one_line(table, message):
    with pytest.raises(SettingError) as error:
        make_stars(Recipe.from_dict(R_ONLY), table)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_recipe_with_a_table_asks_for_it():
    with pytest.raises(SettingError, match=r"field.table: read the table first"):
        make_stars(Recipe.from_dict({"field": {"table": "stars.csv"}}))


def test_proper_motion_parts_the_night_from_the_catalog():
    night = simulate_night(
        Recipe.from_dict(R_ONLY | {"field": {"catalog_share": 1.0, "catalog_position_error": 0.0}}),
        sky_table(pmra=[100.0, 0.0, 0.0], pmdec=[0.0, 0.0, -200.0]),
    )
    years = 2024.44 - 2016.0
    stars, catalog = night.stars, night.catalog
    east = (stars["ra"] - catalog["ra"]) * np.cos(np.radians(38.0)) * 3.6e6
    np.testing.assert_allclose(east, [0.0, 100.0 * years, 0.0], atol=1.0)
    np.testing.assert_allclose((stars["dec"] - catalog["dec"]) * 3.6e6, [0, 0, -200.0 * years], atol=2.0)
    assert {"pmra", "pmdec"} <= set(catalog.colnames)


def test_field_stars_move_and_the_cluster_does_not():
    stars = make_stars(Recipe.from_dict({"field": {"proper_motion": 20.0}}))
    field = stars["kind"] == "field"
    assert np.std(stars["pmra"][field]) == pytest.approx(20.0, rel=0.15)
    assert not stars["pmdec"][~field].any()
    still = make_stars(Recipe())
    np.testing.assert_array_equal(stars["mag_r"], still["mag_r"])


def test_blends_have_a_fainter_companion_within_two_widths():
    recipe = Recipe.from_dict({"field": {"blends": 50, "cluster_stars": 0, "field_stars": 400}})
    stars = make_stars(recipe)
    assert len(stars) == 450 and np.sum(stars["kind"] == "blend") == 50
    assert list(stars["id"]) == list(range(1, 451))
    others = stars[stars["kind"] != "blend"]
    for blend in stars[stars["kind"] == "blend"]:
        far = np.hypot(others["x"] - blend["x"], others["y"] - blend["y"])
        close = far < 2 * 2.2 / 0.75 + 1e-9
        assert (others["mag_r"][close] <= blend["mag_r"] + 1e-9).any()


def test_second_order_extinction_dims_blue_stars_more():
    """mag - inst = zero_point + (C - k'' X) (g-r): the truth tells the colour term of the frame."""
    bands = {"r": {"second_extinction": -0.05, "color_term": 0.02}}
    given = {
        "detector": {"nx": 201, "ny": 101},
        "bands": bands,
        "sky": {"scintillation": 0.0, "gradient": 0.0},
        "telescope": {"drift": 0.0},
    }
    table = Table({"x": [50.0, 150.0], "y": [50.0, 50.0], "mag_r": [11.0, 11.0], "color": [0.0, 1.5]})
    night = simulate_night(Recipe.from_dict(given | R_ONLY), table)
    c = night.conditions
    image = night.light(night.lights[0]).astype(float) - c.sky[0]
    ratio = image[:, 100:].sum() / image[:, :100].sum()
    assert c.color_term[0] == pytest.approx(0.02 + 0.05 * c.airmass[0])
    assert ratio == pytest.approx(10 ** (0.4 * c.color_term[0] * 1.5), rel=2e-3)
    assert night.frame_truth["color_term"][-1] == pytest.approx(c.color_term[0])
