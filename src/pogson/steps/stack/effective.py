"""What the header of a stack must say: how long, when, with which gain and read noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure


@dataclass(frozen=True)
class Effective:
    """The one exposure that a stack is worth.

    Attributes
    ----------
    exposure : Exposure
        The reference frame's, at the weighted middle of the times; its exptime is that of the flux scale.
    number : float
        Frames of the reference's transparency whose photon noise the stack has.
    total : float
        Seconds for which the shutter was open.
    time : float
        number times exptime: seconds at the reference's transparency.
    gain : float
        Electrons per unit of the stack.
    read_noise : float
        Electrons, that go with `gain`.
    """

    exposure: Exposure
    number: float
    total: float
    time: float
    gain: float
    read_noise: float


def combine_exposures(
    exposures: Sequence[Exposure],
    scales: Sequence[float],
    weights: NDArray[np.float64],
    reference: int,
    unit: str = "electron",
) -> Effective:
    """Exposure, times, gain and read noise of a weighted mean of scaled frames.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of the frames.
    scales : sequence of float
        Flux of each frame's stars over that in the reference frame.
    weights : float64 (n,)
        They add up to 1.
    reference : int
        Index of the reference frame.
    unit : str
        Of the frames: electron or adu.

    Notes
    -----
    Light F per frame of the reference's scale has the variance sum w^2 F / k: the noise of
    n = 1 / sum(w^2 / k) frames. Read noise adds sum (w R / k)^2.
    """
    base = exposures[reference]
    k = np.asarray(scales, float)
    number = 1.0 / float(np.sum(weights**2 / k))
    times = {
        name: _mean([getattr(e, name) for e in exposures], weights)
        for name in ("jd_utc", "bjd_tdb", "airmass")
    }
    starts = [e.jd_start for e in exposures if isfinite(e.jd_start)]
    reads = np.array([e.read_noise for e in exposures], float)
    gain = number * (1.0 if unit == "electron" else base.gain)
    stack = replace(
        base.with_values("weighted mean of the stack", **times),
        path="",
        jd_start=min(starts) if len(starts) == len(exposures) else nan,
        saturation=nan,
        linearity=nan,
        offset=nan,
        gain=gain,
        gain_err=nan,
        read_noise=number * sqrt(float(np.sum((weights * reads / k) ** 2))),
        read_noise_err=nan,
        trim=None,
        overscan=None,
        reduced=True,
        notes=(),
    )
    total = float(np.sum([e.exptime for e in exposures]))
    return Effective(stack, number, total, number * base.exptime, gain, stack.read_noise)


def _mean(values: Sequence[float], weights: NDArray[np.float64]) -> float:
    """Weighted mean; NaN where one is unknown."""
    known = np.asarray(values, float)
    start = known[0]
    return float(start + np.sum(weights * (known - start)))
