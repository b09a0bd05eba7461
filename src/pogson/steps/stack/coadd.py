"""Combine aligned frames to one, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pogson.core.units import Fraction, Gigabytes, Sigma
from pogson.steps.stack.layer import Layer
from pogson.steps.stack.options import Options
from pogson.steps.stack.plan import Plan
from pogson.steps.stack.result import Stack

Each = Callable[[Callable[[tuple[int, int]], None], Sequence[tuple[int, int]]], Iterable[None]]


def coadd(
    layers: Sequence[Layer],
    shape: tuple[int, int],
    *,
    method: str = "robust",
    resample: str = "bilinear",
    pixel: float = 1.0,
    pixfrac: Fraction = 0.8,
    kappa: Sigma = 4.0,
    slope: float = 1.5,
    reject_low: int = 1,
    reject_high: int = 1,
    memory: Gigabytes = 1.0,
    each: Each = map,
) -> Stack:
    """Combine frames pixel by pixel on the grid of the reference frame.

    Parameters
    ----------
    layers : sequence of Layer
        The frames.
    shape : tuple of int
        Rows and columns of the reference frame.
    method : str
        robust: weighted mean without outliers and what is beside them, tolerant where stars are steep;
        kappa_sigma: without outliers, alike everywhere; weighted_mean, mean, median;
        minmax: mean without the extremes.
    resample : str
        bilinear, bicubic, lanczos3, nearest, shift (whole pixels, no turning), or drizzle.
    pixel : float
        Side of the stack's pixels over that of the reference frame's, of drizzle.
    pixfrac : float
        Side of the drops of drizzle over that of the pixels.
    kappa : float
        Outlier limit of robust and kappa_sigma, in units of the known noise.
    slope : float
        What robust tolerates of the step to the next pixel.
    reject_low, reject_high : int
        Lowest and highest values that minmax leaves out.
    memory : float
        Most memory for the frames' rows.
    each : function
        Like `map`, to work on several bands of rows at a time; the result does not depend on it.

    Returns
    -------
    Stack

    Raises
    ------
    FrameError, SettingError

    Notes
    -----
    With v = area (x - sky) / scale, where area is that of the stack's pixel in pixels of the frame, and
    w = scale^2 / (noise^2 area): data = sum w v / sum w, variance = sum w^2 var(v) / (sum w)^2, in
    which var(v) = sum c^2 var(x) over the pixels of weight c that v is interpolated from. The median's
    variance is larger by a factor that depends on the number of frames (pi / 2 for many).

    References
    ----------
    Fruchter & Hook 2002, PASP 114, 144; Casertano et al. 2000, AJ 120, 2747, appendix A6.
    """
    options = Options(method, resample, pixel, pixfrac, kappa, slope, reject_low, reject_high)
    plan = Plan(layers, shape, options)
    ny = plan.shape[0]
    out = Stack(
        np.empty(plan.shape, np.float32),
        np.empty(plan.shape, np.float32),
        np.zeros(plan.shape, np.uint16),
        np.empty(plan.shape, np.int16),
        np.zeros(plan.shape, np.int16),
        plan.weights / plan.weights.sum(),
        plan.correlation,
        pixel,
    )
    rows, many = plan.rows_together(memory * 1e9)
    bands = [(y, min(y + many, ny)) for y in range(0, ny, many)]
    for _ in each(lambda band: plan.combine(out, rows, *band), bands):
        pass
    return out


def stack_frames(frames: Sequence[Any], transforms: Sequence[Any], **settings: Any) -> Stack:
    """Combine frames in memory: `coadd` of frames whose scale is 1 and whose sky is taken off.

    Parameters
    ----------
    frames : sequence of Frame
        The first one's grid is taken.
    transforms : sequence of Transform
        From the first frame to each.
    **settings
        Of `coadd`.
    """
    layers = [Layer.of_frame(f, t) for f, t in zip(frames, transforms, strict=True)]
    return coadd(layers, frames[0].shape, **settings)
