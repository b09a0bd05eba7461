"""Images as FITS bytes: what astropy reads back is what was written, and its checksums agree."""

import warnings
from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pogson.io.encoded import KINDS, write_images


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 9), (24, 30), (300, 517)])
def test_astropy_reads_back_what_was_written_and_finds_both_checksums_right(kind, shape):
    dice = np.random.default_rng(1)
    bits = dice.integers(0, 256, (*shape, np.dtype(kind).itemsize), dtype=np.uint8)
    image = bits.view(kind).reshape(shape)
    if kind == "f4":
        image = dice.normal(0, 1e4, shape).astype("f4")
    cards = {"OBJECT": ("M 13", "what it is"), "NOTHING": None, "UNKNOWN": float("nan"),
             "HISTORY": ["one", "two"], "A long key": 3}  # fmt: skip
    file = BytesIO()
    write_images(file, cards, [("", image), ("VAR", image[::-1])])
    assert file.tell() % 2880 == 0
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        units = fits.open(file, checksum=True)
        units.verify("exception")
        for unit, expected in zip(units, (image, image[::-1]), strict=True):
            assert unit.verify_checksum() == 1 and unit.verify_datasum() == 1
            np.testing.assert_array_equal(unit.data, expected)
            assert unit.data.dtype.newbyteorder("=") == np.dtype(kind)
    header = units[0].header
    assert header["OBJECT"] == "M 13" and "NOTHING" not in header and "UNKNOWN" not in header
    assert list(header["HISTORY"]) == ["one", "two"] and header["A long key"] == 3
    assert units[1].name == "VAR"


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_checksums_are_right_whatever_the_bytes(content):
    file = BytesIO()
    write_images(file, {}, [("", np.frombuffer(content, np.uint8)[None, :])])
    file.seek(0)
    unit = fits.open(file)[0]
    assert unit.verify_checksum() == 1 and unit.verify_datasum() == 1


def test_without_checksums_there_are_none():
    file = BytesIO()
    write_images(file, {}, [("", np.zeros((4, 4), np.uint16))], checksum=False)
    file.seek(0)
    assert "CHECKSUM" not in fits.open(file)[0].header
