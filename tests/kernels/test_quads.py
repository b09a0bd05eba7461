"""Figures of four stars: the kernels against the obvious way."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from pogson.kernels.quads import (
    BIN,
    BINS,
    brightest_of_cells,
    describe_all,
    make_figures,
    nearest_four,
)


def directions(ra, dec):
    a, d = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


@pytest.fixture(scope="module")
def sky():
    dice = np.random.default_rng(1)
    n = 20000
    return dice.uniform(0, 360, n), np.degrees(np.arcsin(dice.uniform(-1, 1, n))), dice.normal(11, 1, n)


@pytest.fixture(scope="module")
def chosen(sky):
    ra, dec, _ = sky
    rows, start, first = brightest_of_cells(*sky, 4.0, 3)
    return ra[rows], dec[rows], directions(ra[rows], dec[rows]), start, first


def slow_shape(z):
    """One corner of the widest pair at 0, the other at 1; the two others as complex numbers."""
    best = max(combinations(range(4), 2), key=lambda pair: abs(z[pair[0]] - z[pair[1]]))
    a, b = best
    rest = [k for k in range(4) if k not in best]
    place = [(z[k] - z[a]) / (z[b] - z[a]) for k in rest]
    if sum(p.real for p in place) > 1:
        a, b, place = b, a, [1 - p for p in place]
    if place[0].real > place[1].real:
        rest, place = rest[::-1], place[::-1]
    return [a, b, *rest], [part for p in place for part in (p.real, p.imag)]


def slow_flat(corners):
    middle = corners.sum(0) / np.linalg.norm(corners.sum(0))
    east = np.cross([0, 0, 1], middle)
    east /= np.linalg.norm(east)
    north = np.cross(middle, east)
    return (-(corners @ east) + 1j * (corners @ north)) / (corners @ middle)


def test_each_cell_gives_its_brightest_stars(sky):
    ra, dec, mag = sky
    rows, start, first = brightest_of_cells(ra, dec, mag, 4.0, 3)
    band = ((dec + 90) / 4.0).astype(int)
    column = np.minimum(ra / 360 * np.diff(first)[band], np.diff(first)[band] - 1).astype(int)
    cell = first[band] + column
    for number in (0, 5, 777, len(start) - 2):
        members = np.flatnonzero(cell == number)
        expected = members[np.argsort(mag[members])][:3]
        assert rows[start[number] : start[number + 1]].tolist() == expected.tolist()


def test_neighbours_are_the_nearest_also_at_the_poles_and_across_zero(chosen):
    ra, dec, xyz, start, first = chosen
    near = nearest_four(ra, dec, xyz, start, first, 4.0)
    away, true = cKDTree(xyz).query(xyz, 5)
    close = away[:, 4] < np.radians(3.9)
    assert close.sum() > 0.9 * len(ra) and (np.abs(dec[close]) > 86).any()
    assert np.array_equal(near[close], true[close, 1:])


def test_shapes_are_those_of_the_obvious_way():
    dice = np.random.default_rng(2)
    x, y = dice.normal(0, 1, (2, 9))
    fours = np.array(list(combinations(range(9), 4)))
    rows, shapes = describe_all(x, y, fours)
    for four, row, shape in zip(fours, rows, shapes, strict=True):
        order, expected = slow_shape((x + 1j * y)[four])
        assert four[order].tolist() == row.tolist()
        assert np.allclose(shape, expected, atol=1e-6)


def test_shapes_know_no_shift_turn_or_scale():
    dice = np.random.default_rng(3)
    z = dice.normal(0, 1, 8) + 1j * dice.normal(0, 1, 8)
    moved = 3.7 * np.exp(0.8j) * z + (5 - 2j)
    fours = np.array(list(combinations(range(8), 4)))
    one, other = (describe_all(v.real.copy(), v.imag.copy(), fours) for v in (z, moved))
    assert np.array_equal(one[0], other[0]) and np.allclose(one[1], other[1], atol=1e-6)


def test_every_figure_of_neighbours_is_there_once(chosen):
    ra, dec, xyz, start, first = chosen
    near = nearest_four(ra, dec, xyz, start, first, 4.0)
    rows, shapes, keys = make_figures(xyz, near)
    expected = {
        tuple(sorted((star, *three)))
        for star, others in enumerate(near.tolist())
        for three in combinations(others, 3)
        if min(three) >= 0
    }
    made = [tuple(sorted(row)) for row in rows.tolist()]
    assert len(made) == len(expected) and set(made) == expected
    for k in range(0, len(rows), 500):
        order, shape = slow_shape(slow_flat(xyz[rows[k]]))
        assert order == [0, 1, 2, 3] and np.allclose(shapes[k], shape, atol=1e-6)
        bins = np.floor((shapes[k] + np.float32(1)) / np.float32(BIN)).astype(int)
        assert keys[k] == np.ravel_multi_index(bins, (BINS,) * 4)


def test_stars_without_four_neighbours_make_no_false_figures():
    xyz = directions(np.array([10.0, 11.0, 10.5]), np.array([0.0, 0.0, 1.0]))
    near = np.array([[1, 2, -1, -1], [0, 2, -1, -1], [0, 1, -1, -1]], np.int32)
    assert len(make_figures(xyz, near)[0]) == 0
