"""HEALPix cells, against astropy_healpix."""

import numpy as np
import pytest
from astropy import units as u

from pogson.io.healpix import cell_of, cells_near, centre_of


def sky(n=20000, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize("order", [0, 1, 3, 5, 13, 29])
def test_cells_are_those_of_the_oracle(order):
    oracle = pytest.importorskip("astropy_healpix.core")
    ra, dec = sky()
    ra[:5], dec[:5] = [0.001, 359.999, 45.1, 180.2, 90.3], [0.0, 0.0, 90.0, 89.9999999, 41.8103148]
    own = cell_of(ra, dec, order)
    other = oracle.lonlat_to_healpix(ra * u.deg, dec * u.deg, 1 << order, order="nested")
    edge = own != np.asarray(other)
    assert edge.sum() <= (0 if order < 10 else 60), "beyond order 10 the two may round differently"


@pytest.mark.parametrize("order", [0, 2, 6])
def test_centres_lie_in_their_cells_and_are_those_of_the_oracle(order):
    cells = np.arange(12 << (2 * order))
    ra, dec = centre_of(cells, order)
    assert np.array_equal(cell_of(ra, dec, order), cells)
    oracle = pytest.importorskip("astropy_healpix.core")
    lon, lat = oracle.healpix_to_lonlat(cells, 1 << order, order="nested")
    assert np.allclose(ra, lon.to_value(u.deg) % 360, atol=1e-9)
    assert np.allclose(dec, lat.to_value(u.deg), atol=1e-9)


@pytest.mark.parametrize("radius", [0.1, 1.0, 8.0])
def test_no_star_of_a_cone_lies_outside_the_cells_near_it(radius):
    ra, dec = sky(200_000)
    d = np.radians(dec)
    xyz = np.column_stack([np.cos(d) * np.cos(np.radians(ra)), np.cos(d) * np.sin(np.radians(ra)), np.sin(d)])
    for order in (0, 3, 5):
        cells = cell_of(ra, dec, order)
        for k in range(40):
            inside = xyz @ xyz[k] >= np.cos(np.radians(radius))
            assert np.isin(cells[inside], cells_near(ra[k], dec[k], radius, order)).all()
