"""A simulated night on disk: frames, a catalogue, and the truth."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.io.tables import read_table
from pogson.pipeline.simulated import write_night

TINY = {
    "detector": {"nx": 64, "ny": 64},
    "field": {"cluster_stars": 0, "field_stars": 30},
    "night": {"exposures": [["r", 30.0, 3]]},
    "calibration": {"bias": 1, "dark": 1, "flat": 1},
}


def test_what_varies_has_its_truth_beside_the_frames(tmp_path):
    varying = TINY["field"] | {"variables": [{"star": 5, "kind": "rrlyrae"}]}
    made = write_night(TINY | {"field": varying}, tmp_path / "n", workers=1)
    curves = read_table(tmp_path / "n" / "truth" / "light_curves.ecsv")
    assert curves.colnames == ["star", "frame", "band", "jd_utc", "bjd_tdb", "mag"]
    assert list(curves["star"]) == [5, 5, 5]
    np.testing.assert_allclose(curves["mag"], made.light_curves["mag"])
    assert read_table(tmp_path / "n" / "truth" / "variables.ecsv")["kind"][0] == "rrlyrae"
    assert list(read_table(tmp_path / "n" / "truth" / "frames.ecsv")["name"]) == made.names


def test_a_night_without_variables_has_no_light_curves(tmp_path):
    write_night(TINY, tmp_path / "n", workers=1)
    assert sorted(p.name for p in (tmp_path / "n" / "truth").iterdir()) == ["frames.ecsv", "stars.ecsv"]


def test_stars_may_come_from_a_file(tmp_path):
    Table({"x": [20.0, 40.0], "y": [30.0, 50.0], "mag_r": [12.0, 13.0]}).write(tmp_path / "mine.csv")
    table = {"table": str(tmp_path / "mine.csv")}
    made = write_night(TINY | {"field": table}, tmp_path / "n", workers=1)
    assert list(made.stars["x"]) == [20.0, 40.0]
    assert list(read_table(tmp_path / "n" / "truth" / "stars.ecsv")["mag_r"]) == [12.0, 13.0]


def test_a_folder_with_something_in_it_is_kept(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(SettingError, match="is not empty, and is kept"):
        write_night(TINY, tmp_path)


def test_a_recipe_is_printed_and_used_by_name(pogson, tmp_path):
    printed = pogson("simulate", "transit", "--print", "--frames", 12, "--size", "64x48")
    assert printed.code == 0 and 'exposures = [["r", 60.0, 12]]' in printed.out
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[night]\ndialect = 'siril'\n")
    answer = pogson(
        "simulate", recipe, "--recipe", "transit", "--frames", 4, "--size", "96x96", "--out", tmp_path / "n"
    )
    assert answer.code == 0, answer.err
    assert "19 frames of 15 stars" in answer.out
    assert b"Siril" in (tmp_path / "n" / "transit_r_0001.fits").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "sereis", "--out", "n"], "there is no recipe 'sereis'; did you mean 'series'?"),
        (["--size", "256", "--out", "n"], "--size must be like 256x256 (columns x rows), got '256'"),
        ([], "--out is missing"),
        (["--frames", "7", "--out", "n"], "recipe 'cluster': its frames stand in night.exposures"),
    ],
)
def test_a_call_that_cannot_be_is_refused_in_one_line(pogson, arguments, message):
    answer = pogson("simulate", *arguments)
    assert answer.code == 2 and message in answer.line
