"""Flag cosmic rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.core.units import Sigma
from pogson.kernels.laplace import laplace_hits

_WITHOUT = int(Pixel.BAD | Pixel.HOT | Pixel.SATURATED | Pixel.BLEED | Pixel.EMPTY | Pixel.FLAT)


def flag_cosmics(
    frame: Frame, *, threshold: Sigma = 5.0, neighbors: Sigma = 2.0, contrast: float = 5.0, iterations: int = 4
) -> Frame:
    """Flag the pixels that a cosmic ray has hit: sharper than any star can be.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    threshold : float
        Significance of a hit.
    neighbors : float
        Significance of a pixel next to a hit that counts as part of it.
    contrast : float
        How much sharper than its surroundings' own structure a hit must be. Stars narrower than two
        pixels need 5; 2 finds more on well sampled images.
    iterations : int
        Thick hits are peeled in at most so many rounds.

    Returns
    -------
    Frame
        With the bit COSMIC set; the data are as they were.

    Notes
    -----
    L.A.Cosmic [1]_ with the noise that the frame knows, in place of one guessed from a gain and
    a read noise.

    References
    ----------
    .. [1] van Dokkum, P. G. 2001, PASP, 113, 1420.
    """
    usable = ((frame.mask & np.uint16(_WITHOUT)) == 0).view(np.uint8)
    poisson = 1.0 if frame.unit == "electron" else 0.0
    hits = laplace_hits(
        frame.data, frame.variance, usable, poisson, float(threshold), float(neighbors), float(contrast), iterations
    )
    mask = frame.mask | hits.astype(np.uint16) * np.uint16(Pixel.COSMIC)
    return replace(frame, mask=mask)
