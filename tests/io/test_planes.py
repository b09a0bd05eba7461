"""Images by rows: the same numbers as the whole image, and one line where that cannot be."""

import os

import numpy as np
import pytest

from pogson.core.errors import FileError
from pogson.core.frame import Exposure, Frame
from pogson.io.fits import read_frame, read_raw, write_frame, write_raw
from pogson.io.planes import Scratch, calibrated_rows, stored_plane


def a_frame():
    dice = np.random.default_rng(1)
    mask = dice.integers(0, 256, (40, 30)).astype(np.uint16)
    return Frame.from_array(
        dice.normal(100, 10, (40, 30)), variance=9.0, mask=mask, exposure=Exposure(exptime=1.0)
    )


def test_rows_of_a_calibrated_file_are_those_of_the_frame(tmp_path):
    write_frame(tmp_path / "a.fits", a_frame())
    whole, rows = read_frame(tmp_path / "a.fits"), calibrated_rows(tmp_path / "a.fits")
    for got, wanted in zip(rows(7, 23), (whole.data, whole.variance, whole.mask), strict=True):
        np.testing.assert_array_equal(got, wanted[7:23])
        assert got.dtype == wanted.dtype and got.dtype.isnative


def test_rows_of_a_raw_file_are_those_of_the_image(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 65536, (20, 50)).astype(np.uint16)
    write_raw(tmp_path / "a.fits", pixels)
    plane = stored_plane(tmp_path / "a.fits")
    np.testing.assert_array_equal(plane.rows(3, 9), read_raw(tmp_path / "a.fits").pixels[3:9])


def test_floats_are_no_stored_integers(tmp_path):
    write_frame(tmp_path / "a.fits", a_frame())
    assert stored_plane(tmp_path / "a.fits") is None
    write_raw(tmp_path / "b.fits", np.zeros((4, 4), np.uint16))
    assert calibrated_rows(tmp_path / "b.fits") is None


def test_scratch_frames_come_back_and_leave_nothing(tmp_path):
    frame = a_frame()
    with Scratch(tmp_path) as scratch:
        rows = scratch.keep("one", frame)
        np.testing.assert_array_equal(rows(0, 40)[0], frame.data)
        np.testing.assert_array_equal(rows(5, 6)[2], frame.mask[5:6])
    assert not list(tmp_path.iterdir())


def test_a_file_that_becomes_shorter_is_named(tmp_path):
    write_raw(tmp_path / "a.fits", np.zeros((200, 200), np.uint16))
    plane = stored_plane(tmp_path / "a.fits")
    os.truncate(tmp_path / "a.fits", 6000)
    with pytest.raises(FileError, match="became shorter"):
        plane.rows(0, 200)


def test_a_folder_that_cannot_hold_scratch_frames_is_named(tmp_path):
    with pytest.raises(FileError, match="cannot be written"), Scratch(tmp_path / "nowhere"):
        pass
