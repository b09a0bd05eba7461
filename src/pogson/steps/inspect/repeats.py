"""How well repeated measurements of a star agree, and what the errors do not explain."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED, Star

Values = NDArray[np.float64]

POGSON = 2.5 / np.log(10.0)
FAINTEST = 0.3  # mag: below a signal-to-noise ratio of 4 a magnitude is no longer Gaussian
BRIGHT = 0.05  # mag: stars that tell the zero points apart
TOUCHED = int(Star.NEIGHBOR | Star.BLENDED)


def compare_repeats(photometry: Table) -> Table:
    """Scatter of each star over its frames, once the zero points of the frames are taken out.

    Means are of fluxes, not of magnitudes: at low signal a mean of magnitudes is biased.

    Parameters
    ----------
    photometry : Table
        Rows of PHOTOMETRY, any bands; a frame's rows stand together. Spoiled measurements do not count.

    Returns
    -------
    Table
        One row per band and star: band, star, n (clean measurements), mag (of the mean flux), scatter
        (standard deviation, n - 1) and expected (rms error) in magnitudes, alone (no neighbour's light in
        the aperture in any frame).
    """
    bands = np.asarray(photometry["band"], str)
    parts = [_of_band(photometry[bands == band], str(band)) for band in dict.fromkeys(bands)]
    names = ("band", "star", "n", "mag", "scatter", "expected", "alone")
    return Table({name: np.concatenate([part[name] for part in parts] or [np.empty(0)]) for name in names})


def _of_band(rows: Table, band: str) -> dict[str, Any]:
    mag, flux, error = (np.asarray(rows[name], float) for name in ("mag", "flux", "flux_err"))
    flags = np.asarray(rows["flags"], np.int64)
    frame = np.asarray(rows["frame"])
    number = np.concatenate([[0], np.cumsum(frame[1:] != frame[:-1])]) if len(rows) else np.empty(0, int)
    use = np.isfinite(mag) & (flux > 0.0) & np.isfinite(error) & ((flags & SPOILED) == 0)
    star, which, n = np.unique(
        np.asarray(rows["star"], np.int64)[use], return_inverse=True, return_counts=True
    )
    touched = np.bincount(which, (flags[use] & TOUCHED) != 0, len(star)) > 0
    mag, number, relative = mag[use], number[use], error[use] / flux[use]
    zero = float(np.median(mag)) if len(mag) else 0.0
    offset = np.zeros(int(number.max(initial=0)) + 1)
    for _ in range(3):
        light = 10.0 ** (-0.4 * (mag - offset[number] - zero))  # flux with the transparency taken out
        mean = np.bincount(which, light) / n
        off = -2.5 * np.log10(light / mean[which])
        ready = ~touched[which] & (POGSON * relative < BRIGHT) & (n[which] > 1)
        offset += _medians(number[ready], off[ready], len(offset))
    away = np.bincount(which, (light - mean[which]) ** 2) / np.where(n > 1, n - 1, np.nan)
    expected = np.sqrt(np.bincount(which, (light * relative) ** 2) / n)
    return {
        "band": np.full(len(star), band),
        "star": star,
        "n": n,
        "mag": zero - 2.5 * np.log10(mean),
        "scatter": POGSON * np.sqrt(away) / mean,
        "expected": POGSON * expected / mean,
        "alone": ~touched,
    }


def _medians(group: NDArray[np.int64], value: Values, n: int) -> Values:
    """Median of each group; 0 where it is empty."""
    order = np.argsort(group, kind="stable")
    pieces = np.split(value[order], np.searchsorted(group[order], np.arange(1, n)))
    return np.array([np.median(piece) if len(piece) else 0.0 for piece in pieces])


def summarize_repeats(repeats: Table, *, step: float = 1.0, least: int = 10) -> Table:
    """Whether the errors explain the scatter of constant stars, magnitude by magnitude.

    Parameters
    ----------
    repeats : Table
        From `compare_repeats`.
    step : float
        Width of a bin, mag.
    least : int
        Bins with fewer stars are left out.

    Returns
    -------
    Table
        band, stars ("alone" or "with neighbours"), mag (middle of the bin), n (stars), expected and
        scatter (medians, mag), chi2 (per degree of freedom) and chi2_err, missing (mag: what has to be added
        to the errors in quadrature for a chi2 of 1; 0 where it is 1 within two errors).

    Notes
    -----
    chi2 is the median over the stars, divided by that of constant stars with right errors (Wilson & Hilferty
    1931): a few variable stars do not make it.
    """
    rows = []
    n, mag, scatter, expected = (np.asarray(repeats[k], float) for k in ("n", "mag", "scatter", "expected"))
    ready = (n >= 2) & (scatter > 0.0) & (expected > 0.0) & (expected < FAINTEST)
    bands, alone = np.asarray(repeats["band"], str), np.asarray(repeats["alone"], bool)
    for band in dict.fromkeys(bands):
        for kind in (True, False):
            mine = ready & (bands == band) & (alone == kind)
            for k in np.unique(np.floor(mag[mine] / step)):
                at = mine & (np.floor(mag / step) == k)
                if at.sum() < least:
                    continue
                typical = median_ratio(n[at]) ** 2
                chi2 = float(np.median((scatter[at] / expected[at]) ** 2 / typical))
                chi2_err = 1.4 * chi2 * float(np.sqrt(2.0 / np.sum(n[at] - 1.0)))
                clear = chi2 - 2.0 * chi2_err > 1.0
                rows.append(
                    {
                        "band": band,
                        "stars": "alone" if kind else "with neighbours",
                        "mag": (k + 0.5) * step,
                        "n": int(at.sum()),
                        "expected": float(np.median(expected[at])),
                        "scatter": float(np.median(scatter[at] / np.sqrt(typical))),
                        "chi2": chi2,
                        "chi2_err": chi2_err,
                        "missing": _missing(scatter[at] ** 2 / typical, expected[at] ** 2) if clear else 0.0,
                    }
                )
    names = ("band", "stars", "mag", "n", "expected", "scatter", "chi2", "chi2_err", "missing")
    return Table({name: [row[name] for row in rows] for name in names})


def median_ratio(n: Values) -> Values:
    """Median of (standard deviation / true sigma) for n normal measurements (Wilson & Hilferty 1931)."""
    free = n - 1.0
    return np.asarray((1.0 - 2.0 / (9.0 * free)) ** 1.5)


def _missing(scatter2: Values, expected2: Values) -> float:
    """The s with a median of scatter^2 / (expected^2 + s^2) of 1."""
    low, high = 0.0, float(np.sqrt(scatter2.max()))
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.median(scatter2 / (expected2 + middle**2)) > 1.0 else (low, middle)
    return 0.5 * (low + high)
