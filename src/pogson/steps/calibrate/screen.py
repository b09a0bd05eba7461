"""Which calibration frames do not belong to their set, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image, RawFrame
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.overscan import useful_adu

#: path and reason of each frame that is left out
Refused = list[tuple[str, str]]


def refuse_drifted(raws: Sequence[RawFrame], levels: Sequence[float], sigma: float, at: float) -> Refused:
    """Bias frames whose level is another than that of the state to be used.

    Levels further apart than the noise of one pixel belong to different states of the electronics. The
    state nearest in time to `at` is used; without it the largest, of two equal ones the later.
    """
    order = np.argsort(levels)
    jumps = np.flatnonzero(np.diff(np.asarray(levels)[order]) > max(sigma, 1.0))
    states = np.split(order, jumps + 1)
    if len(states) == 1:
        return []
    times = np.array([r.exposure.jd_utc for r in raws])

    def rank(state: np.ndarray) -> tuple[float, float]:
        when = times[state]
        if isfinite(at) and np.isfinite(when).all():
            return -float(np.abs(when - at).min()), 0.0
        return float(len(state)), float(np.nan_to_num(when).max())

    best = max(states, key=rank)
    level = float(np.median(np.asarray(levels)[best]))
    return [
        (raws[i].exposure.path, f"its level, {levels[i]:.0f} ADU, is not that of the others, {level:.0f} ADU")
        for i in range(len(raws))
        if i not in best
    ]


def refuse_warm(raws: Sequence[RawFrame], tolerance: float) -> Refused:
    """Dark frames taken at another temperature than most of the set."""
    temperature = np.array([r.exposure.temperature for r in raws])
    if not np.isfinite(temperature).any():
        return []
    usual = float(np.nanmedian(temperature))
    return [
        (r.exposure.path, f"taken at {t:.1f} degrees, the others at {usual:.1f}")
        for r, t in zip(raws, temperature, strict=True)
        if abs(t - usual) > tolerance
    ]


def refuse_foreign(raws: Sequence[RawFrame], levels: Sequence[float], sigma: float) -> Refused:
    """Dark frames that are brighter or darker than the others: a light, a warmer or a leaking one."""
    level = np.asarray(levels, float)
    # Light adds: of two that disagree the darker one is the dark.
    usual = float(np.median(level)) if len(level) > 2 else float(level.min())
    spread = 1.4826 * float(np.median(np.abs(level - usual)))
    limit = max(5.0 * spread if len(level) > 2 else 0.0, 0.5 * sigma, 0.1 * abs(usual))
    return [
        (
            r.exposure.path,
            f"its level is {v:.1f} ADU, that of the others {usual:.1f}: not a dark, or a warmer one",
        )
        for r, v in zip(raws, level, strict=True)
        if abs(v - usual) > limit
    ]


def refuse_unfit_level(
    raws: Sequence[RawFrame],
    levels: Sequence[float],
    tops: Iterable[float],
    camera: Camera,
    lowest: float,
    highest: float,
) -> Refused:
    """Flats that are too faint, or so bright that the detector is no longer linear: see `top_of`."""
    ceiling = highest * camera.saturation
    if isfinite(camera.linearity):
        ceiling = min(ceiling, camera.linearity) if isfinite(ceiling) else camera.linearity
    gain = camera.gain if isfinite(camera.gain) else 1.0
    refused: Refused = []
    for raw, level, top in zip(raws, levels, tops, strict=True):
        if not level * gain >= lowest:
            refused.append((raw.exposure.path, f"too faint: {level * gain:.0f} electrons per pixel"))
        elif top > ceiling:
            refused.append(
                (
                    raw.exposure.path,
                    f"too bright: {top:.0f} ADU, beyond {ceiling:.0f} the camera is not linear",
                )
            )
    return refused


def top_of(raw: RawFrame) -> float:
    """The level that one pixel in twenty exceeds, ADU above the overscan."""
    rows = useful_adu(raw)[::8]
    known = np.isfinite(rows)
    return float(np.percentile(rows[known], 95.0)) if known.any() else np.nan


def refuse_shape(raws: Sequence[RawFrame], shapes: Iterable[NDArray[np.float32]]) -> Refused:
    """Flats whose illumination differs from the others': another filter, a lamp or a cloud in the way.

    `shapes` are those of `coarse`.
    """
    if len(raws) < 3:
        return []
    maps = np.array(list(shapes))
    usual = np.median(maps, axis=0)
    away = np.array([1.4826 * np.median(np.abs(m / usual - np.median(m / usual))) for m in maps])
    refused: Refused = []
    for i, raw in enumerate(raws):
        others = float(np.median(np.delete(away, i)))
        if away[i] > max(5.0 * others, 0.01):
            refused.append(
                (
                    raw.exposure.path,
                    f"its shape differs by {100 * away[i]:.1f} % from the others' ({100 * others:.1f} %): "
                    "another filter?",
                )
            )
    return refused


def coarse(image: Image, *, cells: int = 16) -> NDArray[np.float32]:
    """Medians of the cells of an image over the median of these."""
    ny, nx = (max(1, n // cells) for n in image.shape)
    rows = image[: ny * cells, : nx * cells].reshape(cells, ny, cells, nx)[:, ::2, :, ::2]
    level = np.median(rows.transpose(0, 2, 1, 3).reshape(cells, cells, -1), axis=-1)
    return np.asarray(level / np.median(level))
