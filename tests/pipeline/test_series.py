"""Light curves of a series come with the run: variables found, the target told by its place."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from pogson.core.errors import SettingError
from pogson.core.transform import Transform
from pogson.io.tables import read_table
from pogson.pipeline import reduce
from pogson.pipeline.run import run
from pogson.pipeline.series import brightest_stars, find_target, read_target
from pogson.pipeline.simulated import write_night
from pogson.simulate.recipes import named_recipe
from pogson.steps.match.field import MatchFailure


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "night"
    write_night(named_recipe("series", frames=48, size=(320, 320)), folder)
    return folder


@pytest.fixture(scope="module")
def place(night):
    """x, y in the earliest frame of the variable with the largest amplitude."""
    stars = read_table(night / "truth" / "stars.ecsv")
    bright = stars[np.asarray(stars["variable"]) & (np.asarray(stars["mag_r"]) < 15.5)]
    return float(bright["x"][0]), float(bright["y"][0])


@pytest.fixture(scope="module")
def out(night, place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("products") / "out"
    run(night, out=folder, target=f"{place[0]:.1f},{place[1]:.1f}", memory=0.004, workers=2)
    return folder


def test_the_products_of_a_series_hold_every_star_and_frame(out):
    curves = read_table(out / "lightcurves.parquet")
    variability = read_table(out / "variability.ecsv")
    assert {"star", "frame", "bjd_tdb", "mag", "mag_err", "flags"} <= set(curves.colnames)
    names = {"star", "role", "rank", "mag", "rms", "expected_rms", "global_noise", "local_noise", "quality"}
    assert names | {"period", "fap"} <= set(variability.colnames)
    frames = len(set(curves["frame"]))
    assert frames >= 40
    assert len(curves) == frames * len(variability)


def test_a_frame_is_told_by_the_same_numbers_whether_the_field_was_made_of_it_or_was_known(
    night, out, tmp_path, monkeypatch
):
    """Light frames beyond the first forty are not searched as deeply."""
    monkeypatch.setattr(reduce, "SURVEY", 12)
    run(night, out=tmp_path / "out", workers=2)
    forty, twelve = (read_table(folder / "frames.ecsv") for folder in (out, tmp_path / "out"))
    light = np.asarray(forty["kind"]) == "light"
    for name in ("n_stars", "sky", "noise", "minimum", "maximum", "uniformity", "saturated"):
        assert forty[name][light].tolist() == twelve[name][light].tolist(), name
    for name, allowed in (("fwhm", 0.03), ("elongation", 0.03), ("dynamic_range", 0.001)):
        off = np.asarray(twelve[name][light] / forty[name][light]) - 1.0
        assert np.nanpercentile(np.abs(off), 90) < allowed, name
    assert forty["reason_codes"][light].tolist() == twelve["reason_codes"][light].tolist()


def test_the_report_lists_target_check_and_first_variables(out):
    page = (out / "report.html").read_text()
    part = page[page.index('id="light-curves"') :]
    table = part[part.index("<table") : part.index("</table>")]
    assert table.count("<tr") >= 5
    for word in ("target", "check", "period", "excess"):
        assert word in table


def test_the_periods_of_the_variables_come_with_what_they_may_be_mistaken_for(out):
    periods = read_table(out / "periods.ecsv")
    variability = read_table(out / "variability.ecsv")
    first = periods[(periods["kind"] == "best") | (periods["kind"] == "longer than")]
    assert len(first) >= 2
    assert (first["fap"] < 0.01).all()
    assert "half the period" in periods["kind"]
    given = {int(r["star"]): float(r["period"]) for r in variability if np.isfinite(r["period"])}
    assert given == {int(r["star"]): float(r["period"]) for r in first if r["kind"] == "best"}


def test_the_variables_stand_out_and_are_no_comparison_stars(night, out):
    variability = read_table(out / "variability.ecsv")
    stars = read_table(out / "stars.ecsv")
    truth = read_table(night / "truth" / "stars.ecsv")
    first = variability[np.argsort(np.where(variability["rank"] > 0, variability["rank"], 9999))][:3]
    at = {int(i): (x, y) for i, x, y in zip(stars["id"], stars["x"], stars["y"], strict=True)}
    frames = read_table(out / "frames.ecsv")
    light = frames[np.asarray(frames["kind"], str) == "light"]
    early = light[np.argmin(light["jd_utc"])]
    # the truth is in the earliest frame's pixels, and the reference may lie beyond the meridian flip
    tree = cKDTree(np.column_stack([truth["x"], truth["y"]]))
    turn = np.radians(early["rotation"])
    matrix = early["scale"] * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for star in first["star"]:
        distance, row = tree.query(matrix @ at[int(star)] + [early["dx"], early["dy"]])
        assert distance < 1.0
        assert truth["variable"][row]
    assert not np.isin(first["role"], ["comparison"]).any()


def test_the_report_tells_the_red_noise_of_the_night(out):
    page = (out / "report.html").read_text()
    assert "Red noise of the light curves" in page
    assert "has beta times the error" in page


def test_the_target_is_told_by_its_place(out):
    variability = read_table(out / "variability.ecsv")
    assert np.sum(np.asarray(variability["role"], str) == "target") == 1
    assert np.sum(np.asarray(variability["role"], str) == "check") == 1


def test_a_cluster_recipe_makes_no_light_curves(small_run):
    assert not (small_run / "lightcurves.parquet").exists()


@pytest.mark.parametrize(
    ("text", "first", "second", "sky"),
    [
        ("424,286", 424.0, 286.0, False),
        (" 10.5 , 20 ", 10.5, 20.0, False),
        ("150.25 -12.5", 150.25, -12.5, True),
        ("02:04:10.3 +46:41:16", 31.0429, 46.6878, True),
        ("2 4 10.3 46 41 16", 31.0429, 46.6878, True),
    ],
)
def test_a_target_is_read_as_people_write_it(text, first, second, sky):
    target = read_target(text)
    assert target.first == pytest.approx(first, abs=1e-3)
    assert target.second == pytest.approx(second, abs=1e-3)
    assert target.sky is sky


@pytest.mark.parametrize("text", ["", "HAT-P-32", "1;2", "12", "400 100 7"])
def test_a_target_that_cannot_be_read_is_said_in_one_line(text):
    with pytest.raises(SettingError, match=r"neither \"x,y\" nor \"RA DEC\""):
        read_target(text)


def test_a_target_where_no_star_is_gets_a_note_and_the_rest_goes_on(out):
    stars = read_table(out / "stars.ecsv")
    here = Transform.identity()
    star, note = find_target(read_target("5000,5000"), stars, here)
    assert (star, note) == (0, "no target: no star of the field is at 5000, 5000")
    star, note = find_target(read_target("150.0 20.0"), stars, here)
    assert star == 0
    assert "--target x,y" in note
    star, note = find_target(read_target("50,50"), stars, MatchFailure("few stars"))
    assert star == 0
    assert "few stars" in note


def test_only_the_brightest_stars_and_the_target_are_kept_on_request(out):
    stars = read_table(out / "stars.ecsv")
    last = int(stars["id"][-1])
    cut = brightest_stars(stars, 10, last)
    assert list(cut["id"]) == [*stars["id"][:10], last]
    assert brightest_stars(stars, 0, 0) is stars
