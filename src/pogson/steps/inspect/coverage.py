"""How much of the stars' light came through, and where: half a frame may stand behind a tree."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from pogson.kernels.stats import median

Values = NDArray[np.float64]


def map_transparency(
    x: Values,
    y: Values,
    loss: Values,
    loss_err: Values,
    *,
    shape: tuple[int, int],
    cells: int = 3,
    least: int = 4,
) -> tuple[Values, Values]:
    """Share of the stars' light that came through, in each part of a frame.

    Parameters
    ----------
    x, y : (n,)
        Places of the matched stars in the frame, pixels.
    loss, loss_err : (n,)
        Magnitudes that each star lost against the reference frame, and their errors.
    shape : tuple of int
        Rows and columns of the frame.
    cells : int
        The map has this many by this many cells.
    least : int
        Stars that a cell needs.

    Returns
    -------
    transparency, transparency_err : (cells, cells)
        Relative to the reference frame; NaN where too few stars were seen.
    """
    value, err = np.full((2, cells * cells), nan)
    row = np.clip((y / shape[0] * cells).astype(int), 0, cells - 1)
    column = np.clip((x / shape[1] * cells).astype(int), 0, cells - 1)
    known = np.flatnonzero(np.isfinite(loss) & (loss_err > 0.0))
    order = known[np.argsort((row * cells + column)[known], kind="stable")]
    counts = np.bincount((row * cells + column)[known], minlength=cells * cells)
    for cell, mine in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        n = len(mine)
        if n < least:
            continue
        lost = loss[mine]
        middle = median(lost, n)
        spread = 1.4826 * median(np.abs(lost - middle), n)
        doubt = 1.2533 * max(spread, median(loss_err[mine], n)) / np.sqrt(n)
        value[cell] = 10.0 ** (-0.4 * middle)
        err[cell] = value[cell] * doubt / 1.0857
    return value.reshape(cells, cells), err.reshape(cells, cells)


@dataclass(frozen=True)
class Coverage:
    """Where in a frame light was lost.

    Attributes
    ----------
    transparency : (cells, cells)
        Share of the stars' light in each part of the frame, from the first row upwards; NaN where too few
        stars were seen.
    patchiness : float
        How unevenly the frame is covered: the largest difference between a cell and the median cell,
        beyond 3 errors, as a share of the brighter of the two; 0 where the map is even within its errors,
        1 where all light is gone, NaN where fewer than three cells are known.
    """

    transparency: Values
    patchiness: float


def measure_coverage(
    x: Values, y: Values, loss: Values, loss_err: Values, *, shape: tuple[int, int]
) -> Coverage:
    """Where in a frame light was lost, and how unevenly; see `map_transparency`."""
    value, err = map_transparency(x, y, loss, loss_err, shape=shape)
    return Coverage(value, patchiness(value, err))


def patchiness(transparency: Values, transparency_err: Values) -> float:
    """How unevenly a frame is covered: the largest difference of a cell from the median; see `Coverage`."""
    known = np.isfinite(transparency)
    if known.sum() < 3:
        return nan
    value, err = transparency[known], transparency_err[known]
    middle = float(np.median(value))
    off = (np.abs(value - middle) - 3.0 * err) / np.maximum(value, middle)
    return float(max(off.max(), 0.0)) if middle > 0.0 else nan
