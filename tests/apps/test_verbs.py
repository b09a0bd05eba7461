"""Every verb does what its help says, and every error is one line."""

import shutil
import tomllib

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from spoil import LIGHTS, truncate

from pogson.io.tables import read_table


@pytest.fixture(scope="module")
def calibrated(small_night, tmp_path_factory):
    from pogson.pipeline.api import calibrate_night
    from pogson.pipeline.settings import Settings

    out = tmp_path_factory.mktemp("calibrated")
    calibrate_night(small_night, out, settings=Settings())
    return out


# ------------------------------------------------------------------ run


def test_run_prints_a_summary_and_shows_progress_apart(pogson, small_night, tmp_path):
    catalog = small_night / "catalog.csv"
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--catalog", catalog)
    assert answer.code == 0
    assert "4 light, 3 bias, 3 dark, 6 flat; 4 of 4 lights used" in answer.out
    assert "zero point 22." in answer.out
    assert str(tmp_path / "out" / "report.html") in answer.out
    assert "measuring (4)" in answer.err and "measuring" not in answer.out


def test_facts_of_the_user_win_over_the_header_and_say_so(pogson, small_night, tmp_path):
    config = tmp_path / "my.toml"
    config.write_text(
        '[bands]\nsdss_g = "B"\nnone = "V"\n[camera]\ngain = 2.0\nsaturation = 50000.0\n'
        "[site]\nlatitude = 10.0\nlongitude = 20.0\n[judge]\ndrop = ['nobody.fits']\n"
    )
    out = tmp_path / "out"
    answer = pogson("run", small_night, "--out", out, "--config", config, "--quiet")
    assert answer.code == 0
    frames = read_table(out / "frames.ecsv")
    lights = frames[frames["kind"] == "light"]
    assert sorted(set(lights["band"])) == ["B", "r"]
    assert set(lights["gain"]) == {2.0}
    assert all("settings" in source for source in lights["gain_source"])
    assert all("settings" in source for source in lights["saturation_source"])
    assert all("settings" in s for s in lights["band_source"][lights["band"] == "B"])
    assert np.all(lights["airmass"] > 1.1), "computed for the given site"
    assert '[bands] "none": no frame has this filter' in answer.out
    assert "[judge] drop: no light frame is named nobody.fits" in answer.out
    by_name = pogson("run", small_night, "--out", tmp_path / "b", "--set", "bands.g=B", "--quiet")
    assert "\nB       2 frames" in by_name.out, "a band's own name may be given another one"


# ------------------------------------------------------------------ scan


def test_scan_lists_frames_with_their_sources(pogson, small_night, tmp_path):
    answer = pogson("scan", small_night)
    assert answer.code == 0 and answer.err == ""
    assert "IMAGETYP card" in answer.out and "DATE-OBS card" in answer.out
    assert "note: 1 .csv file is not FITS" in answer.out
    table = pogson("scan", small_night, "--out", tmp_path / "frames.csv")
    assert table.code == 0
    assert len(Table.read(tmp_path / "frames.csv")) == 16


def test_scan_names_what_it_cannot_read(pogson, linked_night):
    night = linked_night()
    truncate(night / LIGHTS[0], 5000)
    answer = pogson("scan", night)
    assert answer.code == 3
    assert f"{LIGHTS[0]}: truncated" in answer.line


# ------------------------------------------------------------------ calibrate


def test_calibrate_writes_frames_that_other_programs_read(pogson, small_night, tmp_path):
    out = tmp_path / "out"
    answer = pogson("calibrate", small_night, "--out", out)
    assert answer.code == 0
    assert answer.out.splitlines() == [str(out / n.replace(".fits", "_cal.fits")) for n in LIGHTS]
    with fits.open(out / "cluster_g_0001_cal.fits") as hdus:
        assert {"SCI", "VAR", "MASK"} <= {h.name for h in hdus}
        assert hdus["SCI"].header["BUNIT"] == "electron"
        assert hdus["SCI"].shape == (320, 320)
    assert len(list((out / "masters").glob("*.fits"))) == 4
    again = pogson("calibrate", small_night, "--out", out)
    assert again.code == 2
    assert "cluster_g_0001_cal.fits: exists and is kept; use --overwrite" in again.err
    assert "4 light frames calibrated" in pogson("show", out).out


def test_calibrated_frames_can_be_reduced(pogson, calibrated, small_night, tmp_path):
    catalog = small_night / "catalog.csv"
    answer = pogson("run", calibrated, "--out", tmp_path / "out", "--catalog", catalog, "--quiet")
    assert answer.code == 0
    assert "4 of 4 lights used" in answer.out
    assert "zero point 22." in answer.out


def test_files_of_the_same_name_do_not_overwrite_each_other(pogson, linked_night, tmp_path):
    night = linked_night()
    (night / "more").mkdir()
    shutil.copy(night / LIGHTS[0], night / "more" / LIGHTS[0])
    answer = pogson("calibrate", night, "--out", tmp_path / "out")
    assert answer.code == 0
    assert len(list((tmp_path / "out").glob("*_cal.fits"))) == 5


def test_calibrate_fails_for_single_frames_only(pogson, linked_night, tmp_path):
    night = linked_night()
    truncate(night / LIGHTS[0], 5000)
    answer = pogson("calibrate", night, "--out", tmp_path / "out")
    assert answer.code == 3
    assert f"{LIGHTS[0]}: truncated" in answer.err
    nothing = pogson("calibrate", tmp_path / "out" / "masters", "--out", tmp_path / "b")
    assert nothing.code == 1 and "no light frame" in nothing.line
    assert not (tmp_path / "b").exists()
    assert pogson("calibrate", night, "--out", night).code == 2


# ------------------------------------------------------------------ detect and measure


def test_detect_finds_the_stars_that_are_there(pogson, calibrated, small_night, tmp_path):
    out = tmp_path / "stars.csv"
    assert pogson("detect", calibrated / "cluster_g_0001_cal.fits", "--out", out).code == 0
    found, truth = Table.read(out), Table.read(small_night / "truth" / "stars.ecsv")
    distance = np.hypot(
        np.asarray(found["x"])[:, None] - np.asarray(truth["x"]),
        np.asarray(found["y"])[:, None] - np.asarray(truth["y"]),
    )
    assert np.mean(distance.min(axis=1) < 1.0) > 0.9
    deeper = pogson("detect", calibrated / "cluster_g_0001_cal.fits", "--threshold", "3", "--rows", "3")
    assert deeper.code == 0
    more = int(deeper.out.split("... and ")[1].split()[0])
    assert more + 3 > len(found)


def test_detect_writes_regions_that_count_from_one(pogson, calibrated, tmp_path):
    frame = calibrated / "cluster_g_0001_cal.fits"
    assert pogson("detect", frame, "--out", tmp_path / "stars.reg").code == 0
    assert pogson("detect", frame, "--out", tmp_path / "stars.csv").code == 0
    lines = (tmp_path / "stars.reg").read_text().splitlines()
    assert lines[:2] == ["# Region file format: DS9", "image"]
    stars = Table.read(tmp_path / "stars.csv")
    assert len(lines) == len(stars) + 2
    x, y, radius = (float(v) for v in lines[2][len("circle(") : -1].split(","))
    assert (x, y) == pytest.approx((stars["x"][0] + 1, stars["y"][0] + 1), abs=1e-3)
    assert radius > 2


def test_detect_goes_on_after_a_file_that_is_not_there(pogson, calibrated, tmp_path):
    good = calibrated / "cluster_g_0001_cal.fits"
    some = pogson("detect", tmp_path / "no.fits", good, "--rows", "2")
    assert some.code == 3
    assert "no.fits: cannot be read: no such file" in some.line
    assert "more rows" in some.out
    none = pogson("detect", tmp_path / "no.fits")
    assert none.code == 1 and none.out == ""
    wrong = pogson("detect", good, "--threshold", "-1")
    assert wrong.code == 2 and "threshold must not be negative, got -1.0" in wrong.line


def test_measure_has_every_term_of_the_error(pogson, calibrated, tmp_path):
    frames = sorted(calibrated.glob("*_cal.fits"))[:2]
    answer = pogson("measure", *frames, "--out", tmp_path / "fluxes.parquet")
    assert answer.code == 0
    table = read_table(tmp_path / "fluxes.parquet")
    assert len(set(table["frame"])) == 2
    assert {"flux", "flux_err", "err_source", "err_sky", "err_annulus", "mag", "mag_err"} <= set(
        table.colnames
    )
    wider = pogson("measure", frames[0], "--radius", "2.5", "--rows", "1")
    assert wider.code == 0 and "err_source" in wider.out


def test_measure_at_given_positions(pogson, calibrated, small_night, tmp_path):
    truth = small_night / "truth" / "stars.ecsv"
    frame = calibrated / "cluster_g_0001_cal.fits"
    answer = pogson("measure", frame, "--at", truth, "--out", tmp_path / "fluxes.ecsv")
    assert answer.code == 0
    table, stars = Table.read(tmp_path / "fluxes.ecsv"), Table.read(truth)
    assert len(table) == len(stars)
    assert np.allclose(table["x"], stars["x"])
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    bad = pogson("measure", frame, "--at", tmp_path / "bad.csv")
    assert bad.code == 1 and "bad.csv: has no column x and y" in bad.line


# ------------------------------------------------------------------ standardize


def test_standardize_gives_the_zero_points_of_the_run_again(pogson, small_run, small_night, tmp_path):
    catalog = small_night / "catalog.csv"
    answer = pogson("standardize", small_run, "--catalog", catalog, "--out", tmp_path / "again")
    assert answer.code == 0
    assert "stars matched with" in answer.out
    old, new = (Table.read(f / "zeropoints.ecsv") for f in (small_run, tmp_path / "again"))
    assert list(old["frame"]) == list(new["frame"])
    assert np.all(np.abs(old["zero_point"] - new["zero_point"]) < 0.5 * old["zero_point_err"])
    plain = pogson(
        "standardize", small_run, "--catalog", catalog, "--out", tmp_path / "b", "--color-term", "none"
    )
    assert plain.code == 0
    assert set(Table.read(tmp_path / "b" / "zeropoints.ecsv")["color_term"]) == {0.0}


def test_standardize_refuses_what_is_no_run_and_keeps_the_run(pogson, small_run, small_night, tmp_path):
    catalog = small_night / "catalog.csv"
    itself = pogson("standardize", small_run, "--catalog", catalog, "--out", small_run)
    assert itself.code == 2 and "is the folder of the run itself" in itself.line
    none = pogson("standardize", small_night, "--catalog", catalog, "--out", tmp_path / "out")
    assert none.code == 1 and "holds no run.json" in none.line
    missing = pogson("standardize", small_run, "--catalog", tmp_path / "no.csv", "--out", tmp_path / "out")
    assert missing.code == 1 and "no.csv: no such file" in missing.line
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ show and plot


def test_show_tells_where_each_value_of_a_frame_came_from(pogson, small_night):
    answer = pogson("show", small_night / LIGHTS[0])
    assert answer.code == 0
    assert "FILTER card" in answer.out and "TRIMSEC card" in answer.out
    assert "latitude 37, longitude -3.5" in answer.out
    assert "Site(" not in answer.out


def test_show_reads_tables_catalogues_and_runs(pogson, small_run, small_night, tmp_path):
    assert "mag_g" in pogson("show", small_run / "stars.ecsv", "--rows", "3").out
    assert "flux_err" in pogson("show", small_run / "photometry.parquet", "--rows", "3").out
    assert "P1-00001" in pogson("show", small_night / "catalog.csv", "--rows", "3").out
    run = pogson("show", small_run)
    assert "4 of 4 lights used" in run.out and "with pogson" in run.out
    nothing = pogson("show", small_night)
    assert nothing.code == 1 and "try `pogson scan" in nothing.line
    missing = pogson("show", tmp_path / "no.fits")
    assert missing.code == 1 and "no.fits: cannot be read: no such file" in missing.line
    (tmp_path / "run.json").write_text("{}")
    damaged = pogson("show", tmp_path)
    assert damaged.code == 1 and "run.json: damaged" in damaged.line


def test_plot_draws_frames_and_diagrams(pogson, calibrated, small_run, tmp_path):
    frame = calibrated / "cluster_g_0001_cal.fits"
    assert pogson("plot", frame, "--stars", "--out", tmp_path / "a.png").code == 0
    assert pogson("plot", small_run, "--out", tmp_path / "b.png").code == 0
    answer = pogson("plot", small_run, "--color", "g-r", "--mag", "r", "--out", tmp_path / "c.png")
    assert (answer.code, answer.out.strip()) == (0, str(tmp_path / "c.png"))
    for name in "abc":
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--color", "g-i"), "no band i; bands: g, r"),
        (("--color", "gr"), "'gr' is no colour such as B-V"),
        (("--mag", "V"), "no band V; bands: g, r"),
    ],
)
def test_plot_knows_the_bands(pogson, small_run, tmp_path, words, hint):
    answer = pogson("plot", small_run, "--out", tmp_path / "a.png", *words)
    assert answer.code == 2 and hint in answer.line
    assert not (tmp_path / "a.png").exists()


# ------------------------------------------------------------------ simulate and new


def test_simulate_writes_the_night_of_a_recipe(pogson, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        "[detector]\nnx = 64\nny = 64\n[field]\ncluster_stars = 5\nfield_stars = 5\n"
        '[night]\nexposures = [["g", 10.0, 1]]\n[sky]\ncloudy = []\n'
        "[calibration]\nbias = 1\ndark = 0\nflat = 0\n"
    )
    answer = pogson("simulate", recipe, "--out", tmp_path / "night")
    assert answer.code == 0
    assert "pogson run" in answer.out
    assert len(list((tmp_path / "night").glob("*.fits"))) == 2
    again = pogson("simulate", recipe, "--out", tmp_path / "night")
    assert again.code == 2 and "night: is not empty, and is kept" in again.line


def test_a_wrong_recipe_is_one_line(pogson, tmp_path):
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[detector]\nnxx = 64\n")
    answer = pogson("simulate", recipe, "--out", tmp_path / "night")
    assert answer.code == 2
    assert "bad.toml: the recipe has no setting 'detector.nxx'; did you mean 'nx'?" in answer.line
    missing = pogson("simulate", tmp_path / "no.toml", "--out", tmp_path / "night")
    assert missing.code == 2 and "no.toml: cannot be read" in missing.line
    assert not (tmp_path / "night").exists()


def test_new_writes_a_settings_file_and_keeps_an_old_one(pogson, tmp_path):
    path = tmp_path / "my.toml"
    answer = pogson("new", path)
    assert answer.code == 0 and f"--config {path}" in answer.out
    assert set(tomllib.loads(path.read_text())) >= {"detect", "measure", "camera", "bands"}
    path.write_text("mine")
    kept = pogson("new", path)
    assert kept.code == 2 and "exists and is kept" in kept.line
    assert path.read_text() == "mine"
