"""The recipes that come with the house make the nights that they promise, and print what they are."""

import time

import numpy as np
import pytest

from pogson.core.errors import SettingError
from pogson.simulate import Recipe, named_recipe, print_recipe, simulate_night
from pogson.simulate.recipes import RECIPES, merged


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_printed_recipe_is_read_back_as_itself(name):
    recipe = Recipe.from_dict(named_recipe(name))
    text = print_recipe(recipe)
    assert Recipe.from_toml(text) == recipe


def test_a_printed_recipe_tells_units_ranges_and_meanings():
    text = print_recipe(Recipe())
    assert "seeing = 2.2  # [arcsec] median FWHM at the zenith (above 0)" in text
    assert "profile = \"moffat\"  # of a star (one of 'moffat', 'gaussian')" in text
    assert '# kind = "sinusoid"' in text and "# [[field.variables]]" in text
    assert max(len(line) for line in text.splitlines()) < 140


def test_the_cluster_is_the_default():
    assert Recipe.from_dict(named_recipe("cluster")) == Recipe()


def test_a_series_is_464_frames_of_nine_variables_and_a_twentieth_is_spoilt():
    night = simulate_night(Recipe.from_dict(named_recipe("series")))
    truth = night.frame_truth[night.frame_truth["kind"] == "light"]
    assert len(truth) == 464
    assert night.frame("bias_001.fits").pixels.shape == (1266, 1676)
    assert 24 * np.ptp(truth["jd_utc"]) == pytest.approx(4.75, abs=0.02)
    assert set(night.variables["kind"]) == {"sinusoid", "rrlyrae", "eclipsing", "transit"}
    assert len(night.variables) == 9
    assert 0.04 < np.mean(truth["fault"] != "") < 0.06
    assert {"trailed", "cloud", "trees", "satellite"} <= set(" ".join(truth["fault"]).split())
    assert 100 < np.sum(truth["rotation"] > 90) < 400
    inside = (np.abs(night.stars["x"] - 837.5) < 838) & (np.abs(night.stars["y"] - 632.5) < 633)
    assert 2300 < np.sum(inside) < 2700
    curves = night.light_curves
    for star in night.variables["star"]:
        assert np.ptp(curves["mag"][curves["star"] == star]) > 0.015


def test_a_small_series_has_the_same_parts_and_is_made_in_seconds():
    start = time.process_time()
    night = simulate_night(Recipe.from_dict(named_recipe("series", frames=30, size=(256, 256))))
    frames = list(night.frames())
    assert time.process_time() - start < 5.0
    assert frames[-1].pixels.shape == (256, 256)
    truth = night.frame_truth[night.frame_truth["kind"] == "light"]
    assert len(truth) == 30 and len(night.variables) == 9
    assert {"trailed", "cloud"} <= set(" ".join(truth["fault"]).split())
    assert 24 * np.ptp(truth["jd_utc"]) == pytest.approx(4.75 * 29 / 30, abs=0.02)


def test_a_bigger_frame_holds_more_stars():
    recipe = Recipe.from_dict(named_recipe("field", size=(2048, 1024)))
    assert (recipe.detector.nx, recipe.detector.ny) == (2048, 1024)
    assert recipe.field.field_stars == 1800


@pytest.mark.parametrize(
    ("name", "frames", "message"),
    [
        ("serie", 0, "there is no recipe 'serie'; did you mean 'series'?"),
        ("cluster", 20, "recipe 'cluster': its frames stand in night.exposures"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_one_line(name, frames, message):
    with pytest.raises(SettingError) as error:
        named_recipe(name, frames=frames)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_merged_tables_keep_what_is_not_given():
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": 4}) == {
        "a": {"b": 9, "c": 2},
        "d": 3,
        "e": 4,
    }
