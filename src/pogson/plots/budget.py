"""Where an error comes from, and whether it is true: error terms and repeatability against magnitude."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.core.flags import SPOILED
from pogson.plots.style import (
    BLUE, FAINT, GREEN, INK, ORANGE, PALE, PINK, RED, SKY, Numbers, add_legend, band_style, bands_in_order,
    binned, numbers, say_empty, span, steps_of, words,
)  # fmt: skip

MAG = 2.5 / np.log(10.0)

#: column of a term, what it is, colour, dashes
TERMS = (
    ("err_source", "photons of the star", ORANGE, "-"),
    ("err_sky", "photons of the sky", BLUE, "-"),
    ("err_annulus", "sky level", SKY, "--"),
    ("err_read", "read noise", GREEN, "-"),
    ("err_dark", "dark and bias", GREEN, ":"),
    ("err_flat", "flat field", PINK, "-"),
    ("err_scintillation", "scintillation", PINK, "--"),
    ("err_quantisation", "rounding", FAINT, ":"),
)


def plot_budget(photometry: Table, ax: Axes) -> Axes:
    """Median error of every term against magnitude, their sum, and the scatter that was observed.

    Parameters
    ----------
    photometry : Table
        PHOTOMETRY of one band. Spoiled measurements are left out. The observed scatter needs stars
        with at least three measurements.
    """
    ax.set_xlabel("magnitude [mag]")
    ax.set_ylabel("error [mag]")
    mag, flux = numbers(photometry, "mag"), numbers(photometry, "flux")
    use = _clean(photometry)
    if not use.any():
        return say_empty(ax)
    edges = steps_of(mag[use], 0.5)
    scale = np.where(use, MAG / np.where(use, flux, 1.0), np.nan)
    x, total = binned(mag, scale * numbers(photometry, "flux_err"), edges)
    for name, label, ink, dashes in TERMS:
        x_term, term = binned(mag, scale * numbers(photometry, name), edges)
        if term.size and term.max() > 1e-3 * total.max(initial=0.0):
            ax.plot(x_term, np.where(term > 0, term, np.nan), color=ink, linestyle=dashes, label=label)
    ax.plot(x, total, color=INK, linewidth=2.4, label="all terms together")
    mean, scatter, _, n = repeatability(photometry)
    seen = np.isfinite(scatter) & (n >= 3) & (scatter > 0)
    if seen.any():
        ax.scatter(
            mean[seen], scatter[seen], s=7, color=INK, alpha=0.3, linewidths=0,
            label=f"observed scatter ({int(seen.sum())} stars)", zorder=1,
        )  # fmt: skip
    ax.set_yscale("log")
    top = max(total.max(initial=0.0), float(np.percentile(scatter[seen], 98)) if seen.any() else 0.0)
    floor = total.min(initial=0.01)
    ax.set_ylim(floor / 12, 2 * top or 1.0)
    _plain_log(ax)
    add_legend(ax, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return ax


def plot_noise(photometry: Table, ax: Axes) -> Axes:
    """Scatter of repeated measurements over the expected error, per star; 1 is an honest error bar.

    Parameters
    ----------
    photometry : Table
        PHOTOMETRY, any bands. Needs stars measured at least three times in a band.
    """
    ax.set_xlabel("magnitude [mag]")
    ax.set_ylabel("observed scatter / expected error")
    bands = words(photometry, "band")
    drawn = []
    for i, band in enumerate(bands_in_order(bands)):
        mean, scatter, expected, n = repeatability(photometry[np.array([b == band for b in bands])])
        seen = np.isfinite(scatter) & (n >= 3) & (expected > 0) & (scatter > 0)
        if not seen.any():
            continue
        mean, ratio, n = mean[seen], scatter[seen] / expected[seen], n[seen]
        ink, marker = band_style(band, i)
        ax.scatter(mean, ratio, s=8, color=ink, alpha=0.3, linewidths=0)
        x, middle = binned(mean, ratio / _median_ratio(n), steps_of(mean, 1.0), least=5)
        ax.plot(
            x, middle, color=ink, marker=marker, markersize=6, markeredgecolor="white", linewidth=1.5,
            label=f"{band}: median {np.median(ratio / _median_ratio(n)):.2f} ({seen.sum()} stars)",
        )  # fmt: skip
        drawn.append(ratio)
    if not drawn:
        return say_empty(ax, "no star was measured three times in a band")
    ax.axhspan(0.8, 1.25, color=PALE, linewidth=0, zorder=0)
    ax.axhline(1.0, color=INK, linewidth=1)
    low, high = span(np.log10(np.concatenate(drawn)), 1.0, 99.0)
    ax.set_yscale("log")
    ax.set_ylim(10 ** min(low, -0.6), 10 ** max(high, 0.6))
    _plain_log(ax)
    add_legend(ax, loc="upper left")
    return ax


def repeatability(photometry: Table) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Per star: mean magnitude, standard deviation (n - 1), rms expected error, number of measurements."""
    use = _clean(photometry)
    star = numbers(photometry, "star")[use]
    mag, err = numbers(photometry, "mag")[use], numbers(photometry, "mag_err")[use]
    if star.size == 0:
        return (np.empty(0),) * 4
    _, which, n = np.unique(star, return_inverse=True, return_counts=True)
    mean = np.bincount(which, mag) / n
    spread = np.bincount(which, (mag - mean[which]) ** 2) / np.where(n > 1, n - 1, np.nan)
    expected = np.bincount(which, err**2) / n
    return mean, np.sqrt(spread), np.sqrt(expected), n.astype(float)


def _clean(photometry: Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    flags = np.nan_to_num(numbers(photometry, "flags")).astype(np.int64)
    good = np.isfinite(numbers(photometry, "mag")) & np.isfinite(numbers(photometry, "mag_err"))
    return np.asarray(good & (numbers(photometry, "flux") > 0) & ((flags & SPOILED) == 0))


def _median_ratio(n: Numbers) -> Numbers:
    """Median of (standard deviation / true sigma) for n normal measurements (Wilson & Hilferty 1931)."""
    free = n - 1
    return np.asarray((1 - 2 / (9 * free)) ** 1.5)


def _plain_log(ax: Axes) -> None:
    """Write 0.01 and not 10^-2, as observers do."""
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(lambda value, _: "")
