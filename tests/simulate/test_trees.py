"""Trees hide the lower part of the frame."""

import numpy as np
import pytest

from pogson.simulate import Recipe, simulate_night
from pogson.simulate.trees import open_share

SINKING = {
    "detector": {"nx": 300, "ny": 300, "overscan": 0},
    "telescope": {"pixel_scale": 6.0, "drift": 0.0, "field_rotation": 0.0, "diameter": 0.2},
    "field": {"dec": 0.0, "ra": 180.0, "cluster_stars": 0, "field_stars": 0},
    "sky": {"gradient": 0.0},
    "night": {"start": "2024-06-11T22:30:00", "exposures": [["r", 60.0, 8]], "overhead": 300.0},
}


def test_a_setting_field_disappears_from_its_lower_edge():
    site = {"trees": 25.0, "trees_distance": 500.0}
    night = simulate_night(Recipe.from_dict(SINKING | {"site": site}))
    c = night.conditions
    assert (np.diff(c.altitude) < 0).all()
    assert c.trees[0] < 0.01 and c.trees[-1] > 0.9
    half = int(np.argmin(np.abs(c.trees - 0.5)))
    shot = night.lights[half]
    image = night.light(shot)
    y, x = np.indices(image.shape)
    height = c.altitude[half] + c.up_x[half] * (x - 149.5) + c.up_y[half] * (y - 149.5)
    soft = np.degrees(0.2 / 500.0)
    assert image[height > 25.0 + 1.5 * soft].min() > 0.99 * c.sky[half]
    assert image[height < 25.0 - 1.5 * soft].max() < 0.01 * c.sky[half]
    assert 1 - image.mean() / c.sky[half] == pytest.approx(c.trees[half], abs=0.02)
    assert "trees" in night.frame_truth["fault"][-1]


def test_altitudes_across_the_frame_are_those_of_the_sky():
    from pogson.core.time import altitude
    from pogson.simulate.pointing import plane_of, sky_of
    from pogson.simulate.variables import site_of

    recipe = Recipe.from_dict(SINKING | {"telescope": SINKING["telescope"] | {"angle": 30.0}})
    night = simulate_night(recipe)
    c, jd = night.conditions, np.array([night.lights[3].jd_utc])
    ra, dec = sky_of(recipe, *plane_of(recipe, np.array([10.0]), np.array([280.0])))
    expected = altitude(jd, ra, dec, site_of(recipe))[0]
    seen = c.altitude[3] + c.up_x[3] * (10 - 149.5) + c.up_y[3] * (280 - 149.5)
    assert seen == pytest.approx(expected, abs=1e-3)


def test_without_trees_nothing_is_hidden():
    night = simulate_night(Recipe.from_dict(SINKING))
    assert not night.conditions.trees.any()


def test_the_nearer_the_trees_the_softer_their_edge():
    heights = []
    for distance in (100.0, 1000.0):
        recipe = Recipe.from_dict({"site": {"trees": 20.0, "trees_distance": distance}})
        y = np.linspace(0, 1023, 4000)
        share = open_share(recipe, np.array(511.5), y, (20.0, 0.0, 0.002))
        heights.append(0.002 * np.ptp(y[(share > 0.1) & (share < 0.9)]))
    assert heights[0] > 5 * heights[1]
