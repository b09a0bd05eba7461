"""Flag cosmic rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.core.units import Pixels, Sigma
from pogson.kernels.laplace import laplace_hits

_WITHOUT = int(Pixel.BAD | Pixel.HOT | Pixel.SATURATED | Pixel.BLEED | Pixel.EMPTY | Pixel.FLAT)


def flag_cosmics(
    frame: Frame, *, threshold: Sigma = 5.0, fwhm: Pixels = 1.5, neighbors: Sigma = 2.0, iterations: int = 4
) -> Frame:
    """Flag the pixels that a cosmic ray has hit: sharper than any star can be.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    threshold : float
        Significance of a hit.
    fwhm : float
        Of the narrowest star to be spared. Well sampled images (2 and more) let more hits be told from stars.
    neighbors : float
        Significance of a pixel next to a hit that counts as part of it.
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
    variance, poisson = frame.variance, 1.0
    if frame.unit != "electron":  # measured from the sky: give the stars the noise of one electron per ADU
        variance = variance + np.maximum(frame.data - np.median(frame.data[::8]), 0.0)
        poisson = 0.0
    # A star of 1.5 px may be 3.3 times as sharp as its fine structure, one of 2 px 1.2 times; and there
    # is noise.
    contrast = min(max(5.0 * (1.5 / fwhm) ** 3.2, 2.0), 5.0)
    hits = laplace_hits(
        frame.data,
        variance,
        usable,
        poisson,
        float(threshold),
        float(neighbors),
        float(contrast),
        iterations,
    )
    mask = frame.mask.copy()
    mask[hits.view(bool)] |= int(Pixel.COSMIC)
    return replace(frame, mask=mask)
