"""Clouds take the light of the stars that they cover, when they pass."""

import numpy as np
import pytest

from pogson.simulate import Recipe, simulate_night
from pogson.simulate.clouds import frame_grid, plane_through, veil_extinction

VEIL = {"sky": {"veils": [[1.0, 2.0, 0.6]], "cloudy": [], "transparency_spread": 0.0, "scintillation": 0.0}}


def test_a_veil_comes_and_goes_and_has_its_mean():
    recipe = Recipe.from_dict(VEIL)
    hours = np.linspace(0.0, 3.0, 30001)
    amount = veil_extinction(recipe, hours, 0.0, 0.0)
    assert not amount[(hours <= 1.0) | (hours >= 2.0)].any()
    middle = amount[(hours > 1.2) & (hours < 1.8)]
    assert (amount >= 0).all()
    assert middle.mean() == pytest.approx(0.6, rel=0.3)
    assert middle.std() / 0.6 == pytest.approx(0.5, rel=0.4)
    assert np.abs(np.diff(amount)).max() < 0.01  # no edge is sharp


def test_a_veil_differs_across_the_frame():
    recipe = Recipe.from_dict(VEIL)
    u, v = frame_grid(recipe)
    spread = [veil_extinction(recipe, h, u, v).std() for h in np.linspace(1.2, 1.8, 30)]
    assert 0.02 < np.mean(spread) < 0.3


def test_a_plane_through_a_plane_is_that_plane():
    u, v = frame_grid(Recipe())
    mean, across, upward = plane_through(3.0 + 0.4 * u - 0.7 * v)
    assert (mean, across, upward) == tuple(pytest.approx(w) for w in (3.0, 0.4, -0.7))


def test_each_star_loses_what_the_cloud_above_it_takes():
    grid = np.arange(8) * 40.0 + 30.0
    tables = {
        "detector": {"nx": 340, "ny": 340, "overscan": 0},
        "telescope": {"drift": 0.0, "field_rotation": 0.0},
        "field": {"cluster_stars": 0, "field_stars": 64},
        "night": {"exposures": [["r", 10.0, 10]], "overhead": 700.0},
    }
    night = simulate_night(Recipe.from_dict(tables | {"sky": VEIL["sky"] | {"gradient": 0.0}}))
    stars = night.stars
    stars["x"], stars["y"] = (a.ravel() for a in np.meshgrid(grid, grid))
    stars["mag_r"], stars["color"] = 9.0, 0.0
    shot = night.lights[7]  # 1.38 hours after the first
    image = night.light(shot).astype(float) - night.conditions.sky[7]
    flux = image[10:330, 10:330].reshape(8, 40, 8, 40).sum(axis=(1, 3)).ravel()
    hours = 24 * (shot.jd_utc - night.lights[0].jd_utc)
    x, y = np.asarray(stars["x"]), np.asarray(stars["y"])
    cloud = veil_extinction(night.recipe, hours, (x - 169.5) / 340, (y - 169.5) / 340)
    clear = 22.4 - 0.10 * night.conditions.airmass[7]
    expected = 10.0 * 10 ** (-0.4 * (9.0 - clear + cloud))
    np.testing.assert_allclose(flux / expected, 1.0, atol=6e-3)
    truth = night.frame_truth[night.frame_truth["kind"] == "light"][7]
    everywhere = veil_extinction(night.recipe, hours, *frame_grid(night.recipe, 100))
    assert -2.5 * np.log10(truth["transparency"]) == pytest.approx(everywhere.mean(), abs=0.005)
    assert truth["cloud_spread"] == pytest.approx(everywhere.std(), rel=0.05)


def test_a_frame_behind_thick_cloud_is_told():
    sky = {"veils": [[-1.0, 5.0, 6.0]], "cloudy": []}
    night = simulate_night(Recipe.from_dict({"detector": {"nx": 64, "ny": 64}, "sky": sky}))
    assert "cloud" in set(night.frame_truth["fault"])


def test_clouds_that_glow_brighten_the_sky():
    sky = VEIL["sky"] | {"veil_glow": 0.5}
    night = {"exposures": [["r", 10.0, 10]], "overhead": 700.0}
    made = simulate_night(Recipe.from_dict({"sky": sky, "night": night}))
    dark = simulate_night(Recipe.from_dict({"sky": VEIL["sky"], "night": night}))
    brighter = made.conditions.sky / dark.conditions.sky - 1
    lost = 1 - made.conditions.transparency
    # the mean of 1 - T over the frame is a little less than 1 - T of the mean extinction
    assert (brighter <= 0.5 * lost + 1e-12).all() and (brighter >= 0.45 * lost).all()
    assert np.abs(made.conditions.sky_x[lost > 0.1]).max() > 0.01
