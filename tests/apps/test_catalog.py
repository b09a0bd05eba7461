"""`pogson catalog`, and runs that find their catalogue by themselves."""

import pytest


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("POGSON_CATALOGS", str(tmp_path / "store"))
    return tmp_path / "store"


def test_a_run_takes_the_catalogue_of_the_store_and_says_so(pogson, store, small_night, tmp_path):
    assert pogson("catalog", "add", small_night / "catalog.csv", "--name", "cluster").code == 0
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0, answer.err
    assert "catalogue 'cluster' of the store: has g, r for at least" in answer.out
    assert "zero point" in answer.out and "matched with the catalogue" in answer.out


def test_a_store_elsewhere_on_the_sky_is_left_alone(pogson, store, small_night, tmp_path):
    (tmp_path / "far.csv").write_text(
        "ra,dec,g,r\n" + "".join(f"{10 + k / 9},-70,12.{k},11.{k}\n" for k in range(9))
    )
    assert pogson("catalog", "add", tmp_path / "far.csv").code == 0
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0 and "magnitudes are instrumental: give --catalog" in answer.out


def test_add_list_cone_export_import(pogson, store, small_night, tmp_path):
    assert "is in the store" not in pogson("catalog", "add", small_night / "catalog.csv").err
    again = pogson("catalog", "add", small_night / "catalog.csv")
    assert again.code == 2 and "--overwrite" in again.line
    assert "catalog " in pogson("catalog", "list").out and "Tycho-2" in pogson("catalog", "list").out
    cone = pogson("catalog", "cone", "250.42", "36.46", "--name", "Tycho-2", "--rows", "2")
    assert "Tycho-2: " in cone.out and "mag_VT" in cone.out
    assert pogson("catalog", "cone", "1", "2", "--name", "no").code == 2
    assert pogson("catalog", "export", tmp_path / "all.tar").code == 0
    assert pogson("catalog", "import", tmp_path / "all.tar", "--store", tmp_path / "b").code == 0
    assert "catalog " in pogson("catalog", "list", "--store", tmp_path / "b").out
    broken = pogson("catalog", "import", small_night / "catalog.csv")
    assert broken.code == 1 and "cannot be read as an export" in broken.line
