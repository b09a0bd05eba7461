"""Where an error comes from, and whether it is true: error terms and repeatability against magnitude."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.core.flags import SPOILED
from pogson.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PINK,
    SKY,
    Numbers,
    add_legend,
    band_style,
    bands_in_order,
    binned,
    numbers,
    plain_log,
    say_empty,
    span,
    steps_of,
    words,
)  # fmt: skip

MAG = 2.5 / np.log(10.0)
FAINTEST = 0.3  # mag: below a signal-to-noise ratio of 4 a magnitude is no longer Gaussian

#: column of a term, what it is, colour, dashes
TERMS = (
    ("err_source", "photons of the star", ORANGE, "-"),
    ("err_sky", "photons of the sky", BLUE, "-"),
    ("err_annulus", "sky level", SKY, "--"),
    ("err_read", "read noise", GREEN, "-"),
    ("err_dark", "dark and bias", GREEN, ":"),
    ("err_flat", "flat field", PINK, "-"),
    ("err_scintillation", "scintillation", PINK, "--"),
    ("err_phase", "place in the pixel", FAINT, "--"),
    ("err_quantisation", "rounding", FAINT, ":"),
)


def plot_budget(photometry: Table, ax: Axes, *, repeats: Table | None = None) -> Axes:
    """Median error of every term against magnitude, their sum, and the scatter that was observed.

    Parameters
    ----------
    photometry : Table
        PHOTOMETRY of one band. Spoiled measurements are left out.
    ax : Axes
        Drawn on, and returned.
    repeats : Table, optional
        mag, n, scatter, expected of each star of the band; those measured three times are shown.
    """
    ax.set_xlabel("magnitude [mag]")
    ax.set_ylabel("error [mag]")
    mag, flux = numbers(photometry, "mag"), numbers(photometry, "flux")
    use = _clean(photometry) & (numbers(photometry, "mag_err") < FAINTEST)
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
    seen = _seen(repeats) if repeats is not None else np.zeros(0, bool)
    mean, scatter = (numbers(repeats, n)[seen] if seen.any() else np.empty(0) for n in ("mag", "scatter"))
    if seen.any():
        ax.scatter(
            mean, scatter, s=7, color=INK, alpha=0.3, linewidths=0,
            label=f"observed scatter ({int(seen.sum())} stars)", zorder=1,
        )  # fmt: skip
    ax.set_yscale("log")
    top = max(total.max(initial=0.0), float(np.percentile(scatter, 98)) if seen.any() else 0.0)
    floor = total.min(initial=0.01)
    ax.set_ylim(floor / 12, 2 * top or 1.0)
    plain_log(ax.yaxis)
    add_legend(ax, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return ax


def plot_repeats(repeats: Table, ax: Axes) -> Axes:
    """Scatter of repeated measurements over the expected error, per star; 1 is an honest error bar.

    Stars without neighbours are filled and their medians joined; those with neighbours are open and dashed.

    Parameters
    ----------
    repeats : Table
        band, star, n, mag, scatter, expected, alone. Needs stars measured at least three times.
    ax : Axes
        Drawn on, and returned.
    """
    ax.set_xlabel("magnitude [mag]")
    ax.set_ylabel("observed scatter / expected error")
    bands, alone = words(repeats, "band"), np.asarray(repeats["alone"], bool)
    drawn = []
    for i, band in enumerate(bands_in_order(bands)):
        of_band = _seen(repeats) & np.array([b == band for b in bands])
        ink, marker = band_style(band, i)
        for kind, fill, dashes in ((alone, ink, "-"), (~alone, "white", ":")):
            mine = of_band & kind
            if not mine.any():
                continue
            mean, n = numbers(repeats, "mag")[mine], numbers(repeats, "n")[mine]
            ratio = numbers(repeats, "scatter")[mine] / numbers(repeats, "expected")[mine]
            if kind is alone:
                ax.scatter(mean, ratio, s=8, color=ink, alpha=0.3, linewidths=0)
            else:
                ax.scatter(mean, ratio, s=8, facecolors="none", edgecolors=ink, alpha=0.15, linewidths=0.5)
            x, middle = binned(mean, ratio / _median_ratio(n), steps_of(mean, 1.0), least=5)
            whose = "without" if kind is alone else "with"
            ax.plot(
                x, middle, color=ink, marker=marker, markersize=6, linewidth=1.5, linestyle=dashes,
                markerfacecolor=fill, markeredgecolor=ink if fill == "white" else "white",
                label=f"{band} {whose} neighbours: "
                f"median {np.median(ratio / _median_ratio(n)):.2f} ({mine.sum()})",
            )  # fmt: skip
            drawn.append(ratio)
    if not drawn:
        return say_empty(ax, "no star was measured three times in a band")
    ax.axhspan(0.8, 1.25, color=PALE, linewidth=0, zorder=0)
    ax.axhline(1.0, color=INK, linewidth=1)
    low, high = span(np.log10(np.concatenate(drawn)), 1.0, 99.0)
    ax.set_yscale("log")
    ax.set_ylim(10 ** min(low, -0.65), 10 ** max(high, 0.65))
    plain_log(ax.yaxis)
    add_legend(ax, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return ax


def _seen(repeats: Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Stars whose scatter and error say something."""
    n, scatter, expected = (numbers(repeats, name) for name in ("n", "scatter", "expected"))
    return np.asarray((n >= 3) & (scatter > 0) & (expected > 0) & (expected < FAINTEST))


def _clean(photometry: Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    flags = np.nan_to_num(numbers(photometry, "flags")).astype(np.int64)
    good = np.isfinite(numbers(photometry, "mag")) & np.isfinite(numbers(photometry, "mag_err"))
    return np.asarray(good & (numbers(photometry, "flux") > 0) & ((flags & SPOILED) == 0))


def _median_ratio(n: Numbers) -> Numbers:
    """Median of (standard deviation / true sigma) for n normal measurements (Wilson & Hilferty 1931)."""
    free = n - 1
    return np.asarray((1 - 2 / (9 * free)) ** 1.5)
