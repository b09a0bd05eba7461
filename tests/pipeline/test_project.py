"""The output folder: what is kept, what is replaced, what is left behind."""

import pytest

from pogson.core.errors import FileError, SettingError
from pogson.pipeline.project import need_run, open_project


def test_a_new_folder_is_made_and_left_as_it_was_when_nothing_came_of_it(tmp_path):
    project = open_project(tmp_path / "a" / "b")
    assert project.fresh and project.cache.is_dir()
    (project.cache / "masters").mkdir()  # made anew by the next run
    project.abandon(keep_work=True)
    assert not (tmp_path / "a").exists()


def test_work_that_can_be_picked_up_stays(tmp_path):
    project = open_project(tmp_path / "out")
    (project.cache / "x.table").touch()
    project.abandon(keep_work=True)
    assert (project.cache / "x.table").exists()
    again = open_project(tmp_path / "out")
    assert not again.fresh
    again.abandon(keep_work=False)
    assert (project.cache / "x.table").exists(), "the work of the run before is not ours to remove"


def test_a_hopeless_run_leaves_nothing(tmp_path):
    project = open_project(tmp_path / "out")
    (project.cache / "x.table").touch()
    project.abandon(keep_work=False)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    project = open_project(tmp_path)
    project.abandon(keep_work=True)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_an_earlier_run_is_replaced_only_when_the_new_products_are_ready(tmp_path):
    for name in ("run.json", "stars.ecsv", "notes.txt"):
        (tmp_path / name).write_text("old")
    with pytest.raises(SettingError, match="holds an earlier run"):
        open_project(tmp_path)
    project = open_project(tmp_path, overwrite=True)
    assert (tmp_path / "stars.ecsv").exists()
    project.clear()
    assert {p.name for p in tmp_path.iterdir()} == {"notes.txt", ".pogson"}
    project.finish()
    assert {p.name for p in tmp_path.iterdir()} == {"notes.txt"}


def test_files_of_our_names_that_we_did_not_write_are_kept(tmp_path):
    (tmp_path / "masters").mkdir()
    with pytest.raises(SettingError, match="holds masters, but no finished run"):
        open_project(tmp_path)


def test_the_night_is_no_place_for_products(tmp_path):
    with pytest.raises(SettingError, match="is the night itself"):
        open_project(tmp_path, night=tmp_path / ".." / tmp_path.name)


def test_a_folder_that_is_no_run_is_told_from_one(tmp_path):
    with pytest.raises(FileError, match="holds no run.json: not the folder of a finished run"):
        need_run(tmp_path)


def test_what_was_being_written_when_a_run_was_killed_is_cleared_away(tmp_path):
    project = open_project(tmp_path)
    for name in (".photometry-ab1_.parquet", ".report.html.x2.tmp", ".mine"):
        (tmp_path / name).touch()
    project.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", ".pogson"]
