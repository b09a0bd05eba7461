"""A night at a glance: sky, seeing, stars, transparency and zero point of every frame."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.plots.style import (
    INK,
    PALE,
    Numbers,
    add_legend,
    band_style,
    bands_in_order,
    numbers,
    say_empty,
    words,
)  # fmt: skip

PANELS = (
    ("sky", "sky [e⁻/px]"),
    ("fwhm", "FWHM [px]"),
    ("n_stars", "stars"),
    ("transparency", "transparency"),
    ("zero_point", "zero point [mag]"),
)


def plot_frames(frames: Table, axes: Sequence[Axes], *, zero_points: Table | None = None) -> Sequence[Axes]:
    """Five panels along the night; rejected frames are crossed out, the reason stands beside them.

    Parameters
    ----------
    frames : Table
        FRAMES; only the lights are drawn.
    axes : sequence of five Axes
        Sky, FWHM, number of stars, transparency, zero point.
    zero_points : Table, optional
        ZEROPOINTS: joined by frame name.
    """
    lights = frames[np.array([kind == "light" for kind in words(frames, "kind")], bool)]
    hours, label = _clock(lights)
    for ax, (_, name) in zip(axes, PANELS, strict=True):
        ax.set_ylabel(name)
    axes[-1].set_xlabel(label)
    if len(lights) == 0:
        return [say_empty(ax, "no light frames") for ax in axes]
    bands = words(lights, "band")
    accepted = np.nan_to_num(numbers(lights, "accepted"), nan=1.0).astype(bool)
    for ax, (name, _) in zip(axes, PANELS, strict=True):
        values, errors = _values(lights, name, zero_points)
        if not np.isfinite(values).any():
            say_empty(ax, f"no {name.replace('_', ' ')} known", keep_x=True)
            continue
        for i, band in enumerate(bands_in_order(bands)):
            mine = np.array([b == band for b in bands]) & np.isfinite(values)
            ink, marker = band_style(band, i)
            ax.errorbar(
                hours[mine], values[mine], errors[mine], fmt=marker, color=ink, markersize=5, linewidth=1,
                label=band or "_no band",
            )  # fmt: skip
        out = ~accepted & np.isfinite(values)
        ax.plot(hours[out], values[out], "x", color=INK, markersize=11, markeredgewidth=1.6)
        for hour in hours[~accepted]:
            ax.axvline(hour, color=PALE, linewidth=4, zorder=0)
    _write_reasons(axes[0], hours, accepted, words(lights, "reasons"))
    _tidy(axes, hours)
    return axes


def _clock(lights: Table) -> tuple[Numbers, str]:
    """Hours since the first frame, or the frame's number where no frame has a time."""
    times = numbers(lights, "bjd_tdb")
    if not np.isfinite(times).any():
        return np.arange(1.0, len(lights) + 1), "frame number"
    start = float(np.nanmin(times))
    return (times - start) * 24, f"hours since BJD(TDB) {start:.4f} [h]"


def _values(lights: Table, name: str, zero_points: Table | None) -> tuple[Numbers, Numbers]:
    if name != "zero_point":
        return numbers(lights, name), np.full(len(lights), np.nan)
    if zero_points is None or len(zero_points) == 0:
        return np.full(len(lights), np.nan), np.full(len(lights), np.nan)
    row = {frame: i for i, frame in enumerate(words(zero_points, "frame"))}
    index = np.array([row.get(path, -1) for path in words(lights, "path")])
    known = index >= 0
    value, error = numbers(zero_points, "zero_point")[index], numbers(zero_points, "zero_point_err")[index]
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def _write_reasons(ax: Axes, hours: Numbers, accepted: Numbers, reasons: list[str]) -> None:
    """Say why above the upper panel; of reasons that differ only in their numbers the first is written."""
    written: set[str] = set()
    for hour, good, reason in zip(hours, accepted, reasons, strict=True):
        kind = re.sub(r"\d+", "#", reason)
        if good or kind in written or len(written) == 6 or not np.isfinite(hour):
            continue
        written.add(kind)
        text = reason if len(reason) <= 34 else reason[:33] + "…"
        above = ax.get_xaxis_transform()
        ax.text(
            hour, 1.03, text, transform=above, color=INK, fontsize=8.5, rotation=18, rotation_mode="anchor"
        )


def _tidy(axes: Sequence[Axes], hours: Numbers) -> None:
    """One legend and one time axis for all panels."""
    finite = hours[np.isfinite(hours)]
    margin = 0.03 * (float(np.ptp(finite)) if finite.size else 0.0) or 0.1
    for ax in axes:
        if finite.size:
            ax.set_xlim(finite.min() - margin, finite.max() + margin)
        ax.margins(y=0.15)
        ax.tick_params(labelbottom=ax is axes[-1])
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            add_legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5), title="band", title_fontsize=9)
            break
