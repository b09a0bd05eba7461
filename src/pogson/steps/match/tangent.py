"""The plane that touches the sky: project onto it, and fit a WCS in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_FOLDS = 5


def to_plane(ra: Values, dec: Values, ra0: float, dec0: float) -> Values:
    """Gnomonic projection (n, 2) about a point, all in degree; NaN on the far side.

    References
    ----------
    Calabretta & Greisen 2002, A&A, 395, 1077, sect. 5.1.3.
    """
    a, d, d0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    below = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a)
    below = np.where(below > 1e-3, below, np.nan)
    xi = np.cos(d) * np.sin(a) / below
    eta = (np.sin(d) * np.cos(d0) - np.cos(d) * np.sin(d0) * np.cos(a)) / below
    return np.degrees(np.column_stack([xi, eta]))


def from_plane(xi: float, eta: float, ra0: float, dec0: float) -> tuple[float, float]:
    """The point of the sky at xi, eta of the plane; all in degree."""
    x, y, d0 = np.radians(xi), np.radians(eta), np.radians(dec0)
    below = np.cos(d0) - y * np.sin(d0)
    ra = ra0 + np.degrees(np.arctan2(x, below))
    return float(ra % 360.0), float(np.degrees(np.arctan2(np.sin(d0) + y * np.cos(d0), np.hypot(x, below))))


@dataclass(frozen=True)
class Plane:
    """A fitted plane: pixel `centre`, its point on the sky, and the terms of xi, eta in dx, dy.

    `terms` is (3, 2) or, with the second order, (6, 2): 1, dx, dy, dx^2, dx dy, dy^2.
    """

    centre: tuple[float, float]
    ra0: float
    dec0: float
    terms: Values
    used: NDArray[np.bool_]
    rms: float  # arcsec

    def wcs(self) -> Any:
        """As an astropy WCS (TAN, or TAN-SIP); use pixel origin 0."""
        from astropy.wcs import WCS, Sip

        wcs = WCS(naxis=2)
        wcs.wcs.crpix = [self.centre[0] + 1.0, self.centre[1] + 1.0]
        wcs.wcs.crval = [self.ra0, self.dec0]
        wcs.wcs.cd = self.terms[1:3].T
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        if len(self.terms) == 6:
            f = self.terms[3:] @ np.linalg.inv(self.terms[1:3])
            a, b = np.zeros((3, 3)), np.zeros((3, 3))
            for k, (p, q) in enumerate(((2, 0), (1, 1), (0, 2))):
                a[p, q], b[p, q] = f[k]
            wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
            # the way back is found by iteration
            wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
        wcs.wcs.set()
        return wcs


def fit_plane(
    xy: Values, ra: Values, dec: Values, err: Values, *, centre: tuple[float, float], ra0: float, dec0: float
) -> Plane:
    """Fit the plane to matched stars; a second order is kept where it predicts left-out stars better.

    Parameters
    ----------
    xy : (n, 2)
        Pixels, 0-based.
    ra, dec : (n,)
        Positions on the sky, degree.
    err : (n,)
        Errors of the pixel positions: only their ratios count.
    centre : (x, y)
        Pixel that becomes the reference pixel.
    ra0, dec0 : float
        A point of the sky near it, degree.
    """
    w = 1.0 / (err**2 + 0.05**2)
    used = np.ones(len(xy), bool)
    second = False
    terms, residual = np.zeros((3, 2)), np.zeros_like(xy)
    for turn in range(6):
        plane = to_plane(ra, dec, ra0, dec0)
        design = _design(xy - centre, second)
        terms = _solve(design[used], plane[used], w[used])
        residual = plane - design @ terms
        size = np.hypot(*residual.T)
        limit = 3.0 * max(1.48 * float(np.median(size[used])) / 1.18 * 1.2, 1e-7)
        if turn < 4:
            used = size < limit
            if used.sum() < 4:
                used = np.ones(len(xy), bool)
        if turn == 2:
            second = _all_around(xy[used] - centre) and _second_order_predicts_better(
                (xy - centre)[used], plane[used], w[used]
            )
        ra0, dec0 = from_plane(terms[0, 0], terms[0, 1], ra0, dec0)
    rms = float(np.sqrt(np.mean(np.sum(residual[used] ** 2, 1)))) * 3600.0
    return Plane(centre, ra0, dec0, terms, used, rms)


def _all_around(d: Values) -> bool:
    """Whether there are 10 stars in each quarter about the centre: a curve is not to be extrapolated."""
    quarter = 2 * (d[:, 0] > 0.0) + (d[:, 1] > 0.0)
    return bool(np.bincount(quarter, minlength=4).min() >= 10)


def _design(d: Values, second: bool) -> Values:
    columns = [np.ones(len(d)), d[:, 0], d[:, 1]]
    if second:
        columns += [d[:, 0] ** 2, d[:, 0] * d[:, 1], d[:, 1] ** 2]
    return np.column_stack(columns)


def _solve(design: Values, values: Values, w: Values) -> Values:
    root = np.sqrt(w)[:, None]
    size = np.abs(design).max(0) + 1e-300
    return np.linalg.lstsq(design / size * root, values * root, rcond=None)[0] / size[:, None]


def _second_order_predicts_better(d: Values, plane: Values, w: Values) -> bool:
    fold = np.arange(len(d)) % _FOLDS
    error = []
    for second in (False, True):
        design = _design(d, second)
        total = 0.0
        for k in range(_FOLDS):
            terms = _solve(design[fold != k], plane[fold != k], w[fold != k])
            miss = plane[fold == k] - design[fold == k] @ terms
            total += float((w[fold == k] * (miss**2).sum(1)).sum())
        error.append(total)
    return error[1] < 0.97 * error[0]
