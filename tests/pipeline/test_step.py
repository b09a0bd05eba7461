"""A step's settings are its function's keyword-only arguments."""

from typing import Annotated

import pytest

from pogson.core.errors import SettingError
from pogson.core.units import Pixels
from pogson.pipeline.step import Setting, Step, nearest, parameter_docs
from pogson.pipeline.steps import STEPS


def smooth(
    image: float,
    *,
    width: Annotated[float, "px"] = 2.0,
    radii: tuple[Pixels, ...] = (),
    n: int = 3,
    quick: bool = False,
    method: str = "mean",
    inside: float = 0.0,
) -> float:
    """Smooth an image.

    Parameters
    ----------
    image : float
        Not a setting.
    width, n : float
        How wide,
        in all directions.
    method : str
        Mean or median.

    Returns
    -------
    float
    """
    return image


@pytest.fixture
def step():
    return Step("smooth", f"{__name__}:smooth", ("inside",))


def test_settings_are_read_from_the_signature(step):
    assert list(step.settings) == ["width", "radii", "n", "quick", "method"]
    assert step.settings["width"] == Setting("width", float, "px", 2.0, "How wide, in all directions.")
    assert step.settings["radii"].many and step.settings["radii"].unit == "px"
    assert step.summary == "Smooth an image."


def test_values_get_the_type_of_their_setting(step):
    given = {"width": 3, "radii": [1, 2.5], "n": 4, "quick": True, "method": "median"}
    assert step.check(given) == {**given, "radii": (1.0, 2.5)}
    assert isinstance(step.check(given)["width"], float)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"widht": 3.0}, "[smooth] has no setting 'widht'; did you mean 'width'?"),
        ({"zzz": 3.0}, "has no setting 'zzz'; there is width, radii, n, quick, method"),
        ({"inside": 3.0}, "has no setting 'inside'"),
        ({"width": "3"}, "[smooth] width must be a number, got '3'"),
        ({"n": 3.5}, "n must be a whole number, got 3.5"),
        ({"n": True}, "n must be a whole number, got True"),
        ({"quick": 1}, "quick must be true or false, got 1"),
        ({"width": -1.0}, "[smooth] width must not be negative, got -1.0"),
        ({"n": -1}, "[smooth] n must not be negative, got -1"),
        ({"radii": [1.0, -2.0]}, "[smooth] radii must not be negative, got -2.0"),
        ({"radii": 3.0}, "radii must be a list of"),
        ({"radii": ["a"]}, "radii must be a number, got 'a'"),
    ],
)
def test_a_wrong_setting_is_named(step, given, words):
    with pytest.raises(SettingError) as error:
        step.check(given)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("width", " 2.5", 2.5),
        ("width", "nan", None),
        ("radii", "1,2", (1.0, 2.0)),
        ("radii", "", ()),
        ("quick", "yes", True),
        ("quick", "FALSE", False),
        ("method", "median", "median"),
    ],
)
def test_words_of_the_command_line_are_read(step, name, text, value):
    found = step.settings[name].parse(text, name)
    assert found == value or (value is None and found != found)


@pytest.mark.parametrize(("name", "text"), [("width", "wide"), ("n", "1.5"), ("quick", "maybe")])
def test_words_that_are_no_value_are_refused(step, name, text):
    with pytest.raises(SettingError, match=f"--{name} must be .*got '{text}'"):
        step.settings[name].parse(text, f"--{name}")


def test_every_setting_of_the_pipeline_has_a_type_a_default_and_a_description():
    for step in STEPS.values():
        assert step.summary.endswith(".")
        for setting in step.settings.values():
            assert setting.type in (int, float, str, bool), (step.name, setting)
            assert setting.about, f"[{step.name}] {setting.name} is not described in the docstring"
            assert setting.check(setting.default, setting.name) == setting.default or setting.default != (
                setting.default
            )


def test_the_nearest_word_is_offered_or_all():
    assert nearest("thresold", ["threshold", "fwhm"]) == "; did you mean 'threshold'?"
    assert nearest("q", ["threshold", "fwhm"]) == "; there is threshold, fwhm"


def test_parameters_are_read_from_a_docstring():
    assert parameter_docs("No parameters.") == {}
    assert parameter_docs(smooth.__doc__.replace("\n    ", "\n"))["n"] == "How wide, in all directions."
