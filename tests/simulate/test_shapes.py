"""Stars are wider and longer where the recipe says so, at the same flux."""

import numpy as np
import pytest

from pogson.simulate import Recipe, simulate_night
from pogson.simulate.shapes import star_shapes

X = np.array([511.5, 0.0, 1023.0, 1023.0])
Y = np.array([511.5, 0.0, 1023.0, 511.5])


def shapes(**telescope):
    recipe = Recipe.from_dict({"telescope": telescope})
    return star_shapes(recipe, X, Y, 4.0, 1.0, 0.0)


def test_by_default_all_stars_of_a_frame_are_alike():
    fwhm, elongation, angle = star_shapes(Recipe(), X, Y, 4.0, 1.03, 33.0)
    assert set(fwhm) == {4.0} and set(elongation) == {1.03} and set(angle) == {33.0}


def test_in_the_corners_stars_are_wider():
    fwhm, _, _ = shapes(corner_fwhm=0.3)
    np.testing.assert_allclose(fwhm, [4.0, 4.0 * 1.3, 4.0 * 1.3, 4.0 * 1.15], rtol=3e-3)


def test_a_tilted_detector_is_out_of_focus_on_one_side():
    fwhm, _, _ = shapes(tilt=0.2)
    np.testing.assert_allclose(fwhm, [4.0, 3.2, 4.8, 4.8], rtol=3e-3)


def test_corner_stars_point_to_the_middle():
    _, elongation, angle = shapes(corner_elongation=0.4)
    np.testing.assert_allclose(elongation, [1.0, 1.4, 1.4, 1.2], rtol=3e-3)
    np.testing.assert_allclose(angle[1:] % 180, [45.0, 45.0, 0.0], atol=0.1)


def test_stretches_along_and_across_cancel():
    recipe = Recipe.from_dict({"telescope": {"corner_elongation": 0.2}})
    _, elongation, _ = star_shapes(recipe, X[1:2], Y[1:2], 4.0, 1.2, -45.0)
    assert elongation[0] == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("profile", ["moffat", "gaussian"])
def test_a_star_of_either_profile_has_the_flux_of_its_magnitude(profile):
    given = {
        "detector": {"nx": 301, "ny": 301},
        "telescope": {"profile": profile, "drift": 0.0, "elongation": 1.3},
        "sky": {"scintillation": 0.0, "gradient": 0.0},
        "field": {"cluster_stars": 0, "field_stars": 1},
        "night": {"exposures": [["g", 60.0, 1]]},
    }
    night = simulate_night(Recipe.from_dict(given))
    night.stars["x"], night.stars["y"], night.stars["color"], night.stars["mag_g"] = 150.2, 149.7, 0.0, 12.0
    image = night.light(night.lights[0]).astype(float) - night.conditions.sky[0]
    expected = 60.0 * 10 ** (-0.4 * (12.0 - night.conditions.zero_point[0]))
    assert image.sum() == pytest.approx(expected, rel=1e-3)


def test_the_focus_drifts_away_from_its_best_moment():
    given = {
        "telescope": {"focus_drift": 2.0, "focus_time": 1.0},
        "sky": {"seeing_spread": 0.0},
        "night": {"exposures": [["r", 60.0, 25]], "overhead": 240.0},
    }
    fwhm = simulate_night(Recipe.from_dict(given)).conditions.fwhm * 0.75
    sharp = (
        simulate_night(Recipe.from_dict(given | {"telescope": {"focus_drift": 0.0}})).conditions.fwhm * 0.75
    )
    hours = np.arange(25) * 300 / 3600
    np.testing.assert_allclose(fwhm**2 - sharp**2, (2.0 * (hours - 1.0)) ** 2, atol=1e-6)
    assert np.argmin(fwhm**2 - sharp**2) == 12


def test_guiding_stretches_the_stars_of_some_frames_more():
    night = {"exposures": [["r", 60.0, 200]]}
    telescope = {"elongation": 1.1, "elongation_spread": 0.5}
    made = simulate_night(Recipe.from_dict({"telescope": telescope, "night": night}))
    excess = np.log((made.conditions.elongation - 1.0) / 0.1)
    assert np.std(excess) == pytest.approx(0.5, rel=0.15)
    assert np.mean(excess) == pytest.approx(0.0, abs=0.15)
    assert set(simulate_night().conditions.elongation) == {1.03}
