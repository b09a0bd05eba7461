"""Headers speak the dialect of an observatory."""

import pytest
from astropy.io.fits import Header

from pogson.core.errors import SettingError
from pogson.simulate import Recipe, simulate_night
from pogson.simulate.dialects import DIALECTS
from pogson.simulate.headers import sexagesimal

SMALL = {"detector": {"nx": 64, "ny": 48}, "field": {"cluster_stars": 3, "field_stars": 3}}


def headers(**night):
    files = simulate_night(Recipe.from_dict(SMALL | {"night": night})).frames()
    return {f.name: Header(f.cards) for f in files}


def test_a_light_frame_says_what_maxim_would_say_and_keeps_the_gain_to_itself():
    header = headers()["cluster_g_0001.fits"]
    assert header["IMAGETYP"] == "Light Frame"
    assert header["FILTER"] == "sdss_g"
    assert header["DATE-OBS"] == "2024-06-11T23:40:00.000"
    assert header["SITELAT"] == "+37 00 00"
    assert header["SITELONG"] == "-03 30 00"
    assert header["OBJCTRA"] == "18 00 00.00"
    assert header["OBJCTDEC"] == "+38 00 00.0"
    assert header["BIASSEC"] == "[65:96,1:48]"
    assert header["AIRMASS"] == pytest.approx(1.03, abs=0.01)
    assert "EGAIN" not in header and "RDNOISE" not in header and "SATURATE" not in header


def test_a_header_tells_of_the_detector_what_it_is_asked_to():
    header = headers(tells=["gain", "saturation"])["cluster_g_0001.fits"]
    assert header["EGAIN"] == 1.6
    assert header["SATURATE"] == 60000.0
    assert "RDNOISE" not in header


def test_calibration_frames_have_no_target_and_only_flats_have_a_filter():
    found = headers()
    assert found["bias_001.fits"]["EXPTIME"] == 0.0
    assert "FILTER" not in found["dark_120s_001.fits"]
    assert found["flat_r_001.fits"]["FILTER"] == "sdss_r"
    for name in ("bias_001.fits", "dark_120s_001.fits", "flat_r_001.fits"):
        assert not {"OBJECT", "OBJCTRA", "AIRMASS", "CRVAL1"} & set(found[name])


def test_the_wcs_is_wrong_by_a_few_arcsec_and_a_tenth_of_a_degree():
    header = headers()["cluster_r_0014.fits"]
    off = abs(header["CRVAL2"] - 38.0) * 3600
    assert 0.01 < off < 15.0
    assert header["CD1_2"] / -header["CD1_1"] == pytest.approx(0.1 * 3.14159 / 180, rel=1e-3)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_dialect_writes_every_kind_of_frame_in_its_words(dialect):
    found = headers(dialect=dialect, tells=["gain", "read_noise", "saturation"])
    keyword = next((key for key, fact, _ in DIALECTS[dialect].cards if fact == "kind"), None)
    if keyword is None:
        assert dialect == "minimal"
        assert list(found["cluster_g_0001.fits"])[-4:] == ["DATE-OBS", "EXPTIME", "FILTER", "OBJECT"]
    else:
        assert {header[keyword] for header in found.values()} == set(DIALECTS[dialect].kinds.values())


@pytest.mark.parametrize(
    ("night", "message"),
    [
        ({"dialect": "maxin"}, "night.dialect: no dialect 'maxin'; did you mean 'maxim'?"),
        ({"tells": ["gian"]}, "night.tells: a header cannot tell 'gian'; did you mean 'gain'?"),
        ({"start": "2024-06-11T12:00:00"}, "14 of 14 light frames look below 5 degrees of altitude"),
        ({"start": "tonight"}, "night.start must be like 2024-06-11T23:40:00"),
    ],
)
def test_a_night_that_cannot_be_written_is_refused_before_it_begins(night, message):
    with pytest.raises(SettingError) as error:
        simulate_night(Recipe.from_dict(SMALL | {"night": night}))
    assert message in str(error.value)


def test_sexagesimal_angles_carry_their_seconds():
    assert sexagesimal(-0.5) == "-00 30 00"
    assert sexagesimal(59.99999999 / 60, 1) == "+01 00 00.0"
    assert sexagesimal(36.459722, 2) == "+36 27 35.00"
