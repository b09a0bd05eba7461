"""Every report keeps its reader's rules, and one that would break them is not written."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.core.lightcurves import LightCurves
from pogson.io.aavso import aavso_filter
from pogson.io.aavso_exoplanet import validate_aavso_exoplanet, write_aavso_exoplanet
from pogson.io.aavso_extended import validate_aavso_extended, write_aavso_extended
from pogson.io.astroimagej import validate_astroimagej, write_astroimagej
from pogson.io.exports import (
    validate_columns,
    validate_lightkurve,
    write_csv,
    write_etd,
    write_exoclock,
    write_lightkurve,
)


def curve(n=20):
    jd = 2458107.565 + np.arange(n) * 0.002
    flux = 1 - 0.02 * (np.abs(np.arange(n) - 10) < 4)
    table = Table(
        {
            "star": np.full(n, 60),
            "frame": [f"f{k}.fits" for k in range(n)],
            "bjd_tdb": jd + 0.0044,
            "mag": -2.5 * np.log10(flux) - 8.0,
            "mag_err": np.full(n, 0.005),
            "flags": np.zeros(n, int),
            "flux": flux,
            "flux_err": np.full(n, 0.0046),
            "check_mag": np.full(n, -7.5),
            "jd_utc": jd,
            "airmass": np.linspace(1.1, 1.8, n),
            "x": np.linspace(424, 430, n),
            "y": np.linspace(286, 280, n),
        }
    )
    table["mag"][3] = table["flux"][3] = np.nan
    return table


EXTENDED = {"star": "SS Cyg", "observer": "ABC", "band": "V", "zero_point": 20.0, "check": "000-BCP-142"}


def test_an_extended_report_keeps_every_rule(tmp_path):
    text = write_aavso_extended(tmp_path / "report.txt", curve(), **EXTENDED, notes="clear, calm").read_text()
    assert validate_aavso_extended(text) == []
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(rows) == 19, "a gap is no observation"
    assert rows[0] == (
        "SS Cyg,2458107.565000,12.000,0.005,V,NO,STD,ENSEMBLE,na,000-BCP-142,12.500,1.1000,na,na,clear calm"
    )
    assert text.startswith("#TYPE=Extended\n#OBSCODE=ABC\n#SOFTWARE=pogson")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("#OBSCODE=ABC\n", "", "#OBSCODE= is missing"),
        ("#DELIM=,", "#DELIM=|", "#DELIM '|' is not allowed"),
        (",12.000,", ",12,", "MAG 12 needs a decimal point"),
        (",V,", ",Vee,", "FILTER Vee is no AAVSO code"),
        ("SS Cyg,2458107.565000", "SS Cyg,58107.065000", "DATE 58107.065000 is no Julian date"),
        ("ENSEMBLE,na", "ENSEMBLE,12.1", "CMAG of an ensemble must be na"),
        (",STD,", ",DIF,", "MTYPE DIF needs a comparison star"),
        (",NO,", ", NO,", "TRANS is empty or has spaces"),
        ("SS Cyg,2458107.565", "\nSS Cyg,2458107.565", "a blank line must start with #"),
        (",na,na,na\n", ",na,na\n", "14 fields, 15 are needed"),
        (",na,1.1000", ",na,high", "AIRMASS high is no number"),
        ("SS Cyg", "S" * 31, "STARID is longer than 30"),
        (",0.005,", ",-0.005,", "MAGERR -0.005 is no error"),
    ],
)
def test_every_broken_rule_of_the_extended_format_is_named(tmp_path, old, new, problem):
    options = {**EXTENDED, "check": "na"}
    table = curve()
    table["check_mag"] = np.nan
    text = write_aavso_extended(tmp_path / "r.txt", table, **options).read_text()
    assert old in text
    assert any(problem in found for found in validate_aavso_extended(text.replace(old, new, 1)))


def test_instrumental_magnitudes_are_not_sent_to_the_aavso(tmp_path):
    with pytest.raises(SettingError, match="AAVSO wants standard magnitudes"):
        write_aavso_extended(tmp_path / "r.txt", curve(), **{**EXTENDED, "zero_point": np.nan})
    with pytest.raises(SettingError, match="not written: line 8: STARID is longer than 30"):
        write_aavso_extended(tmp_path / "r.txt", curve(), **{**EXTENDED, "star": "x" * 40})
    assert not (tmp_path / "r.txt").exists()


def test_bands_have_their_codes():
    assert [aavso_filter(b) for b in ("V", "r", "C", "Ha")] == ["V", "SR", "CV", "HA"]
    assert aavso_filter("C", "CR") == "CR"
    with pytest.raises(SettingError, match="band 'w' has no AAVSO filter code"):
        aavso_filter("w")


EXOPLANET = {"star": "HAT-P-32", "planet": "HAT-P-32 b", "observer": "ABC", "band": "C", "exptime": 60.0}


def test_an_exoplanet_report_keeps_every_rule(tmp_path):
    results = {"Tc": (2458107.714061, 0.00097), "Rp/R*": (0.1541, 0.0033)}
    path = write_aavso_exoplanet(
        tmp_path / "transit.txt", curve(), **EXOPLANET, detrend=("airmass", "x"), results=results
    )
    text = path.read_text()
    assert validate_aavso_exoplanet(text) == []
    assert "#RESULTS=Tc=2458107.714061+/-0.000970,Rp/R*=0.15410+/-0.00330" in text
    assert "#DETREND_PARAMETERS=AIRMASS,X\n" in text
    assert "#DATE,DIFF,ERR,DETREND_1,DETREND_2\n2458107.569400,1.000000,0.004600,1.100000,424.000000" in text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("#TYPE=EXOPLANET\n", "", "#TYPE= is missing"),
        ("#TYPE=", "#type=", "#TYPE= is missing"),
        ("#DATE_TYPE=BJD_TDB", "#DATE_TYPE=BJD", "#DATE_TYPE 'BJD' is not one of"),
        ("#EXPOSURE_TIME=60", "#EXPOSURE_TIME=900", "#EXPOSURE_TIME is not between"),
        ("#BINNING=1x1", "#BINNING=1", "#BINNING '1' is not like 1x1"),
        ("#NOTES=", "#NOTES=" + "n" * 1001, "#NOTES is longer than 1000"),
        (",0.004600,", ",", "fields, 4 are needed"),
        ("\n2458107.5", "\n58107.5", "is no Julian date"),
        ("#OBSTYPE=CCD\n", "#OBSTYPE=CCD\n#OBSTYPE=CCD\n", "not in the order"),
    ],
)
def test_every_broken_rule_of_the_exoplanet_format_is_named(tmp_path, old, new, problem):
    text = write_aavso_exoplanet(tmp_path / "t.txt", curve(), **EXOPLANET).read_text()
    assert old in text
    assert any(problem in found for found in validate_aavso_exoplanet(text.replace(old, new, 1)))


def test_exoclock_and_etd_get_three_columns_and_say_which_time(tmp_path):
    mid = write_exoclock(tmp_path / "a.txt", curve(), planet="HAT-P-32b", band="C", exptime=60.0).read_text()
    start = write_exoclock(
        tmp_path / "b.txt", curve(), planet="HAT-P-32b", band="C", exptime=60.0, time_stamp="start"
    ).read_text()
    etd = write_etd(tmp_path / "c.txt", curve()).read_text()
    for text in (mid, start, etd):
        assert validate_columns(text) == []
    assert "#Time stamp: Mid-exposure" in mid
    assert "#Time stamp: Exposure start" in start
    first = [float(t.splitlines()[k].split()[0]) for t, k in ((mid, 7), (start, 7), (etd, 0))]
    assert first[0] - first[1] == pytest.approx(30 / 86400, abs=2e-6)
    assert first[0] == first[2] == 2458107.565
    assert validate_columns("2458107.5 1.0 0.1\n2458107.4 1.0\n") == ["line 2: not three numbers"]
    assert validate_columns("2458107.5 1 .1\n2458107.4 1 .1\n") == ["the times are not in order"]
    with pytest.raises(SettingError, match="time_stamp must be mid or start"):
        write_exoclock(tmp_path / "d.txt", curve(), planet="x", band="C", exptime=60.0, time_stamp="end")
    empty = curve()
    empty["flux"] = np.nan
    with pytest.raises(SettingError, match="no point has a time, a flux and an error"):
        write_etd(tmp_path / "e.txt", empty)


def test_a_fits_light_curve_has_what_lightkurve_asks_for(tmp_path):
    path = write_lightkurve(tmp_path / "lc.fits", curve(), star="HAT-P-32", ra=31.04, dec=46.69, band="C")
    assert validate_lightkurve(path) == []
    with fits.open(path) as hdus:
        time = hdus[1].data["TIME"] + hdus[1].header["BJDREFI"]
        np.testing.assert_allclose(time, curve()["bjd_tdb"], atol=1e-9)
        assert np.isnan(hdus[1].data["FLUX"][3])
        assert len(hdus[1].data) == 20, "gaps stay"
        hdus[1].columns.del_col("FLUX")
        hdus.writeto(tmp_path / "bad.fits")
    assert validate_lightkurve(tmp_path / "bad.fits") == ["column FLUX is missing"]


def night():
    rng = np.random.default_rng(1)
    flux = np.array([100.0, 200.0, 50.0])[:, None] * rng.normal(1, 0.01, (3, 15))
    shape = flux.shape
    frames = Table(
        {
            "frame": [f"/a/night/f{k}.fits" for k in range(15)],
            "jd_utc": 2458107.5 + np.arange(15) / 500,
            "exptime": np.full(15, 60.0),
            "airmass": np.full(15, 1.2),
        }
    )
    details = {"x": np.full(shape, 10.0), "y": np.full(shape, 20.0)}
    return LightCurves(
        np.asarray(frames["jd_utc"]) + 0.004,
        flux,
        np.full(shape, 1.0),
        np.zeros(shape, np.int64),
        Table({"id": [7, 8, 9]}),
        frames,
        details=details,
    )


def test_astroimagej_gets_its_own_ratios_and_its_own_pixels(tmp_path):
    curves = night()
    text = write_astroimagej(tmp_path / "m.tbl", curves, target=7, comparisons=[8, 9]).read_text()
    assert validate_astroimagej(text) == []
    names = text.splitlines()[0].split("\t")
    row = dict(zip(names, text.splitlines()[1].split("\t"), strict=True))
    assert names[0] == ""
    assert row["Label"] == "f0.fits"
    a, b, c = curves.flux[:, 0] * 60
    assert float(row["rel_flux_T1"]) == pytest.approx(a / (b + c), abs=1e-6)
    assert float(row["rel_flux_C2"]) == pytest.approx(b / c, abs=1e-5), "not compared with itself"
    expected = a / (b + c) * np.sqrt((60 / a) ** 2 + 2 * 60**2 / (b + c) ** 2)
    assert float(row["rel_flux_err_T1"]) == pytest.approx(expected, abs=1e-6)
    assert float(row["X(FITS)_T1"]) == 11.0
    assert float(row["X(IJ)_T1"]) == 10.5
    assert "column rel_flux_T1 is missing" in validate_astroimagej(text.replace("rel_flux_T1", "rel"))
    with pytest.raises(SettingError, match="name comparison stars that are not the target"):
        write_astroimagej(tmp_path / "m.tbl", curves, target=7, comparisons=[7])


def test_csv_keeps_every_digit_and_leaves_gaps_empty(tmp_path):
    path = write_csv(tmp_path / "c.csv", curve())
    back = Table.read(path, format="ascii.csv")
    assert back.colnames == curve().colnames
    assert back["bjd_tdb"][5] == curve()["bjd_tdb"][5]
    assert np.ma.is_masked(back["mag"][3])
