"""A recipe that cannot be is refused in one line that names the setting."""

import pytest

from pogson.core.errors import SettingError
from pogson.simulate.recipe import Detector, Exposures, Recipe


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"detector": {"gian": 2.0}}, "no setting 'detector.gian'; did you mean 'gain'?"),
        ({"detectors": {}}, "no setting 'detectors'; did you mean 'detector'?"),
        ({"bands": {"g": {"skye": 21.0}}}, "no setting 'bands.g.skye'; did you mean 'sky'?"),
        ({"detector": {"gain": -1.6}}, "detector.gain must be above 0, got -1.6"),
        ({"detector": {"gain": float("nan")}}, "detector.gain must be above 0, got nan"),
        ({"sky": {"seeing": 0}}, "sky.seeing must be above 0, got 0.0"),
        ({"detector": {"nx": 1024.5}}, "detector.nx must be a whole number, got 1024.5"),
        ({"detector": {"bits": 18}}, "detector.bits must be at least 8 and at most 16, got 18"),
        ({"sky": {"cloudy": ["3"]}}, "sky.cloudy[0] must be a whole number, got '3'"),
        ({"sky": {"cloudy": 3}}, "sky.cloudy must be a list, got 3"),
        ({"site": {"height": "high"}}, "site.height must be a number, got 'high'"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"telescope": 3}, "telescope is a section of the recipe, got 3"),
        ({"night": {"cycles": 0}}, "night.cycles must be at least 1, got 0"),
        ({"night": {"exposures": [["v", 60, 2]]}}, "night.exposures: no band 'v' in bands"),
        ({"night": {"exposures": [["g", 60]]}}, "night.exposures[0] must hold band, exptime, n"),
        ({"night": {"exposures": [["g", -60, 1]]}}, "needs an exptime above 0"),
        ({"night": {"exposures": []}}, "night.exposures: no light frame"),
        ({"sky": {"veils": [[2.0, 1.0, 0.3]]}}, "sky.veils[0]: (2.0, 1.0, 0.3) must end after it begins"),
        ({"sky": {"veils": [[2.0, 1.0]]}}, "sky.veils[0] must hold begin, end, mags"),
        ({"telescope": {"profile": "moffet"}}, "telescope.profile must be one of 'moffat', 'gaussian'"),
        ({"detector": {"bayer": "RGBG"}}, "detector.bayer must be one of '', 'RGGB'"),
        ({"detector": {"bayer": "RGGB"}}, "night.exposures: a colour mosaic exposes TR, TG, TB at once"),
        (
            {"field": {"variables": [{"kind": "transit", "ratio": 0.1, "distance": 1.05}]}},
            "field.variables[0].distance must be above 1 + ratio = 1.1, got 1.05",
        ),
        ({"calibration": {"flat_level": 70000}}, "calibration.flat_level: 70000 ADU is above"),
    ],
)
def test_an_impossible_setting_is_named_in_one_line(given, message):
    with pytest.raises(SettingError) as error:
        Recipe.from_dict(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_section_made_by_hand_is_checked_too():
    with pytest.raises(SettingError, match="detector.read_noise must be at least 0, got -8.0"):
        Detector(read_noise=-8.0)


def test_a_toml_text_changes_what_it_names_and_nothing_else():
    text = """
    name = "pair"
    [detector]
    gain = 2
    [bands.V]
    zero_point = 23.1
    [night]
    exposures = [["V", 30, 3]]
    """
    recipe = Recipe.from_toml(text)
    assert recipe.detector == Detector(gain=2.0)
    assert recipe.night.exposures == (Exposures("V", 30.0, 3),)
    assert recipe.bands["V"].zero_point == 23.1
    assert recipe.bands["g"] == Recipe().bands["g"]
    assert recipe.exposed == ("V",)


def test_a_broken_toml_text_says_where():
    with pytest.raises(SettingError, match="the recipe is not TOML: .*line 1"):
        Recipe.from_toml("[detector\ngain=1")
