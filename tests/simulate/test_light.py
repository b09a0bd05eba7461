"""Stars have the flux that their magnitude and the zero point promise, where the truth says."""

import numpy as np
import pytest

from pogson.simulate import Recipe, simulate_night
from pogson.simulate.light import star_rates

STILL = {"sky": {"scintillation": 0.0, "gradient": 0.0}}


def one_star(mag, color, **recipe):
    """A night of 301 x 301 pixels with one star in the middle."""
    given = {
        "detector": {"nx": 301, "ny": 301},
        "field": {"cluster_stars": 0, "field_stars": 1},
        "night": {"exposures": [["g", 60.0, 2]]},
    }
    night = simulate_night(Recipe.from_dict(given | STILL | recipe))
    stars = night.stars
    stars["x"], stars["y"], stars["color"], stars["mag_g"] = 150.2, 149.7, color, mag
    return night


def test_a_star_has_the_flux_of_its_magnitude():
    night = one_star(14.0, 0.6)
    truth = night.frame_truth[[s.kind == "light" for s in night.shots]][0]
    image = night.light(night.shots[-2]).astype(float) - truth["sky"]
    expected = 60.0 * 10 ** (-0.4 * (14.0 - truth["zero_point"] - truth["color_term"] * 0.6))
    assert image.sum() == pytest.approx(expected, rel=2e-3)
    assert star_rates(night.recipe, night.stars, "g", truth["zero_point"])[0] * 60 == pytest.approx(expected)


def test_a_star_of_colour_zero_at_the_zero_point_gives_one_electron_a_second():
    night = one_star(21.37, 0.0)
    assert star_rates(night.recipe, night.stars, "g", 21.37) == pytest.approx(1.0)


def test_the_zero_point_is_that_of_the_band_less_extinction_and_cloud():
    given = {"sky": {"cloudy": [2], "cloud": 0.5, "transparency_spread": 0.0}}
    night = simulate_night(Recipe.from_dict({"detector": {"nx": 64, "ny": 64}} | given))
    truth = night.frame_truth[[s.kind == "light" for s in night.shots]]
    clear = 22.6 - 0.17 * truth["airmass"][0]
    assert truth["zero_point"][0] == pytest.approx(clear)
    assert truth["zero_point"][1] == pytest.approx(clear - 0.5, abs=1e-3)


def test_the_sky_has_its_surface_brightness():
    night = one_star(30.0, 0.0)
    sky = night.light(night.shots[-1])
    rate = float(np.median(sky)) / 60.0 / 0.75**2
    assert 22.6 - 2.5 * np.log10(rate) == pytest.approx(21.0, abs=1e-4)


def test_stars_are_where_drift_and_rotation_put_them():
    night = one_star(12.0, 0.0, telescope={"drift": 8.0, "field_rotation": 2.0, "elongation": 1.0})
    night.stars["x"] = 210.0
    c = night.conditions
    image = night.light(night.shots[-1]).astype(float) - c.sky[1]
    y, x = np.indices(image.shape)
    turn = np.radians(c.rotation[1])
    dx, dy = 210.0 - 150.0, 149.7 - 150.0
    want_x = 150.0 + np.cos(turn) * dx - np.sin(turn) * dy + c.dx[1]
    want_y = 150.0 + np.sin(turn) * dx + np.cos(turn) * dy + c.dy[1]
    near = np.hypot(x - want_x, y - want_y) < 12
    assert (image * x)[near].sum() / image[near].sum() == pytest.approx(want_x, abs=0.02)
    assert (image * y)[near].sum() / image[near].sum() == pytest.approx(want_y, abs=0.02)
    assert abs(c.dx[1]) > 0 and abs(c.rotation[1]) > 0


def test_scintillation_follows_young_and_differs_from_star_to_star():
    given = {
        "detector": {"nx": 1000, "ny": 1000},
        "telescope": {"diameter": 0.2, "drift": 0.0, "field_rotation": 0.0, "elongation": 1.0},
        "sky": {"gradient": 0.0, "seeing_spread": 0.0, "transparency_spread": 0.0, "cloudy": []},
        "field": {"cluster_stars": 0, "field_stars": 400},
        "night": {"exposures": [["r", 1.0, 1]]},
    }
    night = simulate_night(Recipe.from_dict(given))
    sigma = night.conditions.scintillation[0]
    X = night.conditions.airmass[0]
    assert sigma == pytest.approx(1.56 * np.sqrt(1e-5 * 0.2 ** (-4 / 3) * X**3 * np.exp(-0.5)))
    grid = np.arange(20) * 50.0 + 20.0
    stars = night.stars
    stars["x"], stars["y"] = (a.ravel() for a in np.meshgrid(grid, grid))
    stars["mag_r"], stars["color"] = 8.0, 0.0
    image = night.light(night.shots[-1]).astype(float) - night.conditions.sky[0]
    flux = image.reshape(20, 50, 20, 50).sum(axis=(1, 3)).ravel()
    assert np.std(flux) / np.mean(flux) == pytest.approx(sigma, rel=0.12)


def test_a_satellite_crosses_as_many_frames_as_asked():
    given = {"detector": {"nx": 200, "ny": 200}, "field": {"cluster_stars": 0, "field_stars": 0}}
    night = simulate_night(Recipe.from_dict(given | {"sky": {"trails": 2}}))
    bright = [night.light(s).max() > night.conditions.sky[s.light] + 100 for s in night.shots if s.light >= 0]
    assert sum(bright) == 2
