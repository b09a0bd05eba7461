"""The output folder: nothing of the user's is lost, nothing half-written stays, a stopped run goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from spoil import LIGHTS

from pogson.core.errors import FileError
from pogson.io.tables import read_table
from pogson.pipeline import lights, write
from pogson.pipeline.run import run

PRODUCTS = {
    "frames.ecsv",
    "masters",
    "photometry.parquet",
    "plots",
    "report.html",
    "run.json",
    "stars.ecsv",
    "zeropoint_stars.parquet",
    "zeropoints.ecsv",
}


def content(folder):
    return {p.name for p in folder.iterdir()}


def same_tables(one, other):
    for name in ("stars.ecsv", "photometry.parquet", "zeropoints.ecsv", "frames.ecsv"):
        a, b = read_table(one / name), read_table(other / name)
        assert a.colnames == b.colnames
        for column in a.colnames:
            assert np.array_equal(a[column], b[column], equal_nan=a[column].dtype.kind == "f"), (name, column)


def test_a_folder_that_cannot_be_made_is_one_line(pogson, small_night, tmp_path):
    (tmp_path / "file").write_text("mine")
    below = pogson("run", small_night, "--out", tmp_path / "file" / "out")
    assert below.code == 1 and "cannot be written" in below.line
    itself = pogson("run", small_night, "--out", tmp_path / "file")
    assert itself.code == 1 and "is a file; choose a folder for --out" in itself.line
    null = pogson("run", small_night, "--out", "/dev/null/x")
    assert null.code == 1 and "/dev/null/x: cannot be written" in null.line


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_one_line(pogson, small_night, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    answer = pogson("run", small_night, "--out", tmp_path / "out")
    assert answer.code == 1 and "out: cannot be written: permission denied" in answer.line


def test_an_earlier_run_is_kept_unless_it_shall_be_replaced(pogson, small_night, small_run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(small_run, out)
    before = (out / "run.json").read_bytes()
    kept = pogson("run", small_night, "--out", out)
    assert kept.code == 2
    assert "holds an earlier run, which is kept; use --overwrite" in kept.line
    assert (out / "run.json").read_bytes() == before
    replaced = pogson("run", small_night, "--out", out, "--overwrite", "--quiet")
    assert replaced.code == 0
    assert content(out) == PRODUCTS - {"zeropoint_stars.parquet"}, "this time without a catalogue"


def test_an_earlier_run_survives_a_new_one_that_fails(pogson, small_run, linked_night, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(small_run, out)
    night = linked_night()
    answer = pogson("run", night, "--out", out, "--overwrite", "--quiet", "--set", "detect.threshold=0")
    assert answer.code == 2
    assert content(out) == PRODUCTS


def test_an_earlier_run_survives_where_the_tables_find_no_room(small_run, small_night, tmp_path, monkeypatch):
    def fill(*_):
        raise FileError("photometry.parquet: cannot be written: no space left on device")

    out = tmp_path / "out"
    shutil.copytree(small_run, out)
    monkeypatch.setattr(write, "write_parts", fill)
    with pytest.raises(FileError, match="no space left"):
        run(small_night, out=out, overwrite=True)
    assert content(out) == PRODUCTS | {".pogson"}
    same_tables(out, small_run)


def test_files_that_are_not_ours_are_kept(pogson, small_night, tmp_path):
    (tmp_path / "stars.ecsv").write_text("mine")
    answer = pogson("run", small_night, "--out", tmp_path)
    assert answer.code == 2
    assert "holds stars.ecsv, but no finished run; it is kept" in answer.line
    assert content(tmp_path) == {"stars.ecsv"}
    assert (tmp_path / "stars.ecsv").read_text() == "mine"


def test_the_night_itself_is_no_output_folder(pogson, linked_night):
    night = linked_night()
    before = content(night)
    answer = pogson("run", night, "--out", night)
    assert answer.code == 2 and "is the night itself" in answer.line
    assert content(night) == before


def test_products_inside_the_night_are_not_taken_for_frames(pogson, linked_night):
    night = linked_night()
    (night / "stopped" / ".pogson").mkdir(parents=True)
    shutil.copy(night / LIGHTS[0], night / "stopped" / "calibrated.fits")
    first = pogson("run", night, "--out", night / "out", "--quiet")
    again = pogson("run", night, "--out", night / "again", "--quiet")
    assert (first.code, again.code) == (0, 0)
    assert "4 light, 3 bias, 3 dark, 6 flat" in again.out
    same_tables(night / "out", night / "again")


def test_a_stopped_run_goes_on_where_it_stopped_and_gives_the_same(
    small_night, small_run, tmp_path, monkeypatch
):
    searched = []
    detect = lights.detect_stars

    def interrupted(frame, **settings):
        if len(searched) == 2:
            raise KeyboardInterrupt
        return counted(frame, **settings)

    def counted(frame, **settings):
        stars = detect(frame, **settings)
        searched.append(Path(frame.exposure.path).name)
        return stars

    catalog = small_night / "catalog.csv"
    monkeypatch.setattr(lights, "detect_stars", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(small_night, out=tmp_path / "out", catalog=catalog, workers=1)
    assert content(tmp_path / "out") == {".pogson"}
    assert len(searched) == 2
    monkeypatch.setattr(lights, "detect_stars", counted)
    run(small_night, out=tmp_path / "out", catalog=catalog, workers=1)
    assert sorted(searched) == list(LIGHTS), "each frame is searched once"
    assert content(tmp_path / "out") == PRODUCTS
    same_tables(tmp_path / "out", small_run)


def test_a_run_stopped_before_anything_was_done_leaves_nothing(small_night, tmp_path, monkeypatch):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("pogson.pipeline.stages.prepare_night", stop)
    with pytest.raises(KeyboardInterrupt):
        run(small_night, out=tmp_path / "a" / "out")
    assert not (tmp_path / "a").exists()


def test_ctrl_c_is_one_line_and_the_same_command_finishes(small_night, tmp_path):
    out = tmp_path / "out"
    script = (
        "import sys, time\n"
        "from pogson.pipeline import lights\n"
        "measure = lights.Workshop.measure\n"
        "def slow(*a):\n"
        "    time.sleep(0.5)\n"
        "    return measure(*a)\n"
        "lights.Workshop.measure = slow\n"
        "from pogson.apps.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    command = ["run", str(small_night), "--out", str(out), "--workers", "1", "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    cache = out / ".pogson"
    deadline = time.monotonic() + 120
    while not (cache.is_dir() and any(cache.glob("*.table"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert printed == ""
    assert said.strip() == "pogson: stopped; what is done is kept: give the same command again to go on"
    assert content(out) == {".pogson"}
    again = subprocess.run(
        [sys.executable, "-m", "pogson", *command], capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stderr) == (0, "")
    assert "4 of 4 lights used" in again.stdout
    assert not cache.exists()
