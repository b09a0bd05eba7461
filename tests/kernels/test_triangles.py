"""Triangles of the same shape, and the votes that agree: the kernels against the obvious way."""

import numpy as np
import pytest

from pogson.kernels.triangles import agreeing, alike


@pytest.mark.parametrize(("n", "m", "tolerance"), [(90, 70, 0.1), (50, 60, 0.001), (0, 9, 0.1), (9, 0, 0.1)])
def test_rows_that_agree_in_all_numbers_are_paired(n, m, tolerance):
    dice = np.random.default_rng(n)
    shapes, others = dice.uniform(0, 1, (n, 3)), dice.uniform(0, 1, (m, 3))
    others = others[np.argsort(others[:, 0])]
    largest = np.abs(shapes[:, None] - others).max(2)
    first = np.searchsorted(others[:, 0], shapes[:, 0] - tolerance)
    i, j, apart = alike(shapes, others, first, tolerance)
    expected = np.nonzero(largest <= tolerance)
    assert (list(i), list(j)) == (list(expected[0]), list(expected[1]))
    assert list(apart) == list(largest[expected])


def slow_agreeing(places, votes, weight, cell, cells, left):
    found = []
    for one in cells:
        mine = np.flatnonzero((cell == one) & left)
        if len(mine) < min(2, (cell == one).sum()):
            found.append((np.zeros(votes.shape[1]), 0, 0))
            continue
        members, centre = mine, np.median(places[mine], 0)
        for _ in range(2):
            near = np.flatnonzero((np.abs(places - centre) <= 1.0).all(1))
            if len(near):
                members, centre = near, places[near].mean(0)
        left[members] = False
        found.append((np.average(votes[members], 0, weight[members]), len(members), mine[0]))
    return found


def test_votes_that_agree_are_gathered_and_counted_once():
    dice = np.random.default_rng(2)
    # two true places, one on the edge of two cells, among many accidental votes
    places = np.concatenate(
        [
            dice.normal((4.9, 9.0), 0.2, (60, 2)),
            dice.normal((1.2, 1.0), 0.2, (30, 2)),
            dice.uniform(0, 20, (200, 2)),
        ]
    )
    votes, weight = dice.normal(0, 1, (len(places), 3)), dice.uniform(1, 2, len(places))
    _, cell = np.unique(np.floor(places / 2.5) @ [1, 100], return_inverse=True)
    cells = np.argsort(-np.bincount(cell), kind="stable")
    left, slow_left = np.ones(len(places), bool), np.ones(len(places), bool)
    expected = slow_agreeing(places, votes, weight, cell, cells, slow_left)
    mean, count, begin = agreeing(places, votes, weight, cell, cells, left)
    assert mean == pytest.approx(np.array([e[0] for e in expected]), abs=1e-12)
    assert [*zip(count, begin, strict=True)] == [(e[1], e[2]) for e in expected]
    assert (left == slow_left).all()
    assert count[0] >= 60
    assert (count == 0).any()


def test_a_cell_whose_middle_is_empty_keeps_its_own_votes():
    places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    votes, one, cell = np.arange(4.0)[:, None], np.ones(4), np.zeros(4, np.int64)
    mean, count, _ = agreeing(places, votes, one, cell, np.zeros(1, np.int64), np.ones(4, bool))
    assert (mean[0, 0], count[0]) == (1.5, 4)
