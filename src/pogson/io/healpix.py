"""Equal cells on the sky: HEALPix in the nested order, as far as a catalogue store needs it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Cells = NDArray[np.int64]

#: the order whose cell numbers go into the column `_healpix_29`
FINEST = 29


def cell_of(ra: ArrayLike, dec: ArrayLike, order: int) -> Cells:
    """Nested cell numbers of positions in degree.

    Parameters
    ----------
    ra, dec : (n,)
        Degree.
    order : int
        From 0 (12 cells) to 29.

    References
    ----------
    Gorski et al. 2005, ApJ, 622, 759, sect. 4.
    """
    nside = 1 << order
    z = np.sin(np.radians(np.asarray(dec, float)))
    quarter = np.asarray(ra, float) % 360.0 / 90.0
    quarter = np.where(quarter >= 4.0, 0.0, quarter)
    belt = np.abs(z) <= 2.0 / 3.0
    # the equatorial belt: diagonals count the lines of equal x + y and x - y
    up = nside * (0.5 + quarter - 0.75 * z)
    down = nside * (0.5 + quarter + 0.75 * z)
    jp, jm = up.astype(np.int64), down.astype(np.int64)
    ifp, ifm = jp >> order, jm >> order
    face_belt = np.where(ifp == ifm, ifp | 4, np.where(ifp < ifm, ifp, ifm + 8))
    x_belt, y_belt = jm & (nside - 1), nside - (jp & (nside - 1)) - 1
    # the polar caps
    sector = np.minimum(quarter.astype(np.int64), 3)
    part = quarter - sector
    # sin(dec) loses the distance from the pole: take it from the cosine
    cos = np.cos(np.radians(np.asarray(dec, float)))
    size = nside * cos * np.sqrt(3.0 / (1.0 + np.abs(z)))
    jp = np.minimum((part * size).astype(np.int64), nside - 1)
    jm = np.minimum(((1.0 - part) * size).astype(np.int64), nside - 1)
    north = z >= 0.0
    face_cap = np.where(north, sector, sector + 8)
    x_cap, y_cap = np.where(north, nside - jm - 1, jp), np.where(north, nside - jp - 1, jm)
    face = np.where(belt, face_belt, face_cap)
    x, y = np.where(belt, x_belt, x_cap), np.where(belt, y_belt, y_cap)
    return (face << (2 * order)) + _spread(x) + (_spread(y) << 1)


def centre_of(cell: ArrayLike, order: int) -> tuple[Values, Values]:
    """Centres of nested cells: ra, dec in degree."""
    number = np.asarray(cell, np.int64)
    nside = 1 << order
    face, inside = number >> (2 * order), number & (nside * nside - 1)
    x, y = _gather(inside), _gather(inside >> 1)
    row = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])[face]
    column = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])[face]
    ring = row * nside - x - y - 1
    width = np.where(ring < nside, ring, np.where(ring > 3 * nside, 4 * nside - ring, nside))
    cap = width**2 / (3.0 * nside**2)
    belt = (2 * nside - ring) * 2.0 / (3.0 * nside)
    z = np.where(ring < nside, 1.0 - cap, np.where(ring > 3 * nside, cap - 1.0, belt))
    shift = np.where((ring < nside) | (ring > 3 * nside), 0, (ring - nside) & 1)
    place = (column * width + x - y + 1 + shift) // 2
    place = np.where(place > 4 * width, place - 4 * width, place)
    place = np.where(place < 1, place + 4 * width, place)
    ra = (place - (shift + 1) * 0.5) * 90.0 / width
    return ra % 360.0, np.degrees(np.arcsin(z))


def cells_near(ra: float, dec: float, radius: float, order: int) -> Cells:
    """Nested cells that a cone may touch, in order; some of them may only be near it.

    Parameters
    ----------
    ra, dec, radius : float
        Degree.
    order : int
        Up to about 7: all cells of the sky are looked at.
    """
    # no corner is farther from the centre than this; the widest cells are those at the equator's edge
    reach = radius + 59.0 / (1 << order)
    centres = _centres(order)
    a, d = np.radians(ra), np.radians(dec)
    cos = centres @ np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    return np.flatnonzero(cos >= np.cos(np.radians(min(reach, 180.0))))


def cells_within(ra: float, dec: float, radius: float, order: int) -> Cells:
    """Nested cells that a cone touches, in order, and hardly any other.

    Parameters
    ----------
    ra, dec, radius : float
        Degree.
    order : int
        Of the cells; the cone should not be very much wider than they are.
    """
    # a net of points, finer than the cells, over the cone and so far beyond that no corner slips through
    step = 59.0 / (1 << order) / 12.0
    reach = min(radius + 2.0 * step, 180.0)
    rings = [(np.zeros(1), np.zeros(1))]
    for away in np.radians(np.linspace(reach, 0.0, int(np.ceil(reach / step)), endpoint=False)):
        n = max(int(np.ceil(2.0 * np.pi * np.degrees(np.sin(away)) / step)), 6)
        rings.append((np.full(n, away), 2.0 * np.pi * np.arange(n) / n))
    away, angle = (np.concatenate([ring[k] for ring in rings])[:, None] for k in (0, 1))
    a, d = np.radians(ra), np.radians(dec)
    middle = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    x, y, z = (np.cos(away) * middle + np.sin(away) * (np.cos(angle) * north + np.sin(angle) * east)).T
    return np.unique(cell_of(np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y))), order))


def circle_of(cell: int, order: int) -> tuple[float, float, float]:
    """The circle about a cell: ra, dec and radius in degree."""
    # the centres of four tiny cells in its corners
    deep = min(order + 10, FINEST)
    last = (1 << (2 * (deep - order))) - 1
    corners = (cell << (2 * (deep - order))) + np.array([0, last, last // 3, last // 3 * 2])
    ra, dec = (float(v) for v in centre_of(cell, order))
    a, d = centre_of(corners, deep)
    half = np.sin(np.radians(d - dec) / 2.0) ** 2
    half += np.cos(np.radians(d)) * np.cos(np.radians(dec)) * np.sin(np.radians(a - ra) / 2.0) ** 2
    return ra, dec, float(np.degrees(2.0 * np.arcsin(np.sqrt(half.max()))) * 1.01)


@lru_cache(maxsize=4)
def _centres(order: int) -> Values:
    ra, dec = (np.radians(v) for v in centre_of(np.arange(12 << (2 * order)), order))
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(bits: Cells) -> Cells:
    """Put a zero between all bits."""
    for shift, mask in _STEPS:
        bits = (bits | (bits << shift)) & mask
    return bits


def _gather(bits: Cells) -> Cells:
    """Take every second bit."""
    bits = bits & _STEPS[-1][1]
    for (shift, _), (_, mask) in zip(_STEPS[::-1], [*_STEPS[-2::-1], (0, 0xFFFFFFFF)], strict=True):
        bits = (bits | (bits >> shift)) & mask
    return bits
