"""The noise of an image, measured from the image: for cameras whose gain nobody knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image

_CLIP = 4.0
# Variance that is left of a normal distribution cut at 4 sigma.
_SHRINK = 0.99893


def box_values(image: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """The pixels of square boxes: (rows, columns, box * box); what is left at the edges is left out."""
    ny, nx = image.shape[0] // box, image.shape[1] // box
    cut = image[: ny * box, : nx * box].reshape(ny, box, nx, box)
    return cut.transpose(0, 2, 1, 3).reshape(ny, nx, box * box)


def box_medians(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Medians along the last axis without NaN, kept as an axis of one.

    NumPy sorts several numbers at once: ten times as fast as its own median of many short rows.
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    n = values.shape[-1] - np.isnan(ordered).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, k, axis=-1) for k in (np.maximum(n - 1, 0) // 2, n // 2))
    return np.asarray((low + high) / 2)


def robust_variance(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Variance along the last axis, without outliers.

    The median absolute deviation only finds the outliers; the variance itself is that of what is left
    within 4 sigma. Whole numbers would make a median deviation jump in steps.
    """
    finite = np.isfinite(values)
    away = values - box_medians(values)
    size = np.abs(away)
    sigma = 1.4826 * box_medians(size)
    away, size = np.where(finite, away, 0.0), np.where(finite, size, np.inf)
    sigma = np.where(sigma > 0.0, sigma, np.sqrt(np.mean(away**2, axis=-1, keepdims=True)))
    for _ in range(3):
        keep = finite & (size <= _CLIP * sigma)
        n = keep.sum(axis=-1, keepdims=True)
        mean = (away * keep).sum(axis=-1, keepdims=True) / np.maximum(n, 1)
        second = (((away - mean) * keep) ** 2).sum(axis=-1, keepdims=True)
        sigma = np.sqrt(second / np.maximum(n - 1, 1) / _SHRINK)
    return np.asarray(sigma[..., 0] ** 2, np.float64)


def local_variance(image: Image, *, box: int = 64, step: int = 1) -> Image:
    """Variance of each pixel from the differences of neighbours `step` columns apart, box by box.

    Differences see the noise and not the sky's slope; stars are outliers among them.
    """
    ny, nx = image.shape
    size = max(1, min(box, ny, nx - step))
    # A quarter of a large box tells its variance to 5 %.
    every = 4 if size >= 64 else 1
    part = image[: ny // size * size].reshape(-1, size, nx)[:, ::every].reshape(-1, nx)
    cells = (part[:, step:] - part[:, :-step])[:, : (nx - step) // size * size]
    cells = cells.reshape(ny // size, -1, (nx - step) // size, size).transpose(0, 2, 1, 3)
    flat = cells.reshape(cells.shape[0], cells.shape[1], -1)
    variance = (robust_variance(flat) / 2.0).astype(np.float32)
    rows = np.minimum(np.arange(ny) // size, variance.shape[0] - 1)
    cols = np.minimum(np.arange(nx) // size, variance.shape[1] - 1)
    return np.ascontiguousarray(variance[np.ix_(rows, cols)])
