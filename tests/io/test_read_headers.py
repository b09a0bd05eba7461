"""Exposures from headers: what is told, what only seems to be told, and what the settings override."""

import math

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pogson.core.errors import SettingError
from pogson.core.frame import Site
from pogson.io.headers import pointing_altitude, read_exposure
from pogson.io.moments import complete
from pogson.io.wcs import read_wcs

START = 2458606.5 + (9 * 3600 + 3 * 60 + 11) / 86400
WCS = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 250.42,
    "CRVAL2": 36.46,
    "CRPIX1": 512.0,
    "CRPIX2": 512.0,
    "CD1_1": -1.85e-4,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 1.85e-4,
}


def expose(path="night/a.fits", shape=(100, 200), overrides=None, **cards):
    """An exposure from keyword cards; a tuple is a value with a comment; "__" stands for "-"."""
    header = fits.Header()
    for key, value in cards.items():
        header[key.replace("__", "-")] = value
    return read_exposure(header, path=path, shape=shape, overrides=overrides)


# exposure time


@pytest.mark.parametrize(
    ("cards", "seconds"),
    [
        ({"EXPTIME": 120.0}, 120.0),
        ({"EXPOSURE": "30,5"}, 30.5),
        ({"EXPTIME": "60.0 s"}, 60.0),
        ({"EXPOINUS": 5000000}, 5.0),
        ({"EXPTIME": (1500.0, "[ms] exposure")}, 1.5),
        ({"EXPTIME": (0.001, "[d] exposure")}, 86.4),
        ({"EXP_TIME": 7}, 7.0),
        ({"DATE__OBS": "2019-05-03T09:03:11", "DATE__END": "2019-05-03T09:05:11"}, 120.0),
        ({"UTSTART": "23:59:00", "UTSTOP": "00:01:00"}, 120.0),
        ({"EXPTIME": -1.0, "EXPOSURE": 5.0}, 5.0),
    ],
)
def test_exposure_times_are_read_in_all_dialects(cards, seconds):
    assert expose(**cards).exptime == pytest.approx(seconds)


def test_a_missing_exposure_time_is_said():
    exposure = expose(OBJECT="M13")
    assert math.isnan(exposure.exptime)
    assert exposure.sources["exptime"] == "unknown"
    assert any("no exposure time" in note and "EXPTIME" in note for note in exposure.notes)


def test_exposure_cards_that_differ_are_said():
    assert any("differ" in note for note in expose(EXPTIME=10.0, EXPOSURE=20.0).notes)


# time


@pytest.mark.parametrize(
    "cards",
    [
        {"DATE__OBS": "2019-05-03T09:03:11"},
        {"DATE__OBS": "2019-05-03 09:03:11"},
        {"DATE__OBS": "2019-05-03T02:03:11-0700"},
        {"DATE__OBS": "2019-05-03", "TIME__OBS": "09:03:11"},
        {"DATE__OBS": "03/05/19", "UT": "09 03 11"},
        {"DATE__OBS": "2019-05-03", "UTSTART": "09:03:11"},
        {"DATE__OBS": ("2019-05-03T02:03:11", "local time"), "UT__OBS": "2019-05-03T09:03:11"},
        {"DATE__OBS": ("2019-05-03T02:03:11", "[LT]"), "JD": START},
        {"MJD__OBS": START - 2400000.5},
        {"JD": START},
        {"JD": str(START)},
        {"DATE__BEG": "2019-05-03T09:03:11"},
        {"DATE__OBS": ("2019-05-03T09:04:11", "UTC middle of exposure")},
        {"DATE__OBS": ("2019-05-03T09:05:11", "end of exposure (UTC)")},
        {"DATE__OBS": "2019-05-03T09:04:11", "TIMEPIXR": 0.5},
        {"DATE__OBS": "2019-05-03T09:05:11", "TIMEPIXR": 1.0},
        {"DATE__AVG": "2019-05-03T09:04:11"},
        {"DATE__OBS": "2019-05-03T09:04:20.184", "TIMESYS": "TT"},
        {"DATE__OBS": "2019-05-02", "UT": "09:03:11", "JD": START},
    ],
)
def test_times_are_read_in_all_dialects(cards):
    exposure = expose(EXPTIME=120.0, **cards)
    assert (exposure.jd_start - START) * 86400 == pytest.approx(0, abs=0.01)
    assert (exposure.jd_utc - START) * 86400 == pytest.approx(60, abs=0.01)
    assert exposure.sources["jd_utc"] != "unknown"


def test_the_date_of_the_file_is_never_the_time_of_the_exposure():
    exposure = expose(EXPTIME=1.0, DATE="2019-05-03T09:03:11")
    assert math.isnan(exposure.jd_utc)
    assert any("no time of observation" in note for note in exposure.notes)


def test_local_time_without_a_zone_is_not_used_until_the_settings_tell_the_offset():
    card = ("2019-05-03T02:03:11", "local time")
    exposure = expose(EXPTIME=0.0, DATE__OBS=card)
    assert math.isnan(exposure.jd_utc)
    assert any("utc_offset_hours" in note for note in exposure.notes)
    told = expose(EXPTIME=0.0, DATE__OBS=card, overrides={"time": {"utc_offset_hours": -7}})
    assert told.jd_utc == pytest.approx(START, abs=1e-8)
    assert "settings" in told.sources["jd_utc"]


def test_the_settings_say_what_the_time_stamp_means():
    exposure = expose(
        EXPTIME=120.0, DATE__OBS="2019-05-03T09:05:11", overrides={"time": {"reference": "end"}}
    )
    assert (exposure.jd_utc - START) * 86400 == pytest.approx(60, abs=0.01)


def test_a_middle_that_disagrees_with_the_start_is_used_and_said():
    exposure = expose(EXPTIME=120.0, DATE__OBS="2019-05-03T09:03:11", DATE__AVG="2019-05-03T09:10:11")
    assert (exposure.jd_utc - START) * 86400 == pytest.approx(420, abs=0.01)
    assert any("DATE-AVG" in note for note in exposure.notes)


def test_julian_dates_that_disagree_are_said():
    exposure = expose(EXPTIME=1.0, DATE__OBS="2019-05-03T09:03:11", **{"MJD-OBS": START - 2400000.5 + 0.5})
    assert any("+12.00 h" in note for note in exposure.notes)
    assert exposure.jd_start == pytest.approx(START, abs=1e-8)


def test_a_rounded_julian_date_is_no_disagreement():
    assert not expose(
        EXPTIME=60.0, DATE__OBS="2019-05-03T09:03:11", MJD__OBS=58606.377, OBJECT="x", RA=100.0, DEC=5.0
    ).notes


# kind


@pytest.mark.parametrize(
    ("cards", "path", "kind", "source"),
    [
        ({"IMAGETYP": "Light Frame"}, "a.fits", "light", "IMAGETYP card"),
        ({"IMAGETYP": "LIGHT"}, "a.fits", "light", "IMAGETYP card"),
        ({"IMAGETYP": "object"}, "a.fits", "light", "IMAGETYP card"),
        ({"OBSTYPE": "EXPOSE"}, "a.fits", "light", "OBSTYPE card"),
        ({"OBSTYPE": "SKYFLAT"}, "a.fits", "flat", "OBSTYPE card"),
        ({"IMAGETYP": "Flat Field"}, "a.fits", "flat", "IMAGETYP card"),
        ({"IMAGETYP": "Master Dark"}, "a.fits", "dark", "IMAGETYP card"),
        ({"IMAGETYP": "DARKFLAT"}, "a.fits", "dark", "IMAGETYP card"),
        ({"FRAME": "Bias"}, "a.fits", "bias", "FRAME card"),
        ({"FRAME": "FK5", "FRAMETYP": "zero"}, "a.fits", "bias", "FRAMETYP card"),
        ({"PICTTYPE": 4}, "a.fits", "flat", "PICTTYPE card"),
        ({"PICTTYPE": 1}, "a.fits", "light", "PICTTYPE card"),
        ({"OBJECT": "Dome Flat V"}, "a.fits", "flat", "OBJECT card"),
        ({"EXPTIME": 1.0}, "n/flat29.5(2).FIT", "flat", "file name"),
        ({"EXPTIME": 1.0}, "n/BIAS0002.FIT", "bias", "file name"),
        ({"EXPTIME": 1.0}, "n/Dark_ASIImg_5sec_frame0001.fit", "dark", "file name"),
        ({"EXPTIME": 1.0}, "night/darks/0001.fit", "dark", "folder name"),
        ({"EXPTIME": 0.0}, "n/0001.fit", "bias", "exposure time 0"),
        ({"EXPTIME": 3.2e-5}, "n/0001.fit", "bias", "exposure time 0"),
        ({"EXPTIME": 2.0}, "n/AutoFlat-PANoRot-V-Bin1-001-NoTarg.fit", "flat", "file name"),
        (
            {"FRAME": 3, "EXPTIME": 9.0, "OBJECT": "M13"},
            "a.fits",
            "light",
            "has a target, and no other kind is told",
        ),
        ({"IMAGETYP": "SNAPSHOT"}, "a.fits", "light", "IMAGETYP card"),
        ({"EXPTIME": 9.0, "OBJECT": "M13"}, "n/0001.fit", "light", "has a target, and no other kind is told"),
        ({"EXPTIME": 9.0}, "n/0001.fit", "unknown", "unknown"),
    ],
)
def test_the_kind_of_a_frame_is_told_by_cards_names_or_length(cards, path, kind, source):
    exposure = expose(path=path, **cards)
    assert (exposure.kind, exposure.sources["kind"]) == (kind, source)


def test_a_flat_by_name_that_says_light_is_said():
    assert any(
        "IMAGETYP says light" in note for note in expose(path="flat_V_1.fits", IMAGETYP="Light Frame").notes
    )


# band


def test_unknown_filters_can_be_named_in_the_settings():
    assert expose(FILTERS=48).band == "48"
    exposure = expose(FILTERS=48, overrides={"bands": {"48": "V"}})
    assert exposure.band == "V"
    assert "settings" in exposure.sources["band"]


def test_of_several_filter_wheels_the_one_in_use_counts():
    assert expose(FILTER1="rp", FILTER2="NOTPRESENT", FILTER3="air").band == "r"
    assert expose(FILTER1="air", FILTER2="air").band == "C"


def test_no_filter_card_is_no_band():
    exposure = expose(EXPTIME=1.0)
    assert exposure.band == ""
    assert exposure.sources["band"] == "unknown"


def test_a_mosaic_in_the_filter_card_is_no_band():
    exposure = expose(FILTER="RGGB")
    assert (exposure.band, exposure.bayer) == ("", "RGGB")


# gain and other numbers of the camera


@pytest.mark.parametrize(
    ("cards", "gain"),
    [
        ({"EGAIN": 0.46}, 0.46),
        ({"E__GAIN": 0.46}, 0.46),
        ({"EGAIN": 1.2, "GAIN": 139}, 1.2),
        ({"CVF": 2.0}, 2.0),
        ({"GAIN": (1.9, "e-/ADU")}, 1.9),
        ({"GAIN": ("1.10", "[electrons/ADU] Estimated amplifier gain")}, 1.1),
        ({"GAIN": (1.0, "[electrons/count] Pixel gain")}, 1.0),
        ({"GAIN": (2.0, "electrons per DN")}, 2.0),
        ({"GAIN": (0.5, "ADU/electron")}, 2.0),
        ({"GAIN": 1.62}, 1.62),
    ],
)
def test_a_gain_is_taken_where_it_is_one(cards, gain):
    exposure = expose(**cards)
    assert exposure.gain == pytest.approx(gain)
    assert "card" in exposure.sources["gain"]


@pytest.mark.parametrize(
    "cards",
    [
        {"GAIN": (0, "The ratio of output / input")},
        {"GAIN": 139},
        {"GAIN": 1},
        {"GAIN": (2.5, "camera gain setting")},
        {"GAIN": (20.5, "gain in dB")},
        {"GAIN": 1.5, "SWCREATE": "N.I.N.A. 3.1"},
        {"GAIN": "high"},
        {"GAIN": -1.0},
        {"EGAIN": 0.0},
    ],
)
def test_a_setting_of_the_camera_is_no_gain(cards):
    exposure = expose(**cards)
    assert math.isnan(exposure.gain)
    assert exposure.sources["gain"] == "unknown"
    if isinstance(cards.get("GAIN"), int):
        assert any("GAIN" in note for note in exposure.notes)


def test_the_settings_win_over_the_header_and_say_so():
    camera = {
        "gain": 1.3,
        "gain_err": 0.02,
        "read_noise": 9.0,
        "saturation": 60000,
        "linearity": 50000,
        "pixel_scale": 0.7,
    }
    exposure = expose(EGAIN=1.0, RDNOISE=5.0, SATURATE=65535, overrides={"camera": camera})
    assert (exposure.gain, exposure.gain_err, exposure.read_noise) == (1.3, 0.02, 9.0)
    assert (exposure.saturation, exposure.linearity, exposure.pixel_scale) == (60000, 50000, 0.7)
    assert exposure.sources["gain"] == "[camera] gain in the settings"


@pytest.mark.parametrize(
    "overrides",
    [
        {"camera": {"gain": 0}},
        {"camera": {"gain": "1"}},
        {"site": {"latitude": 91}},
        {"time": {"reference": "begin"}},
    ],
)
def test_impossible_settings_are_refused(overrides):
    with pytest.raises(SettingError, match=r"^\[\w+\] .*: "):
        expose(EXPTIME=1.0, overrides=overrides)


def test_the_brightest_pixel_of_the_image_is_no_saturation_level():
    assert math.isnan(expose(DATAMAX=(98528.0, "Maximum data value")).saturation)
    assert expose(DATAMAX=(50000.0, "maximum good data value")).saturation == 50000
    assert expose(SATURATE=(100000.0, "[e-]"), EGAIN=2.0).saturation == 50000
    assert expose(MAXLIN=45000).linearity == 45000


def test_pedestals_are_subtracted_whatever_their_sign():
    assert expose(PEDESTAL=(-500, "Correction to add for zero-based ADU")).offset == 500
    assert expose(PEDESTAL=(100, "added to all pixels")).offset == 100
    assert math.isnan(expose(PEDESTAL=0).offset)


@pytest.mark.parametrize(
    ("cards", "celsius"),
    [
        ({"CCD__TEMP": -25.0}, -25.0),
        ({"CAMTEMP": (272.0, "Kelvin")}, -1.15),
        ({"CCD__TEMP": 180.2}, -92.95),
        ({"CAMTEMP": "11 C"}, 11.0),
    ],
)
def test_temperatures_are_in_celsius(cards, celsius):
    assert expose(**cards).temperature == pytest.approx(celsius)


@pytest.mark.parametrize(
    ("cards", "binning"),
    [
        ({"XBINNING": 2, "YBINNING": 2}, (2, 2)),
        ({"CCDSUM": "2 1"}, (2, 1)),
        ({"BINNING": "3x3"}, (3, 3)),
        ({"BINNING": 2}, (2, 2)),
        ({}, (1, 1)),
    ],
)
def test_binning_is_read_in_all_dialects(cards, binning):
    assert expose(**cards).binning == binning


@pytest.mark.parametrize(
    ("cards", "scale"),
    [
        ({"PIXSCALE": 1.16}, 1.16),
        ({"SECPIX": "0.5"}, 0.5),
        ({"XPIXSZ": 13.0, "FOCALLEN": 4011.5}, 0.66845),
        ({"XPIXSZ": 7.4e-3, "FOCALLEN": (2032.0, "mm")}, 0.75115),
        ({"XPIXSZ": 13.0, "FOCALLEN": (4.0115, "[m]")}, 0.66845),
        ({"XPIXSZ": 13.0, "FOCALLEN": (401.15, "[cm]")}, 0.66845),
        ({"CCDXPIXE": (9e-6, "[m]"), "FOCALLEN": 3251.0, "CCDSUM": "2 2"}, 1.14204),
        ({"XPIXSZ": 3.76, "FOCALLEN": (50.0, "[mm] Focal length")}, 15.511),
        (WCS, 0.666),
    ],
)
def test_pixel_scales_come_from_cards_or_optics(cards, scale):
    assert expose(**cards).pixel_scale == pytest.approx(scale, rel=1e-4)


def test_a_focal_length_that_may_be_anything_gives_no_pixel_scale():
    exposure = expose(XPIXSZ=7.4e-3, FOCALLEN=80.0)
    assert math.isnan(exposure.pixel_scale)
    assert any("FOCALLEN" in note for note in exposure.notes)


def test_sections_give_the_useful_part_and_the_overscan():
    exposure = expose(shape=(520, 536), TRIMSEC="[17:528,1:520]", BIASSEC="[4:13,1:520]", **WCS)
    assert exposure.trim == (0, 520, 16, 528)
    assert exposure.overscan == (0, 520, 3, 13)
    assert exposure.shape == (520, 512)
    # coordinates are counted in the useful part from here on
    assert exposure.cards["CRPIX1"] == WCS["CRPIX1"] - 16


def test_sections_of_a_frame_that_was_trimmed_are_ignored_and_said():
    exposure = expose(shape=(1020, 1523), TRIMSEC="[11:1533,4:1023]", BIASSEC="[3086:3100,1:2048]")
    assert exposure.trim is None
    assert exposure.overscan is None
    assert sum("does not fit" in note for note in exposure.notes) == 2


@pytest.mark.parametrize(
    "cards",
    [
        {"CALSTAT": "BDF"},
        {"RLEVEL": 91},
        {"BUNIT": "electron"},
        {"STACKCNT": 12},
        {"FLATCOR": "done"},
        {"HISTORY": " Process Calibrate"},
        {"CALIBRAT": True},
    ],
)
def test_calibrated_frames_are_recognised(cards):
    exposure = expose(EXPTIME=5.0, **cards)
    assert exposure.reduced
    assert "card" in exposure.sources["reduced"]


@pytest.mark.parametrize("cards", [{"RLEVEL": 0}, {"BUNIT": "adu"}, {"NCOMBINE": 1}, {"CALSTAT": ""}])
def test_raw_frames_are_not_taken_for_calibrated(cards):
    assert not expose(EXPTIME=5.0, **cards).reduced


def test_a_frame_in_electrons_has_gain_one():
    exposure = expose(BUNIT="electron", EGAIN=1.5, SATURATE=60000)
    assert exposure.gain == 1.0
    assert math.isnan(exposure.saturation)
    # an observatory that wrote gain 1 has turned its limits into electrons too
    assert expose(BUNIT="electron", GAIN=(1.0, "[electrons/count]"), SATURATE=153440).saturation == 153440


# place and pointing


@pytest.mark.parametrize(
    ("cards", "ra"),
    [
        ({"OBJCTRA": "16 41 41.00", "OBJCTDEC": "+36 27 35.0"}, 250.420833),
        ({"RA": "16:41:41.00", "DEC": "+36:27:35"}, 250.420833),
        ({"RA": (16.69472, "[hours]"), "DEC": 36.46}, 250.4208),
        ({"RA": (5.648, "[deg]"), "DEC": 36.46}, 5.648),
        ({"RA": 16.69472, "DEC": 36.46, **WCS}, 250.4208),
        ({"RA": 250.42, "DEC": 36.46}, 250.42),
        ({"RA": "250.42", "DEC": "36.46"}, 250.42),
        (WCS, 250.42),
    ],
)
def test_pointings_are_read_in_all_dialects(cards, ra):
    exposure = expose(**cards)
    assert exposure.ra == pytest.approx(ra, abs=1e-4)
    assert exposure.dec == pytest.approx(36.46, abs=1e-2)


def test_a_right_ascension_that_may_be_hours_is_said():
    assert any("may be hours" in note for note in expose(RA=5.648, DEC=-30.18).notes)


@pytest.mark.parametrize(
    ("cards", "longitude"),
    [
        ({"SITELAT": "32 46 49", "SITELONG": "-105 49 13"}, -105.82028),
        ({"LATITUDE": 20.7, "LONGITUD": (-156.2575333, "[deg East]")}, -156.25753),
        ({"LATITUDE": 31.68, "LONGITUD": (110.88, "degrees west")}, -110.88),
        ({"LATITUDE": 31.68, "LONGITUD": "110.88 W"}, -110.88),
        ({"SITELAT": 32.0, "SITELONG": 254.18}, -105.82),
        ({"OBSGEO__X": -5466057.469, "OBSGEO__Y": -2404265.073, "OBSGEO__Z": 2242151.193}, -156.25753),
    ],
)
def test_sites_are_east_positive(cards, longitude):
    site = expose(**cards).site
    assert site.longitude == pytest.approx(longitude, abs=1e-4)


def test_geocentric_coordinates_give_height_and_latitude():
    site = expose(OBSGEO__X=-5466057.469, OBSGEO__Y=-2404265.073, OBSGEO__Z=2242151.193).site
    assert site.latitude == pytest.approx(20.7069694, abs=1e-4)
    assert site.height == pytest.approx(3037, abs=30)


def test_the_altitude_of_the_target_is_no_height_of_the_site():
    assert math.isnan(expose(SITELAT=20.0, SITELONG=10.0, ALTITUDE=(41.7, "[deg] Altitude axis")).site.height)
    assert expose(SITELAT=20.0, SITELONG=10.0, ALTITUDE=(311.8, "[meters]")).site.height == 311.8


def test_the_site_of_the_settings_wins():
    place = {"latitude": "31 40 48", "longitude": -110.88, "height": 1268, "name": "Amado", "diameter": 0.15}
    exposure = expose(LATITUDE=0.5, LONGITUD=3.0, overrides={"site": place})
    assert exposure.site == Site(31.68, -110.88, 1268.0, "Amado")
    assert exposure.diameter == 0.15
    assert "settings" in exposure.sources["site"]


def test_a_height_in_the_settings_completes_the_site_of_the_header():
    site = expose(SITELAT=20.0, SITELONG=10.0, overrides={"site": {"height": 2400}}).site
    assert site == Site(20.0, 10.0, 2400.0)
    assert math.isnan(expose(SITELAT=20.0, SITELONG=10.0).site.height), "unknown is not the level of the sea"


def test_the_diameter_follows_from_focal_length_and_ratio_where_no_card_tells_it():
    exposure = expose(FOCALLEN=(1000.0, "[mm] Focal length"), FOCRATIO=5.0)
    assert exposure.diameter == pytest.approx(0.2)
    assert exposure.sources["diameter"] == "FOCALLEN over FOCRATIO card"
    assert expose(FOCALLEN=(1000.0, "[mm]"), FOCRATIO=5.0, APTDIA=250.0).diameter == 0.25
    # a ratio that nobody typed in, and a length without a unit, tell nothing
    assert math.isnan(expose(FOCALLEN=(1000.0, "[mm]"), FOCRATIO=0.0).diameter)
    assert math.isnan(expose(FOCALLEN=50.0, FOCRATIO=5.0).diameter)


HAT_P_32 = {
    "DATE__OBS": ("2017-12-19T20:18:12.281-0700", "Start date & time of observation, LT"),
    "UT__OBS": "2017-12-20T03:18:12.281-0000",
    "EXPTIME": 60.0,
    "OBJECT": "HATP-32",
    "RA": (31.312099, "02:05.25"),
    "DEC": 46.769087,
    "LATITUDE": 31.68,
}


def test_a_longitude_counted_west_is_found_out_by_the_altitude_of_the_target():
    header = fits.Header()
    for key, value in {**HAT_P_32, "LONGITUD": 110.88, "TELALT": 74.64}.items():
        header[key.replace("__", "-")] = value
    exposure = complete([read_exposure(header)], [pointing_altitude(header)])[0]
    assert exposure.site.longitude == -110.88
    assert exposure.airmass == pytest.approx(1.037, abs=0.01)
    assert any("west" in note for note in exposure.notes)


def test_a_longitude_counted_west_is_found_out_by_the_airmass():
    exposure = complete([expose(**HAT_P_32, LONGITUD=110.88, AIRMASS=1.037)])[0]
    assert exposure.site.longitude == -110.88


def test_a_light_frame_in_daylight_is_said_and_nothing_is_guessed():
    # the longitude may be counted west, or the time be local: both look the same
    exposure = complete([expose(**HAT_P_32, LONGITUD=110.88)])[0]
    assert exposure.site.longitude == 110.88
    assert any("the Sun was up" in note for note in exposure.notes)


def test_a_right_longitude_stays():
    exposure = complete([expose(**HAT_P_32, LONGITUD=-110.88)])[0]
    assert exposure.site.longitude == -110.88
    assert not any("west" in note for note in exposure.notes)


def test_barycentric_time_and_airmass_are_computed_for_all_at_once():
    site = {"SITELAT": "32 46 49", "SITELONG": "-105 49 13"}
    told = expose(
        EXPTIME=120.0,
        DATE__OBS="2019-05-03T09:03:11",
        RA=250.42,
        DEC=36.46,
        AIRMASS=1.3,
        OBJECT="M13",
        **site,
    )
    placeless = expose(
        EXPTIME=120.0, DATE__OBS="2019-05-03T09:03:11", RA=250.42, DEC=36.46, AIRMASS=1.3, OBJECT="M13"
    )
    blind = expose(EXPTIME=120.0, DATE__OBS="2019-05-03T09:03:11", OBJECT="M13")
    one, two, three = complete([told, placeless, blind])
    assert one.airmass == pytest.approx(1.002, abs=1e-3)
    assert any("the header says 1.3" in note for note in one.notes)
    assert one.sources["airmass"] == "computed from site, time and pointing"
    assert two.airmass == 1.3
    assert two.sources["airmass"] == "AIRMASS card"
    assert "geocentre" in two.sources["bjd_tdb"]
    assert abs(one.bjd_tdb - two.bjd_tdb) * 86400 < 0.022
    assert math.isnan(three.bjd_tdb)
    assert any("no pointing" in note for note in three.notes)


# world coordinates


def test_quoted_numbers_and_odd_units_of_coordinates_are_understood():
    exposure = expose(**{**WCS, "CRVAL1": "250.42", "CUNIT1": "degrees", "CDELT1": -1.85e-4, "PC1_1": 1.0})
    assert exposure.cards["CRVAL1"] == 250.42
    assert exposure.cards["CUNIT1"] == "deg"
    assert "CDELT1" not in exposure.cards
    sky = read_wcs(exposure.cards)
    ra, dec = sky.all_pix2world(511, 511, 0)
    np.testing.assert_allclose([ra, dec], [250.42, 36.46])


def test_damaged_coordinates_are_dropped_and_said():
    for damage in ({"CRVAL1": "x"}, {"CD1_1": 0.0}, {"CRVAL2": 99.0}, {"CTYPE2": "GLAT-TAN"}):
        exposure = expose(**{**WCS, **damage})
        assert exposure.cards == {}
        assert exposure.notes
        assert read_wcs(exposure.cards) is None


def test_distortion_is_kept_when_whole_and_dropped_when_damaged():
    types = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}
    sip = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6}
    whole = expose(**{**WCS, **types}, **sip)
    assert whole.cards["A_2_0"] == 1e-6
    assert read_wcs(whole.cards).sip is not None
    for damage in ({"A_2_0": "x"}, {"A_ORDER": 99}, {"A_3_3": 1.0}):
        broken = expose(**{**WCS, **types}, **{**sip, **damage})
        assert "A_ORDER" not in broken.cards
        assert broken.cards["CTYPE1"] == "RA---TAN"
        assert any("SIP" in note for note in broken.notes)


# anything at all

KEYS = (
    "EXPTIME",
    "EXPOSURE",
    "DATE-OBS",
    "TIME-OBS",
    "UT",
    "MJD-OBS",
    "JD",
    "IMAGETYP",
    "PICTTYPE",
    "FILTER",
    "GAIN",
    "EGAIN",
    "RDNOISE",
    "SATURATE",
    "PEDESTAL",
    "XBINNING",
    "CCDSUM",
    "CCD-TEMP",
    "XPIXSZ",
    "FOCALLEN",
    "SITELAT",
    "SITELONG",
    "OBSGEO-X",
    "RA",
    "DEC",
    "OBJCTRA",
    "OBJCTDEC",
    "AIRMASS",
    "TRIMSEC",
    "BIASSEC",
    "BAYERPAT",
    "TIMESYS",
    "CRVAL1",
    "CRVAL2",
    "CRPIX1",
    "CD1_1",
    "A_ORDER",
    "A_2_0",
    "RLEVEL",
    "CALSTAT",
    "BUNIT",
    "TIMEPIXR",
    "DATE-AVG",
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.sampled_from(
        ["2019-05-03T09:03:11", "1,5", "-105 49 13", "[1:5,1:5]", "N/A", "RA---TAN", "25:61:99", "24:00:00"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=15))
def test_no_header_stops_the_scan_and_every_number_is_sane(cards):
    base = {**WCS, "EXPTIME": 60.0, "DATE-OBS": "2019-05-03T09:03:11", "SITELAT": 32.0, "SITELONG": -105.0}
    exposure = complete([read_exposure({**base, **cards}, path="x.fits", shape=(10, 20))])[0]
    assert not exposure.exptime < 0
    assert not exposure.gain <= 0
    assert not exposure.airmass < 0.999
    assert exposure.kind in ("light", "bias", "dark", "flat", "unknown")
    assert all(exposure.sources.get(name) for name in ("gain", "exptime", "band", "jd_utc", "kind"))
    assert all("\n" not in note for note in exposure.notes)
