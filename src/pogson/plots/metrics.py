"""How the telescope followed the sky, and where in a frame light was lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.plots.night import frame_clock, mark_times, reason_styles, rejection_codes, set_span
from pogson.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, Numbers, add_legend, numbers, say_empty

#: a turn by more than this between two frames is a meridian flip
FLIP = 90.0


def plot_shifts(frames: Table, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Shift and rotation of every frame against the reference: drift, periodic error, meridian flip.

    Parameters
    ----------
    frames : Table
        bjd_tdb, and dx, dy (pixels), rotation (degrees) of the map from the reference frame.
    axes : sequence of three Axes
        Shifts; what is left of them without the drift; rotation.
    """
    hours, label = frame_clock(frames)
    dx, dy, turn = (numbers(frames, name).copy() for name in ("dx", "dy", "rotation"))
    whole, rest, angle = axes
    for ax, title in zip(axes, ("shift [px]", "without the drift [px]", "rotation [deg]"), strict=True):
        ax.set_ylabel(title)
        ax.yaxis.set_label_coords(-0.08, 0.5)
        ax.tick_params(labelbottom=ax is angle)
        set_span(ax, hours)
    angle.set_xlabel(label)
    known = np.isfinite(dx) & np.isfinite(hours)
    if not known.any():
        return [say_empty(ax, "no frame was aligned", keep_x=True) for ax in axes]
    turn[known] = np.unwrap(turn[known], period=360.0)
    side = np.zeros(len(dx), int)
    side[known] = np.cumsum(np.abs(np.diff(turn[known], prepend=turn[known][0])) > FLIP)
    for part in np.unique(side[known]):
        mine = known & (side == part)
        for values, ink, marker, name in ((dx, BLUE, "o", "x"), (dy, ORANGE, "s", "y")):
            style: dict[str, Any] = {"color": ink, "marker": marker, "markersize": 2.8, "linewidth": 0.8}
            whole.plot(hours[mine], values[mine], label=name if not part else "_", **style)
            rest.plot(hours[mine], _without_drift(hours[mine], values[mine]), **style)
        angle.plot(hours[mine], turn[mine], "o-", color=GREEN, markersize=2.8, linewidth=0.8)
    _mark_rejected(frames, axes, hours)
    add_legend(whole, loc="center left", bbox_to_anchor=(1.0, 0.5))
    angle.ticklabel_format(axis="y", useOffset=False)
    return axes


def _without_drift(hours: Numbers, values: Numbers) -> Numbers:
    """What is left of a shift without its slow part, a cubic."""
    if len(hours) < 8 or np.ptp(hours) == 0.0:
        return values - np.median(values)
    x = (hours - hours.mean()) / np.ptp(hours)
    good = np.ones(len(x), bool)
    for _ in range(3):
        left = values - np.polyval(np.polyfit(x[good], values[good], 3), x)
        good = np.abs(left) <= 5.0 * 1.4826 * np.median(np.abs(left)) + 1e-9
    return np.asarray(left, float)


def _mark_rejected(frames: Table, axes: Sequence[Axes], hours: Numbers) -> None:
    codes = rejection_codes(frames)
    for code, (ink, marker) in reason_styles(codes).items():
        mine = np.array([c == code for c in codes]) & np.isfinite(hours)
        if not mine.any():
            continue  # nothing outside of the axes: an empty mark would lie at the corner of the page
        above = axes[0].get_xaxis_transform()
        axes[0].plot(
            hours[mine], np.full(mine.sum(), 1.04), marker, color=ink, markersize=7, markeredgewidth=1.5,
            transform=above, clip_on=False, label=f"rejected: {code}",
        )  # fmt: skip
        for ax in axes:
            mark_times(ax, hours[mine])


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
    ax.set_title(title, y=1.0)
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
