"""What a simulated camera writes in any dialect is read back as it was meant."""

import numpy as np
import pytest

from pogson.io.fits import read_raw
from pogson.pipeline.simulated import write_night
from pogson.simulate.dialects import DIALECTS

SMALL = {
    "detector": {"nx": 64, "ny": 48, "overscan": 8},
    "field": {"cluster_stars": 4, "field_stars": 4},
    "telescope": {"flip": True},
    "calibration": {"bias": 1, "dark": 1, "flat": 1},
}
PLACED = ("maxim", "nina", "astroimagej", "lco", "siril", "plain")


@pytest.fixture(scope="module", params=sorted(DIALECTS))
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    night = {
        "dialect": request.param,
        "exposures": [["r", 60.0, 2]],
        "tells": ["gain", "read_noise", "saturation"],
    }
    made = write_night(SMALL | {"night": night}, folder / "night", workers=1)
    return request.param, made, folder / "night"


def read(written, name):
    _, _, folder = written
    return read_raw(folder / name).exposure


def test_the_kind_of_every_frame_is_understood(written):
    for shot in written[1].shots:
        assert read(written, shot.name).kind == shot.kind


def test_times_are_those_of_the_truth(written):
    _, made, _ = written
    truth = made.frame_truth[-1]
    exposure = read(written, truth["name"])
    assert exposure.exptime == 60.0
    assert exposure.jd_utc == pytest.approx(truth["jd_utc"], abs=1e-8)
    if written[0] in PLACED:
        assert exposure.bjd_tdb == pytest.approx(truth["bjd_tdb"], abs=2e-7)


def test_band_target_and_temperature_are_understood(written):
    dialect, made, _ = written
    light = read(written, made.lights[0].name)
    assert light.band == "r" and light.target == "POGSON 1"
    assert read(written, "flat_r_001.fits").band == "r"
    assert read(written, "dark_120s_001.fits").band == ""
    if dialect != "minimal":
        assert light.temperature == pytest.approx(-20.0, abs=0.3)


def test_the_pointing_and_the_site_are_understood(written):
    dialect, made, _ = written
    light = read(written, made.lights[0].name)
    if dialect != "minimal":
        assert (light.ra, light.dec) == (pytest.approx(270.0, abs=1e-3), pytest.approx(38.0, abs=1e-3))
    if dialect in PLACED:
        assert light.site is not None
        where = (light.site.latitude, light.site.longitude)
        assert where == (pytest.approx(37.0, abs=1e-3), pytest.approx(-3.5, abs=1e-3))
        assert light.airmass == pytest.approx(made.conditions.airmass[0], abs=2e-3)
    else:
        assert light.site is None and np.isnan(light.airmass)


def test_the_gain_is_believed_only_where_it_is_electrons_per_adu(written):
    dialect, made, _ = written
    light = read(written, made.lights[0].name)
    if dialect == "minimal":
        assert np.isnan(light.gain)
    else:
        assert light.gain == pytest.approx(1.6)
    if dialect in ("maxim", "plain", "lco", "astroimagej"):
        assert light.read_noise == pytest.approx(8.0)
        assert light.saturation == pytest.approx(60000.0)
        assert light.trim == (0, 48, 0, 64) and light.overscan == (0, 48, 64, 72)


def test_a_camera_setting_is_not_taken_for_a_gain(tmp_path):
    for dialect in ("nina", "sharpcap", "siril"):
        night = {"dialect": dialect, "exposures": [["r", 60.0, 1]]}
        made = write_night(SMALL | {"night": night}, tmp_path / dialect, workers=1)
        assert np.isnan(read_raw(tmp_path / dialect / made.names[-1]).exposure.gain)


@pytest.mark.parametrize("dialect", ["nina", "sharpcap", "siril", "maxim"])
def test_the_mosaic_of_a_colour_camera_is_understood(dialect, tmp_path):
    detector = {"nx": 64, "ny": 48, "overscan": 0, "bayer": "GBRG"}
    night = {"dialect": dialect, "exposures": [["TG", 60.0, 1]]}
    made = write_night(SMALL | {"detector": detector, "night": night}, tmp_path / "n", workers=1)
    exposure = read_raw(tmp_path / "n" / made.names[-1]).exposure
    assert exposure.bayer == "GBRG" and exposure.band == ""
