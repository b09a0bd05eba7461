"""How bright the sky is, per square arcsecond."""

from __future__ import annotations

from math import hypot, log10, nan, sqrt

import numpy as np
from astropy.table import Table

from pogson.core.frame import Exposure
from pogson.steps.standardize.gather import POGSON


def sky_brightness(
    photometry: Table, *, zero_point: float, zero_point_err: float, pixel_scale: float = nan
) -> tuple[float, float, str]:
    """Sky brightness of a frame from the levels in the annuli of its stars.

    Parameters
    ----------
    photometry : Table
        PHOTOMETRY; meta: exposure, and `missing`, the kinds of calibration that were not there. Without
        bias and dark subtracted the level is not that of the sky.
    zero_point, zero_point_err : float
        For total light and electrons per second.
    pixel_scale : float
        arcsec / px; the exposure's where NaN.

    Returns
    -------
    brightness, error : float
        mag / arcsec2, not corrected for extinction; NaN where unknown.
    reason : str
        Why it is unknown.

    References
    ----------
    Patat 2003, A&A, 400, 1183.
    """
    exposure = photometry.meta.get("exposure", Exposure())
    missing = photometry.meta.get("missing")
    scale = pixel_scale if np.isfinite(pixel_scale) else float(exposure.pixel_scale)
    level = np.asarray(photometry["sky"], float)
    level = level[np.isfinite(level)]
    if not np.isfinite(zero_point):
        return nan, nan, "no zero point"
    if missing is None and not exposure.reduced:
        return nan, nan, "it is not known whether bias and dark were subtracted"
    lacking = [kind for kind in ("bias", "dark") if kind in (missing or ())]
    if lacking:
        return nan, nan, f"no {' and no '.join(lacking)} subtracted"
    if not np.isfinite(scale):
        return nan, nan, "the pixel scale is unknown"
    if len(level) < 3 or np.median(level) <= 0.0:
        return nan, nan, "no sky level"
    sky = float(np.median(level))
    # the levels are spread by gradients and unseen stars: a part of that is in the median as well
    spread = 1.4826 * float(np.median(np.abs(level - sky)))
    sky_err = 1.2533 * spread / sqrt(len(level))
    brightness = zero_point - 2.5 * log10(sky / exposure.exptime / scale**2)
    return brightness, hypot(zero_point_err, POGSON * sky_err / sky), ""
