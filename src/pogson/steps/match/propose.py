"""Maps of a catalogue onto a star list, from pairs of stars, where the scale is roughly known.

Every pair of bright detections is laid on every pair of bright catalogue stars of about the same length, in
both directions and both hands. A map counts the other detections that it brings to a catalogue star, in a
raster of the catalogue: thousands of maps are counted at once. Two common stars are enough to
propose the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Positions = NDArray[np.complexfloating[Any, Any]]
Indices = NDArray[np.int64]

_COUNTED = 24  # brightest detections that are counted
_CELL = 1.0 / 160.0  # of the raster, over the size of the frame
_SHORTEST = 0.15  # pair, over the size of the frame: shorter ones do not fix the angle
_MOST = 400_000  # maps counted at a time


@dataclass(frozen=True)
class Proposals:
    """Maps from the catalogue's plane to the frame, best first, and out of how many they are."""

    matrices: list[Values]
    trials: float


def propose_maps(
    stars: Values, known: Values, *, size: float, log_tolerance: float, pairs: int, most: int
) -> Proposals:
    """Propose maps of catalogue places onto detections.

    Parameters
    ----------
    stars, known : (n, 2), (m, 2)
        Detections in pixels, and catalogue stars at about that scale; brightest first.
    size : float
        Longer side of the frame, pixels.
    log_tolerance : float
        Natural logarithm of the tolerance of the scale.
    pairs : int
        Brightest detections whose pairs are laid on pairs of the catalogue.
    most : int
        How many maps to return at most.
    """
    z, k = stars @ np.array([1, 1j]), known @ np.array([1, 1j])
    raster, corner, cell = _raster(k, _CELL * size)
    s0, s1 = _pairs(z[:pairs], _SHORTEST * size, np.inf)
    k0, k1 = _pairs(k, _SHORTEST * size * np.exp(-log_tolerance), 1.5 * size * np.exp(log_tolerance))
    if len(s0) == 0 or len(k0) == 0:
        return Proposals([], 1.0)
    star, pair = _alike(z[s1] - z[s0], k[k1] - k[k0], log_tolerance)
    if len(star) > _MOST:
        star, pair = star[:: len(star) // _MOST + 1], pair[:: len(pair) // _MOST + 1]
    # both directions of the pair, and both hands
    first, origin = np.tile(s0[star], 4), np.concatenate([k0[pair], k1[pair]] * 2)
    step = np.concatenate([k[k1[pair]] - k[k0[pair]], k[k0[pair]] - k[k1[pair]]] * 2)
    flip = np.repeat([False, True], 2 * len(star))
    base = np.tile(z[s1[star]] - z[s0[star]], 4)
    gamma: NDArray[Any] = step / np.where(flip, base.conj(), base)
    hits = _count(z[:_COUNTED], z[first], k[origin], gamma, flip, raster, corner, cell)
    best = np.argsort(-hits, kind="stable")[: 4 * most]
    best = best[hits[best] >= 3]
    return Proposals(
        _apart([_matrix(z[first[b]], k[origin[b]], gamma[b], bool(flip[b])) for b in best], size, most),
        float(len(flip)),
    )


def _pairs(z: Positions, shortest: float, longest: float) -> tuple[Indices, Indices]:
    i, j = np.triu_indices(len(z), 1)
    length = np.abs(z[i] - z[j])
    good = (length >= shortest) & (length <= longest)
    return i[good], j[good]


def _alike(a: Positions, b: Positions, log_tolerance: float) -> tuple[Indices, Indices]:
    """Rows of a and b whose lengths agree."""
    order = np.argsort(np.abs(b), kind="stable")
    length = np.log(np.abs(b)[order])
    low = np.searchsorted(length, np.log(np.abs(a)) - log_tolerance)
    high = np.searchsorted(length, np.log(np.abs(a)) + log_tolerance)
    n = high - low
    row = np.repeat(np.arange(len(a)), n)
    start = np.repeat(low - np.concatenate([[0], np.cumsum(n)[:-1]]), n)
    return row, order[np.arange(n.sum()) + start]


def _raster(k: Positions, cell: float) -> tuple[NDArray[np.bool_], complex, float]:
    """A picture of the catalogue in which each star fills 3 x 3 cells."""
    corner = complex(k.real.min(), k.imag.min()) - 2.0 * cell * (1 + 1j)
    column, row = ((part / cell).astype(np.int64) for part in ((k - corner).real, (k - corner).imag))
    raster = np.zeros((row.max() + 4, column.max() + 4), bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            raster[row + dy, column + dx] = True
    # the rim is empty: whatever lies outside is sent there
    raster[0] = raster[-1] = False
    raster[:, 0] = raster[:, -1] = False
    return raster, corner, cell


def _count(
    z: Positions,
    first: Positions,
    origin: Positions,
    gamma: NDArray[Any],
    flip: NDArray[np.bool_],
    raster: NDArray[np.bool_],
    corner: complex,
    cell: float,
) -> Indices:
    """Detections that each map brings to a catalogue star; maps that fail at the first few are left early."""
    hits = np.zeros(len(gamma), np.int64)
    alive = np.arange(len(gamma))
    height, width = raster.shape
    flat = raster.ravel()
    for low, high, least in ((0, 6, 1), (6, 12, 3), (12, len(z), 0)):
        if low >= len(z):
            break
        away = z[low:high].astype(np.complex64)[None] - first[alive].astype(np.complex64)[:, None]
        # the mirror image turns the sky, not the map: conjugate in place
        away.imag *= np.where(flip[alive], -1.0, 1.0).astype(np.float32)[:, None]
        place = away * (gamma[alive] / cell).astype(np.complex64)[:, None]
        place += ((origin[alive] - corner) / cell).astype(np.complex64)[:, None]
        column = np.clip(place.real, 0, width - 1).astype(np.int64)
        row = np.clip(place.imag, 0, height - 1).astype(np.int64)
        hits[alive] += flat[row * width + column].sum(1)
        alive = alive[hits[alive] >= least]
    return hits


def _matrix(star: complex, origin: complex, gamma: complex, flip: bool) -> Values:
    """The map of the catalogue onto the frame, as [[a, b, c], [d, e, f]]."""
    # z' = star + (z - origin) / gamma, or the conjugate of the fraction
    alpha = 1.0 / gamma
    s = 1.0
    if flip:
        alpha, s = alpha.conjugate(), -1.0
    part = np.array([[alpha.real, -alpha.imag * s], [alpha.imag, alpha.real * s]])
    shift = np.array([star.real, star.imag]) - part @ np.array([origin.real, origin.imag])
    return np.column_stack([part, shift])


def _apart(matrices: list[Values], size: float, most: int) -> list[Values]:
    """Without those that say the same as one before."""
    kept: list[Values] = []
    seen: list[Values] = []
    for matrix in matrices:
        part = matrix[:, :2]
        scale = np.sqrt(abs(part[0, 0] * part[1, 1] - part[0, 1] * part[1, 0]))
        # where the middle of the frame lies in the plane, and how the axes lie
        middle = np.linalg.solve(part, size / 2.0 - matrix[:, 2]) * scale / size
        place = np.concatenate([middle, part.ravel() / scale, [np.log(scale)]])
        if not seen or np.abs(np.array(seen) - place).max(1).min() > 0.01:
            kept.append(matrix)
            seen.append(place)
            if len(kept) == most:
                break
    return kept
