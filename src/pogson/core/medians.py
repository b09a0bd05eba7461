"""Medians of many rows with gaps: one sort of all is far quicker than a median of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def row_median(values: Values) -> Values:
    """Median of each row; gaps are NaN, and so is a row of gaps alone."""
    ordered = np.sort(values, axis=1)  # NaN come last
    n = np.maximum((~np.isnan(values)).sum(1, keepdims=True), 1)
    return 0.5 * np.take_along_axis(ordered, np.hstack([(n - 1) // 2, n // 2]), 1).sum(1)


def row_quantile(values: Values, fraction: float) -> Values:
    """Quantile of each row, between two values by the line through them; NaN as in `row_median`."""
    ordered = np.sort(values, axis=1)
    place = fraction * np.maximum((~np.isnan(values)).sum(1, keepdims=True) - 1, 0)
    below = np.floor(place).astype(np.int64)
    low, high = (np.take_along_axis(ordered, at, 1)[:, 0] for at in (below, np.ceil(place).astype(np.int64)))
    return low + (high - low) * (place - below)[:, 0]
