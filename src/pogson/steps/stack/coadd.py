"""Combine aligned frames to one, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, prod, sqrt
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FrameError, SettingError
from pogson.core.flags import Pixel
from pogson.core.frame import Image, Mask
from pogson.core.units import Gigabytes, Sigma
from pogson.kernels.resample import carry_bits, level_rows, resample_rows
from pogson.kernels.stack import order_statistics, reject, weighted_mean
from pogson.steps.stack.layer import KINDS, LEFT_OUT, Layer, noise_kept
from pogson.steps.stack.order import sorting_pairs, unequal_factor, variance_factors

METHODS = ("robust", "kappa_sigma", "weighted_mean", "mean", "median", "minmax")

_LIMITS = np.uint16(Pixel.SATURATED | Pixel.BLEED | Pixel.NONLINEAR)
_CACHE = 12e6  # bytes of a band's values: more does not stay in the processor's memory
_GROW = 0.5  # share of the limits beside a rejected value

Each = Callable[[Callable[[tuple[int, int]], None], Sequence[tuple[int, int]]], Iterable[None]]


@dataclass(frozen=True)
class Stack:
    """What a combination gives.

    Attributes
    ----------
    data, variance : float32 (ny, nx)
        Flux per pixel in the reference frame's scale, sky taken off, and its variance; NaN without coverage.
    mask : uint16 (ny, nx)
        EMPTY without coverage; SATURATED, BLEED, NONLINEAR where a value that was used is.
    coverage, rejected : int16 (ny, nx)
        Frames with a value here, and how many of these were rejected.
    weights : float64 (n,)
        Of the frames; they add up to 1.
    correlation : float
        Noise of a sum over many pixels, over that of uncorrelated pixels of the same variance.
    """

    data: Image
    variance: Image
    mask: Mask
    coverage: NDArray[np.int16]
    rejected: NDArray[np.int16]
    weights: NDArray[np.float64]
    correlation: float = 1.0


def coadd(
    layers: Sequence[Layer],
    shape: tuple[int, int],
    *,
    method: str = "robust",
    resample: str = "bilinear",
    kappa: Sigma = 4.0,
    slope: float = 1.5,
    reject_low: int = 1,
    reject_high: int = 1,
    memory: Gigabytes = 1.0,
    each: Each = map,
) -> Stack:
    """Combine frames pixel by pixel on the grid of the reference frame.

    Parameters
    ----------
    layers : sequence of Layer
        The frames.
    shape : tuple of int
        Rows and columns of the result.
    method : str
        robust: weighted mean without outliers and what is beside them, tolerant where stars are steep;
        kappa_sigma: without outliers, alike everywhere; weighted_mean, mean, median;
        minmax: mean without the extremes.
    resample : str
        bilinear, bicubic, lanczos3, nearest, or shift (whole pixels, no turning).
    kappa : float
        Outlier limit of robust and kappa_sigma, in units of the known noise.
    slope : float
        What robust tolerates of the step to the next pixel.
    reject_low, reject_high : int
        Lowest and highest values that minmax leaves out.
    memory : float
        Most memory for the frames' rows.
    each : function
        Like `map`, to work on several bands of rows at a time; the result does not depend on it.

    Returns
    -------
    Stack

    Raises
    ------
    FrameError, SettingError

    Notes
    -----
    With v = area (x - sky) / scale, where area is that of the stack's pixel in pixels of the frame, and
    w = scale^2 / (noise^2 area): data = sum w v / sum w, variance = sum w^2 var(v) / (sum w)^2, in
    which var(v) = sum c^2 var(x) over the pixels of weight c that v is interpolated from. The median's
    variance is larger by a factor that depends on the number of frames (pi / 2 for many).

    References
    ----------
    Fruchter & Hook 2002, PASP 114, 144; Casertano et al. 2000, AJ 120, 2747, appendix A6.
    """
    plan = _Plan(layers, shape, method, resample, kappa, slope, reject_low, reject_high)
    ny, nx = shape
    out = Stack(
        np.empty(shape, np.float32),
        np.empty(shape, np.float32),
        np.zeros(shape, np.uint16),
        np.empty(shape, np.int16),
        np.zeros(shape, np.int16),
        plan.weights / plan.weights.sum(),
        plan.correlation,
    )
    row = len(layers) * nx * 8.0
    rows = int(min(max(_CACHE / row, 16.0), max(memory * 1e9 / row / 6.0, 1.0), ny))
    for _ in each(
        lambda band: plan.combine(out, *band), [(y, min(y + rows, ny)) for y in range(0, ny, rows)]
    ):
        pass
    return out


class _Plan:
    """What is the same for every band of rows."""

    def __init__(
        self,
        layers: Sequence[Layer],
        shape: tuple[int, int],
        method: str,
        resample: str,
        kappa: float,
        slope: float,
        low: int,
        high: int,
    ) -> None:
        if not layers:
            raise FrameError("no frame to combine")
        if method not in METHODS:
            raise SettingError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        if resample not in KINDS:
            raise SettingError(f"resample must be one of {', '.join(KINDS)}, got {resample!r}")
        if not kappa > 0 or not slope >= 0 or min(low, high) < 0:
            raise SettingError(
                "kappa must be above 0; slope, reject_low and reject_high must not be negative"
            )
        if method == "minmax" and low + high >= len(layers):
            raise SettingError(
                f"minmax leaves out {low} + {high} of {len(layers)} frames: none is left; "
                "take less with reject_low and reject_high"
            )
        for layer in layers:
            if not (layer.scale > 0 and layer.scale < inf and layer.noise > 0):
                raise FrameError(
                    f"a frame of scale {layer.scale:g} and noise {layer.noise:g} cannot be combined"
                )
        self.layers, self.shape, self.kind = layers, shape, KINDS[resample]
        self.ordered = method in ("median", "minmax")
        self.clips = method in ("robust", "kappa_sigma")
        self.kappa = kappa
        self.slope = slope if method == "robust" else 0.0
        self.grow = _GROW if method == "robust" else 1.0
        self.trim = (low, high) if method == "minmax" else (-1, -1)
        self.matrices = [layer.matrix(resample, shape) for layer in layers]
        self.areas = np.array([abs(np.linalg.det(m[:, :2])) for m in self.matrices])
        equal = self.ordered or method == "mean"
        self.weights = np.ones(len(layers)) if equal else np.array([layer.weight for layer in layers])
        self.pairs = sorting_pairs(len(layers))
        kept = np.array([noise_kept(resample, m, shape) for m in self.matrices])
        self.photon = kept * self.areas * [layer.counts_photons / layer.scale for layer in layers]
        # variance of one value of each layer, and of as many pixels as to forget their neighbours
        white = np.array([(layer.noise / layer.scale) ** 2 for layer in layers]) * self.areas
        single = white * kept * self.areas
        share = (self.weights / self.weights.sum()) ** 2
        self.correlation = sqrt(np.sum(share * white) / np.sum(share * single))
        self.factors = np.ones(len(layers) + 1, np.float32)
        if self.ordered:
            self.factors = variance_factors(len(layers), low, high, method == "median").copy()
            if single.max() > 1.01 * single.min():
                self.factors *= np.float32(unequal_factor(np.sqrt(single), low, high, method == "median"))
        self.buffers = local()

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
        rim = int(self.slope > 0) + int(self.grow < 1.0)
        rows = stop - first + 2 * rim
        values, spread = (self._buffer(name, n, rows * nx) for name in ("values", "spread"))
        limits = []
        for i, layer in enumerate(self.layers):
            planes = values[i].reshape(rows, nx), spread[i].reshape(rows, nx)
            limits.append(self._bring(layer, self.matrices[i], first - rim, *planes))
        data, variance, coverage, rejected = (
            plane[first:stop].reshape(-1) for plane in (out.data, out.variance, out.coverage, out.rejected)
        )
        lower, upper, noise, mean = (
            self._buffer(name, rows * nx) for name in ("lower", "upper", "noise", "mean")
        )
        count = np.empty(rows * nx, np.int16)
        inner = slice(rim * nx, (rows - rim) * nx)
        if self.ordered or self.clips:
            order_statistics(values, spread, self.pairs, *self.trim, lower, upper, mean, noise, count)
        if self.ordered:
            data[:] = mean if self.trim[0] >= 0 else np.float32(0.5) * (lower + upper)
            variance[:] = noise * self.factors[count]
            coverage[:] = count
        else:
            if self.clips:
                edge = int(self.slope > 0)
                reject(
                    values,
                    spread,
                    self.photon,
                    lower,
                    upper,
                    noise,
                    edge,
                    nx,
                    self.kappa,
                    self.slope,
                    self.grow,
                )
            weighted_mean(values, spread, self.weights, rim * nx, data, variance, coverage)
            if self.clips:
                np.subtract(count[inner], coverage, out=rejected)
                coverage[:] = count[inner]
        mask = out.mask[first:stop]
        if not coverage.all():
            mask[coverage.reshape(mask.shape) == 0] |= np.uint16(Pixel.EMPTY)
        for i, found in enumerate(limits):
            if found is not None:
                used = values[i].reshape(rows, nx)[rim : rows - rim]
                carry_bits(found[0], _LIMITS, found[1], self.matrices[i], first, used, mask)

    def _bring(
        self, layer: Layer, matrix: NDArray[np.float64], first: int, values: Image, spread: Image
    ) -> tuple[Mask, int] | None:
        """Fill rows of the stack, from `first` on, from one frame; its mask where it is saturated."""
        rows, nx = values.shape
        ny, mx = layer.shape
        whole = np.array_equal(matrix[:, :2], np.eye(2)) and bool(
            (matrix[:, 2] == np.round(matrix[:, 2])).all()
        )
        if whole:
            dx, dy = int(matrix[0, 2]), int(matrix[1, 2])
            y0, y1 = first + dy, first + dy + rows
        else:
            x, y = (
                np.array([0, nx - 1, 0, nx - 1]),
                np.array([first, first, first + rows - 1, first + rows - 1]),
            )
            v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
            y0, y1 = int(np.floor(v.min())) - 2, int(np.ceil(v.max())) + 4
        low, high = max(y0, 0), min(y1, ny)
        if low >= high:
            values[:] = np.nan
            spread[:] = 0.0
            return None
        pixels, variance, mask = layer.rows(low, high)
        mesh, step = layer.sky.mesh, layer.sky.step
        if whole:
            values[: low - y0], values[high - y0 :] = np.nan, np.nan
            spread[: low - y0], spread[high - y0 :] = 0.0, 0.0
            inside = slice(low - y0, high - y0)
            level_rows(
                pixels,
                variance,
                mask,
                LEFT_OUT,
                low,
                dx,
                mesh,
                step,
                layer.scale,
                values[inside],
                spread[inside],
            )
        else:
            v, s = (self._buffer(name, high - low, mx) for name in ("v", "s"))
            level_rows(pixels, variance, mask, LEFT_OUT, low, 0, mesh, step, layer.scale, v, s)
            resample_rows(v, s, low, matrix, first, self.kind, values, spread)
        return (mask.copy(), low) if (mask & _LIMITS).any() else None


def stack_frames(frames: Sequence[Any], transforms: Sequence[Any], **settings: Any) -> Stack:
    """Combine frames in memory: `coadd` of frames whose scale is 1 and whose sky is taken off.

    Parameters
    ----------
    frames : sequence of Frame
        The first one's grid is taken.
    transforms : sequence of Transform
        From the first frame to each.
    **settings
        Of `coadd`.
    """
    layers = [Layer.of_frame(f, t) for f, t in zip(frames, transforms, strict=True)]
    return coadd(layers, frames[0].shape, **settings)
