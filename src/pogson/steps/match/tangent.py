"""The plane that touches the sky: project onto it, and fit a WCS in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MANY = 60  # stars tell the axes of a camera apart, whatever they are


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


def powers(order: int) -> list[tuple[int, int]]:
    """Exponents of dx and dy of the terms, in the order of the rows of `Plane.terms`."""
    return [(n - q, q) for n in range(order + 1) for q in range(n + 1)]


@dataclass(frozen=True)
class Plane:
    """A fitted plane: pixel `centre`, its point on the sky, and the terms of xi, eta in dx, dy.

    `terms` is (3, 2), or longer with higher orders: 1, dx, dy, dx^2, dx dy, dy^2, ... (see `powers`).
    """

    centre: tuple[float, float]
    ra0: float
    dec0: float
    terms: Values
    used: NDArray[np.bool_]
    rms: float  # of a star, arcsec: what the fit took off is given back

    @property
    def order(self) -> int:
        """1 for a flat plane, up to 4 with distortion."""
        return {3: 1, 6: 2, 10: 3, 15: 4}[len(self.terms)]

    def to_pixels(self, ra: Values, dec: Values) -> Values:
        """Pixels (n, 2), 0-based, of positions in degree; NaN on the far side."""
        back = np.linalg.inv(self.terms[1:3])
        flat = (to_plane(ra, dec, self.ra0, self.dec0) - self.terms[0]) @ back
        d = flat
        if self.order > 1:
            bend = self.terms[3:] @ back
            # far outside the frame a polynomial means nothing
            span = 1.2 * np.array(self.centre) + 50.0
            for _ in range(6):
                inside = np.clip(d, -span, span)
                d = flat - _design(inside, self.order)[:, 3:] @ bend
        return d + self.centre

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
        if self.order > 1:
            there = self.terms[3:] @ np.linalg.inv(self.terms[1:3])
            wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
            wcs.sip = Sip(*_sip(there, self.order, 2), *self._way_back(there), wcs.wcs.crpix)
        wcs.wcs.set()
        return wcs

    def _way_back(self, there: Values) -> tuple[Values, Values]:
        """The polynomials from the sky to pixels, fitted over the frame: other programs do not iterate."""
        order = self.order + 3
        axis = np.linspace(-1.0, 1.0, 21)
        d = np.column_stack([g.ravel() for g in np.meshgrid(axis, axis)]) * (np.array(self.centre) + 0.5)
        bent = d + _design(d, self.order)[:, 3:] @ there
        back = _solve(_design(bent, order), d - bent, np.ones(len(d)))
        return _sip(back, order, 0)


def _sip(terms: Values, order: int, lowest: int) -> tuple[Values, Values]:
    """The two square matrices of SIP; rows of `terms` are the powers from the order `lowest` on."""
    a, b = np.zeros((order + 1, order + 1)), np.zeros((order + 1, order + 1))
    wanted = [pq for pq in powers(order) if sum(pq) >= lowest]
    for (p, q), row in zip(wanted, terms, strict=True):
        a[p, q], b[p, q] = row
    return a, b


def fit_plane(
    xy: Values, ra: Values, dec: Values, err: Values, *, centre: tuple[float, float], ra0: float, dec0: float
) -> Plane:
    """Fit the plane to matched stars, by the order up to 4 that predicts left-out stars best.

    Order 0 is a shift, a turn and a scale: few stars do not tell how the axes of a camera differ.

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

    References
    ----------
    Shupe et al. 2005, ASP Conf., 347, 491 (SIP).
    """
    w = 1.0 / (err**2 + 0.05**2)
    used = np.ones(len(xy), bool)
    order = 1
    terms, residual = np.zeros((3, 2)), np.zeros_like(xy)
    for turn in range(6):
        plane = to_plane(ra, dec, ra0, dec0)
        terms = _fit((xy - centre)[used], plane[used], w[used], order)
        residual = plane - _design(xy - centre, order) @ terms
        size = np.hypot(*residual.T)
        limit = 3.0 * max(1.48 * float(np.median(size[used])) / 1.18 * 1.2, 1e-7)
        if turn < 4:
            used = size < limit
            if used.sum() < 4:
                used = np.ones(len(xy), bool)
        if turn == 2:
            order = _best_order((xy - centre)[used], plane[used], w[used])
        ra0, dec0 = from_plane(terms[0, 0], terms[0, 1], ra0, dec0)
    # what the fit took from the residuals is given back
    free = max(int(used.sum()) - _parameters(order), 0.5)
    rms = float(np.sqrt(np.sum(residual[used] ** 2) / free)) * 3600.0
    return Plane(centre, ra0, dec0, terms, used, rms)


def _best_order(d: Values, plane: Values, w: Values) -> int:
    """The order that predicts left-out stars best; one more must be worth 3 %."""
    few = len(d) < _MANY
    flat = 0 if few and _miss(d, plane, w, 0) < 1.03 * _miss(d, plane, w, 1) else 1
    quarter = 2 * (d[:, 0] > 0.0) + (d[:, 1] > 0.0)
    # a curve is not to be extrapolated: stars all around are asked for, more for higher orders
    around = int(np.bincount(quarter, minlength=4).min())
    if around < 10:
        return flat
    best, miss = 1, _miss(d, plane, w, 1)
    for order, need in ((2, 10), (3, 20), (4, 40)):
        if around < need:
            break
        other = _miss(d, plane, w, order)
        if other < 0.97 ** (order - best) * miss:
            best, miss = order, other
    return best


def _miss(d: Values, plane: Values, w: Values, order: int) -> float:
    """Squared distance by which stars are missed, each by the fit to all others."""
    if order:
        return _press(_design(d, order), plane, w)
    far = plane @ np.array([[1], [1j]])
    ones = np.ones(len(d))
    return min(_press(np.column_stack([ones, d @ np.array([1, i])]), far, w) for i in (1j, -1j))


def _press(design: NDArray[Any], values: NDArray[Any], w: Values) -> float:
    """A residual grows by 1 / (1 - h) when its star is left out, h what the star adds to its own fit."""
    root = np.sqrt(w)[:, None]
    q, _ = np.linalg.qr(design / (np.abs(design).max(0) + 1e-300) * root)
    left = values * root - q @ (q.conj().T @ (values * root))
    own = np.minimum((np.abs(q) ** 2).sum(1), 1.0 - 1e-9)
    return float((np.abs(left / (1.0 - own)[:, None]) ** 2).sum())


def _parameters(order: int) -> float:
    """Free numbers of each coordinate."""
    return 2.0 if order == 0 else len(powers(order))


def _fit(d: Values, plane: Values, w: Values, order: int) -> Values:
    """Terms of xi, eta; three rows of them where the order is 0."""
    return _solve(_design(d, order), plane, w) if order else _similar(d, plane, w)


def _similar(d: Values, plane: Values, w: Values) -> Values:
    """Shift, turn, scale, in the hand that fits better."""
    far = plane @ np.array([1, 1j])
    best, least = np.zeros((3, 2)), np.inf
    for hand in (1.0, -1.0):
        z = d @ np.array([1, hand * 1j])
        z0, far0 = np.average(z, weights=w), np.average(far, weights=w)
        turn = np.sum(w * (far - far0) * (z - z0).conj()) / max(np.sum(w * np.abs(z - z0) ** 2), 1e-300)
        shift = far0 - turn * z0
        miss = float(np.sum(w * np.abs(far - shift - turn * z) ** 2))
        if miss < least:
            across = 1j * hand * turn
            best, least = np.array([[v.real, v.imag] for v in (shift, turn, across)]), miss
    return best


def _design(d: Values, order: int) -> Values:
    return np.column_stack([d[:, 0] ** p * d[:, 1] ** q for p, q in powers(max(order, 1))])


def _solve(design: Values, values: Values, w: Values) -> Values:
    root = np.sqrt(w)[:, None]
    size = np.abs(design).max(0) + 1e-300
    return np.linalg.lstsq(design / size * root, values * root, rcond=None)[0] / size[:, None]
