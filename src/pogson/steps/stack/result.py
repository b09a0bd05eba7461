"""What a combination gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image, Mask


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
    pixel : float
        Side of its pixels, in those of the reference frame.
    """

    data: Image
    variance: Image
    mask: Mask
    coverage: NDArray[np.int16]
    rejected: NDArray[np.int16]
    weights: NDArray[np.float64]
    correlation: float = 1.0
    pixel: float = 1.0
