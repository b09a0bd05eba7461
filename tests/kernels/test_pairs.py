"""Pairs of stars: the kernels against the obvious way."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pogson.kernels.pairs import (
    FLOOR,
    count_around,
    distance_to_brighter,
    fit_map,
    pair_stars,
    settle,
    vote_shift,
)

TURNED = np.array([[0.99, -0.14, 3.0], [0.14, 0.99, -2.0]])


def lists(seed, n=60, m=80, size=60.0):
    """Two lists that have half of the first in common; the second also in the order of x."""
    dice = np.random.default_rng(seed)
    known = dice.uniform(0, size, (n, 2))
    seen = moved(TURNED, known[: n // 2]) + dice.normal(0, 0.2, (n // 2, 2))
    stars = np.concatenate([seen, dice.uniform(0, size, (m - n // 2, 2))])
    rows = np.argsort(stars[:, 0])
    return known, stars, stars[rows], rows


def moved(matrix, xy):
    return xy @ matrix[:, :2].T + matrix[:, 2]


def moved_by(x, y):
    return TURNED + np.array([[0, 0, x], [0, 0, y]])


def slow_pairs(matrix, known, stars, radius):
    apart = cdist(moved(matrix, known), stars)
    wanted = {}
    for i, row in enumerate(apart):
        j = int(row.argmin())
        if row[j] < radius and (j not in wanted or row[j] < apart[wanted[j], j]):
            wanted[j] = i
    return [wanted[j] for j in sorted(wanted)], sorted(wanted)


@pytest.mark.parametrize("radius", [0.5, 3.0, 200.0])
def test_pairs_are_the_nearest_and_no_star_is_in_two(radius):
    known, stars, by_x, rows = lists(1)
    i, j = pair_stars(TURNED, known, by_x, rows, radius)
    assert (list(i), list(j)) == slow_pairs(TURNED, known, stars, radius)
    assert len(set(i)) == len(i) > 10


def test_unknown_places_pair_with_nothing():
    known, _, by_x, rows = lists(2)
    known[:] = np.nan
    assert len(pair_stars(TURNED, known, by_x, rows, 5.0)[0]) == 0


def test_neighbours_are_counted_around_the_places_in_the_box():
    known, stars, by_x, _ = lists(3)
    box = np.array([10.0, 15.0, 50.0, 40.0])
    places = moved(TURNED, known)
    inside = ((places >= box[:2]) & (places <= box[2:])).all(1)
    apart = cdist(places[inside], stars)
    expected = (inside.sum(), (apart <= 2.0).sum(), (apart <= 12.0).sum())
    assert count_around(TURNED, known, by_x, box, 2.0, 12.0) == expected


def slow_once(p, q, weight, affine):
    """Least squares with the general solver."""
    nothing, one = np.zeros(len(p)), np.ones(len(p))
    rows = [np.column_stack([p, one, nothing, nothing, nothing]), np.column_stack([nothing] * 3 + [p, one])]
    plain = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    mirror = plain * np.array([1, 1, 1, -1, -1, 1.0])[:, None]
    values, w = np.concatenate(q.T), np.sqrt(np.concatenate([weight, weight]))
    best = None
    for free in [np.eye(6)] if affine else [plain, mirror]:
        design = np.concatenate(rows) @ free
        found = np.linalg.lstsq(design * w[:, None], values * w, rcond=None)[0]
        left = np.sum((w * (design @ found - values)) ** 2)
        if best is None or left < best[0]:
            best = (left, (free @ found).reshape(2, 3))
    return best[1]


def slow_fit(p, q, err, affine, rounds):
    weight = 1 / (err**2 + FLOOR**2)
    matrix = slow_once(p, q, weight, affine)
    for _ in range(rounds):
        pull = np.hypot(*(q - moved(matrix, p)).T) * np.sqrt(weight)
        far = 2.5 * max(1.0, np.median(pull) / 1.18)
        matrix = slow_once(p, q, weight * np.minimum(1.0, far / pull) ** 2, affine)
    return matrix


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_a_map_is_the_least_squares_map(affine, hand):
    dice = np.random.default_rng(4)
    p = dice.uniform(-50, 50, (30, 2))
    q = moved(TURNED, p * [1.0, hand]) + dice.normal(0, 0.3, (30, 2))
    q[3] += 40.0  # a wrong pair
    err = dice.uniform(0.1, 0.5, 30)
    assert fit_map(p, q, err, affine, 3) == pytest.approx(slow_fit(p, q, err, affine, 3), rel=1e-9, abs=1e-9)


def test_stars_on_a_line_do_not_move_across_it():
    p = np.column_stack([np.arange(12.0), np.full(12, 7.0)])
    found = fit_map(p, p + np.array([3.0, -2.0]), np.full(12, 0.1), True, 1)
    assert moved(found, p) == pytest.approx(p + np.array([3.0, -2.0]))
    assert found[:, 1] == pytest.approx([0.0, 0.0])


def test_pairs_settle_where_fit_and_pairs_agree():
    known, stars, by_x, rows = lists(5)
    start = moved_by(1.5, -1.0)
    err, seen = np.full(len(known), 0.1), np.full(len(stars), 0.2)
    matrix, i, j = settle(start, known, err, by_x, seen, rows, 4.0, 1.0, 2)
    assert (list(i), list(j)) == slow_pairs(matrix, known, stars, 1.0)
    again = slow_fit(known[i], stars[j], np.full(len(i), np.hypot(0.1, 0.2)), True, 2)
    assert matrix == pytest.approx(again, abs=1e-9)
    assert sum(a == b for a, b in zip(i, j, strict=True)) >= 28


@pytest.mark.parametrize("drift", [15.0, 900.0])
def test_the_shift_with_the_most_votes_is_found(drift):
    known, stars, _, _ = lists(6)
    start = moved_by(9.0, -7.0)
    shifts = (stars[None] - moved(start, known)[:, None]).reshape(-1, 2)
    shifts = shifts[(np.abs(shifts) <= drift).all(1)]
    near = cdist(shifts, shifts) <= 1.5
    best = near.sum(1).argmax()
    votes, x, y = vote_shift(start, known, stars, drift, 1.5)
    assert votes == near[best].sum()
    assert (x, y) == pytest.approx(tuple(shifts[near[best]].mean(0)))
    assert np.hypot(x + 9.0, y - 7.0) < 0.5


def test_no_shift_has_votes_where_all_stars_are_far():
    known, stars, _, _ = lists(7)
    assert vote_shift(TURNED, known, stars + 1e4, 20.0, 2.0)[0] == 0


def test_stars_know_how_far_the_next_brighter_one_is():
    _, stars, _, _ = lists(8)
    apart = cdist(stars, stars)
    expected = [apart[k, :k].min() for k in range(1, len(stars))]
    found = distance_to_brighter(stars)
    assert found[0] == 1e9
    assert found[1:] == pytest.approx(expected)
