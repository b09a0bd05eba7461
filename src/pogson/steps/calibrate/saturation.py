"""Where the camera saturates, and where it stops being linear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan, nan

import numpy as np

from pogson.core.frame import Image, RawFrame
from pogson.steps.calibrate.overscan import stored_adu, useful_adu, useful_section
from pogson.steps.calibrate.transfer import boxes_of

#: source of a saturation level that nothing but the file's type tells
BY_TYPE = "largest number that the file can hold"


def estimate_saturation(raws: Iterable[RawFrame]) -> tuple[float, str]:
    """ADU at which the camera saturates: where numbers pile up, else the largest the file can hold.

    A camera with fewer bits than its file piles its bright pixels up at 4095, 16383 or their like. One whose
    pixels are full before its converter is piles them up less sharply: within 2 %, at the same level in
    several frames. The flat top of a star out of focus changes from frame to frame.
    """
    raws = list(raws)
    # one image after the other, and once more those that reach the top: they are large
    tops = [_top(raw) for raw in raws]
    top = max((t for t in tops if not isnan(t)), default=nan)
    if not isnan(top):
        high = [
            _above(raw, 0.94 * top) for raw, t in zip(raws, tops, strict=True) if t == top or t > 0.97 * top
        ]
        at = sum(np.count_nonzero(b == top) for b in high)
        below = sum(np.count_nonzero(b >= 0.98 * top) for b in high) - at
        if at >= 5 and at > 3 * below:
            return top, f"{at} pixels pile up at {top:g} ADU"
        full, n = _full_well(high, top)
        if n:
            return full, f"{n} pixels pile up between {full:g} and {top:g} ADU"
    for raw in raws:
        if raw.swapped or raw.pixels.dtype.kind in "ui":
            kind = np.iinfo(np.int16) if raw.swapped else np.iinfo(raw.pixels.dtype)
            if kind.bits <= 16:
                return raw.zero + raw.scale * kind.max, BY_TYPE
    return nan, "unknown"


def _full_well(high: Sequence[Image], top: float) -> tuple[float, int]:
    """ADU from which pixels are full, and how many are; 0 of them where they do not pile up."""
    same = [b for b in high if np.sum(b >= 0.98 * top) >= 5 and b.max() > 0.995 * top]
    bright = np.concatenate([*same, np.empty(0, np.float32)])
    pile = bright[bright >= 0.98 * top]
    if len(same) < 2 or pile.size <= 3 * (bright.size - pile.size):
        return nan, 0
    level = float(np.median(pile))
    spread = 1.4826 * float(np.median(np.abs(pile - level)))
    return float(np.floor(max(level - 5.0 * spread, 0.98 * top))), int(pile.size)


def _top(raw: RawFrame) -> float:
    """The largest number of an image, ADU; NaN where all are the same or none is known."""
    image = stored_adu(raw, useful_section(raw))
    known = np.isfinite(image).any() and np.nanmax(image) > np.nanmin(image)
    return float(np.nanmax(image)) if known else nan


def _above(raw: RawFrame, level: float) -> Image:
    """The numbers of an image that reach a level, ADU."""
    image = stored_adu(raw, useful_section(raw))
    return np.asarray(image[image >= level], np.float32)


def estimate_losses(flats: Sequence[RawFrame], bias: Image, *losses: float) -> list[float]:
    """ADU (bias included) from which each of these fractions of the light is lost; NaN where none is.

    In flats of different length the bright parts are compared with the faint parts of the same frame, so
    that a lamp need not be steady.
    """
    levels = np.array([np.median(boxes_of(useful_adu(r) - bias), axis=1) for r in flats], np.float64)
    top = float(np.max(levels))
    low = levels < 0.3 * top
    quiet = [i for i in range(len(flats)) if low[i].all() and np.median(levels[i]) > 0.005 * top]
    pattern = np.sum(levels[quiet], axis=0) if quiet else np.zeros(levels.shape[1])
    usable = pattern > 0.02 * pattern.max() if quiet else np.zeros(levels.shape[1], bool)
    x, ratio = [], []
    for level, faint in zip(levels, low, strict=True):
        use = faint & usable
        if use.sum() < 5:
            continue
        brightness = float(np.sum(level[use]) / np.sum(pattern[use]))
        x.append(level[usable])
        ratio.append(level[usable] / (brightness * pattern[usable]))
    if len(x) < 3:
        return [nan] * len(losses)
    order = np.argsort(np.concatenate(x))
    level, response = np.concatenate(x)[order], np.concatenate(ratio)[order]
    bins = np.array_split(np.arange(level.size), max(5, min(200, level.size // 8)))
    mid = np.array([np.median(level[b]) for b in bins])
    curve = np.array([np.median(response[b]) for b in bins])
    pedestal = float(np.median(bias))
    limits = []
    for loss in losses:
        below = (curve < 1.0 - loss) & (mid > 0.3 * top)
        lost = [i for i in range(len(mid)) if below[i:].all()]
        limits.append(float(mid[lost[0]] + pedestal) if lost else nan)
    return limits
