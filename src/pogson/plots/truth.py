"""What came back against what was put in: for simulated nights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pogson.plots.style import (
    INK,
    Numbers,
    add_legend,
    band_style,
    bands_in_order,
    plot_errors,
    say_empty,
    span,
    steps_of,
)


def plot_recovery(true: ArrayLike, measured: ArrayLike, err: ArrayLike, ax: Axes, *, band: str = "") -> Axes:
    """Measured minus true magnitude against true magnitude, with the mean of each magnitude.

    Parameters
    ----------
    true, measured, err : (n,)
        Magnitudes; `err` is 1 sigma.
    ax : Axes
        Drawn on, and returned.
    band : str
        For the label and the colour.
    """
    ax.set_xlabel(f"true {band} magnitude [mag]".replace("  ", " "))
    ax.set_ylabel("measured − true [mag]")
    t, m, e = (np.asarray(v, float).ravel() for v in (true, measured, err))
    good = np.isfinite(t) & np.isfinite(m) & np.isfinite(e) & (e > 0)
    if not good.any():
        return say_empty(ax)
    t, d, e = t[good], m[good] - t[good], e[good]
    ink, _ = band_style(band)
    plot_errors(
        ax, t, d, e, "o", color=ink, markersize=2.5, elinewidth=0.6, alpha=0.35, markeredgewidth=0
    )  # fmt: skip
    edges = steps_of(t, 1.0)
    which = np.digitize(t, edges) - 1
    weight = np.bincount(which, 1 / e**2)
    full = np.bincount(which) >= 3
    x = np.bincount(which, t)[full] / np.bincount(which)[full]
    mean = np.bincount(which, d / e**2)[full] / weight[full]
    ax.axhline(0.0, color=INK, linewidth=1)
    ax.errorbar(
        x,
        mean,
        weight[full] ** -0.5,
        fmt="s",
        color=INK,
        markersize=5,
        capsize=2,
        label="weighted mean per mag",
    )
    half = max(abs(v) for v in span(d, 1.0, 99.0))
    ax.set_ylim(-half, half)
    add_legend(ax, loc="upper left")
    return ax


def plot_pulls(pulls: Mapping[str, Numbers], ax: Axes) -> Axes:
    """Histogram of (measured − true) / error per band over a Gaussian of width 1.

    Parameters
    ----------
    pulls : mapping of band to (n,)
        NaN is left out.
    ax : Axes
        Drawn on, and returned.
    """
    ax.set_xlabel("(measured − true) / error [sigma]")
    ax.set_ylabel("fraction per sigma")
    clean = {band: np.asarray(p, float)[np.isfinite(p)] for band, p in pulls.items()}
    clean = {band: clean[band] for band in bands_in_order(list(clean)) if clean[band].size}
    if not clean:
        return say_empty(ax)
    edges = np.linspace(-5, 5, 41)
    for i, (band, values) in enumerate(clean.items()):
        ink, _ = band_style(band, i)
        height = np.histogram(np.clip(values, -4.99, 4.99), edges)[0] / (values.size * np.diff(edges))
        width = 0.5 * float(np.subtract(*np.percentile(values, [84.135, 15.865])))
        label = f"{band}: mean {values.mean():+.2f}, width {width:.2f} ({values.size})"
        ax.stairs(height, edges, color=ink, linewidth=1.4, label=label)
    fine = np.linspace(-5, 5, 200)
    ax.plot(
        fine, np.exp(-(fine**2) / 2) / np.sqrt(2 * np.pi), color=INK, linewidth=1.2, label="unit Gaussian"
    )
    ax.set_ylim(0, 0.62)
    add_legend(ax, loc="upper left")
    return ax
