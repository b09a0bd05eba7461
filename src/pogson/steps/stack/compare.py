"""How much light a frame lets through: its stars against those of the reference frame, pixel by pixel.

In the difference of two frames a star's neighbours are gone, and the stars too faint to be seen: else the
sky beside it would be the higher the noisier the frame is, in fields full of stars.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log, nan, pi, sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import FrameError
from pogson.core.flags import SPOILED, UNUSABLE
from pogson.core.transform import Transform
from pogson.kernels.resample import BILINEAR, resample_rows
from pogson.steps.stack.layer import Rows, noise_kept, taps
from pogson.steps.stack.scale import Scale, Values, fit_ratios

NEAR, FAR = 2.0, 3.0  # radii of the apertures, FWHM of the widest frame
RING = (4.0, 6.0)  # of the sky
BLOCKED = 2.0  # FWHM around other stars that are no sky: stars of unequal seeing do not cancel
MOST = 100  # stars
SNR = 10.0  # of a star that is compared; half of it where there are FEW
FEW = 10
PIXELS = 3_000_000  # of all stamps together
BAND = 512  # rows that are read together
SEEN = 0.1  # change of the light beyond NEAR, over that of ln FWHM: what is expected before it is measured


Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Stamps:
    """Pixels around the stars, NaN where unusable, and their variance: (n, pixels) of disc and ring."""

    disc: Pixels
    ring: Pixels
    disc_variance: Pixels
    ring_variance: Pixels


class Comparison:
    """The stars of the reference frame, to which other frames are compared.

    Parameters
    ----------
    rows : function
        Pixels of the reference frame.
    shape : tuple of int
    stars : Table
        Its stars: x, y, flux, flags.
    fwhm : float
        Of the widest frame that is compared.
    beta : float
        Exponent of the stars' Moffat profile; NaN for none.

    Raises
    ------
    FrameError
        If no star is unspoiled.
    """

    def __init__(
        self, rows: Rows, shape: tuple[int, int], stars: Table, fwhm: float, beta: float = nan
    ) -> None:
        half = int(np.ceil(RING[1] * fwhm)) + 1
        self.side = 2 * half + 1
        flux = np.asarray(stars["flux"], float)
        places = np.column_stack([np.asarray(stars[name], float) for name in ("x", "y")])
        good = np.flatnonzero((np.asarray(stars["flags"]) & SPOILED) == 0)
        good = good[np.argsort(-flux[good], kind="stable")]
        good = _apart(places, good, 2.0 * NEAR * fwhm, max(min(MOST, PIXELS // self.side**2), 5))
        if not len(good):
            raise FrameError("no star of the reference frame is unspoiled")
        self.corner = np.round(places[good]).astype(int) - half
        self._lay_out(places[good] - half - self.corner, half, fwhm)
        self.blocked = self._block(places, good, BLOCKED * fwhm)
        self.left = _left_beyond(beta)
        self.base = self._cut(rows, shape, Transform.identity())
        self.flux, self.variance = self._measure(self.base)

    def _lay_out(self, off: Values, half: int, fwhm: float) -> None:
        """Which pixels of a stamp are disc and ring, and the discs' weights around the stars."""
        v, u = (w.ravel() - half for w in np.mgrid[0 : self.side, 0 : self.side])
        middle = np.hypot(u, v)
        near, far = NEAR * fwhm, FAR * fwhm
        self.disc = np.flatnonzero(middle < far + 1.3)
        self.ring = np.flatnonzero((middle > RING[0] * fwhm) & (middle < RING[1] * fwhm))
        gap = np.hypot(u[self.disc] - off[:, :1], v[self.disc] - off[:, 1:])
        # pixels on the rim count with the share that lies inside
        self.weights = [np.clip(r + 0.5 - gap, 0.0, 1.0).astype(np.float32) for r in (near, far)]
        self.areas = [w.sum(axis=1) for w in self.weights]

    def _block(self, places: Values, good: NDArray[np.int64], radius: float) -> NDArray[np.bool_]:
        """Pixels of the rings that lie near another star."""
        v, u = np.divmod(self.ring, self.side)
        blocked = np.zeros((len(good), len(self.ring)), bool)
        for i, k in enumerate(good):
            there = places - self.corner[i]
            near = np.all((there > -radius) & (there < self.side + radius), axis=1)
            near[k] = False
            for x, y in there[near]:
                blocked[i] |= (u - x) ** 2 + (v - y) ** 2 < radius**2
        return blocked

    def scale(
        self,
        rows: Rows,
        shape: tuple[int, int],
        transform: Transform,
        widening: float,
        *,
        shared: float = 0.0,
        correlation: float = 1.0,
    ) -> Scale:
        """Flux of a frame's stars over that in the reference frame.

        Parameters
        ----------
        rows, shape
            Pixels of the frame.
        transform : Transform
            From the reference frame's pixels to its own.
        widening : float
            Its FWHM over that of the reference frame.
        shared : float
            Weight with which the reference frame is part of this one.
        correlation : float
            Noise of wide sums over that from the variances of the pixels.

        Raises
        ------
        FrameError
            If no star is good in both.

        Notes
        -----
        With D = x - k r the difference of the stars' pixels, and F(R) sums within R less the median of D in a
        ring, ratio_j = k + F_j(D) / F_j, in which F_j is the mean of both frames' fluxes: noise that makes a
        star brighter makes its ratio neither higher nor lower. How the light beyond the inner radius differs
        with the seeing, t, is found with the outer radius and extrapolated by a power law; it is
        believed as far as it is known: t s^2 / (s^2 + t_err^2) with s = 0.1 ln(widening).
        """
        own = self._cut(rows, shape, transform, correlation)
        flux, variance = self._measure(own)
        k = fit_ratios(*self._ratios(flux, variance)).value
        for _ in range(2):
            beyond, noise = self._measure(own, k, k * k * max(1.0 - 2.0 * shared, 0.0))
            light = self.flux + 0.5 * beyond / k
            good = self._good(light, self.variance) & np.isfinite(beyond).all(axis=0)
            if not good.any():
                break
            ratio, err = k + beyond[:, good] / light[:, good], np.sqrt(noise[:, good]) / light[:, good]
            near = fit_ratios(ratio[0], err[0])
            rise = (ratio[1] - ratio[0]) / (1.0 - self.left)
            rise_err = np.sqrt(np.maximum(err[1] ** 2 - err[0] ** 2, 0.1 * err[1] ** 2)) / (1.0 - self.left)
            grown = fit_ratios(rise, rise_err)
            expected = near.value * (SEEN * abs(log(widening)) + 1e-3)
            believed = expected**2 / (expected**2 + grown.err**2)
            k = near.value + believed * grown.value
        err_of_k = sqrt(near.err**2 + believed * grown.err**2)
        return Scale(k, err_of_k, near.n, near.scatter)

    def _ratios(self, flux: Values, variance: Values) -> tuple[Values, Values]:
        good = self._good(flux, variance) & self._good(self.flux, self.variance)
        if not good.any():
            raise FrameError("no star above the noise is unspoiled in this frame and in the reference frame")
        a, b = flux[0, good], self.flux[0, good]
        ratio: Values = a / b
        return ratio, ratio * np.sqrt(variance[0, good] / a**2 + self.variance[0, good] / b**2)

    @staticmethod
    def _good(flux: Values, variance: Values) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            snr = np.where(flux[1] > 0, flux[0] / np.sqrt(variance[0]), 0.0)
        good: NDArray[np.bool_] = snr > SNR
        return good if good.sum() >= FEW else snr > 0.5 * SNR

    def _measure(self, stamps: Stamps, k: float = 0.0, noise_of_base: float = 0.0) -> tuple[Values, Values]:
        """Fluxes in both apertures, less `k` times the reference's, and their variances: (2, n)."""
        disc, ring, disc_variance, ring_variance = (
            stamps.disc, stamps.ring, stamps.disc_variance, stamps.ring_variance,
        )  # fmt: skip
        if k:
            factor, more = np.float32(k), np.float32(noise_of_base)
            disc, ring = disc - factor * self.base.disc, ring - factor * self.base.ring
            disc_variance = disc_variance + more * self.base.disc_variance
            ring_variance = ring_variance + more * self.base.ring_variance
        level, spread = _levels(ring, ring_variance)
        found, noise = [], []
        for weights, area in zip(self.weights, self.areas, strict=True):
            # weight 0 times NaN is NaN: what lies outside must not count
            found.append(np.sum(np.where(weights > 0, weights * disc, 0.0), axis=1) - area * level)
            around = np.sum(np.where(weights > 0, weights * disc_variance, 0.0), axis=1)
            noise.append(around + area**2 * spread)
        return np.array(found, float), np.array(noise, float)

    def _cut(
        self, rows: Rows, shape: tuple[int, int], transform: Transform, correlation: float = 0.0
    ) -> Stamps:
        """The stars' pixels on the reference frame's grid."""
        n, side = len(self.corner), self.side
        values, variance = (np.full((n, side, side), np.nan, np.float32) for _ in range(2))
        kept = float(noise_kept("bilinear", transform.matrix, shape).mean())
        middle = np.array(transform.apply(*(self.corner + side / 2.0).T)).T
        reach = int(np.ceil(0.5 * side * np.abs(transform.matrix[:, :2]).sum(axis=1).max())) + 3
        first = np.clip(np.floor(middle).astype(int) - reach, 0, [shape[1], shape[0]])
        last = np.clip(np.floor(middle).astype(int) + reach, 0, [shape[1], shape[0]])
        order = np.argsort(first[:, 1], kind="stable")
        order = order[np.all(last[order] - first[order] > 4, axis=1)]
        while len(order):
            top = first[order[0], 1]
            here = order[: int(np.searchsorted(first[order, 1], top + BAND, "right"))]
            order = order[len(here) :]
            data, spread, mask = rows(top, int(last[here, 1].max()))
            for i in here:
                cut = slice(first[i, 1] - top, last[i, 1] - top), slice(first[i, 0], last[i, 0])
                light = np.where(mask[cut] & np.uint16(UNUSABLE), np.float32(np.nan), data[cut])
                noise = np.ascontiguousarray(spread[cut])
                resample_rows(
                    light, noise, first[i, 1], first[i, 0], transform.matrix, self.corner[i, 1],
                    self.corner[i, 0], BILINEAR, taps(BILINEAR), 0, 0, side, side, values[i], variance[i],
                )  # fmt: skip
        factor = np.float32(max(correlation, 1.0) ** 2 / kept)
        flat, spreads = values.reshape(n, -1), variance.reshape(n, -1)
        ring = flat[:, self.ring]
        ring[self.blocked] = np.nan
        return Stamps(
            flat[:, self.disc], ring, factor * spreads[:, self.disc], factor * spreads[:, self.ring]
        )


def _apart(places: Values, order: NDArray[np.int64], distance: float, most: int) -> NDArray[np.int64]:
    """The first ones whose apertures have no pixel in common: what they share would count twice."""
    chosen: list[int] = []
    for k in order:
        if len(chosen) == most:
            break
        if not chosen or np.hypot(*(places[chosen] - places[k]).T).min() >= distance:
            chosen.append(int(k))
    return np.array(chosen, np.int64)


def _levels(ring: Pixels, variance: Pixels) -> tuple[Pixels, Pixels]:
    """Medians of the rings, and their variances; NaN where little is left of a ring."""
    there = np.isfinite(ring)
    count = there.sum(axis=1)
    ordered = np.sort(ring, axis=1)  # NaN last
    rows = np.arange(len(ring))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, ring.shape[1] - 1)
    level = 0.5 * (ordered[rows, low] + ordered[rows, high])
    level[count < 0.15 * ring.shape[1]] = np.nan
    total = np.sum(np.where(there, variance, 0.0), axis=1)
    return level, 0.5 * pi * total / np.maximum(count, 1) ** 2


def _left_beyond(beta: float) -> float:
    """Of the light that NEAR misses, the share that FAR misses too, if wings fall off as a Moffat profile's.

    What the ring holds of the wings is taken off as sky.
    """
    power = min(max(2.0 * beta - 2.0, 2.5), 8.0) if isfinite(beta) else 8.0
    ring = 0.5 * (RING[0] + RING[1])
    near, far = (r**-power + 0.5 * power * r**2 * ring ** (-power - 2.0) for r in (NEAR, FAR))
    return far / near
