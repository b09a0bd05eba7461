"""How much light a frame lets through, from the stars it shares with the reference frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, pi, sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import FrameError
from pogson.core.flags import SPOILED, Star
from pogson.core.units import Sigma

Values = NDArray[np.float64]

_REFUSED = SPOILED | int(Star.NEIGHBOR | Star.NEGATIVE)
_LEAST_SNR = 10.0  # the ratio of fainter stars is not normally distributed


@dataclass(frozen=True)
class Scale:
    """Flux of a frame's stars over that of the reference frame's.

    Attributes
    ----------
    value, err : float
        Ratio and its error (1 sigma).
    n : int
        Stars used.
    scatter : float
        Relative scatter of the stars beyond their errors.
    """

    value: float
    err: float = 0.0
    n: int = 0
    scatter: float = 0.0


def fit_scale(photometry: Table, reference: Table, *, clip: Sigma = 4.0) -> Scale:
    """Weighted median of the ratios of sky-subtracted star fluxes.

    Parameters
    ----------
    photometry, reference : Table
        PHOTOMETRY of the same stars, row by row, in this frame and in the reference frame.
    clip : float
        Stars whose ratio is further from the median are left out: variables, blends.

    Returns
    -------
    Scale

    Raises
    ------
    FrameError
        If no star is good in both frames.

    Notes
    -----
    With r_j = F_ij / F_rj and s_j its error, enlarged by a common scatter where the ratios differ by more
    than their errors, the median is that of weights 1 / s_j, and its error sqrt(pi / 2 / sum 1 / s_j^2).

    References
    ----------
    Honeycutt 1992, PASP 104, 435 (scale from the stars in common).
    """
    ratio, err = _ratios(photometry, reference)
    if not len(ratio):
        raise FrameError("no star above the noise is unspoiled in this frame and in the reference frame")
    return fit_ratios(ratio, err, clip=clip)


def fit_ratios(ratio: Values, err: Values, *, clip: Sigma = 4.0) -> Scale:
    """Weighted median of ratios, without those that lie beyond `clip` of their errors; see `fit_scale`."""
    keep = np.ones(len(ratio), bool)
    center, scatter = nan, 0.0
    for _ in range(10):
        scatter = _extra_scatter(ratio[keep], err[keep])
        total = np.hypot(err, scatter)
        center = weighted_median(ratio[keep], 1.0 / total[keep])
        before, keep = keep, np.abs(ratio - center) <= clip * total
        if keep.sum() < 3 or (keep == before).all():
            keep = before
            break
    total = np.hypot(err, scatter)[keep]
    factor = pi / 2.0 if keep.sum() > 2 else 1.0
    relative = scatter / center if center > 0 else inf
    return Scale(center, sqrt(factor / np.sum(1.0 / total**2)), int(keep.sum()), relative)


def weighted_median(values: Values, weights: Values) -> float:
    """The value that has half of the weight on either side; between two values their mean."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    half = 0.5 * below[-1]
    k = int(np.searchsorted(below, half * (1.0 - 1e-12)))
    if k + 1 < len(values) and abs(below[k] - half) <= 1e-12 * half:
        return float(0.5 * (values[order[k]] + values[order[k + 1]]))
    return float(values[order[k]])


def _ratios(photometry: Table, reference: Table) -> tuple[Values, Values]:
    flux, base = (np.asarray(t["flux"], float) for t in (photometry, reference))
    flux_err, base_err = (np.asarray(t["flux_err"], float) for t in (photometry, reference))
    flags = np.asarray(photometry["flags"], int) | np.asarray(reference["flags"], int)
    with np.errstate(invalid="ignore"):
        above = (flux > _LEAST_SNR * flux_err) & (base > _LEAST_SNR * base_err)
    good = above & ((flags & SPOILED) == 0)
    alone = good & ((flags & _REFUSED) == 0)
    good = alone if alone.sum() >= 5 else good
    f, b, s, t = flux[good], base[good], flux_err[good], base_err[good]
    ratio = f / b
    return ratio, ratio * np.hypot(s / f, t / b)


def _extra_scatter(ratio: Values, err: Values) -> float:
    """Scatter that makes the robust scatter of the ratios equal to their errors.

    For half of the ratios |deviation| / hypot(err, scatter) is then below 1 / 1.4826.
    """
    if len(ratio) < 5:
        return 0.0
    deviation = ratio - weighted_median(ratio, 1.0 / err)
    return sqrt(max(float(np.median((1.4826 * deviation) ** 2 - err**2)), 0.0))
