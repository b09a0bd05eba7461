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
from pogson.kernels.order import order_statistics
from pogson.kernels.outliers import reject
from pogson.kernels.resample import DRIZZLE, carry_bits, resample_rows
from pogson.kernels.stack import weighted_mean
from pogson.kernels.stored import Stored
from pogson.steps.stack.layer import KINDS, LEFT_OUT, LIMITS, Layer, noise_kept, rings, taps
from pogson.steps.stack.options import Options
from pogson.steps.stack.order import enough_pairs, sorting_pairs, unequal_factor, variance_factors
from pogson.steps.stack.result import Stack
from pogson.steps.stack.stored import StoredFrames

_CACHE = 6e6  # bytes of values: more does not stay in the memory of the processor
_READ = 64  # rows that are read together
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
        self.taps = taps(self.kind)
        self.matrices = [layer.matrix(options.resample, shape, options.pixel) for layer in layers]
        self.whole = [self.kind != DRIZZLE and _is_whole(m) for m in self.matrices]
        self.reach = 1.0
        if self.kind == DRIZZLE:
            self.reach = max(
                0.5 * (np.abs(m[:, :2]).sum(axis=1).max() + options.pixfrac) for m in self.matrices
            )
        equal = options.ordered or options.method == "mean"
        self.weights = np.ones(len(layers)) if equal else np.array([layer.weight for layer in layers])
        self._know_the_noise()
        low, high = (options.reject_low, options.reject_high) if options.method == "minmax" else (-1, -1)
        self.order = sorting_pairs(len(layers)), enough_pairs(len(layers), low, high), low, high
        robust, self.rings = options.method == "robust", rings(self.kind)
        self.slope, self.grow = (options.slope, _GROW) if robust else (0.0, 1.0)
        self.peaked = _peaked(np.array([layer.fwhm for layer in layers]))
        # the step to the next pixel is looked at, and beside rejected values of the next one
        beside = len(self.rings) - 1
        self.rim = int(self.slope > 0) + beside * int(self.grow < 1.0 or (options.clips and beside > 1))
        self.stored: StoredFrames | None = None
        if self.kind != DRIZZLE and StoredFrames.are_alike(layers):
            self.stored = StoredFrames(layers, self.matrices, self.whole, self.kind, self.taps)
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

    def rows_together(self, memory: float) -> tuple[int, int]:
        """Rows whose values are together in memory, and the multiple of it that is worth one task."""
        ny, nx = self.shape
        row = len(self.layers) * nx * (12.0 if self.kind == DRIZZLE else 8.0)
        least = 12.0 if self.rim else 4.0  # rims are worked on again
        rows = int(min(max(_CACHE / row, least), max(memory / row / 6.0, 1.0), ny))
        many = min(max(_READ // rows, 1), -(-ny // rows))
        while self.stored is not None and self.stored.size(many * rows, nx) > memory / 4.0:
            if many == 1:
                self.stored = None  # frames that are turned a lot: a few rows are made of very many
            many = max(many // 2, 1)
        return rows, many * rows

    def combine(self, out: Stack, rows: int, first: int, stop: int) -> None:
        """Combine rows `first` to `stop` of the stack, `rows` at a time, and write them to `out`."""
        rim, nx = self.rim, self.shape[1] + 2 * self.rim
        stored = None
        if self.stored is not None:
            stored = self.stored.read(first - rim, -rim, stop - first + 2 * rim, nx)
        for y in range(first, stop, rows):
            self._combine(out, stored, nx, y, min(y + rows, stop))

    def _combine(self, out: Stack, stored: Stored | None, nx: int, first: int, stop: int) -> None:
        n, rim = len(self.layers), self.rim
        rows = stop - first + 2 * rim
        values, spread = (self._buffer(name, n, rows * nx) for name in ("values", "spread"))
        share = self._buffer("share", n, rows * nx) if self.kind == DRIZZLE else _ALL_SAME
        if self.stored is not None and stored is not None:
            limits = self.stored.bring(stored, first - rim, -rim, nx, values, spread)
        else:
            limits = [self._bring(i, first - rim, rows, nx, values[i], spread[i], share) for i in range(n)]
        self._write(values, spread, share, nx, out, slice(first, stop))
        empty = out.coverage[first:stop] == 0
        if empty.any():
            out.mask[first:stop][empty] |= np.uint16(Pixel.EMPTY)
        for i, found in enumerate(limits):
            if found is not None:
                where = found[1], self.matrices[i], first - rim, -rim, rim, self.reach
                carry_bits(found[0], LIMITS, *where, values[i].reshape(rows, nx), out.mask)

    def _write(self, values: Image, spread: Image, share: Image, nx: int, out: Stack, place: slice) -> None:
        """Combine rows of `nx` pixels, rims included, that are there of all frames."""
        rim, m = self.rim, values.shape[1]
        data, variance, coverage = out.data[place], out.variance[place], out.coverage[place]
        wanted = data.reshape(-1), variance.reshape(-1), coverage.reshape(-1)
        lower, upper = self._buffer("lower", m), self._buffer("upper", m)
        if self.options.ordered:
            order_statistics(values, spread, *self.order, self.factors, lower, upper, *wanted)
            return
        if not self.options.clips:
            weighted_mean(values, spread, share, self.weights, *wanted)
            return
        light, noise = self._buffer("light", m), self._buffer("noise", m)
        count, used = np.empty(m, np.int16), np.empty(m, np.int16)
        order_statistics(values, spread, *self.order, self.factors, lower, upper, light, noise, count)
        edge = int(self.slope > 0)
        reject(
            values, spread, self.photon, self.peaked, lower, upper, noise, edge, nx,
            self.options.kappa, self.slope, self.grow, self.rings,
        )  # fmt: skip
        weighted_mean(values, spread, share, self.weights, light, noise, used)
        inner = slice(rim, m // nx - rim), slice(rim, nx - rim)
        data[:] = light.reshape(-1, nx)[inner]
        variance[:] = noise.reshape(-1, nx)[inner]
        coverage[:] = count.reshape(-1, nx)[inner]
        np.subtract(coverage, used.reshape(-1, nx)[inner], out=out.rejected[place])

    def _bring(
        self, i: int, first: int, rows: int, nx: int, values: Image, spread: Image, share: Image
    ) -> tuple[Mask, int] | None:
        """Fill rows of the stack, from `first` on, from one frame; its mask where it is saturated."""
        layer, matrix, whole, rim = self.layers[i], self.matrices[i], self.whole[i], self.rim
        values, spread = values.reshape(rows, nx), spread.reshape(rows, nx)
        drops = share[i].reshape(rows, nx) if self.kind == DRIZZLE else share
        ny, mx = layer.shape
        y0, y1 = _rows_needed(matrix, first, rows, -rim, nx, whole, self.reach)
        low, high = max(y0, 0), min(y1, ny)
        if low >= high:
            values[:], spread[:], drops[:] = np.nan, 0.0, 0.0
            return None
        if whole:
            values[: low - y0], values[high - y0 :] = np.nan, np.nan
            spread[: low - y0], spread[high - y0 :] = 0.0, 0.0
            v, s, dx = values[low - y0 : high - y0], spread[low - y0 : high - y0], int(matrix[0, 2]) - rim
        else:
            v, s, dx = self._buffer("v", high - low, mx), self._buffer("s", high - low, mx), 0
        data, variance, mask = layer.rows(low, high)
        sky = layer.sky
        found = level_rows(data, variance, mask, LEFT_OUT, low, dx, sky.mesh, sky.step, layer.scale, v, s)
        if self.kind == DRIZZLE:
            moved = matrix.copy()
            moved[:, 2] -= rim * moved[:, 0]
            drizzle_rows(v, s, low, moved, first, self.options.pixfrac, values, spread, drops)
        elif not whole:
            place = low, 0, matrix, first, -rim, self.kind, self.taps, 0, 0, rows, nx
            resample_rows(v, s, *place, values, spread)
        return (mask.copy(), low) if found & LIMITS else None


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
    matrix: NDArray[np.float64], first: int, rows: int, left: int, nx: int, whole: bool, reach: float
) -> tuple[int, int]:
    """Rows of the frame, stop excluded, that some rows of the stack are made of."""
    if whole:
        top = first + int(matrix[1, 2])
        return top, top + rows
    x = left + np.array([0, nx - 1, 0, nx - 1])
    y = first + np.array([0, 0, rows - 1, rows - 1])
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    rim = int(np.ceil(reach)) + 2
    return int(np.floor(v.min())) - rim, int(np.ceil(v.max())) + rim + 1
