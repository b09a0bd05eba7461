"""Cards and values in all dialects."""

import math

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pogson.io.bands import canonical_band
from pogson.io.cards import Header, read_value
from pogson.io.values import angle, clock, day, number, section, zone

plain_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


@given(
    st.one_of(st.integers(-(10**15), 10**15), st.booleans(), st.floats(-1e30, 1e30), plain_text), plain_text
)
def test_cards_are_read_as_astropy_reads_them(value, comment):
    header = fits.Header()
    header["KEY"] = (value, comment[:10])
    text = header.tostring(sep="", endcard=False, padding=False)
    ours = Header(text)
    expected = fits.Header.fromstring(text)["KEY"]
    got = ours.get("KEY")
    if isinstance(expected, str):
        assert (got or "") == expected.strip()
    else:
        assert got == expected
        assert type(got) is type(expected)


@given(st.binary(max_size=800))
def test_no_bytes_stop_the_reading_of_cards(data):
    header = Header(data.decode("latin-1"))
    for key in header:
        header.get(key)
        header.comment(key)


def test_the_first_of_duplicate_cards_counts():
    assert Header(f"{'A       = 1':80}{'A       = 2':80}").get("A") == 1


def test_long_and_hierarchical_cards_are_read():
    header = fits.Header()
    header["LONG"] = "word " * 40
    header["HIERARCH ESO DET GAIN"] = 2.5
    ours = Header(header.tostring(sep="", endcard=False, padding=False))
    assert ours.get("LONG") == ("word " * 40).strip()
    assert ours.get("ESO DET GAIN") == 2.5


def test_headers_of_other_kinds_are_understood():
    header = fits.Header([("EXPTIME", 5.0, "[s] length"), ("HISTORY", "Process Calibrate")])
    ours = Header.of(header)
    assert ours.get("EXPTIME") == 5.0
    assert ours.comment("EXPTIME") == "[s] length"
    assert "Calibrate" in ours.history
    assert Header.of({"exptime": 3}).get("EXPTIME") == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("                    T", True),
        ("  060.00 / seconds", 60.0),
        (" 1.5D3", 1500.0),
        (" 'O''Neill  ' / who", "O'Neill"),
        (" 'no end", "no end"),
        (" 12 C / warm", "12 C"),
        ("", None),
        (" 'a\0b'", "a b"),
    ],
)
def test_values_in_the_dialects_of_cameras(text, value):
    assert read_value(text)[0] == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1,5", 1.5), ("1.10", 1.1), ("11 C", 11.0), (".5", 0.5), ("1e3", 1000.0), (3, 3.0), ("-7 deg", -7.0)],
)
def test_numbers_are_read_from_words(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    "value", [None, True, "", "N/A", "UNKNOWN", "12:30", "2019-05-03", "1,234,567", float("inf")]
)
def test_what_is_no_number_is_nan(value):
    assert math.isnan(number(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("32 46 49", 32.780278),
        ("-105 49 13", -105.820278),
        ("-00:30:00", -0.5),
        ("+46:52:00.408", 46.866780),
        ("110 52 48 W", -110.88),
        ("31.68", 31.68),
        (-156.2575, -156.2575),
        ("16h41m41.0s", 16.694722),
    ],
)
def test_angles_are_read_in_all_spellings(value, expected):
    assert angle(value)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("value", ["N/A", "UNKNOWN", "", None])
def test_what_is_no_angle_is_nan(value):
    assert math.isnan(angle(value)[0])


def test_sections_count_from_one_with_both_ends():
    assert section("[17:528,1:520]") == (0, 520, 16, 528)
    assert section("[  17: 528,   1: 520]") == (0, 520, 16, 528)
    assert section("UNKNOWN") is None
    assert section(5) is None


@pytest.mark.parametrize(
    "text", ["2019-05-03", "2019/05/03", "20190503", "03/05/19", "03/05/2019", "2019-05-03T09:03"]
)
def test_dates_are_read_in_all_spellings(text):
    assert day(text) == 2458606.5


def test_old_dates_are_of_the_last_century():
    assert day("26/10/92") == 2448921.5


@pytest.mark.parametrize("text", ["", "Dom, 09 de May de 2010", "2019-13-45", "0000-00-00", "N/A"])
def test_what_is_no_date_is_nan(text):
    assert math.isnan(day(text))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("03:18:12.281", 11892.281),
        ("03 18 12", 11892),
        ("03:18", 11880),
        ("12:00:01,5", 43201.5),
        (11048.0, 11048),
    ],
)
def test_times_of_day_are_read_in_all_spellings(value, expected):
    assert clock(value) * 86400 == pytest.approx(expected)
    assert clock("10:38:18 p.m.") * 86400 == pytest.approx(81498)


def test_a_zone_is_told_apart_from_a_date():
    assert zone("20:18:12.281-0700") == -7
    assert zone("20:18:12+05:30") == 5.5
    assert zone("20:18:12Z") == 0
    assert zone("20:18:12") is None


@pytest.mark.parametrize(
    ("names", "band"),
    [
        (["B", "Johnson B", "Bessell B", "Johnson-B", "B filter"], "B"),
        (["V", "Vj", "Johnson V", "Bessell V", "Photometric V"], "V"),
        (["R", "Rc", "R_c", "Cousins R", "Bessel R", "R (Bessell)", "Kron-Cousins R"], "R"),
        (["I", "Ic", "Cousins I"], "I"),
        (["g", "gp", "g'", "sdss_g", "SDSS-g", "SDSS g'", "Sloan g", "SG"], "g"),
        (["r", "rp", "Sloan r'", "SDSS-r"], "r"),
        (["i", "ip", "SDSS i2"], "i"),
        (["z", "zs", "Pan-STARRS-zs"], "z"),
        (["u", "up", "sdss_u"], "u"),
        (["Clear", "CLEAR", "C", "None", "no filter", "open"], "C"),
        (["L", "Lum", "Luminance", "luminance"], "L"),
        (["Ha", "H-Alpha", "H_alpha", "Ha 7nm", "Halpha"], "Ha"),
        (["Red"], "TR"),
        (["Green"], "TG"),
        (["Blue", "blue"], "TB"),
        (["", "NOTPRESENT", "UNKNOWN", "N/A"], ""),
    ],
)
def test_filter_names_become_bands(names, band):
    assert {canonical_band(name)[0] for name in names} == {band}


@pytest.mark.parametrize("name", ["w", "48", "GG455_G0329", "Medium", "ExoPlanet-BB", "CBB"])
def test_an_unknown_filter_keeps_its_name_and_says_so(name):
    band, note = canonical_band(name)
    assert band == name
    assert "no known band" in note


@given(plain_text)
def test_every_filter_name_is_taken(name):
    band, _ = canonical_band(name)
    assert canonical_band(band)[0] == band or band == name.strip()


def test_numpy_numbers_are_numbers():
    assert number(float(np.float64(2.5))) == 2.5
