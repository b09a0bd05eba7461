"""Is a map of a catalogue onto a star list true? Refine it, and count what it explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from pogson.steps.match.fit import Points, count_pairs, move, pair, refine

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

_VERIFY = 500  # brightest detections that are counted
_DEPTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
_SHEAR = 0.03  # the axes of a camera agree in scale better than this


@dataclass(frozen=True)
class Verdict:
    """A refined map, the pairs it makes, and the expected number of accidental maps as good as it."""

    matrix: Values
    known: Indices
    stars: Indices
    chance: float


def verify_map(
    matrix: Values,
    known: Points,
    stars: Points,
    *,
    size: tuple[float, float],
    radius: float,
    start: float,
    trials: float,
    depths: tuple[int, ...] = (25, 100, _VERIFY),
) -> Verdict | None:
    """Refine a proposed map, and weigh it.

    Parameters
    ----------
    matrix : (2, 3)
        Catalogue plane to pixels.
    known, stars : Points
        Catalogue and detections, brightest first.
    size : (width, height)
        Of the frame, pixels.
    radius, start : float
        Largest distance of a pair at the end, and at the start, pixels.
    trials : float
        Maps that were looked at.
    depths : tuple of int
        Brightest stars that are used in turn.
    """
    stars = stars.brightest(depths[-1])
    inside = _inside(matrix, known.xy, size, start)
    if len(inside) < 4:
        return None
    # first the bright ones, whose accidental pairs are few; the catalogue goes as deep as the list, about
    for depth in depths:
        a = Points(known.xy[inside[:depth]], known.err[inside[:depth]])
        matrix, i, j = refine(matrix, a, stars.brightest(depth), start=start, radius=radius, rounds=1)
        if len(i) < 4 or not _sound(matrix):
            return None
        if depth >= max(len(inside), len(stars.xy)):
            break
    rows = _inside(matrix, known.xy, size, radius)[: 2 * depths[-1]]
    a = Points(known.xy[rows], known.err[rows])
    i, j = pair(matrix, a, stars, radius)
    if len(i) < 4:
        return None
    chance = _chance(matrix, a, stars, i, j, size, radius, trials)
    return Verdict(matrix, rows[i], j, chance)


def _inside(matrix: Values, xy: Values, size: tuple[float, float], margin: float) -> Indices:
    moved = move(matrix, xy)
    return np.flatnonzero(((moved > -margin) & (moved < np.array(size) + margin)).all(1))


def _sound(matrix: Values) -> bool:
    """Whether both axes have about one scale, as no accident demands."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(small > 0.0 and large / small < 1.0 + _SHEAR)


def _chance(
    matrix: Values,
    known: Points,
    stars: Points,
    i: Indices,
    j: Indices,
    size: tuple[float, float],
    radius: float,
    trials: float,
) -> float:
    """Expected number of maps, out of `trials`, that pair as many bright stars by accident.

    Both lists are cut at a ladder of depths: a deep list of detections proves nothing with its faint end, a
    deep catalogue neither. The best rung counts, times the number of rungs.
    """
    area = size[0] * size[1]
    crowding = _crowding(matrix, known, stars, size, radius)
    best, rungs = 1.0, 0
    for n in _rungs(len(known.xy)):
        for m in _rungs(len(stars.xy)):
            k = int(np.sum((i < n) & (j < m)))
            rungs += 1
            if k < 4:
                continue
            # two pairs are taken up by the map itself
            expected = max(n - 2, 1) * max(m - 2, 1) * np.pi * radius**2 / area * crowding
            best = min(best, float(pdtrc(k - 3, expected)))
    return float(min(trials, trials * rungs * best))


def _rungs(n: int) -> list[int]:
    return [d for d in _DEPTHS if d < n] + [n]


def _crowding(
    matrix: Values, known: Points, stars: Points, size: tuple[float, float], radius: float
) -> float:
    """How much denser the detections are around catalogue places than all over the frame; at least 1."""
    wide = max(10.0 * radius, 0.02 * max(size))
    _, close, around = count_pairs(matrix, known, stars, 2.0 * radius, wide)
    ring = np.pi * (wide**2 - (2.0 * radius) ** 2) / (size[0] * size[1])
    expected = len(known.xy) * len(stars.xy) * ring
    # a handful says nothing: its own noise is allowed for
    return max(1.0, float(around - close - 2.0 * np.sqrt(around + 1.0)) / max(expected, 1e-9))
