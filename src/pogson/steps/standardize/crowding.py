"""Light of neighbours that only the catalogue knows."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.units import Arcsec

Values = NDArray[np.float64]


def neighbor_light(catalog: Table, rows: NDArray[np.int64], band: str, *, radius: Arcsec) -> Values:
    """Flux of the other catalogue stars within a radius, over the star's own; 0 where nothing is known.

    Parameters
    ----------
    catalog : Table
        CATALOG.
    rows : (n,) int
        Rows of the stars asked for.
    band : str
        Band of the fluxes.
    radius : float
        Radius; NaN finds none.
    """
    share = np.zeros(len(rows))
    name = f"mag_{band}"
    if not np.isfinite(radius) or len(rows) == 0 or name not in catalog.colnames:
        return share
    ra, dec = np.radians(np.asarray(catalog["ra"], float)), np.radians(np.asarray(catalog["dec"], float))
    known = np.flatnonzero(np.isfinite(np.asarray(catalog[name], float)) & np.isfinite(ra) & np.isfinite(dec))
    flux = 10.0 ** (-0.4 * np.nan_to_num(np.asarray(catalog[name], float)[known], nan=99.0))
    place = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    mine = np.flatnonzero(np.isin(rows, known))
    if len(mine) == 0:
        return share
    reach = 2.0 * np.sin(np.radians(radius / 3600.0) / 2.0)
    near = cKDTree(place[rows[mine]]).sparse_distance_matrix(
        cKDTree(place[known]), reach, output_type="ndarray"
    )
    total = np.bincount(near["i"], flux[near["j"]], len(mine))
    own = flux[np.searchsorted(known, rows[mine])]
    share[mine] = total / own - 1.0
    return share
