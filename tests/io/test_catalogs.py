"""Every catalogue is read, or refused in one line."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import FileError
from pogson.core.flags import Star
from pogson.io.catalogs import read_catalog


def write(tmp_path, text, name="c.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("header", "bands"),
    [
        ("DAOPHOTID,ra,dec,g,gError,r,rError", "g,r"),
        ("recno,RAJ2000,DEJ2000,Vmag,e_Vmag,g'mag,e_g'mag", "V,g"),
        ("recno,RAJ2000,DEJ2000,Vmag,e_Vmag,g_mag,e_g_mag", "V,g"),
        ("id,RA_ICRS,DE_ICRS,gmag,e_gmag,rmag,e_rmag", "g,r"),
        ("id,RA,Dec,g,dg,r,dr", "g,r"),
        ("objID,raMean,decMean,gMeanPSFMag,gMeanPSFMagErr,rMeanPSFMag,rMeanPSFMagErr", "g,r"),
        ("star,RA (deg),Dec (deg),B [mag],B_err,V [mag],V_err", "B,V"),
        ("Name,ra_deg,dec_deg,mag_R,mag_R_err,mag_I,mag_I_err", "R,I"),
    ],
)
def test_column_names_are_recognised(tmp_path, header, bands):
    rows = "\n".join(f"{k},{150 + k / 100},{20 + k / 100},15.5,0.02,14.5,0.03" for k in range(12))
    table = read_catalog(write(tmp_path, f"{header}\n{rows}\n"))
    first, second = bands.split(",")
    assert set(table.meta["bands"].split(",")) == {first, second}
    assert (table[f"mag_{first}"][0], table[f"mag_{first}_err"][0]) == (15.5, 0.02)
    assert (table[f"mag_{second}"][0], table[f"mag_{second}_err"][0]) == (14.5, 0.03)
    assert table["ra"][3] == pytest.approx(150.03)


def test_missing_values_are_missing(tmp_path):
    table = read_catalog(
        write(
            tmp_path,
            "ra,dec,V,V_err\n10,1,99.999,9.999\n10,1,-99,-1\n10,1,15,0\n10,1,,\n10,1,14,0.01\n,1,15,0.1\n",
        )
    )
    assert len(table) == 5
    assert np.isfinite(table["mag_V"]).tolist() == [False, False, True, False, True]
    assert np.isfinite(table["mag_V_err"]).tolist() == [False, False, False, False, True]


def test_sexagesimal_hours_and_colours(tmp_path):
    text = "Name,RA,DEC,V,B-V,V-I,e_V,e_B-V,e_V-I\nSA 1,12:00:00,-00:30:00,14.0,0.8,0.9,0.003,0.004,0.001\n"
    star = read_catalog(write(tmp_path, text))[0]
    assert (star["ra"], star["dec"]) == (180.0, -0.5)
    assert (star["mag_B"], star["mag_I"]) == pytest.approx((14.8, 13.1))
    assert star["mag_B_err"] == pytest.approx(0.005)


def test_vizier_tsv_with_units_and_dashes(tmp_path):
    text = (
        "#comment\nRAJ2000\tDEJ2000\tVmag\te_Vmag\ndeg\tdeg\tmag\tmag\n"
        "-----\t-----\t---\t---\n10.5\t-3.5\t12.1\t0.01\n"
    )
    table = read_catalog(write(tmp_path, text, "apass.tsv"))
    assert (len(table), table["mag_V"][0], table.meta["epoch"]) == (1, 12.1, 2000.0)


def test_radians_are_converted_where_they_are_named_and_questioned_where_not(tmp_path):
    rows = "\n".join(f"{0.1 + k / 1e4},{0.2 + k / 1e4},15" for k in range(20))
    table = read_catalog(write(tmp_path, f"ra (rad),dec (rad),V\n{rows}\n"))
    assert table["ra"][0] == pytest.approx(np.degrees(0.1))
    assert table["dec"][0] == pytest.approx(np.degrees(0.2))
    path = write(tmp_path, f"ra,dec,V\n{rows}\n")
    with pytest.raises(FileError, match=r"degrees or radians; set \[catalog.columns\] unit"):
        read_catalog(path)
    assert read_catalog(path, columns={"unit": "deg"})["ra"][0] == pytest.approx(0.1)


def test_decimal_hours_are_not_taken_for_degrees(tmp_path):
    rng = np.random.default_rng(1)
    rows = "\n".join(f"{12 + a / 15},{30 + b},15" for a, b in rng.uniform(0, 0.3, (50, 2)))
    path = write(tmp_path, f"ra,dec,V\n{rows}\n")
    with pytest.raises(FileError, match="look like hours"):
        read_catalog(path)
    assert read_catalog(path, columns={"unit": "hourangle"})["ra"][0] == pytest.approx(180, abs=0.4)


@pytest.mark.parametrize("kind", ["fits", "ecsv", "vot", "parquet", "dat"])
def test_every_kind_of_file(tmp_path, kind):
    table = Table(
        {
            "RA_ICRS": [10.0, 11.0],
            "DE_ICRS": [1.0, 2.0],
            "pmRA": [5.0, np.nan],
            "Gmag": [12.5, 13.5],
            "id": ["a", "b"],
        }
    )
    table["pmRA"].unit, table["RA_ICRS"].unit = "mas / yr", "deg"
    path = tmp_path / f"c.{kind}"
    if kind == "parquet":
        from pogson.io.tables import write_table

        write_table(path, table)
    else:
        table.write(
            path, format={"vot": "votable", "dat": "ascii.basic", "ecsv": "ascii.ecsv"}.get(kind, kind)
        )
    found = read_catalog(path)
    assert (found["mag_G"][1], found["pmra"][0], found["id"][0]) == (13.5, 5.0, "a")
    assert found.meta["epoch"] == 2016.0


def test_variables_and_duplicates_are_flagged(tmp_path):
    text = "RA,Dec,g,dg,dupvar\n10,1,15,.1,0\n10,1,15,.1,1\n10,1,15,.1,2\n10,1,15,.1,4\n10,1,15,.1,5\n"
    flags = read_catalog(write(tmp_path, text))["flags"]
    both = Star.VARIABLE | Star.BLENDED
    assert flags.tolist() == [0, Star.VARIABLE, 0, Star.BLENDED, both]


def test_columns_that_nobody_could_know_are_named_by_the_user(tmp_path):
    path = write(tmp_path, "n,lon,lat,brightness\n1,10,1,15\n")
    with pytest.raises(
        FileError,
        match=r"no column for ra recognised among: n, lon, lat, brightness; set \[catalog.columns\] ra",
    ):
        read_catalog(path)
    table = read_catalog(path, columns={"ra": "lon", "dec": "lat", "mag_V": "brightness"})
    assert (table["ra"][0], table["mag_V"][0]) == (10.0, 15.0)
    with pytest.raises(FileError, match="mag_V = 'bright' is not among its columns"):
        read_catalog(path, columns={"ra": "lon", "dec": "lat", "mag_V": "bright"})


def test_pixel_coordinates_are_no_magnitudes(tmp_path):
    table = read_catalog(write(tmp_path, "x,y,ra,dec,gmag,gmagerr\n1,2,10,1,15,0.1\n"))
    assert table.meta["bands"] == "g"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "", "holds no rows"),
        ("a.csv", "ra,dec,V\n1,2\n", "row 1 has 2 cells, the header names 3"),
        ("a.dat", "10.0 20.0 15.0\n11.0 21.0 14.0\n", "no line of column names"),
        ("a.csv", "ra,dec\n1,2\n", "no magnitude column"),
        ("a.fits", "SIMPLE", "cannot be read as a table"),
        ("a.csv", "ra,dec,V\n10,95,15\n", "beyond 90 deg"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, name, text, says):
    with pytest.raises(FileError, match=says) as error:
        read_catalog(write(tmp_path, text, name))
    assert "\n" not in str(error.value)


def test_all_real_catalogues_are_read_or_refused_in_one_line(real_data):
    read, refused = {}, {}
    for path in sorted((real_data / "catalogs").rglob("*")):
        if path.is_file():
            try:
                read[path.name] = read_catalog(path)
            except FileError as error:
                refused[path.name] = str(error)
    assert sorted(refused) == ["aavso_extended_example.txt", "landolt1992_iraf_nlandolt.dat", "vsx.csv"]
    assert not any("\n" in message for message in refused.values())
    m13 = read["m13_sdss_griz_reference.csv"]
    assert (len(m13), m13.meta["bands"]) == (12544, "u,g,r,i,z")
    assert np.nanmax(m13["mag_u"]) < 30
    assert read["landolt_all.csv"]["dec"].min() < -40


def test_a_list_of_variables_needs_no_magnitudes(tmp_path):
    (tmp_path / "v.csv").write_text("name,ra,dec\nAE UMa,144.2,44.1\nB,144.3,44.2\n")
    with pytest.raises(FileError, match="no magnitude column"):
        read_catalog(tmp_path / "v.csv")
    table = read_catalog(tmp_path / "v.csv", variables=True)
    assert list(table["id"]) == ["AE UMa", "B"] and (table["flags"] == int(Star.VARIABLE)).all()
    assert table.meta["bands"] == ""
