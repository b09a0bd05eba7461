"""Centre stars: windowed centroids with errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import UNUSABLE, Pixel
from pogson.core.frame import Frame
from pogson.core.units import Pixels
from pogson.kernels.centroid import windowed_centroids

Values = NDArray[np.float64]

FWHM_TO_SIGMA = 1.0 / 2.3548200450309493
NARROWEST = 1.3  # px: a narrower window sees too few pixels to be the same at every sub-pixel phase

#: Pixels without a value of their own. A saturated pixel has one: it still marks the star.
BLANK = UNUSABLE & ~int(Pixel.SATURATED | Pixel.BLEED)


@dataclass(frozen=True)
class Centroids:
    """Centres of n stars and their errors, pixels; an error is NaN where the first guess had to stand."""

    x: Values
    y: Values
    x_err: Values
    y_err: Values


def measure_centroids(frame: Frame, x: Values, y: Values, sky: Values, *, fwhm: Pixels) -> Centroids:
    """Centre stars in a Gaussian window that follows them.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    x, y : float64 (n,)
        First guesses, good to half a FWHM.
    sky : float64 (n,)
        Sky level under each star.
    fwhm : float
        Full width at half maximum of the window: that of the stars.

    Returns
    -------
    Centroids
        The errors follow from the frame's variance.

    Notes
    -----
    This is SExtractor's XWIN_IMAGE, with an error that holds for profiles that are not Gaussian, too.
    A masked pixel takes the value of its mirror image about the peak, so that it does not pull.
    """
    sigma = max(fwhm * FWHM_TO_SIGMA, NARROWEST)
    found = windowed_centroids(frame.data, frame.variance, frame.mask, BLANK, sky, x, y, sigma)
    return Centroids(*found)
