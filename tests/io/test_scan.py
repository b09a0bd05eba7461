"""Folders: what is found, what is left out and why."""

import shutil

import numpy as np
import pytest

from pogson.core.errors import FileError, NightError
from pogson.io.files import hash_file, write_atomic
from pogson.io.fits import write_raw
from pogson.io.scan import scan_folder

PIXELS = np.full((20, 30), 1000, np.uint16)


def put(path, *, pixels=PIXELS, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_raw(path, pixels, {key.replace("_", "-"): value for key, value in cards.items()})


@pytest.fixture
def night(tmp_path):
    folder = tmp_path / "night"
    put(folder / "z.fits", IMAGETYP="LIGHT", EXPTIME=10.0, DATE_OBS="2024-03-01T20:00:00", OBJECT="A")
    put(folder / "a.FIT", IMAGETYP="LIGHT", EXPTIME=10.0, DATE_OBS="2024-03-01T21:00:00", OBJECT="A")
    put(folder / "flats" / "f (1).fts", EXPTIME=2.0, DATE_OBS="2024-03-01T18:00:00", FILTER="V")
    put(folder / "undated.fits", IMAGETYP="BIAS", EXPTIME=0.0)
    return folder


def names(scan):
    return [exposure.path.rsplit("/", 1)[-1] for exposure in scan.exposures]


def test_files_of_all_folders_are_found_in_order_of_time(night):
    scan = scan_folder(night)
    assert names(scan) == ["f (1).fts", "z.fits", "a.FIT", "undated.fits"]
    assert [e.kind for e in scan.exposures] == ["flat", "light", "light", "bias"]
    assert scan.skipped == ()
    assert scan.notes == ()


def test_other_files_and_damaged_ones_are_left_out_with_a_reason(night):
    for n in range(3):
        (night / f"{n}.jpg").write_bytes(b"\xff\xd8")
    (night / "notes.txt").write_text("clouds")
    (night / "broken.fits").write_bytes((night / "z.fits").read_bytes()[:3000])
    (night / "empty.fit").write_bytes(b"")
    (night / ".hidden.fits").write_bytes(b"")
    scan = scan_folder(night)
    assert len(scan.exposures) == 4
    reasons = dict(scan.skipped[:2])
    assert "truncated: 120 of 1200 bytes" in reasons[str(night / "broken.fits")]
    assert "is empty" in reasons[str(night / "empty.fit")]
    assert scan.skipped[2][1] == "3 .jpg files are not FITS: export raw frames as FITS"
    assert scan.skipped[3][1] == "1 .txt file is not FITS"
    assert len(scan.skipped) == 4


def test_products_of_an_earlier_run_and_hidden_folders_are_left_out(night):
    shutil.copytree(night / "flats", night / "out" / "masters")
    (night / "out" / "run.json").write_text("{}")
    shutil.copytree(night / "flats", night / ".cache")
    assert len(scan_folder(night).exposures) == 4


def test_two_nights_in_one_folder_are_said(night):
    put(night / "later.fits", IMAGETYP="LIGHT", EXPTIME=10.0, DATE_OBS="2024-03-03T20:00:00", OBJECT="A")
    assert "light frames of 2 nights in one folder" in scan_folder(night).notes


def test_mixed_sizes_and_cameras_are_said(night):
    put(night / "big.fits", pixels=np.zeros((40, 30), np.uint16), EXPTIME=0.0, INSTRUME="other")
    put(night / "small.fits", EXPTIME=0.0, INSTRUME="one", XBINNING=2, YBINNING=2)
    notes = " | ".join(scan_folder(night).notes)
    assert "2 sizes in one folder: 30 x 20, 30 x 40" in notes
    assert "2 cameras in one folder" in notes
    assert "2 binnings in one folder" in notes


def test_overrides_reach_every_exposure(night):
    scan = scan_folder(night, overrides={"camera": {"gain": 1.7}})
    assert {e.gain for e in scan.exposures} == {1.7}
    assert {e.sources["gain"] for e in scan.exposures} == {"[camera] gain in the settings"}


def test_progress_is_told(night):
    seen = []
    scan_folder(night, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(n, 4) for n in range(1, 5)]


def test_the_order_of_the_files_on_the_disk_does_not_matter(night, monkeypatch):
    before = scan_folder(night)
    from pogson.io import scan as module

    monkeypatch.setattr(module, "_files", lambda folder, files=module._files: reversed(list(files(folder))))
    assert names(scan_folder(night)) == names(before)


def test_folders_that_are_none_are_refused(tmp_path, night):
    with pytest.raises(FileError, match="there is no such folder"):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(FileError, match="is a file, not a folder"):
        scan_folder(night / "z.fits")
    (tmp_path / "bare").mkdir()
    with pytest.raises(NightError, match="holds no FITS image"):
        scan_folder(tmp_path / "bare")


def test_a_folder_of_damaged_files_tells_the_first_reason(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"")
    with pytest.raises(NightError, match="the first: a.fits: is empty"):
        scan_folder(tmp_path)


def test_a_file_is_named_by_its_content(tmp_path):
    write_atomic(tmp_path / "a", b"abc")
    assert hash_file(tmp_path / "a").startswith("ba7816bf8f01cfea")
    with pytest.raises(FileError, match="no such file"):
        hash_file(tmp_path / "b")


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    write_atomic(tmp_path / "a", b"old")

    def stop(_file):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", stop)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
