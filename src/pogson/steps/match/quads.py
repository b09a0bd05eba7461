"""Figures of four stars all over the sky, to be found by their shape alone.

Four stars have a shape that no shift, turn or scale changes: with the widest pair at 0 and 1, the places of
the two others are four numbers. All figures of neighbouring bright stars of the sky are sorted by these.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.kernels.quads import (
    BIN,
    BINS,
    brightest_of_cells,
    describe_all,
    make_figures,
    nearest_four,
)

Values = NDArray[np.float64]
Positions = NDArray[np.complexfloating[Any, Any]]
Indices = NDArray[np.int64]

_PER_CELL = 3  # brightest stars of each cell, a quarter of `width` squared
_TOLERANCE = 0.006


@dataclass(frozen=True)
class QuadIndex:
    """Figures of about the size of a field `width` (degree) wide.

    Attributes
    ----------
    rows : int32 (n, 4)
        Stars of each figure: the widest pair, then the two others.
    shape : float32 (n, 4)
        Its shape numbers.
    keys : int32 (n,)
        Bins of the shape numbers, sorted.
    order : int32 (n,)
        Figure of each key.
    """

    width: float
    ra: Values
    dec: Values
    rows: NDArray[np.int32]
    shape: NDArray[np.float32]
    keys: NDArray[np.int32]
    order: NDArray[np.int32]


@dataclass(frozen=True)
class Sighting:
    """Where a figure of the frame would be on the sky: its corners, and what follows from them."""

    ra: float  # of the frame's centre, degree
    dec: float
    scale: float  # arcsec / px
    corner_ra: Values  # (4,), degree
    corner_dec: Values
    corner_xy: Values  # (4, 2), pixels


def make_quads(ra: Values, dec: Values, mag: Values, *, width: float) -> QuadIndex:
    """Figures of the brightest stars, evenly over the sky.

    Parameters
    ----------
    ra, dec, mag : (n,)
        The sky: degree, magnitudes.
    width : float
        Of the fields to be found, degree.
    """
    side = width / 2.0
    chosen, start, first = brightest_of_cells(ra, dec, mag, side, _PER_CELL)
    ra, dec = ra[chosen], dec[chosen]
    xyz = _directions(ra, dec)
    rows, shape, keys = make_figures(xyz, nearest_four(ra, dec, xyz, start, first, side))
    order = np.argsort(keys).astype(np.int32)
    return QuadIndex(width, ra, dec, rows, shape, keys[order], order)


def _directions(ra: Values, dec: Values) -> Values:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)


def _key(bins: NDArray[np.int32]) -> NDArray[np.int32]:
    return ((bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]) * BINS + bins[..., 3]


def find_sightings(
    stars: Values,
    index: QuadIndex,
    *,
    centre: tuple[float, float],
    scales: tuple[float, float],
    bright: int,
    most: int,
) -> list[Sighting]:
    """Places of the sky where figures of the frame's bright stars are, the most agreed-on first.

    Parameters
    ----------
    stars : (n, 2)
        Pixels, brightest first.
    index : QuadIndex
        Figures of the sky.
    centre : (x, y)
        Of the frame.
    scales : (low, high)
        Possible pixel scales, arcsec / px.
    bright : int
        Brightest detections whose figures are looked up.
    most : int
        How many to return at most.
    """
    z = (stars[:bright] - centre) @ np.array([1, 1j])
    fours = np.array(list(combinations(range(len(z)), 4)), np.int64).reshape(-1, 4)
    pairs: list[tuple[Indices, Indices]] = []
    for own in (z, z.conj()):
        rows, shape = describe_all(own.real.copy(), own.imag.copy(), fours)
        mine, other = _look_up(shape, index)
        pairs.append((rows[mine], index.rows[other].astype(np.int64)))
    corners, known = (np.concatenate(part) for part in zip(*pairs, strict=True))
    flip = np.repeat([False, True], [len(part) for part, _ in pairs])
    own = np.where(flip[:, None], z[corners].conj(), z[corners])
    ra, dec, scale = _place(own, index, known)
    good = np.flatnonzero((scale > scales[0]) & (scale < scales[1]))
    return [
        Sighting(
            float(ra[k]),
            float(dec[k]),
            float(scale[k]),
            index.ra[known[k]],
            index.dec[known[k]],
            stars[corners[k]],
        )
        for k in good[_agreed(ra[good], dec[good], scale[good], flip[good], index.width, most)]
    ]


def _look_up(shape: NDArray[np.float32], index: QuadIndex) -> tuple[Indices, Indices]:
    """Rows of the figures and of the index whose shapes agree."""
    low = np.floor((shape + 1.0 - _TOLERANCE) / BIN).astype(np.int32)
    high = np.floor((shape + 1.0 + _TOLERANCE) / BIN).astype(np.int32)
    mine, other = [], []
    for corner in range(16):
        upper = np.array([corner >> k & 1 for k in range(4)], bool)
        # a bin that both ends share is looked into once
        fresh = np.flatnonzero(((high > low) | ~upper).all(1))
        key = _key(np.where(upper, high, low)[fresh])
        first = np.searchsorted(index.keys, key, side="left")
        n = np.searchsorted(index.keys, key, side="right") - first
        row = np.repeat(fresh, n)
        place = index.order[
            np.arange(n.sum()) + np.repeat(first - np.concatenate([[0], np.cumsum(n)[:-1]]), n)
        ]
        near = np.abs(shape[row] - index.shape[place]).max(1) < _TOLERANCE
        mine.append(row[near])
        other.append(place[near])
    return np.concatenate(mine), np.concatenate(other)


def _flat(xyz: Values, rows: NDArray[Any]) -> Positions:
    """Corners of each figure on its own tangent plane, as complex numbers (n, 4), east to the left."""
    corners = xyz[rows]
    middle = corners.sum(1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    east = np.column_stack([-middle[:, 1], middle[:, 0]])
    east /= np.maximum(np.hypot(*east.T), 1e-12)[:, None]
    x = corners[:, :, 0] * east[:, None, 0] + corners[:, :, 1] * east[:, None, 1]
    north_x, north_y = -middle[:, 2] * east[:, 1], middle[:, 2] * east[:, 0]
    north_z = np.hypot(middle[:, 0], middle[:, 1])
    y = corners[:, :, 0] * north_x[:, None] + corners[:, :, 1] * north_y[:, None]
    y += corners[:, :, 2] * north_z[:, None]
    return (-x + 1j * y) / np.einsum("nki,ni->nk", corners, middle)


def _place(z: Positions, index: QuadIndex, rows: Indices) -> tuple[Values, Values, Values]:
    """Centre of the frame on the sky, and scale (arcsec / px), by each pair of figures."""
    xyz = _directions(index.ra[rows], index.dec[rows])
    sky = _flat(xyz.reshape(-1, 3), np.arange(rows.size).reshape(-1, 4))
    dz, ds = z - z.mean(1)[:, None], sky - sky.mean(1)[:, None]
    gamma = (ds * dz.conj()).sum(1) / (np.abs(dz) ** 2).sum(1)
    # the frame's centre is 0 in z: its place in the tangent plane of the figure
    place = sky.mean(1) - gamma * z.mean(1)
    middle = xyz.sum(1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    east = np.column_stack([-middle[:, 1], middle[:, 0], np.zeros(len(middle))])
    east /= np.maximum(np.linalg.norm(east, axis=1), 1e-12)[:, None]
    north = np.cross(middle, east)
    point = middle - place.real[:, None] * east + place.imag[:, None] * north
    point /= np.linalg.norm(point, axis=1)[:, None]
    ra = np.degrees(np.arctan2(point[:, 1], point[:, 0])) % 360.0
    return ra, np.degrees(np.arcsin(point[:, 2])), np.degrees(np.abs(gamma)) * 3600.0


def _agreed(
    ra: Values, dec: Values, scale: Values, flip: NDArray[np.bool_], width: float, most: int
) -> Indices:
    """One of the sightings of each place; the most voted place first."""
    if len(ra) == 0:
        return np.empty(0, np.int64)
    reach = 0.05 * width
    place = np.column_stack([_directions(ra, dec) / np.radians(reach), np.log(scale) / 0.03, flip * 1e3])
    tree = cKDTree(place)
    votes = tree.query_ball_point(place, 1.0, return_length=True)
    kept: list[int] = []
    taken = np.zeros(len(ra), bool)
    for k in np.argsort(-votes, kind="stable"):
        if taken[k]:
            continue
        taken[tree.query_ball_point(place[k], 2.0)] = True
        kept.append(int(k))
        if len(kept) == most:
            break
    return np.array(kept, np.int64)
