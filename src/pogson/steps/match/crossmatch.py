"""Find which catalogue star is which of ours."""

from __future__ import annotations

from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import Star
from pogson.core.units import Arcsec

Values = NDArray[np.float64]


def crossmatch(
    ra: ArrayLike,
    dec: ArrayLike,
    catalog: Table,
    *,
    ids: ArrayLike | None = None,
    mag: ArrayLike | None = None,
    radius: Arcsec = 1.5,
    epoch: float = nan,
) -> Table:
    """Pair stars with those of a catalogue: one to one, nearest both ways.

    A pair is flagged ambiguous where a second catalogue star, or a second star of ours, lies within
    twice the radius and could be the partner as well: within the radius where it is not more than 3 mag
    fainter than the partner, and beyond it where it is not more than 1.5 mag fainter.

    Parameters
    ----------
    ra, dec : (n,)
        Positions of our stars, degree, ICRS; NaN is never matched.
    catalog : Table
        CATALOG.
    ids : (n,) int, optional
        Numbers of our stars; their row numbers where not given.
    mag : (n,), optional
        Rough magnitudes of our stars, any zero point: used to tell faint neighbours of ours.
    radius : float
        Largest separation of a pair.
    epoch : float
        Julian year of the observation; proper motions are applied where both epochs are known.

    Returns
    -------
    Table
        star, row (of the catalogue), separation (arcsec), flags (AMBIGUOUS, and the catalogue's own).

    References
    ----------
    Budavari & Szalay 2008, ApJ, 679, 301 (why nearest, and both ways).
    """
    ra, dec = np.asarray(ra, float), np.asarray(dec, float)
    names = np.arange(len(ra)) if ids is None else np.asarray(ids)
    ours = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    empty = np.empty(0, np.int64)
    if len(ours) == 0 or len(catalog) == 0:
        return _table(names[empty], empty, np.empty(0), empty)
    cat_ra, cat_dec = move_to_epoch(catalog, epoch)
    here, there = unit_vectors(ra[ours], dec[ours]), unit_vectors(cat_ra, cat_dec)
    tree, back = cKDTree(there), cKDTree(here)
    reach = float(2.0 * np.sin(np.radians(radius / 3600.0) / 2.0))
    distance, row = tree.query(here, distance_upper_bound=reach)
    found = np.flatnonzero(np.isfinite(distance))
    nearest = back.query(there[row[found]])[1]
    found = found[nearest == found]
    row, distance = row[found], distance[found]
    doubt = _rivals(here[found], row, tree, reach, _brightness(catalog))
    own = np.zeros(0) if mag is None else np.asarray(mag, float)[ours]
    doubt |= _rivals(there[row], found, back, reach, own)
    flags = np.asarray(catalog["flags"], np.int64)[row] | np.where(doubt, int(Star.AMBIGUOUS), 0)
    return _table(names[ours[found]], row, np.degrees(2.0 * np.arcsin(distance / 2.0)) * 3600.0, flags)


def _table(
    star: NDArray[np.int64], row: NDArray[np.int64], separation: Values, flags: NDArray[np.int64]
) -> Table:
    table = Table({"star": star, "row": row, "separation": separation, "flags": flags})
    table["separation"].unit = "arcsec"
    return table


def _rivals(
    places: Values, partner: NDArray[np.int64], tree: cKDTree, reach: float, mag: Values
) -> NDArray[np.bool_]:
    """True where another star than the partner could be it."""
    doubt = np.zeros(len(places), bool)
    if tree.n < 2 or len(places) == 0:
        return doubt
    distance, index = tree.query(places, min(4, tree.n), distance_upper_bound=2.0 * reach)
    for k in range(distance.shape[1]):
        rival = np.isfinite(distance[:, k]) & (index[:, k] != partner)
        other = np.where(rival, index[:, k], 0)
        limit = np.where(distance[:, k] <= reach, 3.0, 1.5)
        with np.errstate(invalid="ignore"):
            similar = ~(mag[other] - mag[partner] > limit) if len(mag) else True
        doubt |= rival & similar
    return doubt


def _brightness(catalog: Table) -> Values:
    """Magnitudes of the band that most stars have; empty where there is none."""
    bands = [name for name in catalog.colnames if name.startswith("mag_") and not name.endswith("_err")]
    if not bands:
        return np.empty(0)
    best = max(bands, key=lambda name: int(np.isfinite(np.asarray(catalog[name], float)).sum()))
    return np.asarray(catalog[best], float)


def move_to_epoch(catalog: Table, epoch: float) -> tuple[Values, Values]:
    """Positions of a catalogue at another epoch (Julian year), degree; its own where one is unknown."""
    ra, dec = np.asarray(catalog["ra"], float), np.asarray(catalog["dec"], float)
    years = epoch - float(catalog.meta.get("epoch", nan))
    if not np.isfinite(years):
        return ra, dec
    pmra = np.nan_to_num(np.asarray(catalog["pmra"], float))
    pmdec = np.nan_to_num(np.asarray(catalog["pmdec"], float))
    step = years / 3.6e6
    return (ra + step * pmra / np.maximum(np.cos(np.radians(dec)), 1e-6)) % 360.0, dec + step * pmdec


def unit_vectors(ra: Values, dec: Values) -> Values:
    """Directions (n, 3) of positions in degree."""
    a, d = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
