"""From the stored image to ADU above the overscan, useful part only."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FrameError
from pogson.core.frame import Image, RawFrame, Section
from pogson.kernels.decode import decode


def useful_section(raw: RawFrame) -> Section:
    """Rows and columns of the useful part: (y0, y1, x0, x1).

    Raises
    ------
    FrameError
        If the trim section lies outside of the image.
    """
    ny, nx = raw.pixels.shape
    y0, y1, x0, x1 = raw.exposure.trim or (0, ny, 0, nx)
    if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
        raise FrameError(
            f"{raw.exposure.path}: the useful part {(y0, y1, x0, x1)} does not fit into an image "
            f"of {ny} rows and {nx} columns; correct TRIMSEC"
        )
    return y0, y1, x0, x1


#: rows over which the level is averaged: where it wanders, and the part of all rows where it does not
_SHORT, _PART = 15, 0.25
_WANDERS = 2.5  # variance of the means of _SHORT rows over that of rows which have nothing in common


@dataclass(frozen=True)
class Overscan:
    """What the overscan tells about the zero level.

    Attributes
    ----------
    level : float32 (ny,)
        Of each stored row, ADU.
    variance : float
        Of `level`, ADU^2; up to 4 times that within `rows` / 2 of the ends; NaN where there is no overscan.
    rows : float
        Over which the level was averaged: nearer rows share their mistake.
    """

    level: NDArray[np.float32]
    variance: float = nan
    rows: float = inf


def measure_overscan(raw: RawFrame) -> Overscan:
    """Level of the overscan for each stored row; zeros where there is no overscan.

    The clipped mean of each row, averaged over a quarter of the rows: the noise of the level would enter the
    image as stripes. Only where rows differ from those further away by more than from their neighbours
    the average is short. A strip of whole rows (wider than high) gives one number.
    """
    ny, nx = raw.pixels.shape
    level = np.zeros(ny, np.float32)
    if raw.exposure.overscan is None:
        return Overscan(level)
    y0, y1, x0, x1 = raw.exposure.overscan
    strip = stored_adu(raw, (max(y0, 0), min(y1, ny), max(x0, 0), min(x1, nx)))
    if strip.size == 0:
        return Overscan(level)
    if strip.shape[1] > strip.shape[0]:
        strip = strip[np.isfinite(strip)][None]
        if strip.size:
            means, noise = _row_means(strip)
            level[:] = means[0]
        return Overscan(level, noise**2 if strip.size else nan)
    means, noise = _row_means(strip)
    known = np.flatnonzero(np.isfinite(means))
    if not known.size:
        return Overscan(level)
    # a row without numbers must not spread through the running mean
    filled = np.interp(np.arange(len(means)), known, means[known])
    n = _SHORT if _wanders(filled) else max(_SHORT, round(_PART * len(filled)))
    n = min(n, len(filled))
    n -= 1 - n % 2  # a mean of an even number of rows belongs between two of them
    rows = _running_line(filled, n)
    level[:] = np.interp(np.arange(ny), np.arange(max(y0, 0), max(y0, 0) + len(rows)), rows)
    return Overscan(level, noise**2 / n, float(n))


def overscan_level(raw: RawFrame) -> NDArray[np.float32]:
    """Level of the overscan for each stored row, ADU: see `measure_overscan`."""
    return measure_overscan(raw).level


def _wanders(rows: NDArray[np.float64]) -> bool:
    """Whether means of some rows differ by more than the differences from row to row let expect."""
    n = len(rows) // _SHORT
    if n < 4:
        return False
    means = rows[: n * _SHORT].reshape(n, _SHORT).mean(axis=1)
    return bool(np.mean(np.diff(means) ** 2) * _SHORT > _WANDERS * np.mean(np.diff(rows) ** 2))


def _running_line(rows: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Mean over `n` rows; at both ends a straight line through the last `n`."""
    # few cameras have an overscan, and loading this takes longer than a frame
    from scipy.ndimage import uniform_filter1d

    smooth = np.asarray(uniform_filter1d(rows, n, mode="nearest"), np.float64)
    half = n // 2
    place = np.arange(n) - 0.5 * (n - 1)
    for end in (slice(0, n), slice(len(rows) - n, len(rows))):
        slope = (place * rows[end]).sum() / max((place**2).sum(), 1.0)
        line = rows[end].mean() + slope * place
        if end.start == 0:
            smooth[:half] = line[:half]
        if end.stop == len(rows):
            smooth[len(rows) - half :] = line[n - half :]
    return smooth


def _row_means(strip: Image) -> tuple[NDArray[np.float64], float]:
    """Clipped mean of each row, and the noise of such a mean."""
    middle = np.median(strip, axis=1, keepdims=True)
    away = strip - middle
    spread = 1.4826 * float(np.nanmedian(np.abs(away))) if np.isfinite(away).any() else 0.0
    # whole numbers hide a small spread
    kept = np.abs(away) <= 4.0 * max(spread, 1.0)
    n = np.maximum(kept.sum(axis=1), 1)
    off = np.where(kept, away, 0.0).sum(axis=1, keepdims=True) / n[:, None]
    sigma = float(np.sqrt(np.mean((away - off)[kept] ** 2))) if kept.any() else 0.0
    # each row's own mean was taken from it
    return (middle + off)[:, 0].astype(np.float64), sigma / float(np.sqrt(max(strip.shape[1] - 1, 1)))


def stored_adu(
    raw: RawFrame, section: Section, level: NDArray[np.float32] | None = None, out: Image | None = None
) -> Image:
    """A part of the stored image in ADU, above `level` (one number per stored row); written to `out`."""
    y0, y1, x0, x1 = section
    rows = np.zeros(raw.pixels.shape[0], np.float32) if level is None else level
    if out is None:
        out = np.empty((max(y1 - y0, 0), max(x1 - x0, 0)), np.float32)
    if raw.swapped:
        decode(raw.pixels, np.float32(raw.scale), np.float32(raw.zero), rows, y0, x0, out)
        return out
    out[:] = raw.pixels[y0:y1, x0:x1]
    if raw.scale != 1.0 or raw.zero != 0.0:
        out *= np.float32(raw.scale)
        out += np.float32(raw.zero)
    out -= rows[y0:y1, None]
    return out


def useful_adu(raw: RawFrame) -> Image:
    """The useful part in ADU, above the overscan."""
    return stored_adu(raw, useful_section(raw), overscan_level(raw))


def converter_step(raw: RawFrame) -> float:
    """Step of the converter in ADU: the greatest common divisor of the numbers' differences.

    A 12-bit camera whose numbers were stretched to 16 bits has a step of 16. Images that hold no whole
    numbers (averages, for instance) have none: 0.
    """
    stored = raw.pixels[:: max(1, raw.pixels.shape[0] // 32)]
    stored = stored.view(">i2") if raw.swapped else stored
    if stored.dtype.kind in "iu" and stored.size > 1 and float(raw.scale).is_integer():
        step, first = 0, int(stored[0, 0])
        for row in stored:
            step = int(np.gcd.reduce(row.astype(np.int64) - first, initial=step))
            if step == 1:  # numbers lie no closer: mostly the first row tells
                break
        return float(step * abs(int(raw.scale)) or 1)
    numbers = stored.astype(np.float64) * raw.scale
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size < 2 or np.any(numbers != np.rint(numbers)):
        return 0.0
    return float(np.gcd.reduce((numbers - numbers[0]).astype(np.int64))) or 1.0
