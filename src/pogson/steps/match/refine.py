"""From a straight map to a fitted plane: the pairing follows the sky's curvature and the distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.steps.match.fit import Points, pair
from pogson.steps.match.tangent import Plane, fit_plane

Values = NDArray[np.float64]


def refine_plane(
    matrix: Values,
    known: Values,
    stars: Points,
    star_mag: Values,
    ra: Values,
    dec: Values,
    mag: Values,
    *,
    shape: tuple[float, float],
    near: tuple[float, float],
    radius: float,
) -> Plane | None:
    """Fit a plane to the stars that a straight map pairs; then pair again with the plane, more closely.

    Parameters
    ----------
    matrix : (2, 3)
        Map of `known` onto the pixels.
    known : (n, 2)
        Catalogue stars in the plane that the map starts from.
    stars, star_mag
        Detections, and their rough magnitudes.
    ra, dec, mag : (n,)
        The catalogue: degree, magnitudes.
    shape : (height, width)
        Of the frame, pixels.
    near : (ra, dec)
        A point near the centre, degree.
    radius : float
        Largest distance of a pair, pixels.
    """
    centre = ((shape[1] - 1.0) / 2.0, (shape[0] - 1.0) / 2.0)
    reach, plane, n = radius, None, 0
    for turn in range(6):
        i, j = pair(matrix, Points(known, np.zeros(len(known))), stars, reach)
        i, j = _as_bright(i, j, mag, star_mag)
        if len(i) < 3:
            return None
        plane = fit_plane(stars.xy[j], ra[i], dec[i], stars.err[j], centre=centre, ra0=near[0], dec0=near[1])
        near = (plane.ra0, plane.dec0)
        # pair again, now with the curvature of the sky, and more closely: faint stars pair by accident
        known, matrix = np.nan_to_num(plane.to_pixels(ra, dec), nan=-1e9), np.eye(2, 3)
        away = np.hypot(*(known[i] - stars.xy[j]).T)[np.argsort(j)][:200]
        reach = min(radius, max(0.7, 4.0 * float(np.median(away))))
        # distortion is followed outwards from the centre as long as that brings stars
        if turn >= 1 and len(i) <= n:
            break
        n = len(i)
    return plane if plane is not None and plane.used.sum() >= 3 else None


def _as_bright(
    i: NDArray[np.int64], j: NDArray[np.int64], mag: Values, star_mag: Values
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs whose brightnesses agree within 1.5 mag; all of them where too little is known."""
    difference = mag[i] - star_mag[j]
    bright = np.sort(j)[: max(10, len(j) // 3)][-1] if len(j) else 0
    typical = difference[(j <= bright) & np.isfinite(difference)]
    if len(typical) < 5:
        return i, j
    with np.errstate(invalid="ignore"):
        alike = ~(np.abs(difference - np.median(typical)) > 1.5)
    return i[alike], j[alike]
