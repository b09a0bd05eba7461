"""The light of a star with a dark disk in front of it: quadratic limb darkening, exact integrals."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipe, ellipk, elliprf, elliprj

Values = NDArray[np.float64]

#: distance kept from the places where the formulas divide nothing by nothing
NUDGE = 1e-7


@dataclass(frozen=True)
class Transit:
    """A planet's way in front of its star, on a circular orbit.

    `time` of the middle (days), `ratio` of the radii, `impact` parameter (stellar radii), `duration` from
    first to last contact (days), `period` (days), limb darkening `u1`, `u2`.
    """

    time: float
    ratio: float
    impact: float
    duration: float
    period: float
    u1: float = 0.4
    u2: float = 0.25

    @property
    def scaled_axis(self) -> float:
        """Radius of the orbit in stellar radii."""
        wide = (1.0 + self.ratio) ** 2 - self.impact**2
        turn = np.sin(pi * self.duration / self.period)
        return float(sqrt(self.impact**2 + wide / turn**2)) if wide > 0.0 else nan

    @property
    def inclination(self) -> float:
        """Degrees."""
        return float(np.degrees(np.arccos(np.clip(self.impact / self.scaled_axis, -1.0, 1.0))))

    @property
    def depth(self) -> float:
        """Share of the light that is missing in the middle."""
        return float(1.0 - self.flux(np.array([self.time]))[0])

    def distance(self, time: Values) -> Values:
        """Distance of the centres in stellar radii; infinite behind the star."""
        turn = 2.0 * pi * (np.asarray(time, float) - self.time) / self.period
        across = (self.scaled_axis**2 - self.impact**2) * np.sin(turn) ** 2
        return np.where(np.cos(turn) > 0.0, np.sqrt(across + self.impact**2), np.inf)

    def flux(self, time: Values, *, exptime: float = 0.0) -> Values:
        """Relative flux at mid-exposure times, averaged over exposures of `exptime` seconds."""
        if exptime <= 0.0:
            return transit_flux(self.distance(time), self.ratio, self.u1, self.u2)
        # an exposure is much shorter than the ingress, or is cut more finely
        node, weight = np.polynomial.legendre.leggauss(3 if exptime < 300.0 else 9)
        times = np.asarray(time, float)[:, None] + node * exptime / 2.0 / 86400.0
        each = transit_flux(self.distance(times.ravel()), self.ratio, self.u1, self.u2)
        return np.asarray(each.reshape(times.shape) @ weight / 2.0, float)


def transit_flux(z: Values, p: float, u1: float, u2: float) -> Values:
    """Flux of a star of intensity ``1 - u1 (1 - mu) - u2 (1 - mu)^2`` behind a dark disk.

    Parameters
    ----------
    z : (n,)
        Distance of the centres in stellar radii.
    p : float
        Radius of the disk in stellar radii, above 0 and below 1.
    u1, u2 : float
        Limb darkening.

    Returns
    -------
    (n,)
        1 outside of the transit.

    References
    ----------
    Mandel & Agol 2002, ApJ 580, L171, eq. 7 and table 1.
    """
    flux = np.ones(np.shape(z))
    seen = np.asarray(z) < 1.0 + p
    if not seen.any() or p <= 0.0:
        return flux
    at = np.asarray(z, float)[seen].copy()
    for special in (0.0, p, 1.0 - p):
        at[np.abs(at - special) < NUDGE] = special + NUDGE
    hidden, dark, curve = _terms(at, p)
    c = u1 + 2.0 * u2
    lost = (1.0 - c) * hidden + c * (dark + np.where(at < p, 2.0 / 3.0, 0.0)) + u2 * curve
    flux[seen] = 1.0 - lost / (1.0 - u1 / 3.0 - u2 / 6.0)
    return flux


def _terms(z: Values, p: float) -> tuple[Values, Values, Values]:
    """lambda_e, lambda_d and eta_d of the paper."""
    a, b, q = (z - p) ** 2, (z + p) ** 2, p**2 - z**2
    hidden = np.full(z.shape, p**2)
    dark, curve = np.empty(z.shape), p**2 / 2.0 * (p**2 + 2.0 * z**2)
    edge = z > 1.0 - p
    hidden[edge], dark[edge], curve[edge] = _at_the_edge(z[edge], p, a[edge], b[edge], q[edge])
    inside = ~edge
    dark[inside] = _inside(z[inside], p, a[inside], b[inside], q[inside])
    return hidden, dark, curve


def _at_the_edge(z: Values, p: float, a: Values, b: Values, q: Values) -> tuple[Values, Values, Values]:
    k0 = np.arccos(np.clip((p**2 + z**2 - 1.0) / (2.0 * p * z), -1.0, 1.0))
    k1 = np.arccos(np.clip((1.0 - p**2 + z**2) / (2.0 * z), -1.0, 1.0))
    root = np.sqrt(np.maximum(4.0 * z**2 - (1.0 + z**2 - p**2) ** 2, 0.0)) / 2.0
    hidden = (p**2 * k0 + k1 - root) / pi
    m = np.clip((1.0 - a) / (4.0 * z * p), 0.0, 1.0 - 1e-15)
    dark = (
        ((1.0 - b) * (2.0 * b + a - 3.0) - 3.0 * q * (b - 2.0)) * ellipk(m)
        + 4.0 * p * z * (z**2 + 7.0 * p**2 - 4.0) * ellipe(m)
        - 3.0 * q / a * _third(1.0 - 1.0 / a, m)
    ) / (9.0 * pi * np.sqrt(p * z))
    inner = p**2 / 2.0 * (p**2 + 2.0 * z**2)
    curve = (
        k1
        + 2.0 * inner * k0
        - 0.25 * (1.0 + 5.0 * p**2 + z**2) * np.sqrt(np.maximum((1.0 - a) * (b - 1.0), 0.0))
    ) / (2.0 * pi)
    return hidden, dark, curve


def _inside(z: Values, p: float, a: Values, b: Values, q: Values) -> Values:
    m = np.clip(4.0 * z * p / (1.0 - a), 0.0, 1.0 - 1e-15)
    return np.asarray(
        (
            (1.0 - 5.0 * z**2 + p**2 + q**2) * ellipk(m)
            + (1.0 - a) * (z**2 + 7.0 * p**2 - 4.0) * ellipe(m)
            - 3.0 * q / a * _third(1.0 - b / a, m)
        )
        * 2.0
        / (9.0 * pi * np.sqrt(1.0 - a)),
        float,
    )


def _third(n: Values, m: Values) -> Values:
    """Complete elliptic integral of the third kind, for n at most 0, by Carlson's forms."""
    rest = 1.0 - m
    return np.asarray(elliprf(0.0, rest, 1.0) + n / 3.0 * elliprj(0.0, rest, 1.0, 1.0 - n), float)
