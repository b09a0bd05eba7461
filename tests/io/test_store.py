"""Catalogues are kept in cells of the sky, and come back as they went in."""

import json
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from pogson.core.columns import CATALOG
from pogson.core.errors import FileError, SettingError
from pogson.io.store import list_catalogs, read_cone, read_stored
from pogson.io.store_archive import export_catalogs, import_catalogs
from pogson.io.store_write import add_catalog


def stars(n=3000, ra=(0.0, 360.0), dec=(-90.0, 90.0), bands=("V",), seed=1):
    rng = np.random.default_rng(seed)
    nothing = np.full(n, np.nan)
    mags = {}
    for band in bands:
        mags[f"mag_{band}"], mags[f"mag_{band}_err"] = rng.uniform(9, 16, n), rng.uniform(0.01, 0.1, n)
    low, high = np.sin(np.radians(dec))
    return CATALOG.table(
        {"name": "x", "epoch": 2016.0},
        id=np.arange(n).astype(str),
        ra=rng.uniform(*ra, n),
        dec=np.degrees(np.arcsin(rng.uniform(low, high, n))),
        pmra=nothing,
        pmdec=nothing.copy(),
        flags=rng.integers(0, 2, n),
        **mags,
    )


def test_a_cone_of_the_store_holds_what_the_table_holds_there(tmp_path):
    table = stars(20_000)
    stored = add_catalog(table, "whole", store=tmp_path, source="a test")
    for ra, dec, radius in (
        (10, 20, 5),
        (0.1, 0, 3),
        (200, -89.5, 4),
        (90, 90, 2),
        (50, 0, 0.01),
        (7, -90, 2.9),
        (359.9, 41.8, 2),
    ):
        found = read_cone(stored, ra, dec, radius)
        CATALOG.check(found)
        a, d, a0, d0 = (np.radians(v) for v in (table["ra"], table["dec"], ra, dec))
        away = np.degrees(np.arccos(np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a - a0)))
        expected = table[away <= radius]
        assert sorted(found["id"]) == sorted(expected["id"])
        assert np.isclose(np.sum(found["mag_V"]), np.sum(expected["mag_V"]))
        assert found.meta["epoch"] == 2016.0 and found.meta["bands"] == "V"


def test_a_cone_takes_milliseconds(tmp_path, monkeypatch):
    monkeypatch.setattr("pogson.io.store_write._DENSE", 20_000)
    stored = add_catalog(stars(30_000, dec=(15.0, 25.0)), "deep", store=tmp_path)
    assert stored.order == 5
    read_cone(stored, 10, 20, 0.3)
    start = time.process_time()
    for k in range(20):
        read_cone(stored, 10 + 15 * k, 20, 0.3)
    assert (time.process_time() - start) / 20 < 0.03


def test_the_layout_is_that_of_hats(tmp_path):
    stored = add_catalog(stars(), "mine", store=tmp_path)
    folder = tmp_path / "mine"
    facts = dict(line.split("=", 1) for line in (folder / "hats.properties").read_text().splitlines())
    assert (
        facts["hats_col_ra"] == "ra"
        and facts["dataproduct_type"] == "object"
        and facts["hats_nrows"] == "3000"
    )
    rows = [line.split(",") for line in (folder / "partition_info.csv").read_text().splitlines()[1:]]
    total = 0
    for order, cell in rows:
        path = folder / f"dataset/Norder={order}/Dir=0/Npix={cell}.parquet"
        table = pq.ParquetFile(path).read()
        fine = table["_healpix_29"].to_numpy()
        assert table.column_names[0] == "_healpix_29" and np.all(np.diff(fine) >= 0)
        assert np.all(fine >> (2 * (29 - int(order))) == int(cell))
        total += len(table)
    assert total == stored.rows == 3000
    assert pq.read_schema(folder / "dataset/_common_metadata").names[0] == "_healpix_29"


def test_rows_with_nan_and_repeated_rows_are_dropped(tmp_path):
    table = stars(100)
    table["ra"][3] = np.nan
    table["mag_V"][4] = np.nan
    table.add_row(table[7])
    stored = add_catalog(table, "mine", store=tmp_path)
    assert stored.rows == 99
    table["dec"] = np.nan
    with pytest.raises(FileError, match="holds no star with a position"):
        add_catalog(table, "other", store=tmp_path)
    assert [one.name for one in list_catalogs(tmp_path)] == ["mine"]
    assert {path.name for path in tmp_path.iterdir()} == {"mine"}


def test_a_taken_or_impossible_name_is_refused(tmp_path):
    add_catalog(stars(50), "mine", store=tmp_path)
    with pytest.raises(SettingError, match="--overwrite"):
        add_catalog(stars(60), "mine", store=tmp_path)
    assert add_catalog(stars(60), "mine", store=tmp_path, overwrite=True).rows == 60
    for name in ("", "../x", "a/b", ".."):
        with pytest.raises(SettingError, match="letters, digits"):
            add_catalog(stars(50), name, store=tmp_path)


def test_what_is_exported_is_imported_elsewhere(tmp_path):
    add_catalog(stars(500), "mine", store=tmp_path / "a", source="a test")
    assert export_catalogs(tmp_path / "a", tmp_path / "all.tar") == ["mine"]
    assert import_catalogs(tmp_path / "all.tar", tmp_path / "b") == ["mine"]
    (one,) = list_catalogs(tmp_path / "b")
    assert one.rows == 500 and one.source == "a test"
    assert len(read_cone(one, 0, 0, 180)) == 500
    with pytest.raises(SettingError, match="--overwrite"):
        import_catalogs(tmp_path / "all.tar", tmp_path / "b")
    with pytest.raises(SettingError, match="no catalogue nothing; it has: mine"):
        export_catalogs(tmp_path / "a", tmp_path / "x.tar", ["nothing"])


def test_damaged_and_malicious_imports_add_nothing(tmp_path):
    import tarfile

    stored = add_catalog(stars(500), "mine", store=tmp_path / "a")
    cell = next(stored.folder.rglob("Npix=*.parquet"))
    cell.write_bytes(cell.read_bytes()[:-9])
    export_catalogs(tmp_path / "a", tmp_path / "cut.tar")
    (tmp_path / "noise.tar").write_bytes(b"no archive")
    (tmp_path / "evil.txt").write_text("x")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.add(tmp_path / "evil.txt", arcname="../../evil.txt")
    for name, words in (
        ("cut", "is damaged"),
        ("noise", "cannot be read as an export"),
        ("evil", "cannot be read"),
    ):
        with pytest.raises(FileError, match=words) as caught:
            import_catalogs(tmp_path / f"{name}.tar", tmp_path / "b")
        assert "\n" not in str(caught.value)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(FileError, match="no space left on device; check the disk") as caught:
        add_catalog(stars(50), "mine", store=tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_description_is_plain_json(tmp_path):
    stored = add_catalog(stars(50), "mine", store=tmp_path)
    own = json.loads((stored.folder / "pogson.json").read_text())
    assert own["epoch"] == 2016.0 and len(own["sha256"]) == len(own["cells"])


def test_programs_for_hats_open_what_is_stored(tmp_path):
    catalogs = pytest.importorskip("hats.catalog", reason="needs hats: pip install hats")
    from hats.io.validation import is_valid_catalog

    stored = add_catalog(stars(), "mine", store=tmp_path)
    assert is_valid_catalog(stored.folder)
    assert catalogs.Catalog and __import__("hats").read_hats(stored.folder).catalog_info.total_rows == 3000


def test_a_description_that_lies_is_left_out(tmp_path):
    stored = add_catalog(stars(50), "mine", store=tmp_path)
    path = stored.folder / "pogson.json"
    own = json.loads(path.read_text())
    for lie in ({"order": 29}, {"order": -1}, {"name": "../other"}, {"cells": "x"}, {"bands": None}):
        path.write_text(json.dumps(own | lie))
        assert list_catalogs(tmp_path) == []
        with pytest.raises(FileError, match="pogson.json") as caught:
            read_stored(stored.folder)
        assert "\n" not in str(caught.value)
