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

Values = NDArray[np.float64]
Positions = NDArray[np.complexfloating[Any, Any]]
Indices = NDArray[np.int64]

_PER_CELL = 3  # brightest stars of each cell, a quarter of `width` squared
_NEAR = 4  # neighbours with which a star makes figures
_BIN = 0.012  # of the shape numbers
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
    """

    width: float
    ra: Values
    dec: Values
    rows: NDArray[np.int32]
    shape: NDArray[np.float32]
    keys: NDArray[np.int32]


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
    chosen = _brightest_of_cells(ra, dec, mag, width / 2.0)
    ra, dec = ra[chosen], dec[chosen]
    a, d = np.radians(ra), np.radians(dec)
    xyz = np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    _, near = cKDTree(xyz, balanced_tree=False, compact_nodes=False).query(xyz, _NEAR + 1)
    threes = combinations(range(1, _NEAR + 1), 3)
    sets = [np.column_stack([near[:, 0], near[:, list(three)]]) for three in threes]
    rows = np.sort(np.concatenate(sets).astype(np.int32), 1)
    # a figure that several of its stars make is kept once
    _, once = np.unique(rows @ np.array([1, 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D]), return_index=True)
    rows = rows[once]
    rows, shape = _describe(rows, _flat(xyz, rows))
    keys = _key(np.floor((shape + 1.0) / _BIN).astype(np.int32))
    order = np.argsort(keys)
    return QuadIndex(width, ra, dec, rows[order], shape[order], keys[order])


def _brightest_of_cells(ra: Values, dec: Values, mag: Values, side: float) -> Indices:
    """The brightest few of each cell of a net of about equal cells."""
    band = ((dec + 90.0) / side).astype(np.int64)
    columns = np.maximum(1.0, np.round(360.0 * np.cos(np.radians((band + 0.5) * side - 90.0)) / side))
    cell = band * 100_000 + np.minimum(ra / 360.0 * columns, columns - 1).astype(np.int64)
    order = np.lexsort((mag, cell))
    first = np.searchsorted(cell[order], cell[order], side="left")
    return order[np.arange(len(order)) - first < _PER_CELL]


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


_PAIRS = np.array(list(combinations(range(4), 2)))
_REST = np.array([[k for k in range(4) if k not in pair] for pair in _PAIRS])


def _describe(rows: NDArray[Any], z: Positions) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Corners in the order of the shape, and the shape: one way to write each figure."""
    length = np.abs(z[:, _PAIRS[:, 0]] - z[:, _PAIRS[:, 1]])
    widest = length.argmax(1)
    order = np.concatenate([_PAIRS[widest], _REST[widest]], 1)
    z, rows = np.take_along_axis(z, order, 1), np.take_along_axis(rows, order, 1)
    place = (z[:, 2:] - z[:, :1]) / (z[:, 1:2] - z[:, :1])
    # which end of the widest pair is 0: the one that the others are nearer to
    turn = place.real.sum(1) > 1.0
    place = np.where(turn[:, None], 1.0 - place, place)
    rows[turn, :2] = rows[turn, 1::-1]
    swap = place[:, 0].real > place[:, 1].real
    place[swap] = place[swap, ::-1]
    rows[swap, 2:] = rows[swap, :1:-1]
    shape = np.stack([place[:, 0].real, place[:, 0].imag, place[:, 1].real, place[:, 1].imag], 1)
    return rows, shape.astype(np.float32)


def _key(bins: NDArray[np.int32]) -> NDArray[np.int32]:
    return ((bins[..., 0] * 180 + bins[..., 1]) * 180 + bins[..., 2]) * 180 + bins[..., 3]


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
        rows, shape = _describe(fours, own[fours])
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
    low = np.floor((shape + 1.0 - _TOLERANCE) / _BIN).astype(np.int32)
    high = np.floor((shape + 1.0 + _TOLERANCE) / _BIN).astype(np.int32)
    mine, other = [], []
    for corner in range(16):
        upper = np.array([corner >> k & 1 for k in range(4)], bool)
        # a bin that both ends share is looked into once
        fresh = np.flatnonzero(((high > low) | ~upper).all(1))
        key = _key(np.where(upper, high, low)[fresh])
        first = np.searchsorted(index.keys, key, side="left")
        n = np.searchsorted(index.keys, key, side="right") - first
        row = np.repeat(fresh, n)
        place = np.arange(n.sum()) + np.repeat(first - np.concatenate([[0], np.cumsum(n)[:-1]]), n)
        near = np.abs(shape[row] - index.shape[place]).max(1) < _TOLERANCE
        mine.append(row[near])
        other.append(place[near])
    return np.concatenate(mine), np.concatenate(other)


def _place(z: Positions, index: QuadIndex, rows: Indices) -> tuple[Values, Values, Values]:
    """Centre of the frame on the sky, and scale (arcsec / px), by each pair of figures."""
    a, d = np.radians(index.ra[rows]), np.radians(index.dec[rows])
    xyz = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)
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
    a, d = np.radians(ra), np.radians(dec)
    place = np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]) / np.radians(reach)
    place = np.column_stack([place, np.log(scale) / 0.03, flip * 1e3])
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
