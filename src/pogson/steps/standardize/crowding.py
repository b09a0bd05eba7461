"""Light of neighbours that only the catalogue knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.units import Arcsec

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbors:
    """Catalogue stars near to those asked for, themselves among them: one entry for each of both.

    Attributes
    ----------
    n : int
        Stars asked for.
    star : int (k,)
        Which of them.
    distance : (k,)
        arcsec.
    share : (k,)
        Flux of the catalogue star over theirs.
    """

    n: int
    star: NDArray[np.int64]
    distance: Values
    share: Values

    def light(self, radius: Arcsec) -> Values:
        """(n,) flux of the others within a radius, over the star's own; 0 where nothing is known."""
        near = self.distance <= radius
        total = np.bincount(self.star[near], self.share[near], self.n)
        return np.where(total > 0.0, total - 1.0, 0.0)


def find_neighbors(catalog: Table, rows: NDArray[np.int64], band: str, *, radius: Arcsec) -> Neighbors:
    """Catalogue stars within a radius of some of them.

    Parameters
    ----------
    catalog : Table
        CATALOG.
    rows : (n,) int
        Rows of the stars asked for.
    band : str
        Band of the fluxes; a star without a magnitude in it is as if it were not there.
    radius : float
        Largest distance; NaN finds none.
    """
    name = f"mag_{band}"
    none = np.empty(0)
    if not np.isfinite(radius) or len(rows) == 0 or name not in catalog.colnames:
        return Neighbors(len(rows), none.astype(np.int64), none, none)
    ra, dec = np.radians(np.asarray(catalog["ra"], float)), np.radians(np.asarray(catalog["dec"], float))
    known = np.flatnonzero(np.isfinite(np.asarray(catalog[name], float)) & np.isfinite(ra) & np.isfinite(dec))
    flux = 10.0 ** (-0.4 * np.nan_to_num(np.asarray(catalog[name], float)[known], nan=99.0))
    place = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    mine = np.flatnonzero(np.isin(rows, known))
    reach = 2.0 * np.sin(np.radians(radius / 3600.0) / 2.0)
    near = cKDTree(place[rows[mine]]).sparse_distance_matrix(
        cKDTree(place[known]), reach, output_type="ndarray"
    )
    own = flux[np.searchsorted(known, rows[mine])]
    distance = np.degrees(2.0 * np.arcsin(0.5 * near["v"])) * 3600.0
    return Neighbors(len(rows), mine[near["i"]], distance, flux[near["j"]] / own[near["i"]])
