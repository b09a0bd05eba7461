"""Residuals of a zero point against all that could have been forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pogson.plots.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    PALE,
    PINK,
    RED,
    Numbers,
    binned,
    numbers,
    say_empty,
    span,
    words,
)  # fmt: skip

Mask = NDArray[np.bool_]

AXES = (("mag", "catalogue magnitude [mag]"), ("color", "colour [mag]"), ("x", "x [px]"), ("y", "y [px]"))
LEFT_OUT = ((ORANGE, "x"), (RED, "+"), (PINK, "1"), (FAINT, "2"))


def plot_zero_point(
    residuals: Table, axes: Sequence[Axes], *, scatter: float = np.nan, color: str = ""
) -> Sequence[Axes]:
    """Four panels: residual against magnitude, colour, x and y; a slope is something forgotten.

    Parameters
    ----------
    residuals : Table
        One row per matched star: mag, color, x, y, residual (magnitudes; measured minus catalogue after
        the fit), used (bool), reason (why a star was left out).
    axes : sequence of four Axes
        Drawn on, and returned.
    scatter : float
        Intrinsic scatter, drawn as a band around zero, magnitudes.
    color : str
        Name of the colour, such as "g-r".
    """
    residual = numbers(residuals, "residual")
    used = np.nan_to_num(numbers(residuals, "used")).astype(bool) & np.isfinite(residual)
    reasons = np.array(words(residuals, "reason"), dtype=object)
    low, high = _limits(residual, used)
    for panel, (ax, (name, label)) in enumerate(zip(axes, AXES, strict=True)):
        ax.set_xlabel(label.replace("colour", color.replace("-", " − ") or "colour"))
        ax.set_ylabel("residual [mag]" if panel % 2 == 0 else "")
        x = numbers(residuals, name)
        if not (np.isfinite(x) & np.isfinite(residual)).any():
            say_empty(ax, "no stars" if not np.isfinite(residual).any() else f"no {name} known")
            continue
        if np.isfinite(scatter):
            ax.axhspan(-scatter, scatter, color=PALE, linewidth=0, zorder=0)
        ax.axhline(0.0, color=INK, linewidth=1)
        _left_out(ax, x, residual, ~used, reasons, low, high)
        ax.scatter(
            x[used], residual[used], s=12, color=BLUE, alpha=0.6, linewidths=0, label=f"used ({used.sum()})"
        )
        _running_median(ax, x[used], residual[used])
        ax.set_ylim(low, high)
    _one_legend(axes)
    return axes


def _limits(residual: Numbers, used: Mask) -> tuple[float, float]:
    """Wide enough for all stars used; those left out are drawn at the border."""
    core = residual[used] if used.any() else residual
    low, high = span(core, 0.0, 100.0, pad=0.25)
    half = max(-low, high, 0.02)
    return -half, half


def _left_out(
    ax: Axes, x: Numbers, y: Numbers, out: Mask, reasons: NDArray[np.object_], low: float, high: float
) -> None:
    names = sorted(set(reasons[out]))
    shown = names if len(names) <= len(LEFT_OUT) else [*names[: len(LEFT_OUT) - 1], "other"]
    for name, (ink, marker) in zip(shown, LEFT_OUT, strict=False):
        take = out & (reasons == name) if name != "other" else out & ~np.isin(reasons, shown)
        inside = np.clip(y[take], low + 0.02 * (high - low), high - 0.02 * (high - low))
        label = f"{str(name)[:40] or 'left out'} ({take.sum()})"
        ax.scatter(x[take], inside, s=22, color=ink, marker=marker, linewidths=1.1, label=label)


def _running_median(ax: Axes, x: Numbers, y: Numbers) -> None:
    good = np.isfinite(x)
    if good.sum() >= 15:
        edges = np.unique(np.quantile(x[good], np.linspace(0, 1, 6)))
        edges[-1] = np.nextafter(edges[-1], np.inf)
        ax.plot(
            *binned(x, y, edges), color=INK, marker="o", markersize=3.5, linewidth=1.3, label="running median"
        )


def _one_legend(axes: Sequence[Axes]) -> None:
    """One legend for all panels, below the middle of the lower two."""
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        if handles:
            below = {"loc": "upper center", "bbox_to_anchor": (1.04, -0.2)}
            axes[2].legend(handles, labels, ncol=3, fontsize=9, frameon=False, **below)
            return
