"""Find triangles of the same shape in two star lists, and the maps on which they agree."""

import numpy as np
from numba import njit

from pogson.kernels.stats import median


@njit(cache=True, nogil=True)
def alike(shapes, others, first, tolerance):
    """Pairs of rows that differ by no more than a tolerance in each of three numbers.

    Parameters
    ----------
    shapes : float64 (n, 3)
        In any order.
    others : float64 (m, 3)
        Sorted by the first number.
    first : int64 (n,)
        For each of `shapes`, the first of `others` that may agree.
    tolerance : float
        Of each number.

    Returns
    -------
    i, j : int64 (k,)
        Rows of each pair.
    apart : float64 (k,)
        The largest of its three differences.
    """
    n = 0
    for count_only in (True, False):
        if not count_only:
            i, j, apart = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
            n = 0
        for row in range(len(shapes)):
            for other in range(first[row], len(others)):
                if others[other, 0] > shapes[row, 0] + tolerance:
                    break
                away = 0.0
                for axis in range(3):
                    away = max(away, abs(others[other, axis] - shapes[row, axis]))
                if away <= tolerance:
                    if not count_only:
                        i[n], j[n], apart[n] = row, other, away
                    n += 1
    return i, j, apart


@njit(cache=True, nogil=True)
def agreeing(places, votes, weight, cell, cells, left):
    """The densest place about each of some cells of votes, and the mean of the votes there.

    Parameters
    ----------
    places : float64 (n, m)
        Where each vote is; those agree that differ by no more than 1 in each of the m numbers.
    votes : float64 (n, k)
        What is voted for.
    weight : float64 (n,)
        Of each vote.
    cell : int64 (n,)
        Cell of each vote.
    cells : int64 (c,)
        Cells that are looked at, in this order.
    left : bool (n,)
        Votes that no place has got so far; those that have one now are taken out.

    Returns
    -------
    mean : float64 (c, k)
        Weighted mean of the votes of each place.
    count : int64 (c,)
        Their number; 0 where a cell of several votes has no more than one left.
    begin : int64 (c,)
        The first vote of the cell that was left.
    """
    n, axes = places.shape
    mean, count = np.zeros((len(cells), votes.shape[1])), np.zeros(len(cells), np.int64)
    begin = np.zeros(len(cells), np.int64)
    members, sample, centre = np.empty(n, np.int64), np.empty(n), np.empty(axes)
    for c in range(len(cells)):
        total, m = np.int64(0), np.int64(0)  # a bare 0 would have all that is called with it compiled twice
        for k in range(n):
            if cell[k] == cells[c]:
                total += 1
                if left[k]:
                    members[m] = k
                    m += 1
        if m < min(2, total):
            continue
        begin[c] = members[0]
        for axis in range(axes):
            for k in range(m):
                sample[k] = places[members[k], axis]
            centre[axis] = median(sample, m)
        for _ in range(2):
            m = _gather(places, centre, members, m)
        for k in range(m):
            left[members[k]] = False
        sum_of_weights = 0.0
        for k in range(m):
            sum_of_weights += weight[members[k]]
        for axis in range(votes.shape[1]):
            for k in range(m):
                mean[c, axis] += weight[members[k]] * votes[members[k], axis] / sum_of_weights
        count[c] = m
    return mean, count, begin


@njit(cache=True, nogil=True)
def _gather(places, centre, members, m):
    """Put the rows within 1 of the centre into `members`, and the centre amid them; none: nothing changes."""
    found = 0
    for k in range(len(places)):
        near = True
        for axis in range(len(centre)):
            near = near and abs(places[k, axis] - centre[axis]) <= 1.0
        if near:
            members[found] = k
            found += 1
    if found == 0:
        return m
    for axis in range(len(centre)):
        total = 0.0
        for k in range(found):
            total += places[members[k], axis]
        centre[axis] = total / found
    return found
