"""Similar triangles of two star lists, and the shifts, turns and scales they agree on.

Positions are complex numbers, x + iy: a similarity is ``z' = alpha z + beta``, and its mirror image
``z' = alpha conj(z) + beta``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.kernels.triangles import agreeing, alike

Positions = NDArray[np.complexfloating[Any, Any]]
Indices = NDArray[np.int64]

_EVERY = 20  # all triangles of so many of the brightest stars
_NEAR = 6  # and, for every star, the triangles with so many of its neighbours
_RATIO = 0.008  # tolerance of the side ratios
_MOST_VOTES = 4000
_CROWDED = 4  # cells of votes that are looked at before the others


@dataclass(frozen=True)
class Similarity:
    """``z' = alpha z + beta``, of the mirror image where `flip`."""

    alpha: complex
    beta: complex
    flip: bool
    votes: int

    @property
    def matrix(self) -> NDArray[np.float64]:
        """As [[a, b, c], [d, e, f]]."""
        a, s = self.alpha, -1.0 if self.flip else 1.0
        return np.array([[a.real, -a.imag * s, self.beta.real], [a.imag, a.real * s, self.beta.imag]])


@lru_cache(maxsize=8)
def _triples(n: int) -> Indices:
    return np.array(list(combinations(range(n), 3)), np.int64).reshape(-1, 3)


def make_triangles(z: Positions) -> Indices:
    """Triangles of a list of stars, brightest first: (n, 3) indices, each triangle once."""
    sets = [_triples(min(_EVERY, len(z)))]
    if len(z) > _EVERY:
        near = min(_NEAR, len(z) - 1)
        around = np.argsort(np.abs(z[:, None] - z), axis=1, kind="stable")[:, : near + 1]
        pairs = np.array(list(combinations(range(1, near + 1), 2)))
        local = np.stack(
            [np.repeat(around[:, :1], len(pairs), 1), around[:, pairs[:, 0]], around[:, pairs[:, 1]]], -1
        )
        sets.append(np.sort(local.reshape(-1, 3), 1))
    rows = np.concatenate(sets)
    key = (rows[:, 0] * len(z) + rows[:, 1]) * len(z) + rows[:, 2]
    return rows[np.unique(key, return_index=True)[1]]


def _describe(z: Positions, rows: Indices) -> tuple[Indices, NDArray[np.float64], NDArray[np.float64]]:
    """Vertices in the order of their opposite sides (longest first), shape (n, 3), longest side."""
    p = z[rows]
    sides = np.abs(np.stack([p[:, 1] - p[:, 2], p[:, 2] - p[:, 0], p[:, 0] - p[:, 1]], -1))
    order = np.argsort(-sides, 1)
    sides = np.take_along_axis(sides, order, 1)
    longest = np.maximum(sides[:, 0], 1e-9)
    shape = sides[:, 1:] / longest[:, None]
    # a triangle with a very short side, or a small one, says little about the angle
    good = (shape[:, 1] > 0.1) & (longest > 8.0)
    return np.take_along_axis(rows, order, 1)[good], shape[good], longest[good]


@dataclass(frozen=True)
class Pattern:
    """The triangles of a star list: vertices, shape and longest side of each; see `_describe`."""

    stars: Positions
    rows: Indices
    shape: NDArray[np.float64]
    size: NDArray[np.float64]


def make_pattern(stars: Positions) -> Pattern:
    """The triangles of a list of positions, brightest first."""
    return Pattern(stars, *_describe(stars, make_triangles(stars)))


def find_similarities(
    first: Pattern, second: Pattern, *, log_scale: float, log_tolerance: float, most: int
) -> Iterator[Similarity]:
    """Similarities that map `first` onto `second`, the most voted first among each few.

    Each pair of similar triangles votes for one map; the votes of related lists agree.

    Parameters
    ----------
    first, second : Pattern
        Of two star lists.
    log_scale, log_tolerance : float
        Natural logarithm of the expected scale, and its tolerance.
    most : int
        How many to return at most.
    """
    if len(first.rows) == 0 or len(second.rows) == 0:
        return
    stretch = _RATIO / max(log_tolerance, 1e-3)
    order = np.argsort(second.shape[:, 0], kind="stable")
    these = np.column_stack([first.shape, (np.log(first.size) + log_scale) * stretch])
    those = np.column_stack([second.shape, np.log(second.size) * stretch])[order]
    begin = np.searchsorted(those[:, 0], these[:, 0] - _RATIO)
    i, j, apart = alike(these, those, begin, _RATIO)
    if len(i) == 0:
        return
    if len(i) > _MOST_VOTES:
        best = np.argpartition(apart, _MOST_VOTES)[:_MOST_VOTES]
        i, j = i[best], j[best]
    p, q = first.stars[first.rows[i]], second.stars[second.rows[order[j]]]
    flip = _turn(p) != _turn(q)
    p = np.where(flip[:, None], p.conj(), p)
    centre_p, centre_q = p.mean(1), q.mean(1)
    dp, dq = p - centre_p[:, None], q - centre_q[:, None]
    alpha = (dp.conj() * dq).sum(1) / (np.abs(dp) ** 2).sum(1)
    middle = first.stars.mean()
    image = centre_q + alpha * (np.where(flip, middle.conjugate(), middle) - centre_p)
    yield from _agreeing(alpha, image, flip, first.size[i], middle, most)


def _turn(p: Positions) -> NDArray[np.bool_]:
    """True where the three corners go round from x towards y."""
    return ((p[:, 1] - p[:, 0]).conj() * (p[:, 2] - p[:, 0])).imag > 0


def _agreeing(
    alpha: Positions,
    image: Positions,
    flip: NDArray[np.bool_],
    size: NDArray[np.float64],
    middle: complex,
    most: int,
) -> Iterator[Similarity]:
    """The densest places among the votes: of the most crowded cells first, then of the others."""
    angle = alpha / np.abs(alpha)
    place = np.column_stack([image.real / 12.0, image.imag / 12.0, angle.real / 0.03, angle.imag / 0.03])
    place = np.column_stack([place, np.log(np.abs(alpha)) / 0.03, flip * 1e3])
    # crowded cells of a coarse grid first, then the votes within one unit of each one's median
    cells = np.floor(place[:, [0, 1, 2, 3, 5]] / 2.5).astype(np.int64)
    key = cells @ np.array([1, 100_003, 10_000_019, 1_000_000_007, 100_000_000_003])
    _, cell, count = np.unique(key, return_inverse=True, return_counts=True)
    left = np.ones(len(alpha), bool)
    votes = np.column_stack([alpha.real, alpha.imag, image.real, image.imag])
    crowded = np.argsort(-count, kind="stable")[: 4 * most]
    for some in (crowded[:_CROWDED], crowded[_CROWDED:]):
        mean, members, begin = agreeing(place, votes, size**2, cell, some, left)
        found = []
        for (ax, ay, cx, cy), n, mirrored in zip(mean, members, flip[begin], strict=True):
            a, c = complex(ax, ay), complex(cx, cy)
            beta = c - a * (middle.conjugate() if mirrored else middle)
            found.append(Similarity(a, beta, bool(mirrored), int(n)))
        yield from sorted((s for s in found if s.votes), key=lambda s: -s.votes)[:most]
