"""Sorting networks, and how noisy a median or a trimmed mean is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pogson.kernels.order import trimmed

_DRAWS = 40_000  # of simulated pixels: the factors are good to half a per cent


@lru_cache(maxsize=64)
def sorting_pairs(n: int) -> NDArray[np.int64]:
    """Exchanges that sort `n` values, first to last: int64 (k, 2).

    References
    ----------
    Batcher 1968, AFIPS Conf. Proc. 32, 307 (merge exchange sort; Knuth, vol. 3, algorithm 5.2.2 M).
    """
    pairs = []
    top = 1
    while 2 * top < n:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return np.array(pairs, np.int64).reshape(-1, 2)


@lru_cache(maxsize=64)
def enough_pairs(n: int, low: int, high: int) -> NDArray[np.int64]:
    """Exchanges that find the `low` smallest and `high` largest values; negative: the two middle ones."""
    wanted = {(n - 1) // 2, n // 2} if low < 0 else {*range(low), *range(n - high, n)}
    kept = []
    for a, b in sorting_pairs(n)[::-1].tolist():
        if a in wanted or b in wanted:
            wanted |= {a, b}
            kept.append((a, b))
    return np.array(kept[::-1], np.int64).reshape(-1, 2)


@lru_cache(maxsize=64)
def variance_factors(n: int, low: int, high: int, median: bool) -> NDArray[np.float32]:
    """Variance of the median, or of a trimmed mean, over that of the mean: for 0 to `n` equally good values.

    Found by simulation with fixed dice; for many values the median's tends to pi / 2.
    """
    factors = np.ones(n + 1)
    draws = np.random.default_rng(20).standard_normal((_DRAWS, min(n, 24)))
    for count in range(3 if median else 2, n + 1):
        if count > draws.shape[1]:
            # beyond the simulated numbers: the median tends to its limit, the trimmed share to none
            tail = np.pi / 2 if median else 1.0
            factors[count] = tail + (factors[count - 2] - tail) * (count - 2) / count
            continue
        values = np.sort(draws[:, :count], axis=1)
        a, b = ((count - 1) // 2,) * 2 if median else trimmed(count, low, high)
        used = values[:, a : count - b]
        center = used.mean(axis=1)
        # what is known of the mean of normal values is taken out: less noise of the simulation
        rest = center - values.mean(axis=1)
        factors[count] = 1.0 + count * np.mean(rest**2)
    return factors.astype(np.float32)


def unequal_factor(sigma: Sequence[NDArray[np.float64]], low: int, high: int, median: bool) -> float:
    """The same for values of different noise: over the variance of their mean, and over the equal case.

    `sigma` holds for each frame its noise at some pixels.
    """
    n = len(sigma)
    dice = np.random.default_rng(21)
    draws = dice.standard_normal((_DRAWS // 2 if n < 60 else _DRAWS // 8, n))
    sizes = np.column_stack([s[dice.integers(0, len(s), len(draws))] for s in sigma])
    a, b = ((n - 1) // 2,) * 2 if median else trimmed(n, low, high)
    spread = []
    for size in (sizes, np.ones(n)):
        values = np.sort(draws * size, axis=1)
        spread.append(values[:, a : n - b].mean(axis=1).var() / np.mean(size**2))
    return float(spread[0] / spread[1])
