"""A target's light curve, from simulated pixels to the files that are handed on."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.core.flags import Star
from pogson.core.transform import Transform
from pogson.io.aavso_exoplanet import validate_aavso_exoplanet
from pogson.io.aavso_extended import validate_aavso_extended
from pogson.io.astroimagej import validate_astroimagej
from pogson.io.exports import validate_columns, validate_lightkurve
from pogson.io.tables import read_table
from pogson.pipeline.series import find_target, read_target
from pogson.pipeline.settings import Settings
from pogson.pipeline.simulated import write_night
from pogson.pipeline.target import read_wishes
from pogson.simulate.recipes import merged, named_recipe
from pogson.steps.timeseries.transit import Transit

BINARY = {
    "kind": "eclipsing", "impact": 0.1, "mag": 12.0, "period": 30.0, "epoch": 1.9, "ratio": 0.8,
    "distance": 5.0, "surface": 0.3,
}  # fmt: skip
NAMES = ("--set", "target.observer=XYZ", "--set", "target.star=A star")


def simulate(folder, seed, variable=None):
    """A night of a star with a planet, or of another variable; and the place of it."""
    recipe = named_recipe("transit", frames=40, size=(240, 240))
    field = {"variables": [variable]} if variable else {}
    write_night(merged(recipe, {"seed": seed, "field": field}), folder)
    stars = read_table(folder / "truth" / "stars.ecsv")
    star = stars[np.asarray(stars["variable"])][0]
    return f"{star['x']:.1f},{star['y']:.1f}"


@pytest.fixture(scope="module")
def transit(tmp_path_factory):
    night = tmp_path_factory.mktemp("transit") / "night"
    return night, simulate(night, 3)


@pytest.fixture(scope="module")
def eclipse(tmp_path_factory):
    night = tmp_path_factory.mktemp("eclipse") / "night"
    return night, simulate(night, 2, BINARY)


def found(out):
    """Value and error by quantity; the first where there are two."""
    rows = read_table(out / "target" / "results.ecsv")[::-1]
    return {str(row["quantity"]): (float(row["value"]), float(row["error"])) for row in rows}


def epoch_of(night):
    return read_table(night / "truth" / "variables.ecsv")


def test_a_transit_comes_back_from_the_pixels_and_every_file_keeps_its_rules(pogson, transit, tmp_path):
    night, place = transit
    out = tmp_path / "out"
    words = (*NAMES, "--set", "target.planet=A star b")
    answer = pogson("run", night, "--out", out, "--recipe", "series", "--target", place, "--quiet", *words)
    assert answer.code == 0, answer.err
    truth = epoch_of(night)[0]
    known = Transit(truth["epoch_bjd_tdb"], 0.13, 0.2, 0.0, truth["period"], truth["u1"], truth["u2"])
    duration = 24.0 * truth["period"] / np.pi * np.arcsin(np.sqrt((1.13**2 - 0.04) / (8.5**2 - 0.04)))
    true = {
        "mid_time": known.time,
        "duration": duration,
        "depth": 100.0 * Transit(0.0, 0.13, 0.2, duration / 24, truth["period"], 0.35, 0.25).depth,
        "radius_ratio": 0.13,
    }
    results = found(out)
    for name, value in true.items():
        assert abs(results[name][0] - value) < 2.5 * results[name][1], name
    folder = out / "target"
    assert validate_aavso_exoplanet((folder / "aavso_exoplanet.txt").read_text()) == []
    assert validate_astroimagej((folder / "astroimagej.tbl").read_text()) == []
    assert validate_columns((folder / "exoclock.txt").read_text()) == []
    assert validate_columns((folder / "etd.txt").read_text()) == []
    assert validate_lightkurve(folder / "lightcurve.fits") == []
    curve = Table.read(folder / "lightcurve.csv")
    assert len(curve) == 40
    wanted = {"bjd_tdb", "jd_utc", "airmass", "flux", "flux_err", "detrended_flux", "check_mag", "model"}
    assert wanted <= set(curve.colnames)
    assert (out / "plots" / "lightcurve_target.png").exists()
    assert "transit: mid-time" in answer.out
    assert "assumed period 3" in answer.out


def test_an_eclipse_gives_its_minimum_and_names_what_the_reports_lack(pogson, eclipse, tmp_path):
    night, place = eclipse
    out = tmp_path / "out"
    answer = pogson("run", night, "--out", out, "--recipe", "series", "--target", place, "--quiet")
    assert answer.code == 0, answer.err
    time, error = found(out)["minimum_time"]
    assert abs(time - epoch_of(night)["epoch_bjd_tdb"][0]) < 2.5 * error
    assert "no target/aavso_extended.txt: give [target] observer, --catalog" in answer.out
    assert not (out / "target" / "aavso_extended.txt").exists()
    assert not (out / "target" / "exoclock.txt").exists()
    catalog = ("--catalog", night / "catalog.csv")
    out = tmp_path / "standard"
    answer = pogson(
        "run", night, "--out", out, "--recipe", "series", "--target", place, "--quiet", *catalog, *NAMES,
        "--set", "detrend.method=linear",
    )  # fmt: skip
    text = (out / "target" / "aavso_extended.txt").read_text()
    assert validate_aavso_extended(text) == []
    first = next(line for line in text.splitlines() if line.startswith("A star,"))
    stars = read_table(night / "truth" / "stars.ecsv")
    true = float(stars["mag_r"][np.asarray(stars["variable"])][0])
    assert float(first.split(",")[2]) == pytest.approx(true, abs=0.05), "out of eclipse"
    assert "mag_detrended" in read_table(out / "lightcurves.parquet").colnames


def test_a_target_outside_the_field_and_few_comparison_stars_are_said_and_the_rest_goes_on(
    pogson, transit, tmp_path
):
    night, place = transit
    out = tmp_path / "out"
    answer = pogson("run", night, "--out", out, "--recipe", "series", "--target", "999,999", "--quiet")
    assert answer.code == 0
    assert "no target: no star of the field is at 999, 999" in answer.out
    assert (out / "lightcurves.parquet").exists()
    assert not (out / "target").exists()
    out = tmp_path / "few"
    words = ("--recipe", "series", "--target", place, "--stars", 3, "--quiet")
    answer = pogson("run", night, "--out", out, *words)
    assert answer.code == 0
    assert "comparison stars in r: one that varies would not be noticed" in answer.out


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("target.model=planet", "no model 'planet' of a target; use one of: auto, none, transit, minimum"),
        ("target.modle=none", "[target] has no setting 'modle'; did you mean 'model'?"),
        ("target.period=-2", "[target] period must be above 0"),
        ("target.impact=2", "[target] impact must be from 0 to 1"),
        ("target.u1=1.5", "[target] u1 and u2: no star is darkened by 1.5 and 0.25"),
        ("detrend.method=gp", "no method 'gp' to detrend; use one of: none, linear, sysrem"),
        ("detrend.terms=moon", "cannot detrend by 'moon'"),
    ],
)
def test_a_wrong_wish_is_one_line_before_anything_is_done(pogson, transit, tmp_path, word, said):
    answer = pogson("run", transit[0], "--out", tmp_path / "out", "--target", "5,5", "--set", word)
    assert answer.code == 2
    assert said in answer.line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", [Star.SATURATED, Star.BLENDED, Star.EDGE])
def test_a_target_in_doubt_is_named_with_its_doubt(flag):
    field = Table({"id": [7], "x": [50.0], "y": [60.0], "flags": [int(flag)]})
    star, note = find_target(read_target("50,60"), field, Transform.identity())
    assert star == 7
    assert f"the target, star 7, is flagged: {flag.name.lower()}" in note


def test_wishes_are_the_defaults_where_nothing_is_said():
    assert read_wishes(Settings()).model == "auto"
    with pytest.raises(SettingError, match="no model"):
        read_wishes(Settings({"target": {"model": "x"}}))
