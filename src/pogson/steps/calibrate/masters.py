"""Make the master bias, dark and flat, each with its own noise."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan, sqrt

import numpy as np

from pogson.core.frame import Master, RawFrame
from pogson.core.units import Electrons, Fraction, Kelvins, Sigma
from pogson.steps.calibrate.badpixels import flag_dark, flag_flat
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.frameset import FrameSet, combine_frames, read_variance, relative_variance
from pogson.steps.calibrate.screen import (
    coarse,
    refuse_drifted,
    refuse_foreign,
    refuse_shape,
    refuse_unfit_level,
    refuse_warm,
    top_of,
)
from pogson.steps.calibrate.transfer import Each


def make_bias(
    raws: Sequence[RawFrame], camera: Camera, *, kappa: Sigma = 4.0, at: float = nan, each: Each = map
) -> Master:
    """Combine bias frames.

    Parameters
    ----------
    raws : sequence of RawFrame
        Bias frames of one shape and binning.
    camera : Camera
        Its gain and read noise; what is unknown is measured from the frames.
    kappa : float
        Numbers further than this from the others are left out.
    at : float
        Julian date (UTC) of the frames to be corrected: where the level has jumped, the state
        nearest in time is used; the larger group, then the last one, without it.
    each : function
        Does the same to many things: `map`, or that of a pool of threads.

    Returns
    -------
    Master
        ADU; refused frames are named in `rejected`.

    Raises
    ------
    FrameError
        If no frame is left.
    """
    frames = FrameSet(raws, "bias", each=each)
    noise = read_variance(frames, camera)
    frames.refuse(refuse_drifted(frames.raws, frames.levels, sqrt(noise), at))
    return frames.master(combine_frames(frames, kappa, lambda i: (noise, 0.0)))


def make_dark(
    raws: Sequence[RawFrame],
    bias: Master | None,
    camera: Camera,
    *,
    kappa: Sigma = 4.0,
    temperature_tolerance: Kelvins = 2.0,
    each: Each = map,
) -> Master:
    """Combine dark frames of one exposure time.

    Parameters
    ----------
    raws : sequence of RawFrame
        Dark frames of one shape, binning and exposure time.
    bias : Master or None
        Without it the dark keeps its bias and fits its own exposure time only.
    camera : Camera
        Its gain and read noise.
    kappa : float
        Numbers further than this from the others (cosmic rays) are left out.
    temperature_tolerance : float
        Largest difference from the median temperature of the set.
    each : function
        As in `make_bias`.

    Returns
    -------
    Master
        ADU collected in `exptime`; hot pixels are flagged.

    Raises
    ------
    FrameError
        If no frame is left.
    """
    frames = FrameSet(raws, "dark", bias, each=each)
    noise = read_variance(frames, camera)
    frames.refuse(refuse_warm(frames.raws, temperature_tolerance))
    frames.refuse(refuse_foreign(frames.raws, frames.levels, sqrt(noise)))
    poisson = 1.0 / camera.gain if isfinite(camera.gain) else 0.0
    frames.base = 0.0 if bias is not None else float(np.median(frames.levels))
    # no name for what is combined: a dark is large, and so is its search for hot pixels
    master = frames.master(combine_frames(frames, kappa, lambda i: (noise, poisson)))
    return flag_dark(master, single_variance=noise, per_adu=poisson, bayer=frames.bayer)


def make_flat(
    raws: Sequence[RawFrame],
    bias: Master | None,
    dark: Master | None,
    camera: Camera,
    *,
    kappa: Sigma = 4.0,
    lowest: Electrons = 500.0,
    highest: Fraction = 0.9,
    each: Each = map,
) -> Master:
    """Combine flat fields of one band.

    Each frame is divided by its own median before the frames are compared, so that a twilight's changing
    brightness costs nothing and its stars, which move from frame to frame, are outliers.

    Parameters
    ----------
    raws : sequence of RawFrame
        Flat fields of one shape, binning and band.
    bias, dark : Master or None
        Subtracted before the division.
    camera : Camera
        Its gain, read noise, saturation and linearity limit.
    kappa : float
        Numbers further than this from the others are left out.
    lowest : float
        Frames with less light than this per pixel are refused.
    highest : float
        Frames above this fraction of the saturation level are refused.
    each : function
        As in `make_bias`.

    Returns
    -------
    Master
        Relative response with a median of 1 (of each colour on a mosaic of colours).

    Raises
    ------
    FrameError
        If no frame is left.
    """
    frames = FrameSet(raws, "flat", bias, dark, each=each)
    tops = each(top_of, frames.raws)
    frames.refuse(refuse_unfit_level(frames.raws, frames.levels, tops, camera, lowest, highest))
    frames.refuse(refuse_shape(frames.raws, each(lambda i: coarse(frames.reduced(i)), range(frames.n))))
    noise = read_variance(frames, camera) if isfinite(camera.gain) else nan

    def model(i: int) -> tuple[float, float]:
        level = frames.levels[i]
        if isfinite(camera.gain):
            return noise / level**2, 1.0 / (camera.gain * level)
        return relative_variance(frames, i), 0.0

    master = frames.master(
        combine_frames(frames, kappa, model, scale=frames.levels, ceiling=camera.saturation)
    )
    return flag_flat(master, bayer=frames.bayer)
