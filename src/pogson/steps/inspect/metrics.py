"""What a frame looks like in numbers: range, evenness, trails."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import SPOILED, UNUSABLE, Pixel
from pogson.core.frame import Frame

Values = NDArray[np.float64]

#: pixels between those that are looked at for the percentiles of a large frame
SAMPLE = 500_000


@dataclass(frozen=True)
class Metrics:
    """Numbers of one frame, in electrons.

    Attributes
    ----------
    minimum, maximum : float
        Of the usable pixels: one hot pixel makes them.
    range : float
        From the 0.5th to the 99.95th percentile: no single pixel makes it.
    sky, noise : float
        Median of the areas' medians, and their typical noise per pixel.
    uniformity : float
        Largest minus smallest of the areas' medians.
    gradient : float
        Difference of the sky from one end of the frame to the other, by a fitted plane.
    saturated : float
        Fraction of the pixels.
    """

    minimum: float
    maximum: float
    range: float
    sky: float
    noise: float
    uniformity: float
    gradient: float
    saturated: float


def measure_metrics(
    frame: Frame, *, region: tuple[int, int, int, int] | None = None, areas: int = 4
) -> Metrics:
    """Range and evenness of a frame.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    region : tuple of int, optional
        y0, y1, x0, x1 (stop excluded): only this part is looked at, such as one around the target.
    areas : int
        The sky's medians come from this many by this many areas.

    Raises
    ------
    SettingError
        If the region is not on the frame.
    """
    ny, nx = frame.shape
    y0, y1, x0, x1 = region or (0, ny, 0, nx)
    if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
        raise SettingError(
            f"region {region} is not on a frame of {ny} rows and {nx} columns; give y0, y1, x0, x1"
        )
    data, mask = frame.data[y0:y1, x0:x1], frame.mask[y0:y1, x0:x1]
    usable = (mask & (UNUSABLE & ~int(Pixel.SATURATED))) == 0
    low, high = _extremes(data, usable)
    step = max(1, int(np.sqrt(data.size / SAMPLE)))
    sample = data[::step, ::step][usable[::step, ::step]]
    if not sample.size:
        return Metrics(nan, nan, nan, nan, nan, nan, nan, 1.0)
    faint, bright = np.percentile(sample, [0.5, 99.95])
    medians, noises, place = _areas(data[::step, ::step], usable[::step, ::step], areas)
    sky = float(np.median(medians))
    return Metrics(
        low,
        high,
        float(bright - faint),
        sky,
        float(np.median(noises)),
        float(np.ptp(medians)),
        _plane(medians, place),
        float(np.mean((mask & int(Pixel.SATURATED)) != 0)),
    )


def measure_trail(stars: Table, *, least: int = 8) -> float:
    """How much all stars are drawn out alike: 0 where they point everywhere, 1 - b / a where they agree.

    Parameters
    ----------
    stars : Table
        STARS with elongation, and angle (degrees) of the major axis where it was measured; without
        it the median elongation speaks.
    least : int
        Stars needed; fewer give NaN.
    """
    good = (np.asarray(stars["flags"]) & SPOILED) == 0
    long = np.asarray(stars["elongation"], float)
    good &= np.isfinite(long) & (np.asarray(stars["snr"], float) > 20.0)
    if good.sum() < least:
        return nan
    size = 1.0 - 1.0 / long[good]
    if "angle" not in stars.colnames:
        return float(np.median(size))
    turn = np.exp(2j * np.radians(np.asarray(stars["angle"], float)[good]))
    return float(np.abs(np.mean(size * turn)))


def _extremes(data: NDArray[np.float32], usable: NDArray[np.bool_]) -> tuple[float, float]:
    if not usable.any():
        return nan, nan
    return (
        float(np.min(data, where=usable, initial=np.inf)),
        float(np.max(data, where=usable, initial=-np.inf)),
    )


def _areas(data: NDArray[np.float32], usable: NDArray[np.bool_], areas: int) -> tuple[Values, Values, Values]:
    medians, noises, place = [], [], []
    for j, rows in enumerate(np.array_split(np.arange(data.shape[0]), areas)):
        for i, columns in enumerate(np.array_split(np.arange(data.shape[1]), areas)):
            if not (len(rows) and len(columns)):
                continue
            part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            values = data[part][usable[part]]
            if values.size:
                low, middle = np.percentile(values, [15.87, 50.0])
                medians.append(middle)
                noises.append(middle - low)  # stars make the other side longer
                place.append(((i + 0.5) / areas - 0.5, (j + 0.5) / areas - 0.5))
    return np.array(medians, float), np.array(noises, float), np.array(place, float)


def _plane(medians: Values, place: Values) -> float:
    if len(medians) < 3:
        return nan
    design = np.column_stack([np.ones(len(medians)), place])
    terms = np.linalg.lstsq(design, medians, rcond=None)[0]
    return float(np.hypot(terms[1], terms[2]))
