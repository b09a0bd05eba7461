"""What a frame looks like in numbers: range, evenness, saturation, trails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise, product
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import SPOILED, UNUSABLE, Pixel, Star
from pogson.core.frame import Frame
from pogson.kernels.extremes import find_extremes
from pogson.kernels.stats import median

Values = NDArray[np.float64]

#: a saturated pixel is a value, if too low a one
VALUELESS = np.uint16(UNUSABLE & ~int(Pixel.SATURATED))
FULL = np.uint16(Pixel.SATURATED)
#: the stars whose peaks make the dynamic range
BRIGHTEST = 5
#: by so many areas in rows and columns is the sky compared
AREAS = 4
#: stars that are needed to tell a trail
LEAST_STARS = 8


@dataclass(frozen=True)
class Metrics:
    """Numbers of one frame, in the frame's unit.

    Attributes
    ----------
    minimum, maximum : float
        Of the usable pixels: one hot pixel makes them.
    dynamic_range : float
        How far the brightest unsaturated stars stand above the sky: no single pixel makes it.
    uniformity : float
        Largest minus smallest of the medians of 4 x 4 areas of the sky.
    saturated : float
        Fraction of the pixels.
    trail : float
        0 where the stars are round or point everywhere, 1 - minor / major axis where they agree.
    trail_angle : float
        Direction of the trail, degrees from x towards y, between -90 and 90.
    """

    minimum: float = nan
    maximum: float = nan
    dynamic_range: float = nan
    uniformity: float = nan
    saturated: float = nan
    trail: float = nan
    trail_angle: float = nan


def measure_metrics(frame: Frame, stars: Table, levels: ArrayLike, *, region: str = "") -> Metrics:
    """Range, evenness, saturation and trails of a frame.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    stars : Table
        STARS of this frame, with angle.
    levels : (n_rows, n_columns)
        Levels of the sky in boxes over the frame.
    region : str
        Minimum, maximum, dynamic range and saturation are those of this part of the frame, "x0:x1,y0:y1"
        (0-based, stop excluded); empty takes the whole frame.

    Raises
    ------
    SettingError
        If the region cannot be read or is not on the frame.
    """
    x0, x1, y0, y1 = _read_region(region, frame.shape) if region else (0, frame.shape[1], 0, frame.shape[0])
    low, high, saturated = _extremes(frame, slice(y0, y1), slice(x0, x1))
    x, y = np.asarray(stars["x"]), np.asarray(stars["y"])
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    trail, angle = measure_trail(stars)
    return Metrics(
        low, high, _dynamic_range(stars, inside), measure_uniformity(levels), saturated, trail, angle
    )


def measure_uniformity(levels: ArrayLike) -> float:
    """Largest minus smallest of the medians of 4 x 4 areas: a tree, the roof, the edge of a cloud.

    Parameters
    ----------
    levels : (n_rows, n_columns)
        Levels of the sky in boxes over the frame.
    """
    mesh = np.asarray(levels, float)
    if np.isnan(mesh).any():
        return nan
    rows, columns = (pairwise(_limits(n, min(AREAS, n))) for n in mesh.shape)
    parts = [mesh[a:b, c:d].flatten() for (a, b), (c, d) in product(rows, columns)]
    medians = [median(part, len(part)) for part in parts]
    return float(max(medians) - min(medians))


def _limits(n: int, parts: int) -> list[int]:
    """Where `parts` parts of a length begin and end; the first are longer by one where that is not even."""
    return [n // parts * k + min(k, n % parts) for k in range(parts + 1)]


def measure_trail(stars: Table) -> tuple[float, float]:
    """How much all stars are drawn out alike, and in which direction.

    Parameters
    ----------
    stars : Table
        STARS with angle.

    Returns
    -------
    trail, angle : float
        See `Metrics`; NaN where there are too few bright stars.
    """
    long, snr = np.asarray(stars["elongation"]), np.asarray(stars["snr"])
    good = ((np.asarray(stars["flags"]) & SPOILED) == 0) & np.isfinite(long) & (snr > 20.0)
    if np.count_nonzero(good) < LEAST_STARS:
        return nan, nan
    # an axis has no head: twice its angle has
    turn = np.exp(2j * np.radians(np.asarray(stars["angle"])[good]))
    mean = complex(np.mean((1.0 - 1.0 / long[good]) * turn))
    return abs(mean), float(np.degrees(np.angle(mean)) / 2.0)


def _dynamic_range(stars: Table, inside: NDArray[np.bool_]) -> float:
    spoiled = int(Star.SATURATED | Star.EDGE | Star.BAD_PIXEL | Star.COSMIC)
    peaks = np.asarray(stars["peak"])[inside & ((np.asarray(stars["flags"]) & spoiled) == 0)]
    return float(np.median(np.sort(peaks)[-BRIGHTEST:])) if len(peaks) else 0.0


def _extremes(frame: Frame, rows: slice, columns: slice) -> tuple[float, float, float]:
    """Smallest and largest usable value, and the fraction of saturated pixels."""
    data, mask = (np.ascontiguousarray(plane[rows, columns]) for plane in (frame.data, frame.mask))
    low, high, full = find_extremes(data.view(np.int32), mask, VALUELESS, FULL)
    if low > high:
        return nan, nan, full / data.size
    bits = np.array([low, high], np.int32)
    values = np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits).astype(np.int32).view(np.float32)
    return float(values[0]), float(values[1]), full / data.size


def _read_region(text: str, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    match = re.fullmatch(r"\s*(\d+):(\d+)\s*,\s*(\d+):(\d+)\s*", text)
    if match is None:
        raise SettingError(
            f"[inspect] region = {text!r} cannot be read; write x0:x1,y0:y1, such as 100:400,50:300"
        )
    x0, x1, y0, y1 = map(int, match.groups())
    x1, y1 = min(x1, shape[1]), min(y1, shape[0])
    if x0 >= x1 or y0 >= y1:
        raise SettingError(
            f"[inspect] region = {text!r} is not on a frame of {shape[1]} columns and {shape[0]} rows"
        )
    return x0, x1, y0, y1
