"""Photon transfer: noise against light, from pairs of frames of the same scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image
from pogson.steps.calibrate.noise import box_medians, box_values, robust_variance

_BOX = 32
_BOXES = 400  # of one frame; 400 x 1024 pixels give a gain to 0.3 % from one pair

Values = NDArray[np.float64]

#: applies a function to each of many things, as `map` does; that of a pool of threads is faster
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Line:
    """variance = intercept + slope * level, with errors; `n` boxes."""

    slope: float
    slope_err: float
    intercept: float
    intercept_err: float
    n: int
    width: float  # relative scatter of the boxes' variances about the line


def boxes_of(image: Image) -> NDArray[np.float32]:
    """At most 400 boxes of 32 x 32 pixels spread over the image: (boxes, pixels)."""
    size = max(4, min(_BOX, *image.shape))
    boxes = box_values(image, size).reshape(-1, size * size)
    every = max(1, -(-len(boxes) // _BOXES))
    return boxes[every // 2 :: every]


def without_stars(image: Image, *, box: int = 16, threshold: float = 3.5) -> Image:
    """The image with its stars, and the pixels around them, turned to NaN."""
    # only where no flats tell the gain, and loading this takes longer than a frame
    from scipy.ndimage import binary_dilation

    cells = box_values(image, max(4, min(box, *image.shape)))
    level = np.median(cells, axis=-1)
    sigma = 1.4826 * np.median(np.abs(cells - level[..., None]), axis=-1)
    size = image.shape[0] // level.shape[0]
    rows = np.minimum(np.arange(image.shape[0]) // box, level.shape[0] - 1)
    cols = np.minimum(np.arange(image.shape[1]) // box, level.shape[1] - 1)
    limit = (level + threshold * np.maximum(sigma, np.median(sigma)))[np.ix_(rows, cols)]
    stars = binary_dilation(image > limit, iterations=max(1, min(2, size // 4)))
    return np.where(stars, np.float32(np.nan), image)


def pair_points(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[Values, Values]:
    """Level and variance of one frame in each box, from two frames.

    The second frame is scaled to the first's level in each box, so that the pixels' unequal response
    cancels. With k the scale, ``variance = var(f1 - k f2) / (1 + k^2)`` belongs to the
    level ``(S1 + k^2 S2) / (1 + k^2)``.
    """
    m1, m2 = (box_medians(f)[:, 0].astype(np.float64) for f in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.where(np.abs(m2) > 0.0, m1 / m2, 1.0)
    k = np.where((k > 0.5) & (k < 2.0), k, 1.0)
    difference = first - k[:, None].astype(np.float32) * second
    return (m1 + k**2 * m2) / (1.0 + k**2), robust_variance(difference) / (1.0 + k**2)


def neighbor_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> Values:
    """Correlation of neighbouring pixels in the difference of two frames, box by box.

    Photons know nothing of each other: 0. Stars that have drifted, and pixels that were interpolated, do.
    """
    side = round(sqrt(first.shape[1]))
    difference = first - second
    sigma = np.sqrt(robust_variance(difference))[:, None]
    known = np.isfinite(difference)
    away = np.where(known, difference, 0.0)
    for _ in range(2):
        mean = (away * known).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
        known &= np.abs(away - mean) < 4.0 * sigma
    cells = np.where(known, away - mean, 0.0).reshape(-1, side, side)
    used = known.reshape(-1, side, side)
    total = np.zeros(len(cells))
    pairs = np.zeros(len(cells))
    for one, next_one in ((np.s_[:, :, 1:], np.s_[:, :, :-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        total += (cells[one] * cells[next_one]).sum(axis=(1, 2))
        pairs += (used[one] & used[next_one]).sum(axis=(1, 2))
    variance = np.maximum(pairs, 1) * sigma[:, 0] ** 2
    # boxes without noise, as of an empty image, tell nothing
    return np.divide(total, variance, out=np.full(len(cells), np.nan), where=variance > 0)


def mean_points(
    frames: Sequence[NDArray[np.float32]], *, most: int = 15, each: Each = map
) -> tuple[Values, Values]:
    """Level and variance of each box, averaged over all pairs of the frames."""
    pairs = list(combinations(range(len(frames)), 2))[:most]
    alive = _alive(np.mean(frames, axis=0))
    frames = [np.where(alive, f, np.float32(np.nan)) for f in frames]
    points = list(each(lambda pair: pair_points(frames[pair[0]], frames[pair[1]]), pairs))
    return np.mean([p[0] for p in points], axis=0), np.mean([p[1] for p in points], axis=0)


def _alive(boxes: NDArray[np.float32], limit: float = 6.0) -> NDArray[np.bool_]:
    """Pixels that see the light like the others of their box.

    A bad column collects less light, and so less noise: it would make the gain too high.
    """
    away = np.abs(boxes - np.median(boxes, axis=1, keepdims=True))
    return away <= limit * 1.4826 * np.median(away, axis=1, keepdims=True)


def clipped_mean(values: Values, kappa: float = 4.0) -> tuple[float, float]:
    """Mean without outliers, and its error from the scatter."""
    kept = values[np.isfinite(values)]
    for _ in range(5):
        if kept.size < 3:
            break
        sigma = 1.4826 * float(np.median(np.abs(kept - np.median(kept))))
        near = np.abs(kept - np.median(kept)) <= max(kappa * sigma, 1e-12)
        if near.all():
            break
        kept = kept[near]
    if kept.size < 2:
        return (float(kept[0]) if kept.size else nan), inf
    return float(kept.mean()), float(kept.std(ddof=1) / sqrt(kept.size))


def slope_through(level: Values, variance: Values, dark: float, dark_err: float) -> Line:
    """Straight line where the variance without light is known."""
    use = level > 0.0
    slope, err = clipped_mean((variance[use] - dark) / level[use])
    typical = float(np.median(level[use])) if use.any() else nan
    away = variance[use] / (dark + slope * level[use])
    width = 1.4826 * float(np.median(np.abs(away - np.median(away)))) if use.any() else inf
    return Line(slope, sqrt(err**2 + (dark_err / typical) ** 2), dark, dark_err, int(use.sum()), width)


def fit_line(level: Values, variance: Values) -> Line:
    """Straight line with both ends free; the variance's own error is a fixed fraction of it."""
    use = np.isfinite(level) & np.isfinite(variance) & (variance > 0.0)
    x, y = level[use], variance[use]
    if x.size < 10 or np.ptp(x) == 0.0:
        return Line(nan, inf, nan, inf, int(x.size), inf)
    keep = np.ones(x.size, bool)
    sigma = np.full(x.size, float(np.median(y)))
    center = float(np.median(x))
    slope = base = width = 0.0
    covariance = np.eye(2)
    for _ in range(10):
        design = np.stack([x - center, np.ones_like(x)], axis=1)[keep] / sigma[keep, None]
        covariance = np.linalg.pinv(design.T @ design)
        slope, base = covariance @ (design.T @ (y[keep] / sigma[keep]))
        model = np.maximum(base + slope * (x - center), 0.05 * float(np.median(y)))
        pull = (y - base - slope * (x - center)) / model
        width = 1.4826 * float(np.median(np.abs(pull[keep] - np.median(pull[keep]))))
        sigma = model * max(width, 1e-6)
        # Stars add variance and never take any away: the upper side is cut closer.
        keep = (pull < 3.0 * width) & (pull > -4.0 * width)
    intercept = base - slope * center
    intercept_err = sqrt(covariance[1, 1] + center**2 * covariance[0, 0])
    return Line(float(slope), sqrt(covariance[0, 0]), float(intercept), intercept_err, int(keep.sum()), width)


def combine_measures(values: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Weighted mean of (value, error); the error grows with the scatter where that is larger."""
    known = [(v, e) for v, e in values if isfinite(v) and isfinite(e) and e > 0.0]
    if not known:
        return nan, nan
    v, e = np.array(known).T
    w = 1.0 / e**2
    mean = float((w * v).sum() / w.sum())
    chi2 = float((w * (v - mean) ** 2).sum() / (len(v) - 1)) if len(v) > 1 else 1.0
    return mean, sqrt(max(chi2, 1.0) / w.sum())
