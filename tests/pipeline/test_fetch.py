"""Fetched cells stay in the store, so that the next night needs no network."""

import json

import numpy as np
import pytest
from tap_service import TapService, make_sky

from pogson.core.errors import FileError, SettingError
from pogson.io.healpix import cell_of, cells_within, circle_of
from pogson.io.online import Online, Patience
from pogson.io.store import cell_path, list_catalogs, read_cone, read_stored
from pogson.io.store_archive import export_catalogs, import_catalogs
from pogson.io.store_write import add_catalog
from pogson.pipeline.fetch import ORDER, fetch_catalogs, sources_for

PLACE = (250.4, 36.5, 0.4)


@pytest.fixture(scope="module")
def service():
    made = TapService(make_sky())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def here(service, monkeypatch):
    service.faults, service.always, service.queries = [], "", []
    monkeypatch.setenv("POGSON_TAP", service.address)


@pytest.fixture
def online():
    return Online(Patience(rows=5000, silence=5.0), wait=lambda _: None)


def fetch(store, online, *names, place=PLACE, **words):
    return fetch_catalogs(*place, names or ("gaia",), store=store, online=online, **words)


def inside(sky, ra, dec, radius):
    a, d, a0, d0 = (np.radians(v) for v in (sky["ra"], sky["dec"], ra, dec))
    cos = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a - a0)
    return sky["id"][cos >= np.cos(np.radians(radius))].astype(str)


def test_a_cone_of_what_was_fetched_is_what_the_service_has(tmp_path, service, online):
    (got,) = fetch(tmp_path, online)
    assert not got.trouble and got.new == len(cells_within(*PLACE, ORDER))
    table = read_cone(got.stored, *PLACE)
    assert sorted(table["id"]) == sorted(inside(service.sky, *PLACE))
    assert got.stored.system == "gaia" and got.stored.epoch == 2016.0 and got.stored.source == "Gaia DR3"
    asked = next(iter(got.stored.asked.values()))
    assert asked["from"] == service.address and asked["when"].startswith("20")


def test_the_next_night_needs_no_network(tmp_path, service, online):
    fetch(tmp_path, online)
    before = len(service.queries)
    service.always = "503"
    (got,) = fetch(tmp_path, online, place=(250.45, 36.52, 0.3))
    assert not got.trouble and got.new == 0 and len(service.queries) == before
    assert got.words.startswith("gaia: nothing new, ")


def test_a_neighbouring_field_adds_only_its_new_cells(tmp_path, service, online):
    fetch(tmp_path, online)
    near = (251.4, 36.5, 0.4)
    (got,) = fetch(tmp_path, online, place=near)
    assert got.new == len(set(cells_within(*near, ORDER)) - set(cells_within(*PLACE, ORDER))) and got.there
    both = read_cone(got.stored, 250.9, 36.5, 0.9)
    for place in (PLACE, near):
        assert set(inside(service.sky, *place)) <= set(both["id"])
    rows = sum(int(facts["rows"]) for facts in got.stored.asked.values())
    assert got.stored.rows == rows == len(read_cone(got.stored, 0, 0, 180))


def test_a_cell_that_is_known_to_be_empty_is_not_asked_for_again(tmp_path, service, online):
    empty = (10.0, -40.0, 0.1)
    (got,) = fetch(tmp_path, online, place=empty)
    assert not got.trouble and got.stored.rows == 0 and got.stored.empty == tuple(sorted(got.stored.asked))
    before = len(service.queries)
    fetch(tmp_path, online, place=empty)
    assert len(service.queries) == before
    assert len(read_cone(got.stored, *empty)) == 0
    (more,) = fetch(tmp_path, online)
    assert more.stored.rows > 0 and more.stored.empty == got.stored.empty


def test_a_damaged_cell_is_left_out_and_fetched_again(tmp_path, service, online):
    (got,) = fetch(tmp_path, online)
    path = got.stored.folder / cell_path(ORDER, int(cell_of(*PLACE[:2], ORDER)))
    path.write_bytes(path.read_bytes()[:100])
    table = read_cone(got.stored, *PLACE)
    (line,) = table.meta["damaged"]
    assert path.name in line and "\n" not in line and 0 < len(table) < len(inside(service.sky, *PLACE))
    (again,) = fetch(tmp_path, online)
    assert again.new == 1 and sorted(read_cone(again.stored, *PLACE)["id"]) == sorted(
        inside(service.sky, *PLACE)
    )


def test_too_many_stars_for_one_answer_are_asked_for_in_parts(tmp_path, service):
    online = Online(Patience(rows=60, silence=5.0), wait=lambda _: None)
    (got,) = fetch(tmp_path, online)
    assert not got.trouble
    assert sorted(read_cone(got.stored, *PLACE)["id"]) == sorted(inside(service.sky, *PLACE))
    (none,) = fetch(tmp_path / "b", Online(Patience(rows=2, silence=5.0)))
    assert "too many stars even for a small cell" in none.trouble and none.stored is None


def test_a_service_that_is_down_does_not_keep_the_others_from_coming(tmp_path, service, online):
    service.faults = ["404", "404"]
    bad, good = fetch(tmp_path, online, "gaia", "vsx")
    assert "Gaia DR3 cannot be fetched" in bad.trouble and "\n" not in bad.words and bad.stored is None
    assert good.new and not good.trouble and good.stored.kind == "variables"
    assert [one.name for one in list_catalogs(tmp_path)] == ["vsx"]


def test_what_came_before_a_service_broke_is_kept(tmp_path, service, online):
    cells = len(cells_within(*PLACE, ORDER))
    assert cells > 1
    service.faults = ["", "html", "html"]
    (got,) = fetch(tmp_path, online)
    assert got.new == 1 and got.trouble and len(got.stored.asked) == 1
    (rest,) = fetch(tmp_path, online)
    assert rest.new == cells - 1 and not rest.trouble


@pytest.mark.parametrize("fault", ["entities", "cut", "other place", "text", "href"])
def test_nothing_of_an_answer_that_was_refused_is_stored(fault, tmp_path, service, online):
    service.always = fault
    (got,) = fetch(tmp_path, online)
    assert got.trouble and got.stored is None and not list(tmp_path.rglob("*.parquet"))


def test_a_full_disk_is_one_line_and_keeps_what_was_there(tmp_path, service, online, monkeypatch):
    (first,) = fetch(tmp_path, online)
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pogson.io.store_write._write_parquet", full)
    (got,) = fetch(tmp_path, online, place=(251.9, 37.5, 0.2))
    assert "no space left on device; check the disk" in got.trouble and "\n" not in got.trouble
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    (new,) = fetch(tmp_path / "new", online)
    assert "no space left" in new.trouble and new.stored is None
    assert not list((tmp_path / "new").rglob("*.*"))
    assert read_stored(first.stored.folder) == first.stored


def test_a_disk_that_fills_at_the_description_leaves_no_stray_cells(tmp_path, online, monkeypatch):
    fetch(tmp_path, online)
    before = sorted(tmp_path.rglob("Npix=*.parquet"))

    def full(*_):
        raise FileError("pogson.json: cannot be written: no space left on device")

    monkeypatch.setattr("pogson.io.store_write._write_facts", full)
    (got,) = fetch(tmp_path, online, place=(251.9, 37.5, 0.2))
    assert got.trouble and sorted(tmp_path.rglob("Npix=*.parquet")) == before


def test_repeated_stars_and_stars_without_a_place_are_stored_once_or_not(
    tmp_path, service, online, monkeypatch
):
    sky = {name: np.concatenate([values, values[:50]]) for name, values in service.sky.items()}
    monkeypatch.setattr(service, "sky", sky)
    (got,) = fetch(tmp_path, online)
    ids = list(read_cone(got.stored, *PLACE)["id"])
    assert len(ids) == len(set(ids))


def test_your_own_catalogue_of_the_same_name_is_not_touched(tmp_path, service, online):
    from astropy.table import Table

    (got,) = fetch(tmp_path / "a", online)
    mine = read_cone(got.stored, *PLACE)
    assert isinstance(mine, Table)
    add_catalog(mine, "gaia", store=tmp_path / "b", source="me.csv")
    (refused,) = fetch(tmp_path / "b", online)
    assert "was made in another way (from me.csv)" in refused.trouble
    assert list_catalogs(tmp_path / "b")[0].rows == len(mine)


def test_what_was_fetched_travels_to_a_computer_without_a_network(tmp_path, online, service):
    fetch(tmp_path / "a", online, "gaia", "vsx")
    export_catalogs(tmp_path / "a", tmp_path / "all.tar")
    import_catalogs(tmp_path / "all.tar", tmp_path / "b")
    before = len(service.queries)
    got = fetch(tmp_path / "b", online, "gaia", "vsx")
    assert [one.new for one in got] == [0, 0] and len(service.queries) == before


def test_fetching_again_replaces_the_cells(tmp_path, service, online):
    fetch(tmp_path, online)
    (got,) = fetch(tmp_path, online, again=True)
    assert got.new and got.there == 0
    assert sorted(read_cone(got.stored, *PLACE)["id"]) == sorted(inside(service.sky, *PLACE))
    own = json.loads((got.stored.folder / "pogson.json").read_text())
    assert set(own["sha256"]) == {
        p.relative_to(got.stored.folder).as_posix() for p in got.stored.folder.rglob("Npix=*")
    }


def test_a_cone_as_wide_as_the_sky_is_refused(tmp_path, online):
    with pytest.raises(SettingError, match="--radius 40: needs .* cells, at most 400"):
        fetch(tmp_path, online, place=(10, 10, 40))


def test_a_night_is_served_by_the_catalogues_that_have_its_bands():
    assert sources_for(["V", "B"]) == ("gaia", "vsx", "gspc", "apass")
    assert set(sources_for(["g", "r"])) == {"gaia", "vsx", "gspc", "refcat2"}
    assert sources_for(["Ha"]) == ("gaia", "vsx")


def test_the_circle_about_a_cell_holds_it():
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))
    for order in (1, 6):
        cells = cell_of(ra, dec, order)
        for cell in np.unique(cells)[:40]:
            sky = {"ra": ra[cells == cell], "dec": dec[cells == cell], "id": np.flatnonzero(cells == cell)}
            assert len(inside(sky, *circle_of(int(cell), order))) == len(sky["id"])


def test_the_cells_of_a_cone_are_all_there_and_hardly_more():
    rng = np.random.default_rng(4)
    for _ in range(30):
        ra, dec, radius = rng.uniform(0, 360), rng.uniform(-90, 90), rng.uniform(0.05, 2.0)
        away, angle = np.radians(radius * np.sqrt(rng.uniform(0, 1, 2000))), rng.uniform(0, 2 * np.pi, 2000)
        d0 = np.radians(dec)
        sin = np.sin(d0) * np.cos(away) + np.cos(d0) * np.sin(away) * np.cos(angle)
        turn = np.arctan2(np.sin(angle) * np.sin(away) * np.cos(d0), np.cos(away) - np.sin(d0) * sin)
        touched = set(cell_of(ra + np.degrees(turn), np.degrees(np.arcsin(sin)), ORDER))
        cells = set(cells_within(ra, dec, radius, ORDER))
        assert touched <= cells and len(cells) <= (1.3 * (radius + 1.0)) ** 2 * np.pi / 0.84
