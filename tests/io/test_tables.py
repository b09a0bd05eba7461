"""Tables are written whole or not at all, and come back as they were."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from pogson.core.columns import PHOTOMETRY, STARS
from pogson.core.errors import FileError
from pogson.io.tables import read_table, write_table


def photometry(n=20):
    values = {c.name: np.arange(n).astype(c.dtype) for c in PHOTOMETRY.columns}
    values["band"] = np.array(["g"] * n)
    values["mag"] = np.where(np.arange(n) % 3, 15.123456789012345, np.nan)
    return PHOTOMETRY.table({"exposure": np.float64(3.0), "n": np.int64(2), "bands": ("g", "r")}, **values)


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet"])
def test_values_units_descriptions_and_meta_come_back(tmp_path, suffix):
    table = photometry()
    again = read_table(write_table(tmp_path / f"photometry{suffix}", table))
    assert again.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(np.asarray(again[name]), np.asarray(table[name]), err_msg=name)
        assert again[name].unit == table[name].unit
        assert again[name].description == table[name].description
    assert again.meta == {"exposure": 3.0, "n": 2, "bands": ["g", "r"]}


def test_a_csv_holds_names_and_values(tmp_path):
    path = write_table(tmp_path / "a.csv", Table({"name": ["a,b", "c"], "flux": [1.5, np.nan], "n": [1, 2]}))
    assert path.read_text().splitlines()[0].replace('"', "") == "name,flux,n"
    again = read_table(path)
    assert list(again["name"]) == ["a,b", "c"]
    assert np.isnan(again["flux"][1])


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet", ".csv"])
def test_a_table_without_rows_can_be_written(tmp_path, suffix):
    again = read_table(write_table(tmp_path / f"a{suffix}", STARS.empty()))
    assert (len(again), again.colnames) == (0, STARS.names)


def test_other_programs_read_the_parquet(tmp_path):
    path = write_table(tmp_path / "p.parquet", photometry())
    arrow = pq.read_table(path)
    assert arrow.schema.field("flux").metadata[b"unit"] == b"electron"
    assert arrow["flux"].to_pylist()[3] == 3.0


class Broken(Table):
    def write(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    def copy(self, copy_data=True):
        return self


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = write_table(tmp_path / "a.ecsv", Table({"x": [1]}))
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"a.ecsv: cannot be written \(No space left on device\)"):
        write_table(path, Broken({"x": [2]}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_names_and_damage_are_one_line(tmp_path):
    with pytest.raises(FileError, match=r"written as .ecsv, .parquet or .csv"):
        write_table(tmp_path / "a.xls", Table({"x": [1]}))
    with pytest.raises(FileError, match="no such file"):
        read_table(tmp_path / "a.ecsv")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(FileError, match="damaged") as error:
        read_table(tmp_path / "b.parquet")
    assert "\n" not in str(error.value)
