"""Flag cosmic rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Pixel
from pogson.core.frame import Frame, Image, Mask
from pogson.core.units import Pixels, Sigma
from pogson.kernels.laplace import laplace_hits
from pogson.kernels.sharp import sharp_pixels


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
    variance, poisson = frame.variance, 1.0
    if frame.unit != "electron":  # measured from the sky: give the stars the noise of one electron per ADU
        variance = variance + np.maximum(frame.data - np.median(frame.data[::8]), 0.0)
        poisson = 0.0
    data, mask = frame.data.copy(), frame.mask.copy()
    sharp = sharp_pixels(data, variance, poisson, float(threshold))
    judge_sharp(data, variance, mask, sharp, poisson, threshold, fwhm, neighbors, iterations)
    return replace(frame, mask=mask)


def judge_sharp(
    data: Image,
    variance: Image,
    mask: Mask,
    sharp: NDArray[np.int32],
    poisson: float = 1.0,
    threshold: Sigma = 5.0,
    fwhm: Pixels = 1.5,
    neighbors: Sigma = 2.0,
    iterations: int = 4,
) -> None:
    """Set the bit COSMIC in a mask; the data are written to, and put back, while hits are looked for.

    Parameters
    ----------
    data, variance, mask
        Planes of a calibrated frame.
    sharp : int32 (n,)
        Flat indices of the pixels to be judged.
    poisson : float
        Variance per unit of data.
    threshold, fwhm, neighbors, iterations
        As in `flag_cosmics`.
    """
    # A star of 1.5 px may be 3.3 times as sharp as its fine structure, one of 2 px 1.2 times; and there
    # is noise.
    contrast = min(max(5.0 * (1.5 / fwhm) ** 3.2, 2.0), 5.0)
    limits = float(threshold), float(neighbors), float(contrast)
    hits = laplace_hits(data, variance, mask, sharp, poisson, *limits, iterations)
    mask.reshape(-1)[hits] |= int(Pixel.COSMIC)
