"""Whatever a user hands in: one line that says what is wrong and what to do, and the right exit code."""

import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from spoil import LIGHTS, edit_header, edit_pixels, own, truncate

from pogson.io.tables import read_table


def reasons(out):
    frames = read_table(out / "frames.ecsv")
    return {str(row["path"]).rsplit("/", 1)[-1]: str(row["reasons"]) for row in frames if not row["accepted"]}


def noise(pixels):
    return np.random.default_rng(1).normal(1200, 20, pixels.shape)


# ------------------------------------------------------------------ nights that are none


def test_an_empty_folder_is_one_line_and_leaves_nothing_behind(pogson, tmp_path):
    (tmp_path / "night").mkdir()
    answer = pogson("run", tmp_path / "night", "--out", tmp_path / "out")
    assert answer.code == 1
    assert "night: holds no FITS image" in answer.line
    assert not (tmp_path / "out").exists()


def test_a_folder_of_jpegs_is_told_what_to_export(pogson, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8")
    answer = pogson("run", tmp_path, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "1 .jpg file is not FITS: export raw frames as FITS" in answer.line


def test_a_night_without_lights_says_what_was_found(pogson, linked_night, tmp_path):
    night = linked_night(keep=lambda name: not name.startswith("cluster"))
    answer = pogson("run", night, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "no light frame among 12 images (found: bias, dark, flat)" in answer.line
    assert "IMAGETYP" in answer.line
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_and_a_file_are_told_apart(pogson, small_night, tmp_path):
    missing = pogson("run", tmp_path / "no", "--out", tmp_path / "out")
    assert missing.code == 1 and "no: there is no such folder" in missing.line
    file = pogson("run", small_night / LIGHTS[0], "--out", tmp_path / "out")
    assert file.code == 1 and "is a file, not a folder" in file.line


def test_frames_that_are_all_cut_short_name_the_first(pogson, linked_night, tmp_path):
    night = linked_night(keep=lambda name: name.startswith("cluster"))
    for name in LIGHTS:
        truncate(night / name, 50_000)
    answer = pogson("run", night, "--out", tmp_path / "out")
    assert answer.code == 1
    assert f"{LIGHTS[0]}: truncated" in answer.line
    assert not (tmp_path / "out").exists()


def test_a_night_of_noise_is_one_line_and_leaves_nothing_behind(pogson, linked_night, tmp_path):
    night = linked_night()
    for name in LIGHTS:
        edit_pixels(night / name, noise)
    answer = pogson("run", night, "--out", tmp_path / "a" / "out", "--quiet")
    assert answer.code == 1
    assert "lower [detect] threshold" in answer.line
    assert not (tmp_path / "a").exists()


# ------------------------------------------------------------------ bad frames among good ones


def test_damaged_files_fail_alone(pogson, linked_night, tmp_path):
    night = linked_night()
    truncate(night / LIGHTS[1], 100_000)
    truncate(night / "flat_g_001.fits", 100_000)
    truncate(night / "bias_001.fits", 0)
    (night / "garbage.fits").write_bytes(b"\0garbage" * 1000)
    (night / "notes.txt").write_text("clear")
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 3
    failed = [line for line in answer.out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 4
    assert sum("truncated: " in line and "copy it again" in line for line in failed) == 2
    assert any("bias_001.fits: is empty" in line for line in failed)
    assert any("garbage.fits: is not a FITS file" in line for line in failed)
    assert "3 light, 2 bias, 3 dark, 5 flat; 3 of 3 lights used" in answer.out
    assert set(reasons(tmp_path / "out")) == {LIGHTS[1], "flat_g_001.fits", "bias_001.fits", "garbage.fits"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_fails_alone(pogson, linked_night, tmp_path):
    night = linked_night()
    own(night / LIGHTS[1]).chmod(0)
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 3
    assert f"{LIGHTS[1]}: cannot be read: permission denied" in answer.out


def test_frames_of_noise_zeros_and_no_exposure_time_are_named_and_the_rest_is_reduced(
    pogson, linked_night, tmp_path
):
    night = linked_night()
    edit_pixels(night / LIGHTS[1], noise)
    edit_header(night / LIGHTS[2], EXPTIME=None, EXPOSURE=None)
    shutil.copy(night / LIGHTS[0], night / "black.fits")
    edit_pixels(night / "black.fits", lambda pixels: 0 * pixels)
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 3
    assert "2 of 5 lights used" in answer.out
    assert answer.out.count(LIGHTS[2]) == 1, "a failure is told once"
    found = reasons(tmp_path / "out")
    assert set(found) == {LIGHTS[1], LIGHTS[2], "black.fits"}
    assert "exposure time unknown" in found[LIGHTS[2]]
    assert found[LIGHTS[1]] and found["black.fits"]


def test_a_frame_of_another_field_is_rejected_even_if_it_has_the_most_stars(pogson, linked_night, tmp_path):
    night = linked_night()

    def crowd(pixels):
        dice = np.random.default_rng(5)
        y, x = np.mgrid[-8:9, -8:9]
        star = 9000 * np.exp(-(x**2 + y**2) / 3.0)
        out = 1100 + dice.normal(0, 15, pixels.shape)
        for row, column in dice.integers(10, 300, (260, 2)):
            out[row - 8 : row + 9, column - 8 : column + 9] += star * dice.uniform(0.05, 1)
        return np.clip(out, 0, 65535)

    edit_pixels(night / LIGHTS[1], crowd)
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 3
    assert "3 of 4 lights used" in answer.out
    assert "do not match the reference frame" in reasons(tmp_path / "out")[LIGHTS[1]]


def test_frames_without_time_of_two_nights_and_two_sizes_are_noticed(pogson, linked_night, tmp_path):
    night = linked_night()
    edit_header(night / LIGHTS[0], DATE_OBS=None, JD=None)
    edit_header(night / LIGHTS[2], DATE_OBS="2024-06-14T23:43:00", JD=None)
    edit_pixels(night / LIGHTS[3], lambda pixels: pixels[:240, :250])
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0
    assert "4 of 4 lights used" in answer.out
    assert "no time of observation" in answer.out
    assert "light frames of 2 nights in one folder" in answer.out
    assert "2 sizes in one folder: 250 x 240, 320 x 320" in answer.out


def test_saturated_stars_are_flagged_and_the_night_is_reduced(pogson, linked_night, tmp_path):
    night = linked_night()
    for name in LIGHTS:
        edit_pixels(night / name, lambda pixels: np.where(pixels > 1400, 65535, pixels))
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0
    stars = read_table(tmp_path / "out" / "stars.ecsv")
    assert np.sum(np.asarray(stars["flags"], int) > 0) > 20


# ------------------------------------------------------------------ catalogues


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "holds no rows"),
        (bytes(range(256)) * 20, "is not a text table"),
        (b"hello world\nthis is no catalogue\n", "cells"),
        (b"id,g,g_err\na,12.0,0.01\n", "no column for ra"),
        (b"id,ra,dec\na,270.0,38.0\n", "no magnitude column"),
    ],
)
def test_a_catalogue_that_is_none_is_one_line(pogson, small_night, tmp_path, content, words):
    path = tmp_path / "stars.csv"
    if content is not None:
        path.write_bytes(content)
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--catalog", path)
    assert answer.code == 1
    assert f"{path}: " in answer.line and words in answer.line
    assert not (tmp_path / "out").exists()


def test_a_catalogue_without_the_band_leaves_its_magnitudes_instrumental_and_says_so(
    pogson, small_night, tmp_path
):
    catalog = Table.read(small_night / "catalog.csv")
    catalog.remove_columns(["r", "r_err"])
    catalog.write(tmp_path / "g.csv")
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--catalog", tmp_path / "g.csv", "--quiet")
    assert answer.code == 0
    assert "the catalogue has no r: its magnitudes are instrumental" in answer.out
    stars = read_table(tmp_path / "out" / "stars.ecsv")
    assert np.isfinite(stars["mag_g"]).any()
    assert not np.isfinite(stars["mag_r"]).any()


def test_a_catalogue_of_another_field_is_not_believed(pogson, small_night, tmp_path):
    catalog = Table.read(small_night / "catalog.csv")
    catalog["ra"] += 40.0
    catalog.write(tmp_path / "away.csv")
    answer = pogson(
        "run", small_night, "--out", tmp_path / "out", "--catalog", tmp_path / "away.csv", "--quiet"
    )
    assert answer.code == 0
    assert "no plate solution" in answer.out
    assert "give --catalog" not in answer.out
    assert not np.isfinite(read_table(tmp_path / "out" / "stars.ecsv")["mag_g"]).any()


# ------------------------------------------------------------------ what else a night may hold


def test_a_night_of_which_no_frame_is_accepted_says_why(pogson, small_night, tmp_path):
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet", "--set", "judge.min_stars=9999")
    assert answer.code == 1
    assert "none of 4 light frames was accepted (few stars: " in answer.line
    assert "[judge]" in answer.line
    assert not (tmp_path / "out").exists()


def test_a_band_whose_frames_are_all_rejected_is_no_trouble(pogson, small_night, tmp_path):
    dropped = f"judge.drop={LIGHTS[0]},{LIGHTS[1]}"
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet", "--set", dropped)
    assert answer.code == 0
    assert "2 of 4 lights used" in answer.out
    assert "n_r" in read_table(tmp_path / "out" / "stars.ecsv").colnames


def test_a_filter_may_have_any_name(pogson, small_night, tmp_path):
    out = tmp_path / "out"
    answer = pogson("run", small_night, "--out", out, "--quiet", "--set", "bands.sdss_g=../Ha/O III")
    assert answer.code == 0
    assert "inst_../Ha/O III" in read_table(out / "stars.ecsv").colnames
    assert (out / "plots" / "detection_.._Ha_O_III.png").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_rows_without_numbers_spoil_only_themselves(pogson, linked_night, tmp_path):
    night = linked_night()
    path = own(night / LIGHTS[0])
    with fits.open(path) as hdus:
        header, pixels = hdus[0].header, hdus[0].data.astype(np.float32)
    pixels[:60] = np.nan
    for key in ("BZERO", "BSCALE"):
        header.remove(key, ignore_missing=True)
    fits.writeto(path, pixels, header, overwrite=True)
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0
    assert "4 of 4 lights used" in answer.out


def test_cubes_tables_and_copies_are_named(pogson, linked_night, tmp_path):
    night = linked_night()
    header = fits.getheader(night / LIGHTS[0])
    fits.writeto(night / "cube.fits", np.zeros((3, 50, 50), np.uint16), header)
    fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])]).writeto(night / "table.fits")
    shutil.copy(night / LIGHTS[0], night / "copy <b> [1] ü.fits")
    answer = pogson("run", night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 3
    assert "cube.fits: holds a cube of 3 x 50 x 50, not one image" in answer.out
    assert "table.fits: holds no image" in answer.out
    assert f"copy <b> [1] ü.fits is a copy of {night / LIGHTS[0]} and counts twice" in answer.out or (
        f"{LIGHTS[0]} is a copy of" in answer.out
    )
