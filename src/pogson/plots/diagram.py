"""The colour-magnitude diagram, and the histogram of magnitudes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pogson.core.flags import Star
from pogson.plots.style import (
    FAINT,
    INK,
    RED,
    Numbers,
    add_legend,
    band_style,
    bands_in_order,
    invert,
    numbers,
    say_empty,
    span,
    steps_of,
)  # fmt: skip

#: with so many stars alone in their apertures, the others are drawn pale
ENOUGH = 30


def plot_diagram(stars: Table, ax: Axes, *, color: str, mag: str, label: str = "") -> Axes:
    """Colour-magnitude diagram: bright stars at the top, median errors at the left side.

    Stars with a neighbour's light in the aperture are pale, and do not set the limits of the picture.

    Parameters
    ----------
    stars : Table
        One row per star, with mag_<band> and mag_<band>_err in magnitudes, and flags where known.
    ax : Axes
        Drawn on, and returned.
    color : str
        Two bands, such as "g-r".
    mag : str
        Band of the vertical axis.
    label : str
        What the points are; the number of stars is added.
    """
    blue, _, red = color.partition("-")
    ax.set_xlabel(f"{blue} − {red} [mag]")
    ax.set_ylabel(f"{mag} [mag]")
    x = numbers(stars, f"mag_{blue}") - numbers(stars, f"mag_{red}")
    y = numbers(stars, f"mag_{mag}")
    x_err = np.hypot(numbers(stars, f"mag_{blue}_err"), numbers(stars, f"mag_{red}_err"))
    y_err = numbers(stars, f"mag_{mag}_err")
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        invert(ax)
        return say_empty(ax, f"no stars with both {blue} and {red}")
    touched = good & _touched(stars)
    if (good & ~touched).sum() >= ENOUGH:
        good &= ~touched
    else:
        touched = np.zeros(len(good), bool)
    n = int(good.sum())
    alpha = float(np.clip(18.0 / np.sqrt(n), 0.25, 0.8))
    size = float(np.clip(400.0 / np.sqrt(n), 4.0, 22.0))
    ax.scatter(x[touched], y[touched], s=0.5 * size, color=FAINT, alpha=0.25, linewidths=0)
    ax.scatter(x[good], y[good], s=size, color=INK, alpha=alpha, linewidths=0)
    left, right = span(x[good])
    low, high = span(y[good], 0.0, 100.0)
    edges = steps_of(y[good], 1.0 if high - low > 4 else 0.5)
    middle = (edges[:-1] + edges[1:]) / 2
    pairs = [
        _median_errors(x_err, y_err, good & (np.abs(y - m) <= (edges[1] - edges[0]) / 2)) for m in middle
    ]
    widest = max((pair[0] for pair in pairs if np.isfinite(pair[0])), default=0.0)
    room = float(np.clip(2.6 * widest, 0.12 * (right - left), 0.5 * (right - left)))
    side, (dx, dy) = np.full(len(middle), left - room / 2), np.transpose(pairs)
    ax.errorbar(side, middle, xerr=dx, yerr=dy, fmt="none", ecolor=RED, elinewidth=1.2, capsize=0)
    ax.set_xlim(left - room, right)
    ax.set_ylim(high, low)
    ax.text(0.02, 0.01, "typical errors", transform=ax.transAxes, color=RED, fontsize=8.5, va="bottom")
    outside = int(np.count_nonzero((x[good] < left) | (x[good] > right)))
    beside = f"\n{touched.sum()} with a neighbour's light, pale" if touched.any() else ""
    note = f"{n} stars {label}".strip() + beside + (f"\n{outside} outside the picture" if outside else "")
    ax.text(0.98, 0.02, note, transform=ax.transAxes, ha="right", va="bottom", fontsize=9, color=INK)
    return ax


def _touched(stars: Table) -> NDArray[np.bool_]:
    """Stars whose aperture holds light of a neighbour."""
    if "flags" not in stars.colnames:
        return np.zeros(len(stars), bool)
    touched: NDArray[np.bool_] = (np.asarray(stars["flags"], int) & int(Star.NEIGHBOR)) != 0
    return touched


def _median_errors(x_err: Numbers, y_err: Numbers, inside: NDArray[np.bool_]) -> tuple[float, float]:
    known = inside & np.isfinite(x_err) & np.isfinite(y_err)
    return (
        (float(np.median(x_err[known])), float(np.median(y_err[known]))) if known.any() else (np.nan, np.nan)
    )


def plot_magnitudes(stars: Table, ax: Axes, *, limits: Mapping[str, float] | None = None) -> Axes:
    """Histogram of the magnitudes of every band; a dashed line at each limiting magnitude.

    Parameters
    ----------
    stars : Table
        With mag_<band> and mag_<band>_err; inst_<band> is drawn where no star of the band has a magnitude.
    ax : Axes
        Drawn on, and returned.
    limits : mapping of band to magnitude, optional
        Magnitude at which the signal-to-noise ratio is 5.
    """
    ax.set_xlabel("magnitude [mag]")
    ax.set_ylabel("stars per 0.5 mag")
    bands = bands_in_order([n[4:-4] for n in stars.colnames if n.startswith("mag_") and n.endswith("_err")])
    drawn = False
    for i, band in enumerate(bands):
        kinds = (
            (numbers(stars, f"mag_{band}"), band),
            (numbers(stars, f"inst_{band}"), f"{band}, instrumental"),
        )
        values, label = next((pair for pair in kinds if np.isfinite(pair[0]).any()), kinds[0])
        values = values[np.isfinite(values)]
        if values.size == 0:
            continue
        drawn = True
        ink, _ = band_style(band, i)
        ax.stairs(*np.histogram(values, steps_of(values, 0.5)), color=ink, linewidth=1.5, label=label)
        limit = (limits or {}).get(band, np.nan)
        if np.isfinite(limit):
            ax.axvline(limit, color=ink, linestyle="--", linewidth=1)
            ax.annotate(
                f"{band} {limit:.1f}", (limit, 0.98), (3, 0), xycoords=ax.get_xaxis_transform(),
                textcoords="offset points", color=ink, fontsize=8.5, rotation=90, va="top",
            )  # fmt: skip
    if not drawn:
        return say_empty(ax)
    add_legend(ax, loc="upper left")
    return ax
