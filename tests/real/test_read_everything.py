"""Every real file is read to the pixels that astropy reads, or refused in one line."""

import math
import time
import warnings

import numpy as np
import pytest
from astropy.io import fits

from pogson.core.errors import FileError
from pogson.core.time import bjd_tdb
from pogson.io.fits import read_raw
from pogson.io.layout import read_header
from pogson.io.scan import scan_folder
from pogson.io.wcs import read_wcs

FOLDERS = ("oddities", "zwo_cmos", "ccd_ladder", "m16_halpha", "lco_reduced", "m13_raw", "m13_blue_stack")


def one(folder, part):
    """The exposure whose path holds `part`."""
    found = [e for e in scan_folder(folder).exposures if part in e.path]
    assert found, part
    return found[0]


@pytest.mark.parametrize("name", [*FOLDERS, "detection_reference"])
def test_every_file_is_read_as_astropy_reads_it_or_refused_in_one_line(real_data, name):
    paths = [p for p in sorted((real_data / name).iterdir()) if p.suffix.lower() in (".fits", ".fit", ".fz")]
    refused = []
    for path in paths:
        try:
            raw = read_raw(path)
        except FileError as error:
            assert "\n" not in str(error)
            refused.append(path.name)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as units:
                expected = units[read_header(path).image.index].data
            np.testing.assert_array_equal(raw.adu(), expected.astype(np.float32))
    assert refused == (["Flat_ASIImg_frame0007.fit"] if name == "zwo_cmos" else [])


def test_all_tile_flavours_hold_the_same_image(real_data):
    plain = read_raw(real_data / "oddities" / "m13.fits").adu()
    for kind in ("gzip", "hcomp", "plio", "rice"):
        np.testing.assert_array_equal(read_raw(real_data / "oddities" / f"m13_{kind}.fits").adu(), plain)


def test_the_truncated_flat_is_told(real_data):
    scan = scan_folder(real_data / "zwo_cmos")
    assert len(scan.exposures) == 9
    ((path, reason),) = scan.skipped
    assert path.endswith("Flat_ASIImg_frame0007.fit")
    assert reason.startswith("truncated: 1042816 of 2457600 bytes")


def test_the_cluster_night_is_understood(real_data):
    scan = scan_folder(real_data / "m13_raw")
    kinds = [(e.kind, e.band) for e in scan.exposures]
    assert {k: kinds.count(k) for k in set(kinds)} == {
        ("light", "g"): 2,
        ("light", "r"): 3,
        ("light", "i"): 3,
        ("bias", ""): 3,
        ("dark", ""): 3,
        ("flat", "g"): 3,
        ("flat", "r"): 3,
        ("flat", "i"): 3,
    }
    light = one(real_data / "m13_raw", "M13_sdss_g_20190503_090311")
    assert math.isnan(light.gain)
    assert light.sources["gain"] == "unknown"
    assert light.site.longitude == pytest.approx(-105.8203, abs=1e-3)
    assert light.pixel_scale == pytest.approx(0.668, abs=1e-3)
    assert light.diameter == 0.508
    assert light.airmass == pytest.approx(1.0021, abs=1e-3)
    ra, dec = read_wcs(light.cards).all_pix2world(511, 511, 0)
    assert (float(ra), float(dec)) == (
        pytest.approx(250.420636, abs=1e-6),
        pytest.approx(36.458552, abs=1e-6),
    )
    assert scan.skipped == ()


@pytest.mark.parametrize(
    ("path", "card"),
    [
        ("m13_raw/M13_sdss_g_20190503_090311.fits", 2458606.8809795),
        ("m16_halpha/EAGLE_H-Alpha_20250603_102159.fits", 2460829.9382419),
    ],
)
def test_the_observatory_s_barycentric_time_is_that_of_the_start(real_data, path, card):
    # BJD-OBS is for the start of the exposure, from a method good to some seconds
    exposure = read_raw(real_data / path).exposure
    start = bjd_tdb(exposure.jd_start, exposure.ra, exposure.dec, exposure.site)[0]
    assert (card - start) * 86400 == pytest.approx(2.6, abs=0.6)
    assert (exposure.bjd_tdb - start) * 86400 == pytest.approx(exposure.exptime / 2, rel=2e-4)


def test_the_transit_night_has_utc_and_a_western_longitude(real_data):
    scan = scan_folder(real_data / "hatp32_transit")
    assert len(scan.exposures) == 142
    assert {e.kind for e in scan.exposures} == {"light"}
    assert {e.band for e in scan.exposures} == {"C"}
    assert {e.site.longitude for e in scan.exposures} == {-110.88}
    first = scan.exposures[0]
    assert first.jd_start == pytest.approx(2458107.565085, abs=2e-6)
    # the planet's published mid-transit lies within the night
    assert scan.exposures[0].bjd_tdb < 2458107.71406 < scan.exposures[-1].bjd_tdb
    assert all(np.isnan(e.gain) for e in scan.exposures)


def test_camera_settings_are_no_gain(real_data):
    for exposure in scan_folder(real_data / "zwo_cmos").exposures:
        assert math.isnan(exposure.gain)
        assert any("GAIN = 0" in note for note in exposure.notes)
        assert exposure.bayer == "RGGB"
    kinds = [e.kind for e in scan_folder(real_data / "zwo_cmos").exposures]
    assert (kinds.count("bias"), kinds.count("dark"), kinds.count("flat")) == (2, 6, 1)


def test_the_ladder_is_told_apart_by_names(real_data):
    scan = scan_folder(real_data / "ccd_ladder")
    kinds = [e.kind for e in scan.exposures]
    assert (kinds.count("bias"), kinds.count("flat")) == (3, 15)
    assert {e.gain for e in scan.exposures} == {0.46}
    assert all(np.isfinite(e.jd_utc) for e in scan.exposures)


def test_reduced_frames_are_recognised(real_data):
    scan = scan_folder(real_data / "lco_reduced")
    assert [e.band for e in scan.exposures].count("u") == 2
    for exposure in scan.exposures:
        assert exposure.reduced
        assert exposure.gain == 1.0
        assert exposure.trim is None
        assert exposure.site.height in (3037.0, 1130.0)
    raw = read_raw(scan.exposures[0])
    assert raw.mask.any()


def test_overscan_and_blank_areas_are_understood(real_data):
    satellite = one(real_data / "oddities", "neossat")
    assert satellite.trim == (0, 512, 344, 856)
    assert satellite.overscan == (0, 512, 0, 64)
    assert (satellite.gain, satellite.read_noise) == (1.1, 8.0)
    assert satellite.cards["CRPIX1"] == 606 - 344
    southern = one(real_data / "oddities", "a8280271")
    assert southern.trim == (0, 520, 16, 528)
    assert southern.jd_start == pytest.approx(2456486.5 + 3453 / 86400, abs=1e-8)


def test_a_header_costs_less_than_a_few_milliseconds(real_data):
    scan_folder(real_data / "hatp32_transit")
    start = time.process_time()
    count = len(scan_folder(real_data / "hatp32_transit").exposures)
    assert (time.process_time() - start) / count < 5e-3
