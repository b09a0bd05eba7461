"""A deep catalogue tells of neighbours that the frame does not resolve."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.steps.standardize.crowding import find_neighbors

ARCSEC = 1 / 3600.0


def test_the_light_of_the_others_within_the_radius_is_counted():
    catalog = Table(
        {
            "ra": [10.0, 10.0, 10.0, 20.0, 30.0],
            "dec": [0.0, 2.0 * ARCSEC, 9.0 * ARCSEC, 0.0, 0.0],
            "mag_g": [15.0, 17.5, 12.0, 15.0, np.nan],
        }
    )
    rows = np.array([0, 3, 1, 4])
    near = find_neighbors(catalog, rows, "g", radius=20.0)
    assert near.light(5.0) == pytest.approx([0.1, 0.0, 10.0, 0.0], abs=1e-9)
    assert near.light(1.0) == pytest.approx([0.0, 0.0, 0.0, 0.0], abs=1e-9)
    assert near.light(10.0)[0] == pytest.approx(0.1 + 10.0**1.2, rel=1e-9)
    assert (find_neighbors(catalog, rows, "r", radius=5.0).light(5.0) == 0).all()
    assert (find_neighbors(catalog, rows, "g", radius=np.nan).light(5.0) == 0).all()
    assert len(find_neighbors(catalog, rows[:0], "g", radius=5.0).light(5.0)) == 0
