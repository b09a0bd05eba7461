"""Pair the stars of two lists through a map, count accidental neighbours, and fit the map to the pairs."""

import math

import numpy as np
from numba import njit

from pogson.kernels.stats import median

FLOOR = 0.03  # pixels: no centroid is better than this from frame to frame


@njit(cache=True, nogil=True)
def pair_stars(matrix, known, stars, rows, radius):
    """Give each known star its nearest star, and each star only the nearest of those that want it.

    Parameters
    ----------
    matrix : float64 (2, 3)
        Map of the known places onto those of the stars.
    known : float64 (n, 2)
        Places.
    stars : float64 (m, 2)
        Places, sorted by x.
    rows : int64 (m,)
        Rows of the stars before they were sorted.
    radius : float
        All pairs are closer than this.

    Returns
    -------
    i, j : int64 (k,)
        Rows of the pairs in `known`, and of the stars as they were before, in whose order they come.
    """
    owner = np.full(len(stars), -1, np.int64)
    closest = np.empty(len(stars))
    n = 0
    for i in range(len(known)):
        x, y = _moved(matrix, known, i)
        best, nearest = radius * radius, -1
        for k in range(_first_beyond(stars, x - radius), len(stars)):
            if stars[k, 0] > x + radius:
                break
            apart = (stars[k, 0] - x) ** 2 + (stars[k, 1] - y) ** 2
            if apart < best:
                best, nearest = apart, k
        if nearest >= 0 and (owner[rows[nearest]] < 0 or best < closest[rows[nearest]]):
            n += owner[rows[nearest]] < 0
            owner[rows[nearest]], closest[rows[nearest]] = i, best
    pairs = np.empty((2, n), np.int64)
    n = 0
    for j in range(len(stars)):
        if owner[j] >= 0:
            pairs[0, n], pairs[1, n] = owner[j], j
            n += 1
    return pairs[0], pairs[1]


@njit(cache=True, nogil=True)
def count_around(matrix, known, stars, box, close, wide):
    """Count the stars around the known places, as the map has them, that lie in a box.

    Parameters
    ----------
    matrix, known, stars
        Of `pair_stars`.
    box : float64 (4,)
        Smallest x and y, largest x and y.
    close, wide : float
        Two distances, the smaller first.

    Returns
    -------
    inside, n_close, n_wide : int64
        Known places in the box; stars within each distance, summed over these places.
    """
    inside = n_close = n_wide = 0
    for i in range(len(known)):
        x, y = _moved(matrix, known, i)
        if not (box[0] <= x <= box[2] and box[1] <= y <= box[3]):
            continue
        inside += 1
        for k in range(_first_beyond(stars, x - wide), len(stars)):
            if stars[k, 0] > x + wide:
                break
            apart = (stars[k, 0] - x) ** 2 + (stars[k, 1] - y) ** 2
            n_close += apart <= close * close
            n_wide += apart <= wide * wide
    return inside, n_close, n_wide


@njit(cache=True, nogil=True)
def fit_map(known, stars, err, affine, rounds):
    """Least squares map of places onto places; weights fall beyond 2.5 sigma, in so many rounds.

    Parameters
    ----------
    known, stars : float64 (n, 2)
        Places that belong together.
    err : float64 (n,)
        Error of each pair, pixels.
    affine : bool
        Six free numbers; else four, of a shift, a turn, a scale, and a mirror image where that fits better.
    rounds : int
        How often the weights are made anew.

    Returns
    -------
    float64 (2, 3)
    """
    n = len(known)
    weight, now, pull, sample = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        weight[k] = 1.0 / (err[k] ** 2 + FLOOR**2)
        now[k] = weight[k]
    matrix = _fit_once(known, stars, now, affine)
    for _ in range(rounds):
        for k in range(n):
            x, y = _moved(matrix, known, k)
            pull[k] = math.hypot(stars[k, 0] - x, stars[k, 1] - y) * math.sqrt(weight[k])
            sample[k] = pull[k]
        far = 2.5 * max(1.0, median(sample, n) / 1.18)
        for k in range(n):
            now[k] = weight[k] * min(1.0, (far / max(pull[k], 1e-9)) ** 2)
        matrix = _fit_once(known, stars, now, affine)
    return matrix


@njit(cache=True, nogil=True)
def settle(matrix, known, known_err, stars, stars_err, rows, start, radius, rounds):
    """Pair and fit again while the radius shrinks, until the pairs stay the same.

    Parameters
    ----------
    matrix, known, stars, rows
        Of `pair_stars`.
    known_err, stars_err : float64 (n,), (m,)
        Errors of the places; those of the stars in the order of `stars`.
    start, radius : float
        Largest distances of a pair: at first, and in the end.
    rounds : int
        Of `fit_map`.

    Returns
    -------
    matrix : float64 (2, 3)
    i, j : int64 (k,)
        Its pairs.
    """
    place = np.empty(len(rows), np.int64)
    for k in range(len(rows)):
        place[rows[k]] = k
    reach = max(start, radius)
    i, j = pair_stars(matrix, known, stars, rows, reach)
    for _ in range(7):
        n = len(i)
        if n < 3:
            break
        a, b, err = np.empty((n, 2)), np.empty((n, 2)), np.empty(n)
        for k in range(n):
            one, other = i[k], place[j[k]]
            a[k, 0], a[k, 1] = known[one, 0], known[one, 1]
            b[k, 0], b[k, 1] = stars[other, 0], stars[other, 1]
            err[k] = math.hypot(known_err[one], stars_err[other])
        matrix = fit_map(a, b, err, n >= 10 and reach <= 2.0 * radius, rounds)
        done = reach <= radius
        reach = max(radius, reach / 2.0)
        before = i
        i, j = pair_stars(matrix, known, stars, rows, reach)
        if done and _same(i, before):
            break
    return matrix, i, j


@njit(cache=True, nogil=True)
def vote_shift(matrix, known, stars, drift, radius):
    """The shift that most pairs of stars agree on, beside a map.

    Parameters
    ----------
    matrix : float64 (2, 3)
        Map of the known places onto those of the stars, but for a shift.
    known, stars : float64 (n, 2), (m, 2)
        Places, in any order.
    drift : float
        Largest shift in x and in y.
    radius : float
        Shifts this close to each other agree.

    Returns
    -------
    votes : int64
        Pairs that agree on the shift; 0 where no pair is within `drift`.
    x, y : float
        Their mean.
    """
    width = max(radius, drift / 100.0)
    side = int(2.0 * drift / width) + 1
    # shifts by cells that are no narrower than the radius: the first of each cell, and the next of each shift
    first = np.full((side + 2, side + 2), -1, np.int64)
    following = np.empty(len(known) * len(stars), np.int64)
    shift = np.empty((len(following), 2))
    n = 0
    for i in range(len(known)):
        x, y = _moved(matrix, known, i)
        for j in range(len(stars)):
            dx, dy = stars[j, 0] - x, stars[j, 1] - y
            if abs(dx) <= drift and abs(dy) <= drift:
                column, row = int((dx + drift) / width) + 1, int((dy + drift) / width) + 1
                shift[n, 0], shift[n, 1] = dx, dy
                following[n], first[row, column] = first[row, column], n
                n += 1
    most, best_x, best_y = 0, 0.0, 0.0
    for i in range(n):
        column, row = int((shift[i, 0] + drift) / width) + 1, int((shift[i, 1] + drift) / width) + 1
        votes, sum_x, sum_y = 0, 0.0, 0.0
        for cell in range(9):
            k = first[row + cell // 3 - 1, column + cell % 3 - 1]
            while k >= 0:
                if (shift[k, 0] - shift[i, 0]) ** 2 + (shift[k, 1] - shift[i, 1]) ** 2 <= radius * radius:
                    votes, sum_x, sum_y = votes + 1, sum_x + shift[k, 0], sum_y + shift[k, 1]
                k = following[k]
        if votes > most:
            most, best_x, best_y = votes, sum_x / votes, sum_y / votes
    return most, best_x, best_y


@njit(cache=True, nogil=True)
def distance_to_brighter(stars):
    """Distance of each place, float64 (n, 2), to the nearest of those before it; 1e9 for the first."""
    nearest = np.full(len(stars), 1e18)
    for i in range(len(stars)):
        for k in range(i):
            apart = (stars[k, 0] - stars[i, 0]) ** 2 + (stars[k, 1] - stars[i, 1]) ** 2
            nearest[i] = min(nearest[i], apart)
    return np.sqrt(nearest)


@njit(cache=True, nogil=True)
def _moved(matrix, xy, k):
    x = matrix[0, 0] * xy[k, 0] + matrix[0, 1] * xy[k, 1] + matrix[0, 2]
    return x, matrix[1, 0] * xy[k, 0] + matrix[1, 1] * xy[k, 1] + matrix[1, 2]


@njit(cache=True, nogil=True)
def _first_beyond(stars, x):
    """The first of the stars, sorted by x, that is not before `x`."""
    low, high = 0, len(stars)
    while low < high:
        half = (low + high) // 2
        if stars[half, 0] < x:
            low = half + 1
        else:
            high = half
    return low


@njit(cache=True, nogil=True)
def _same(i, k):
    if len(i) != len(k):
        return False
    for n in range(len(i)):
        if i[n] != k[n]:
            return False
    return True


@njit(cache=True, nogil=True)
def _fit_once(p, q, weight, affine):
    """Weighted least squares of q on p."""
    total = px = py = qx = qy = 0.0
    for k in range(len(p)):
        w = weight[k]
        total, px, py = total + w, px + w * p[k, 0], py + w * p[k, 1]
        qx, qy = qx + w * q[k, 0], qy + w * q[k, 1]
    px, py, qx, qy = px / total, py / total, qx / total, qy / total
    xx = xy = yy = xu = yu = xv = yv = 0.0
    for k in range(len(p)):
        w, x, y, u, v = weight[k], p[k, 0] - px, p[k, 1] - py, q[k, 0] - qx, q[k, 1] - qy
        xx, xy, yy = xx + w * x * x, xy + w * x * y, yy + w * y * y
        xu, yu, xv, yv = xu + w * x * u, yu + w * y * u, xv + w * x * v, yv + w * y * v
    if affine:
        det = xx * yy - xy * xy
        if det > 1e-10 * xx * yy:
            ia, ib, ic = yy / det, -xy / det, xx / det
        else:
            # stars on one line: across it nothing is known, and nothing moves
            size = max((xx + yy) ** 2, 1e-300)
            ia, ib, ic = xx / size, xy / size, yy / size
        a, b, d, e = ia * xu + ib * yu, ib * xu + ic * yu, ia * xv + ib * yv, ib * xv + ic * yv
    else:
        hand = -1.0 if xu * yv < xv * yu else 1.0
        size = max(xx + yy, 1e-12)
        a, d = (xu + hand * yv) / size, (xv - hand * yu) / size
        b, e = -hand * d, hand * a
    matrix = np.empty((2, 3))
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = a, b, qx - a * px - b * py
    matrix[1, 0], matrix[1, 1], matrix[1, 2] = d, e, qy - d * px - e * py
    return matrix
