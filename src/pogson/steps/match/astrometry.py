"""Put the star list on the sky, by a catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.frame import Exposure
from pogson.core.units import Pixels
from pogson.steps.match.crossmatch import move_to_epoch
from pogson.steps.match.fit import Points
from pogson.steps.match.overlay import lay_catalog
from pogson.steps.match.refine import refine_plane
from pogson.steps.match.solution import Solution, solution_of
from pogson.steps.match.starts import Start, read_wcs, shape_of, starts_of
from pogson.steps.match.tangent import Plane

__all__ = ["Solution", "magnitude_of", "read_wcs", "refine_plane", "solve_field"]

Values = NDArray[np.float64]


def solve_field(
    field: Table,
    catalog: Table,
    *,
    exposure: Exposure,
    radius: Pixels = 2.0,
    drift: Pixels = 80.0,
) -> tuple[Table, Solution]:
    """Give every star of a field its place on the sky.

    The WCS of the header is a first guess, and so is the pointing with the pixel scale; either counts
    only where the catalogue's stars prove it. The result is a new TAN fit to the matched stars.

    Parameters
    ----------
    field : Table
        FIELD, or STARS of the frame.
    catalog : Table
        CATALOG; it may cover a part of the frame only, and be much deeper.
    exposure : Exposure
        Of the reference frame: WCS cards, pointing, pixel scale, time.
    radius : float
        Largest distance of a star from its catalogue place.
    drift : float
        How far the header's WCS may be off before patterns are searched.

    Returns
    -------
    field : Table
        A copy, with ra, dec.
    solution : Solution

    Raises
    ------
    MatchError
        If no first guess leads to a solution that can be told from accident.
    """
    order = _brightest_first(field)
    if len(order) < 3 or len(catalog) < 3:
        raise MatchError(
            f"{len(order)} stars and {len(catalog)} catalogue stars: 3 of each are needed to solve the field"
        )
    xy = np.column_stack([np.asarray(field["x"], float), np.asarray(field["y"], float)])[order]
    err = np.nan_to_num(np.asarray(field["x_err"], float)[order], nan=0.3)
    stars = Points(xy, err)
    star_mag = -2.5 * np.log10(np.maximum(np.nan_to_num(np.asarray(field["flux"], float)[order]), 1e-9))
    ra, dec = move_to_epoch(catalog, 2000.0 + (exposure.jd_utc - 2451545.0) / 365.25)
    mag = magnitude_of(catalog, exposure.band)
    rank = np.argsort(np.where(np.isfinite(mag), mag, np.inf), kind="stable")
    shape = shape_of(exposure, xy)
    tried = []
    for start in starts_of(exposure, ra[rank], dec[rank], shape, drift):
        tried.append(start.source)
        solved = _solve_from(start, stars, star_mag, ra[rank], dec[rank], mag[rank], shape, radius)
        if solved is not None:
            plane, chance = solved
            solution = solution_of(plane, chance, start.source)
            found = field.copy()
            found["ra"], found["dec"] = _sky(solution.wcs, field)
            found["ra"].unit = found["dec"].unit = "deg"
            return found, solution
    if not tried:
        raise MatchError(
            f"{exposure.path or 'the frame'}: neither a WCS nor a pointing with a pixel scale; "
            "set ra, dec and pixel_scale in the settings"
        )
    raise MatchError(
        f"{exposure.path or 'the frame'}: the stars do not match catalogue "
        f"'{catalog.meta.get('name', '')}' from {' or '.join(tried)}; check pointing, scale, catalogue"
    )


def _sky(wcs: Any, field: Table) -> tuple[Values, Values]:
    ra, dec = wcs.all_pix2world(np.asarray(field["x"], float), np.asarray(field["y"], float), 0)
    return ra, dec


def _brightest_first(field: Table) -> NDArray[np.int64]:
    """Rows in order of flux; spoiled stars after all others."""
    spoiled = (np.asarray(field["flags"], int) & int(Star.EDGE | Star.COSMIC)) != 0
    flux = np.nan_to_num(np.asarray(field["flux"], float))
    good = np.isfinite(np.asarray(field["x"], float))
    return np.array([k for k in np.lexsort((-flux, spoiled)) if good[k]], np.int64)


def magnitude_of(catalog: Table, band: str) -> Values:
    """Magnitudes in the frame's band, filled from the band that most stars have."""
    names = [name for name in catalog.colnames if name.startswith("mag_") and not name.endswith("_err")]
    if not names:
        return np.zeros(len(catalog))
    columns = {name: np.asarray(catalog[name], float) for name in names}
    names.sort(key=lambda name: (name != f"mag_{band}", -int(np.isfinite(columns[name]).sum())))
    mag = columns[names[0]].copy()
    for name in names[1:]:
        mag = np.where(np.isfinite(mag), mag, columns[name])
    return mag


def _solve_from(
    start: Start,
    stars: Points,
    star_mag: Values,
    ra: Values,
    dec: Values,
    mag: Values,
    shape: tuple[float, float],
    radius: float,
) -> tuple[Plane, float] | None:
    margin = max(start.drift, 0.3 * max(shape) if start.drift == 0.0 else 0.0)
    high = np.array([shape[1], shape[0]])
    with np.errstate(invalid="ignore"):
        inside = ((start.xy > -margin) & (start.xy < high + margin)).all(1)
    rows = np.flatnonzero(inside)
    if len(rows) < 3:
        return None
    known = Points(start.xy[rows], np.full(len(rows), 0.2))
    found = lay_catalog(start, stars, known, shape, radius)
    if found is None:
        return None
    plane = refine_plane(
        found.matrix,
        start.xy[rows],
        stars,
        star_mag,
        ra[rows],
        dec[rows],
        mag[rows],
        shape=shape,
        near=(start.ra0, start.dec0),
        radius=radius,
    )
    return None if plane is None else (plane, found.chance)
