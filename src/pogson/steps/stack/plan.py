"""The work of a combination, band of rows by band of rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from threading import local

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Pixel
from pogson.core.frame import Image, Mask
from pogson.kernels.drizzle import drizzle_rows
from pogson.kernels.level import level_rows
from pogson.kernels.resample import DRIZZLE, carry_bits, resample_rows
from pogson.kernels.stack import order_statistics, reject, weighted_mean
from pogson.steps.stack.layer import KINDS, LEFT_OUT, Layer, Leveller, noise_kept, rings, taps
from pogson.steps.stack.options import Options
from pogson.steps.stack.order import sorting_pairs, unequal_factor, variance_factors
from pogson.steps.stack.result import Stack

_LIMITS = np.uint16(Pixel.SATURATED | Pixel.BLEED | Pixel.NONLINEAR)
_SEEING = 1.2  # tolerance, over the difference that seeing makes in the middle of a star
_GROW = 0.5  # share of the limits beside a rejected value
_ALL_SAME = np.ones((1, 1), np.float32)


class Plan:
    """What is the same for every band of rows.

    Parameters
    ----------
    layers : sequence of Layer
    shape : tuple of int
        Of the reference frame.
    options : Options
    """

    def __init__(self, layers: Sequence[Layer], shape: tuple[int, int], options: Options) -> None:
        options.check(layers)
        self.layers, self.options, self.kind = layers, options, KINDS[options.resample]
        ny, nx = shape
        self.shape = int(np.ceil(ny / options.pixel - 1e-9)), int(np.ceil(nx / options.pixel - 1e-9))
        self.taps, self.rings = taps(self.kind), rings(self.kind)
        robust = options.method == "robust"
        self.slope = options.slope if robust else 0.0
        self.grow = _GROW if robust else 1.0
        self.trim = (options.reject_low, options.reject_high) if options.method == "minmax" else (-1, -1)
        self.matrices = [layer.matrix(options.resample, shape, options.pixel) for layer in layers]
        self.reach = 1.0
        if self.kind == DRIZZLE:
            self.reach = max(
                0.5 * (np.abs(m[:, :2]).sum(axis=1).max() + options.pixfrac) for m in self.matrices
            )
        equal = options.ordered or options.method == "mean"
        self.weights = np.ones(len(layers)) if equal else np.array([layer.weight for layer in layers])
        self.pairs = sorting_pairs(len(layers))
        self.peaked = _peaked(np.array([layer.fwhm for layer in layers]))
        self._know_the_noise()
        self.buffers = local()

    def _know_the_noise(self) -> None:
        """What a value's variance is before it is seen, and what wide sums make of it."""
        layers, options = self.layers, self.options
        areas = np.array([abs(np.linalg.det(m[:, :2])) for m in self.matrices])
        kept = [
            noise_kept(options.resample, m, self.shape, options.pixfrac, shared=not options.ordered)
            for m in self.matrices
        ]
        typical = np.array([k.mean() for k in kept])
        self.photon = typical * areas * [layer.counts_photons / layer.scale for layer in layers]
        # variance of one value of each layer, and of as many pixels as to forget their neighbours
        white = np.array([(layer.noise / layer.scale) ** 2 for layer in layers]) * areas
        share = (self.weights / self.weights.sum()) ** 2
        self.correlation = sqrt(np.sum(share * white) / np.sum(share * white * typical * areas))
        self.factors = np.ones(len(layers) + 1, np.float32)
        if options.ordered:
            how = options.reject_low, options.reject_high, options.method == "median"
            self.factors = variance_factors(len(layers), *how).copy()
            sigma = [np.sqrt(w * a * k) for w, a, k in zip(white, areas, kept, strict=True)]
            if max(s.max() for s in sigma) > 1.005 * min(s.min() for s in sigma):
                self.factors *= np.float32(unequal_factor(sigma, *how))

    def _buffer(self, name: str, *shape: int) -> Image:
        """Memory that a thread uses again for every band: asking for it costs more than filling it."""
        size = prod(shape)
        kept: Image | None = getattr(self.buffers, name, None)
        if kept is None or kept.size < size:
            kept = np.empty(size, np.float32)
            setattr(self.buffers, name, kept)
        return kept[:size].reshape(shape)

    def combine(self, out: Stack, first: int, stop: int) -> None:
        """Combine rows `first` to `stop` of the stack, and write them to `out`."""
        n, nx = len(self.layers), self.shape[1]
        # the step to the next row is looked at, and beside rejected values of the next row
        reach = len(self.rings) - 1
        rim = int(self.slope > 0) + reach * int(self.grow < 1.0 or (self.options.clips and reach > 1))
        rows = stop - first + 2 * rim
        values, spread = (self._buffer(name, n, rows * nx) for name in ("values", "spread"))
        share = self._buffer("share", n, rows * nx) if self.kind == DRIZZLE else _ALL_SAME
        limits = []
        for i, layer in enumerate(self.layers):
            planes = values[i].reshape(rows, nx), spread[i].reshape(rows, nx)
            drops = share[i].reshape(rows, nx) if self.kind == DRIZZLE else share
            limits.append(self._bring(layer, self.matrices[i], first - rim, *planes, drops))
        data, variance, coverage, rejected = (
            plane[first:stop].reshape(-1) for plane in (out.data, out.variance, out.coverage, out.rejected)
        )
        lower, upper, noise, mean = (
            self._buffer(name, rows * nx) for name in ("lower", "upper", "noise", "mean")
        )
        count = np.empty(rows * nx, np.int16)
        inner = slice(rim * nx, (rows - rim) * nx)
        if self.options.ordered or self.options.clips:
            order_statistics(values, spread, self.pairs, *self.trim, lower, upper, mean, noise, count)
        if self.options.ordered:
            data[:] = mean if self.trim[0] >= 0 else np.float32(0.5) * (lower + upper)
            variance[:] = noise * self.factors[count]
            coverage[:] = count
        else:
            if self.options.clips:
                edge = int(self.slope > 0)
                reject(
                    values, spread, self.photon, self.peaked, lower, upper, noise, edge, nx,
                    self.options.kappa, self.slope, self.grow, self.rings,
                )  # fmt: skip
            weighted_mean(values, spread, share, self.weights, rim * nx, data, variance, coverage)
            if self.options.clips:
                np.subtract(count[inner], coverage, out=rejected)
                coverage[:] = count[inner]
        mask = out.mask[first:stop]
        if not coverage.all():
            mask[coverage.reshape(mask.shape) == 0] |= np.uint16(Pixel.EMPTY)
        for i, found in enumerate(limits):
            if found is not None:
                used = values[i].reshape(rows, nx)[rim : rows - rim]
                carry_bits(found[0], _LIMITS, found[1], self.matrices[i], first, self.reach, used, mask)

    def _bring(
        self,
        layer: Layer,
        matrix: NDArray[np.float64],
        first: int,
        values: Image,
        spread: Image,
        share: Image,
    ) -> tuple[Mask, int] | None:
        """Fill rows of the stack, from `first` on, from one frame; its mask where it is saturated."""
        rows, nx = values.shape
        ny, mx = layer.shape
        whole = self.kind != DRIZZLE and _is_whole(matrix)
        y0, y1 = _rows_needed(matrix, first, rows, nx, whole, self.reach)
        low, high = max(y0, 0), min(y1, ny)
        if low >= high:
            values[:], spread[:], share[:] = np.nan, 0.0, 0.0
            return None
        if whole:
            values[: low - y0], values[high - y0 :] = np.nan, np.nan
            spread[: low - y0], spread[high - y0 :] = 0.0, 0.0
            v, s, dx = values[low - y0 : high - y0], spread[low - y0 : high - y0], int(matrix[0, 2])
        else:
            v, s, dx = self._buffer("v", high - low, mx), self._buffer("s", high - low, mx), 0
        found, mask = _level(layer, low, high, dx, v, s)
        if self.kind == DRIZZLE:
            drizzle_rows(v, s, low, matrix, first, self.options.pixfrac, values, spread, share)
        elif not whole:
            resample_rows(v, s, low, matrix, first, self.kind, self.taps, values, spread)
        return (mask.copy(), low) if found & _LIMITS else None


def _level(
    layer: Layer, low: int, high: int, dx: int, values: Image, spread: Image
) -> tuple[np.uint16, Mask]:
    """Rows without sky, in the stack's flux scale; all flags that occur, and where."""
    sky, rows = layer.sky, layer.rows
    if isinstance(rows, Leveller):
        return rows.level(low, high, LEFT_OUT, dx, sky.mesh, sky.step, layer.scale, values, spread)
    data, variance, mask = rows(low, high)
    found: np.uint16 = level_rows(
        data, variance, mask, LEFT_OUT, low, dx, sky.mesh, sky.step, layer.scale, values, spread
    )
    return found, mask


def _peaked(fwhm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share by which the middle of a star differs from the median frame's: peaks go as FWHM^-2."""
    known = np.isfinite(fwhm) & (fwhm > 0)
    if not known.any():
        return np.zeros(len(fwhm))
    ratio = np.median(fwhm[known]) / np.where(known, fwhm, np.median(fwhm[known]))
    share: NDArray[np.float64] = _SEEING * np.abs(ratio**2 - 1.0)
    return share


def _is_whole(matrix: NDArray[np.float64]) -> bool:
    """Whether pixels fall on pixels."""
    return np.array_equal(matrix[:, :2], np.eye(2)) and bool((matrix[:, 2] == np.round(matrix[:, 2])).all())


def _rows_needed(
    matrix: NDArray[np.float64], first: int, rows: int, nx: int, whole: bool, reach: float
) -> tuple[int, int]:
    """Rows of the frame, stop excluded, that some rows of the stack are made of."""
    if whole:
        top = first + int(matrix[1, 2])
        return top, top + rows
    x = np.array([0, nx - 1, 0, nx - 1])
    y = first + np.array([0, 0, rows - 1, rows - 1])
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    rim = int(np.ceil(reach)) + 2
    return int(np.floor(v.min())) - rim, int(np.ceil(v.max())) + rim + 1
