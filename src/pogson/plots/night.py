"""A night at a glance: every metric of every frame, and why a frame was rejected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pogson.plots.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    PALE,
    PINK,
    RED,
    Numbers,
    band_style,
    bands_in_order,
    numbers,
    plot_errors,
    say_empty,
    words,
)  # fmt: skip

#: column of FRAMES, words; three in a row: light, sky, star images, range, and what else spoils a frame
PANELS = (
    ("transparency", "transparency"),
    ("zero_point", "zero point [mag]"),
    ("n_stars", "stars"),
    ("sky", "sky [{unit}/px]"),
    ("noise", "noise [{unit}]"),
    ("uniformity", "unevenness [{unit}]"),
    ("fwhm", "FWHM [px]"),
    ("elongation", "elongation"),
    ("trail", "trail"),
    ("minimum", "minimum [{unit}]"),
    ("maximum", "maximum [{unit}]"),
    ("dynamic_range", "dynamic range [{unit}]"),
    ("patchiness", "covered in part [%]"),
    ("saturated", "saturated pixels [%]"),
    ("airmass", "airmass"),
)
COLUMNS = 3
#: shown in percent
SHARES = ("patchiness", "saturated")
#: frames of a band that make a trend
TREND = 9

#: inks and markers of the reasons, in the order in which they appear
REASONS = ((RED, "x"), (INK, "+"), (PINK, "1"), (BLUE, "2"), (ORANGE, "x"), (FAINT, "+"))


def plot_frames(frames: Table, axes: Sequence[Axes], *, zero_points: Table | None = None) -> Sequence[Axes]:
    """One panel per metric along the night; a rejected frame is marked by its reason in all of them.

    Parameters
    ----------
    frames : Table
        FRAMES; only the lights are drawn.
    axes : sequence of Axes
        As many as `PANELS`, row by row.
    zero_points : Table, optional
        ZEROPOINTS: joined by frame name.
    """
    lights = frames[np.array([kind == "light" for kind in words(frames, "kind")], bool)]
    hours, label = frame_clock(lights)
    unit = "ADU" if "adu" in words(lights, "unit") else "e⁻"
    for ax, (_, title) in zip(axes, PANELS, strict=True):
        ax.set_title(title.format(unit=unit), fontsize=9.5, y=1.0)
    for ax in axes[-COLUMNS:]:
        ax.set_xlabel(label)
    if len(lights) == 0:
        return [say_empty(ax, "no light frames") for ax in axes]
    bands, codes = words(lights, "band"), rejection_codes(lights)
    for ax, (name, title) in zip(axes, PANELS, strict=True):
        values, errors = _values(lights, name, zero_points)
        if not np.isfinite(values).any():
            say_empty(ax, f"{title.partition(' [')[0]}: unknown", keep_x=True)
            continue
        for i, band in enumerate(bands_in_order(bands)):
            mine = np.array([b == band for b in bands]) & np.isfinite(values)
            ink, marker = band_style(band, i)
            plot_errors(ax, hours[mine], values[mine], errors[mine], marker, color=ink, markersize=2.8)
            if name == "fwhm" and mine.sum() >= TREND:
                ax.plot(hours[mine], numbers(lights, "fwhm_trend")[mine], color=INK, linewidth=1.0)
        for code, (ink, marker) in reason_styles(codes).items():
            mine = np.array([c == code for c in codes]) & np.isfinite(values)
            ax.plot(
                hours[mine], values[mine], marker, color=ink, markersize=8, markeredgewidth=1.6, label=code
            )
    _tidy(axes, hours, np.array([bool(code) for code in codes]))
    return axes


def add_key(figure: Figure, frames: Table) -> None:
    """Above the panels: which marker is which band, and which cross which reason, with their numbers."""
    lights = frames[np.array([kind == "light" for kind in words(frames, "kind")], bool)]
    bands, codes = words(lights, "band"), rejection_codes(lights)
    handles, labels = [], []
    for i, band in enumerate(bands_in_order(bands)):
        ink, marker = band_style(band, i)
        handles.append(Line2D([], [], color=ink, marker=marker, linestyle="", markersize=4))
        labels.append(f"{band or 'no band'} ({bands.count(band)})")
    for code, (ink, marker) in reason_styles(codes).items():
        handles.append(
            Line2D([], [], color=ink, marker=marker, linestyle="", markersize=8, markeredgewidth=1.6)
        )
        labels.append(f"rejected: {code} ({codes.count(code)})")
    if handles:
        figure.legend(
            handles,
            labels,
            loc="upper left",
            ncols=min(len(labels), 6),
            fontsize=9,
            frameon=False,
            handletextpad=0.2,
        )


def frame_clock(lights: Table) -> tuple[Numbers, str]:
    """Hours since the first frame, or the frame's number where no two frames differ in time."""
    times, scale = numbers(lights, "bjd_tdb"), "BJD(TDB)"
    if not np.isfinite(times).any():
        times, scale = numbers(lights, "jd_utc"), "JD(UTC)"
    known = times[np.isfinite(times)]
    if len(known) == 0 or (len(known) > 1 and np.ptp(known) == 0.0):
        return np.arange(1.0, len(lights) + 1), "frame number"
    start = float(known.min())
    return (times - start) * 24, f"hours since {scale} {start:.4f}"


def rejection_codes(lights: Table) -> list[str]:
    """The first reason of each rejected frame, in a word; empty where it was accepted."""
    accepted = np.nan_to_num(numbers(lights, "accepted"), nan=1.0).astype(bool)
    codes = words(lights, "reason_codes")
    return [
        "" if good else code.partition(",")[0] or "rejected"
        for good, code in zip(accepted, codes, strict=True)
    ]


def reason_styles(codes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Ink and marker of each reason that occurs, the most frequent first."""
    known = sorted(set(codes) - {""}, key=lambda code: (-list(codes).count(code), code))
    return {code: REASONS[i % len(REASONS)] for i, code in enumerate(known)}


def set_span(ax: Axes, hours: Numbers) -> None:
    """The horizontal axis from the first frame to the last, the rejected ones too."""
    known = hours[np.isfinite(hours)]
    if known.size:
        margin = 0.03 * float(np.ptp(known)) or 0.1
        ax.set_xlim(known.min() - margin, known.max() + margin)


def mark_times(ax: Axes, hours: Numbers) -> None:
    """A pale line at each time, behind all else."""
    ax.vlines(hours, 0.0, 1.0, color=PALE, linewidth=2.5, zorder=0, transform=ax.get_xaxis_transform())


def _values(lights: Table, name: str, zero_points: Table | None) -> tuple[Numbers, Numbers]:
    if name != "zero_point":
        scale = 100.0 if name in SHARES else 1.0
        return scale * numbers(lights, name), scale * numbers(lights, f"{name}_err")
    if zero_points is None or len(zero_points) == 0:
        return np.full(len(lights), np.nan), np.full(len(lights), np.nan)
    row = {frame: i for i, frame in enumerate(words(zero_points, "frame"))}
    index = np.array([row.get(path, -1) for path in words(lights, "path")])
    known = index >= 0
    value, error = numbers(zero_points, "zero_point")[index], numbers(zero_points, "zero_point_err")[index]
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def _tidy(axes: Sequence[Axes], hours: Numbers, rejected: np.ndarray) -> None:
    """One time axis for all panels; a pale line where a frame was rejected."""
    for ax in axes:
        mark_times(ax, hours[rejected & np.isfinite(hours)])
        set_span(ax, hours)
        ax.margins(y=0.15)
        ax.tick_params(labelbottom=ax in axes[-COLUMNS:], labelsize=8.5)
        ax.locator_params(axis="x", nbins=5)
        if ax.has_data():
            ax.locator_params(axis="y", nbins=4)
            ax.ticklabel_format(axis="y", scilimits=(-3, 5))
