"""Settings: files and words of the command line, checked before anything is touched."""

import re

import pytest

from pogson.core.errors import SettingError
from pogson.pipeline.settings import check_settings, default_toml, merge_words, read_settings, read_toml
from pogson.pipeline.steps import STEPS


def test_every_line_of_the_written_file_is_accepted_when_it_is_taken_in(tmp_path):
    lines = default_toml().splitlines()
    taken = [re.sub(r'^# (?=[\w"][\w "]* = )', "", line) for line in lines]
    assert sum(a != b for a, b in zip(lines, taken, strict=True)) > 40
    path = tmp_path / "pogson.toml"
    path.write_text("\n".join(taken))
    settings = read_settings(str(path))
    for name, step in STEPS.items():
        assert set(settings.of(name)) == set(step.settings)
        for setting in step.settings.values():
            value = settings.of(name)[setting.name]
            assert value == setting.default or value != value
    assert settings.facts["camera"]["gain"] == 1.5
    assert settings.facts["bands"] == {"Luminance Pro": "L"}
    assert settings.catalog_columns == {"mag_V": "my V", "mag_V_err": "my sigma V"}


def test_the_written_file_as_it_is_changes_nothing(tmp_path):
    (tmp_path / "pogson.toml").write_text(default_toml())
    settings = read_settings(str(tmp_path / "pogson.toml"))
    assert all(not values for values in (*settings.steps.values(), *settings.facts.values()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[detekt]\nthreshold = 4", "there is no section [detekt]; did you mean 'detect'?"),
        ("[detect]\ntreshold = 4", "[detect] has no setting 'treshold'; did you mean 'threshold'?"),
        ("[detect]\nthreshold = 'four'", "[detect] threshold must be a number, got 'four'"),
        ("detect = 3", "[detect] must be a section of settings, got 3"),
        ("[camera]\ngian = 2", "[camera] has no setting 'gian'; did you mean 'gain'?"),
        ("[camera]\ngain = -1.0", "[camera] gain must be a number above 0, got -1.0"),
        ("[camera]\ngain = nan", "[camera] gain must be a number above 0, got nan"),
        ("[camera]\nbayer = 'XYZ'", "[camera] bayer must be one of RGGB"),
        ("[site]\nlatitude = 100.0", "[site] latitude must be from -90 to 90, got 100.0"),
        ("[time]\nreference = 'noon'", "[time] reference must be one of start, mid, end, got 'noon'"),
        ("[bands]\nLum = 3", '[bands] "Lum" must be the name of a band, got 3'),
        ("[catalog]\ncolumn = {}", "[catalog] has no setting 'column'; did you mean 'columns'?"),
        ("[catalog.columns]\nrra = 'x'", "[catalog.columns] has no setting 'rra'; did you mean 'ra'?"),
        ("[catalog.columns]\nra = 3", "[catalog.columns] ra must be a text, got 3"),
        ("[detect", "not valid TOML"),
    ],
)
def test_a_wrong_line_is_named_with_its_file(tmp_path, text, words):
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(SettingError) as error:
        read_toml(str(path))
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_wrong_use(tmp_path):
    with pytest.raises(SettingError, match="no such file"):
        read_toml(str(tmp_path / "no.toml"))


def test_words_of_the_command_line_win_over_the_file():
    given = {"detect": {"threshold": 4.0, "box": 32.0}}
    words = ("detect.threshold=6", "camera.gain=1.5", "bands.Lum=L", "catalog.columns.mag_V=my V")
    settings = check_settings(merge_words(given, words))
    assert settings.of("detect") == {"threshold": 6.0, "box": 32.0}
    assert settings.facts == {"camera": {"gain": 1.5}, "bands": {"Lum": "L"}}
    assert settings.catalog_columns == {"mag_V": "my V"}
    assert given["detect"]["threshold"] == 4.0


@pytest.mark.parametrize("word", ["detect", "detect=3", "threshold=3"])
def test_a_word_that_is_no_setting_is_explained(word):
    with pytest.raises(SettingError, match="--set wants section.name=value"):
        merge_words({}, (word,))
