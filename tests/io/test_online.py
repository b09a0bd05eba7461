"""Services are asked patiently, one after the other, and nothing of what they say is believed unchecked."""

import time
from dataclasses import replace

import numpy as np
import pytest
from tap_service import TapService, make_sky

from pogson.core.columns import CATALOG
from pogson.core.errors import ServiceError, SettingError
from pogson.core.flags import Star
from pogson.io.answers import TooManyRowsError, read_answer
from pogson.io.online import Online, Patience
from pogson.io.services import find_sources, known_sources, own_addresses

QUICK = Patience(rows=5000, seconds=20.0, silence=5.0, attempts=3, pause=0.5)
PLACE = (250.4, 36.5, 0.5)


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
def waits():
    return []


@pytest.fixture
def online(waits):
    return Online(QUICK, wait=waits.append)


def source(name="gaia"):
    return find_sources([name])[0]


def test_stars_come_as_a_catalogue(service, online):
    table, address = online.ask(source(), *PLACE)
    CATALOG.check(table)
    sky = service.sky
    inside = np.hypot((sky["ra"] - 250.4) * np.cos(np.radians(36.5)), sky["dec"] - 36.5) < 0.5
    assert address == service.address and abs(len(table) - inside.sum()) <= 1
    first = np.flatnonzero(sky["id"] == int(table["id"][0]))[0]
    for name in ("ra", "dec", "pmra", "mag_G", "mag_BP_err", "parallax"):
        assert table[name][0] == pytest.approx(sky[name][first])
    varies = np.isin(table["id"], sky["id"][sky["variable"] == "VARIABLE"].astype(str))
    assert np.array_equal((table["flags"] & int(Star.VARIABLE)) != 0, varies) and varies.any()


@pytest.mark.parametrize("name", list(known_sources()))
def test_every_catalogue_of_the_list_is_understood(name, online):
    one = source(name)
    table, _ = online.ask(one, *PLACE)
    bands = [n[4:] for n in table.colnames if n.startswith("mag_") and not n.endswith("_err")]
    assert tuple(bands) == one.about.bands and len(table)
    assert all(f"mag_{band}_err" in table.colnames for band in bands)
    assert all(set(way.columns) == set(one.services[0].columns) for way in one.services)
    assert one.cite and np.isfinite(one.about.epoch)
    assert not [n for n in table.colnames if n.startswith("ok_")]


def test_a_band_outside_its_valid_range_is_not_a_magnitude(service, online, monkeypatch):
    ok = service.sky["ok_V"].copy()
    ok[::2] = 0
    monkeypatch.setitem(service.sky, "ok_V", ok)
    table, _ = online.ask(source("gspc"), *PLACE)
    valid = np.isin(table["id"], service.sky["id"][1::2].astype(str))
    assert np.array_equal(np.isfinite(table["mag_V"]), valid) and np.isfinite(table["mag_B"]).all()


def test_dupvar_of_refcat2_says_variable_and_duplicate(online, service):
    table, _ = online.ask(source("refcat2"), *PLACE)
    assert (table["flags"] & int(Star.VARIABLE)).any() and (table["flags"] & int(Star.BLENDED)).any()
    assert table["id"][0].startswith("J25") or table["id"][0].startswith("J24")


@pytest.mark.parametrize("fault", ["503", "500", "429", "reset", "silent", "drip", "short"])
def test_a_passing_fault_is_waited_for(fault, service, waits):
    service.faults = [fault, fault]
    limits = {"silent": {"silence": 1.0}, "drip": {"seconds": 1.0}}.get(fault, {})
    start = time.monotonic()
    table, _ = Online(replace(QUICK, **limits), wait=waits.append).ask(source(), *PLACE)
    assert len(table) and len(service.queries) == 3 and waits == [0.5, 1.0]
    assert time.monotonic() - start < 15.0


REFUSED = {
    "404": "HTTP 404",
    "refused": "HTTP 400: 1 unresolved identifiers: c0 !",
    "html": "no VOTable",
    "cut": "cut off",
    "entities": "declares entities",
    "href": "said to lie elsewhere",
    "fits": "holds another file",
    "encoding": "encoding is not expected",
    "wrong columns": "no column c0 (id)",
    "text": "are no numbers",
    "off the sky": "not on the sky",
    "other place": "another place",
    "elsewhere": "no connection adapters",
}


@pytest.mark.parametrize("fault", REFUSED)
def test_an_answer_that_cannot_be_used_is_refused_in_one_line(fault, service, online, waits):
    service.always = fault
    with pytest.raises(ServiceError) as caught:
        online.ask(source(), *PLACE)
    line = str(caught.value)
    assert REFUSED[fault].lower() in line.lower() and "\n" not in line
    assert line.startswith("Gaia DR3 cannot be fetched (127.0.0.1:")
    # asking again would not help
    assert waits == []


def test_a_service_that_is_down_is_not_asked_again_in_this_run(service, online, waits):
    service.always = "503"
    for _ in range(3):
        with pytest.raises(ServiceError, match=r"HTTP 503\); try again later"):
            online.ask(source(), *PLACE)
    assert len(service.queries) == 3


def test_a_mirror_answers_where_the_first_service_does_not(service, online, monkeypatch):
    mirror = TapService(make_sky())
    try:
        monkeypatch.setenv("POGSON_TAP", f"http://127.0.0.1:9/tap {service.address} {mirror.address}")
        service.always = "entities"
        table, address = online.ask(source(), *PLACE)
        assert len(table) and address == mirror.address
    finally:
        mirror.close()


def test_a_long_answer_is_left_unread(service):
    online = Online(Patience(size=20_000, silence=1.0), wait=lambda _: None)
    with pytest.raises(ServiceError, match=r"longer than 0.02 MB"):
        online.ask(source(), *PLACE)


def test_more_rows_than_allowed_are_told_apart_from_a_fault(service):
    online = Online(Patience(rows=10, silence=1.0))
    with pytest.raises(TooManyRowsError):
        online.ask(source(), *PLACE)


def test_absurd_magnitudes_and_texts_do_no_harm(service, online):
    service.faults = ["absurd"]
    table, _ = online.ask(source(), *PLACE)
    assert not np.isfinite(table["mag_G"]).any()
    service.faults = ["names"]
    table, _ = online.ask(source("vsx"), *PLACE)
    name = str(table["id"][0])
    assert name.isprintable() and len(name) <= 64 and "V1 Her" in name


def test_binary_answers_are_read_as_well(service):
    from io import BytesIO

    from astropy.io.votable import from_table, writeto
    from astropy.table import Table

    columns = {"id": "a", "ra": "b", "dec": "c", "mag_V": "d"}
    rows = Table({"c0": ["x", "y"], "C1": [10.0, 10.1], "c2": [1.0, 1.1], "c3": [12.0, np.nan]})
    for form in ("binary", "binary2"):
        file = BytesIO()
        writeto(from_table(rows), file, tabledata_format=form)
        table = read_answer(file.getvalue(), columns, circle=(10.0, 1.0, 0.5), most=9)
        assert list(table["id"]) == ["x", "y"] and np.isnan(table["mag_V"][1])


def test_an_address_of_ones_own_must_be_one(monkeypatch):
    monkeypatch.setenv("POGSON_TAP", "file:///etc/passwd")
    with pytest.raises(SettingError, match=r"\$POGSON_TAP: 'file:///etc/passwd' must begin with https"):
        own_addresses()


def test_a_catalogue_that_is_not_known_is_named():
    with pytest.raises(SettingError, match="--catalogs usno: cannot be fetched; there is gaia, gspc"):
        find_sources(["usno"])


def test_without_pyvo_the_cure_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvo", None)
    with pytest.raises(SettingError, match=r"pip install 'pogson\[online\]'"):
        Online()


def test_the_network_is_never_touched_beyond_this_computer(online, monkeypatch):
    # the tests' own sockets are held to 127.0.0.1: an address elsewhere ends in a line, not in a connection
    monkeypatch.setenv("POGSON_TAP", "http://192.0.2.1/tap")
    with pytest.raises(Exception, match=r"192\.0\.2\.1"):
        online.ask(source(), *PLACE)
