"""Cards of coordinates: understood, or refused with a reason; written for everybody to read."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from pogson.io.cards import Header
from pogson.io.wcs import pixel_scale, read_wcs, solution_cards, wcs_cards, write_wcs

GOOD = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 250.42, "CRVAL2": 36.46, "CRPIX1": 512.0,
    "CRPIX2": 512.0, "CD1_1": -1.85e-4, "CD1_2": 1e-6, "CD2_1": 1e-6, "CD2_2": 1.85e-4,
}  # fmt: skip


def read(**changed):
    cards = {k.replace("__", "-"): v for k, v in {**GOOD, **changed}.items() if v is not None}
    return wcs_cards(Header.of(fits.Header(cards)))


@pytest.mark.parametrize("unit", ["deg", "degrees", "Degree", "", " deg "])
def test_degrees_are_understood_in_all_spellings(unit):
    cards, notes = read(CUNIT1=unit, CUNIT2=unit)
    assert cards["CUNIT1"] == "deg" and not notes


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"CUNIT1": "arcsec"}, "coordinates in 'arcsec', not degrees"),
        ({"CUNIT2": "rad"}, "coordinates in 'rad'"),
        ({"CRVAL1": "16:41:41"}, "CRVAL1 is no number"),
        ({"CRPIX2": None}, "CRPIX2 is missing"),
        ({"CRVAL2": 136.0}, "CRVAL2 = 136 is no declination"),
        ({"CD1_2": "abc"}, "CD1_2 is no number"),
        ({"CD1_1": 0.0, "CD1_2": 0.0}, "no pixel scale"),
        ({"CD1_1": 1e9}, "no pixel scale"),
        ({"CTYPE2": "RA---TAN"}, "no pair"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_reason(changed, words):
    cards, notes = read(**changed)
    assert cards == {} and len(notes) == 1 and words in notes[0] and "ignored" in notes[0]


def test_quoted_numbers_are_numbers():
    cards, notes = read(**{key: f" {value} " for key, value in GOOD.items() if "CTYPE" not in key})
    assert not notes and cards["CRVAL1"] == 250.42 and cards["CD1_1"] == -1.85e-4


def test_the_terms_of_a_distortion_are_whole_or_none():
    pv = {"PV1_1": 1.0, "PV1_4": 1e-2, "PV2_1": 1.0, "PV2_4": 2e-2}
    types = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}
    whole, notes = read(**types, **pv)
    assert not notes and whole["PV2_4"] == 2e-2 and whole["CTYPE1"] == "RA---TPV"
    bent, flat = (read_wcs(c).all_pix2world([[0, 0]], 0)[0] for c in (whole, read()[0]))
    assert np.abs(bent - flat).max() * 3600 > 0.1
    broken, notes = read(**types, **{**pv, "PV2_4": "x"})
    assert notes == ["the PV distortion is damaged: ignored"]
    assert broken["CTYPE1"] == "RA---TAN" and not any(key.startswith("PV") for key in broken)
    assert np.isfinite(read_wcs(broken).all_pix2world([[0, 0]], 0)).all()


def test_a_rotation_without_steps_is_that_of_the_standard():
    matrix = {f"PC{k}": GOOD[f"CD{k}"] for k in ("1_1", "1_2", "2_1", "2_2")}
    cards, notes = read(CD1_1=None, CD1_2=None, CD2_1=None, CD2_2=None, **matrix)
    assert not notes and pixel_scale(cards) == pytest.approx(0.666, rel=1e-3)
    same = [read_wcs(c).all_pix2world(10, 20, 0) for c in (cards, read()[0])]
    assert np.allclose(*same)


def test_unknown_projections_and_galactic_coordinates_are_no_coordinates_of_ours():
    for kinds in (("GLON-TAN", "GLAT-TAN"), ("LINEAR", "LINEAR"), ("RA---XYZ", "DEC--XYZ")):
        assert read(CTYPE1=kinds[0], CTYPE2=kinds[1])[0] == {}


@pytest.mark.filterwarnings("ignore:The WCS transformation has more axes")
def test_what_is_written_is_read_back_by_us_and_by_astropy_to_a_thousandth_of_a_pixel(tmp_path):
    wcs = read_wcs(read()[0])
    cards = solution_cards(wcs, rms=0.3, n=25, log_odds=40.0, catalog="Tycho-2", offset=(8, 3))
    write_wcs(tmp_path / "a.wcs", cards, (1024, 1024))
    header = fits.getheader(tmp_path / "a.wcs")
    assert header["RADESYS"] == "ICRS" and header["EQUINOX"] == 2000.0
    assert header["CRDER1"] == header["CRDER2"] == pytest.approx(0.3 / np.sqrt(2) / 3600)
    assert (header["WCSRMS"], header["WCSNSTAR"], header["WCSCAT"]) == (0.3, 25, "Tycho-2")
    ours, notes = wcs_cards(Header.of(header))
    assert not notes
    x, y = np.random.default_rng(1).uniform(0, 1000, (2, 50))
    ra, dec = wcs.all_pix2world(x, y, 0)
    for other in (read_wcs(ours), WCS(header)):
        back = other.all_world2pix(ra, dec, 0)
        assert np.allclose(back, [x + 8, y + 3], atol=1e-3)
    # as FITS and DS9 count: one more
    assert np.allclose(WCS(header).all_world2pix(ra, dec, 1), [x + 9, y + 4], atol=1e-3)
