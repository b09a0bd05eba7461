"""The catalogue that comes with the package."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import CATALOG
from pogson.io.tycho2 import read_tycho2, tycho2_sky, tycho2_stars


def test_it_holds_the_whole_sky_with_its_licence():
    ra, dec, mag = tycho2_sky()
    assert len(ra) == 1_871_011
    assert np.histogram(ra, 24, (0, 360))[0].min() > 40_000
    assert -90 < dec.min() < -89.8 and 89.8 < dec.max() < 90
    assert 0 < mag.min() < 1 and 12 < np.percentile(mag, 99) < 13
    assert "Redistribution" in files("pogson.data").joinpath("tycho2.LICENSE").read_text("utf-8")


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(10, 20, 1), (0.01, 0, 2), (200, -90, 3), (77, 89.9, 1), (359.9, 41.8, 12)]
)
def test_a_cone_holds_the_stars_within_it_and_no_other(ra, dec, radius):
    from astropy.coordinates import angular_separation

    a, _, m = tycho2_stars(ra, dec, radius)
    sky = tycho2_sky()
    away = np.degrees(angular_separation(*np.radians([ra, dec]), *np.radians(sky[:2])))
    assert len(a) == np.sum(away <= radius) > 50
    assert np.all(np.diff(m) >= 0)
    assert sorted(m) == sorted(sky[2][away <= radius])
    assert len(tycho2_stars(ra, dec, radius, 10.0)[0]) == np.sum(m <= 10.0)


def test_a_cone_as_a_table_is_a_catalogue_whose_band_is_not_v():
    table = read_tycho2(250.42, 36.46, 0.4)
    CATALOG.check(table)
    assert table.meta["bands"] == "VT" and "mag_V" not in table.colnames
    assert len(set(table["id"])) == len(table)
    assert len(read_tycho2(250.42, 36.46, 1e-6)) == 0


def test_its_places_are_those_of_an_extract_made_independently(real_data):
    known = Table.read(real_data / "catalogs" / "tycho2_m13.csv")
    ra, dec, mag = tycho2_stars(250.42, 36.46, 2.0)
    for row in known:
        d = np.hypot((ra - row["ra_deg_j2000"]) * np.cos(np.radians(dec)), dec - row["dec_deg_j2000"]) * 3600
        assert d.min() < 0.05
        assert abs(mag[d.argmin()] - row["VT_mag"]) < 0.0051


def test_nothing_of_it_is_read_before_it_is_needed():
    code = "import sys, pogson.io.tycho2; assert 'pyarrow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
