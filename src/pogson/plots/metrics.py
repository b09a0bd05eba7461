"""How the frames of a night changed: quality, and the telescope's way over the sky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, RED, Numbers, add_legend, numbers, say_empty

#: column, axis
QUALITY = (
    ("sky", "sky [e⁻/px]"),
    ("uniformity", "unevenness [e⁻]"),
    ("range", "range [e⁻]"),
    ("fwhm", "FWHM [px]"),
    ("elongation", "elongation"),
    ("n_stars", "stars"),
    ("transparency", "transparency"),
)


def plot_metrics(frames: Table, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Every metric that is there against time; rejected frames are crossed out.

    Parameters
    ----------
    frames : Table
        One row per light frame: bjd_tdb, accepted, and any of the metrics.
    axes : sequence of Axes
        As many as metrics to draw, the first of those that are there; from `metrics_in`.
    """
    hours, label = _hours(frames)
    accepted = _accepted(frames)
    for ax, (name, title) in zip(axes, metrics_in(frames), strict=False):
        values = numbers(frames, name)
        ax.plot(hours[accepted], values[accepted], "o", color=BLUE, markersize=3)
        ax.plot(hours[~accepted], values[~accepted], "x", color=RED, markersize=7, label="rejected")
        ax.set_ylabel(title)
        ax.margins(y=0.12)
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel(label)
    if (~accepted).any():
        add_legend(axes[0])
    return axes


def metrics_in(frames: Table) -> list[tuple[str, str]]:
    """The metrics that a table of frames holds, with the words of their axes."""
    return [(name, title) for name, title in QUALITY if np.isfinite(numbers(frames, name)).any()]


def plot_shifts(frames: Table, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Shift and rotation of every frame against the reference: drift, periodic error, meridian flip.

    Parameters
    ----------
    frames : Table
        bjd_tdb, and dx, dy (pixels), rotation (degrees) of the map from the reference frame.
    axes : sequence of two Axes
        Shifts, rotation.
    """
    hours, label = _hours(frames)
    dx, dy, turn = (numbers(frames, name).copy() for name in ("dx", "dy", "rotation"))
    top, bottom = axes
    top.set_ylabel("shift [px]")
    bottom.set_ylabel("rotation [deg]")
    bottom.set_xlabel(label)
    if not np.isfinite(dx).any():
        return [say_empty(ax, "no frame was aligned", keep_x=True) for ax in axes]
    top.plot(hours, dx, "o-", color=BLUE, markersize=3, linewidth=0.8, label="x")
    top.plot(hours, dy, "s-", color=ORANGE, markersize=3, linewidth=0.8, label="y")
    for hour in hours[~np.isfinite(dx)]:
        top.axvline(hour, color=RED, linewidth=1, alpha=0.6)
    top.tick_params(labelbottom=False)
    add_legend(top)
    known = np.isfinite(turn)
    turn[known] = np.unwrap(turn[known], period=360.0)
    bottom.plot(
        hours,
        turn,
        "o-",
        color=GREEN,
        markersize=3,
        linewidth=0.8,
    )
    bottom.ticklabel_format(axis="y", useOffset=False)
    return axes


def plot_transparency_map(values: Numbers, ax: Axes, *, title: str = "") -> Axes:
    """Share of the stars' light that came through in the parts of a frame.

    Parameters
    ----------
    values : (n, n)
        From the first row upwards; NaN where unknown.
    ax : Axes
        Drawn on, and returned.
    title : str
        Name of the frame.
    """
    ax.set_title(title)
    if not np.isfinite(values).any():
        return say_empty(ax, "too few stars")
    ax.imshow(
        values, origin="lower", cmap="gray", vmin=0.0, vmax=max(1.0, float(np.nanmax(values))), aspect="auto"
    )
    for (j, i), value in np.ndenumerate(values):
        word = f"{value:.0%}" if np.isfinite(value) else "?"
        ax.text(i, j, word, ha="center", va="center", color=INK if value > 0.5 else FAINT)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    return ax


def _accepted(frames: Table) -> np.ndarray:
    if "accepted" not in frames.colnames:
        return np.ones(len(frames), bool)
    return np.asarray(numbers(frames, "accepted") != 0.0)


def _hours(frames: Table) -> tuple[Numbers, str]:
    time = numbers(frames, "bjd_tdb")
    if not np.isfinite(time).any():
        return np.arange(len(frames), dtype=float), "frame"
    day = float(np.floor(np.nanmin(time)))
    return (time - day) * 24.0, f"hours since BJD$_{{TDB}}$ {day:.0f}"
