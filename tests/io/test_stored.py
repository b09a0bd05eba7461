"""A stored table gives the columns that are asked for, and nothing of it stays behind."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import LIGHTCURVE, Changed
from pogson.core.errors import FileError
from pogson.io.stored import StoredTable, read_parts, store_table
from pogson.io.tables import read_long, read_table, write_parts


@pytest.fixture
def stored(tmp_path):
    table = Table(
        {"star": [3, 1], "flux": [1.5, np.nan], "frame": ["a.fits", "a.fits"], "name": ["a", "\u03b2 Ori"]},
        meta={"unit": "electron"},
    )
    table["flux"].unit, table["flux"].description = "electron", "of all the light"
    return store_table(tmp_path / "one.table", table, {"unit": "adu"})


def test_columns_rows_and_meta_are_those_of_the_file(stored):
    for one in (stored, StoredTable(stored.path)):
        assert one.colnames == ["star", "flux", "frame", "name"] and len(one) == 2
        assert list(one["star"]) == [3, 1] and one["star"].dtype == np.int64
        assert np.array_equal(one["flux"], [1.5, np.nan], equal_nan=True)
        assert list(one["frame"]) == ["a.fits", "a.fits"] and list(one["name"]) == ["a", "\u03b2 Ori"]
        assert one.meta == {"unit": "adu"}
        with pytest.raises(KeyError):
            one["mag"]


@pytest.mark.parametrize("slope", [1, 2])
def test_columns_may_be_parts_of_other_arrays_of_any_type(tmp_path, slope):
    numbers = np.arange(12.0).reshape(6, 2)[::slope]
    table = Table({"b": numbers[:, 1], "n": numbers[:, 0].astype(np.int16), "good": numbers[:, 0] > 4})
    stored = store_table(tmp_path / "one.table", table, {})
    for name in table.colnames:
        assert np.array_equal(stored[name], table[name]) and stored[name].dtype == table[name].dtype


def test_a_table_without_rows_is_one_too(tmp_path):
    stored = store_table(tmp_path / "none.table", LIGHTCURVE.empty(), {})
    whole = StoredTable(stored.path).read()
    assert len(whole) == 0 and whole.colnames == LIGHTCURVE.names
    assert [whole[name].dtype.kind for name in ("star", "frame", "mag")] == ["i", "U", "f"]


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.99])
def test_a_file_cut_short_or_changed_anywhere_is_damaged(stored, part):
    content = bytearray(stored.path.read_bytes())
    at = int(part * len(content))
    stored.path.write_bytes(content[:at])
    with pytest.raises(FileError, match="one.table: damaged"):
        StoredTable(stored.path)
    content[at] ^= 4
    stored.path.write_bytes(content)
    with pytest.raises(FileError, match="one.table: damaged"):
        StoredTable(stored.path)


def test_a_column_of_a_file_cut_short_is_not_read(stored):
    stored.path.write_bytes(stored.path.read_bytes()[:-40])
    with pytest.raises(FileError, match="too short"):
        stored["name"]


def test_a_table_that_cannot_be_written_leaves_no_file(tmp_path):
    (tmp_path / "one.table").mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        store_table(tmp_path / "one.table", Table({"x": [1.0]}), {})
    assert [path.name for path in tmp_path.iterdir()] == ["one.table"]


def test_what_is_changed_in_memory_is_not_changed_in_the_file(stored):
    stored["flux"][0] = 7.0
    stored.meta["unit"] = "electron"
    assert stored["flux"][0] == 1.5
    assert StoredTable(stored.path).meta["unit"] == "adu"
    whole = stored.read()
    assert whole.meta["unit"] == "electron" and str(whole["flux"].unit) == "electron"
    assert whole["flux"].description == "of all the light"


def test_a_file_that_is_gone_is_told_in_one_line(stored):
    stored.path.unlink()
    with pytest.raises(FileError, match="not there any more"):
        stored["flux"]


def test_changed_rows_have_new_columns_over_those_of_the_others(stored):
    changed = Changed(stored, {"zero_point": 25.0}, mag=np.array([1.0, 2.0]), flux=np.array([8.0, 9.0]))
    assert changed.colnames == ["star", "flux", "frame", "name", "mag"]
    assert list(changed["flux"]) == [8.0, 9.0] and list(changed["star"]) == [3, 1]
    assert changed.meta == {"zero_point": 25.0} and len(changed) == 2


def test_parts_become_one_table_with_units_and_words(tmp_path):
    parts = (
        {
            "star": np.full(3, k),
            "frame": np.full(3, f"frame {k}", object),
            "bjd_tdb": np.full(3, 2460000.0 + k),
            "mag": np.array([k, np.nan, -k], float),
            "mag_err": np.full(3, 0.1),
            "flags": np.zeros(3, int),
        }
        for k in range(4)
    )
    table = read_table(write_parts(tmp_path / "curves.parquet", parts, LIGHTCURVE.empty()))
    assert list(table["star"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert list(table["frame"][::3]) == ["frame 0", "frame 1", "frame 2", "frame 3"]
    assert str(table["mag"].unit) == "mag" and table["mag"].description
    assert table["flags"].dtype == np.int64


def test_no_part_at_all_makes_a_table_without_rows(tmp_path):
    table = read_table(write_parts(tmp_path / "curves.parquet", [], LIGHTCURVE.empty()))
    assert table.colnames == LIGHTCURVE.names and len(table) == 0


def test_parts_that_fail_leave_no_file(tmp_path):
    def parts():
        yield {"star": np.arange(3)}
        raise FileError("x.table: damaged")

    with pytest.raises(FileError, match="damaged"):
        write_parts(tmp_path / "curves.parquet", parts(), LIGHTCURVE.empty())
    assert not list(tmp_path.iterdir())


@pytest.fixture
def night(tmp_path):
    """Two frames of three stars, one below the other."""
    frames = [
        {"frame": np.full(3, name, object), "star": np.arange(3), "flux": np.arange(3) + first}
        for name, first in (("b.fits", 10.0), ("a.fits", 20.0))
    ]
    like = Table({name: np.asarray(values)[:0] for name, values in frames[0].items()})
    like["flux"].unit, like["frame"].description = "electron", "path of the frame"
    return write_parts(tmp_path / "night.parquet", frames, like)


def test_the_rows_of_each_frame_are_parts_of_one_table(night):
    parts = read_parts(night, "frame")
    assert list(parts) == ["b.fits", "a.fits"]
    part = parts["a.fits"]
    assert len(part) == 3 and part.colnames == ["frame", "star", "flux"]
    assert list(part["flux"]) == [20.0, 21.0, 22.0] and set(part["frame"]) == {"a.fits"}
    part.meta["unit"] = "adu"
    assert parts["b.fits"].meta == {}


def test_the_words_of_a_long_table_are_in_memory_once(night):
    table, plain = read_long(night), read_table(night)
    assert table.colnames == plain.colnames and str(table["flux"].unit) == "electron"
    assert table["frame"].description == plain["frame"].description == "path of the frame"
    assert list(table["frame"]) == list(plain["frame"])
    assert table["frame"][0] is table["frame"][2]


def test_a_long_table_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_long(tmp_path / "none.parquet")
