"""Light curves: a star with its check star, raw beside detrended, folded, and with a transit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from pogson.core.flags import SPOILED
from pogson.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PALE,
    RED,
    Numbers,
    add_legend,
    binned,
    invert,
    numbers,
    plot_errors,
    say_empty,
)

BINS = 24  # of a folded curve


def plot_light_curve(
    curve: Table, ax: Axes, *, label: str = "target", raw: Table | None = None, mark: float = np.nan
) -> Axes:
    """Differential magnitudes with error bars, the check star below on the same scale.

    Parameters
    ----------
    curve : Table
        LIGHTCURVE of one star, with check_mag where there is a check star. Flagged points are open.
    ax : Axes
        Drawn on, and returned.
    label : str
        What the star is.
    raw : Table, optional
        The same before detrending: drawn above, so that both are seen.
    mark : float
        BJD TDB of a moment to mark, such as a minimum.
    """
    ax.set_ylabel("differential magnitude [mag]")
    time, mag, err = (numbers(curve, name) for name in ("bjd_tdb", "mag", "mag_err"))
    middle = np.nanmedian(mag) if np.isfinite(mag).any() else np.nan
    hours = _hours(ax, time)
    if not np.isfinite(middle):
        return say_empty(ax, "no light curve")
    spoiled = (np.nan_to_num(numbers(curve, "flags")).astype(int) & SPOILED) != 0
    _points(ax, hours, mag - middle, err, BLUE, label, spoiled)
    if raw is not None:
        before = numbers(raw, "mag") - np.nanmedian(numbers(raw, "mag"))
        lifted = before - _step(before, err, mag - middle)
        _points(ax, hours, lifted, err, ORANGE, "before detrending", spoiled)
    check, check_err = numbers(curve, "check_mag"), numbers(curve, "check_mag_err")
    if np.isfinite(check).any():
        level = check - np.nanmedian(check)
        step = _step(mag - middle, err, level)
        nothing = np.zeros(len(level), bool)
        _points(ax, hours, level + step, check_err, GREEN, f"check star (moved by {step:.2f})", nothing)
    if np.isfinite(mark):
        ax.axvline((mark - _day(time)) * 24.0, color=FAINT, linestyle="--", linewidth=1)
    invert(ax)
    add_legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3 if raw is None else 2)
    return ax


def plot_folded(curve: Table, ax: Axes, *, period: float, epoch: float) -> Axes:
    """A light curve over two turns of its period, with means along the phase.

    Parameters
    ----------
    curve : Table
        LIGHTCURVE of one star.
    ax : Axes
        Drawn on, and returned.
    period, epoch : float
        Days; BJD TDB of phase 0.
    """
    ax.set_xlabel(f"phase (period {period:.6g} d, epoch {epoch:.5f})")
    ax.set_ylabel("differential magnitude [mag]")
    time, mag, err = (numbers(curve, name) for name in ("bjd_tdb", "mag", "mag_err"))
    good = np.isfinite(time) & np.isfinite(mag)
    if not good.any() or not period > 0.0:
        return say_empty(ax, "no light curve")
    phase = ((time[good] - epoch) / period + 0.5) % 1.0 - 0.5
    value, error = mag[good] - np.median(mag[good]), err[good]
    for turn in (0.0, 1.0):
        plot_errors(
            ax, phase + turn, value, error, "o", color=BLUE, alpha=0.35, markersize=3,
            label="measurements" if turn == 0.0 else None,
        )  # fmt: skip
    edges = np.linspace(-0.5, 0.5, BINS + 1)
    number = np.clip(np.digitize(phase, edges) - 1, 0, BINS - 1)
    seen = [k for k in range(BINS) if np.count_nonzero(number == k) >= 3]
    x = np.array([0.5 * (edges[k] + edges[k + 1]) for k in seen])
    y = np.array([np.median(value[number == k]) for k in seen])
    ax.plot(np.append(x, x + 1.0), np.append(y, y), "o", color=INK, markersize=5, label="medians")
    ax.set_xlim(-0.5, 1.5)
    invert(ax)
    add_legend(ax)
    return ax


def plot_event(
    curve: Table, axes: Sequence[Axes], *, mid: float, duration: float = np.nan, title: str = ""
) -> Sequence[Axes]:
    """A transit or a minimum: raw, detrended with the model, the check star; below, what the model leaves.

    Parameters
    ----------
    curve : Table
        bjd_tdb, flux, flux_err, model and residual; detrended_flux, baseline and check_mag where they are.
    axes : sequence of two Axes
        Drawn on, and returned.
    mid, duration : float
        BJD TDB of the middle; days.
    title : str
        What was found, in words.
    """
    top, bottom = axes
    top.set_title(title, y=1.0)
    top.set_ylabel("relative flux")
    bottom.set_ylabel("residual [%]")
    flux, err = numbers(curve, "flux"), numbers(curve, "flux_err")
    hours = (numbers(curve, "bjd_tdb") - mid) * 24.0
    bottom.set_xlabel(f"hours from the middle, BJD(TDB) {mid:.5f}")
    if not np.isfinite(flux + hours).any():
        return [say_empty(ax, "no light curve", keep_x=ax is bottom) for ax in axes]
    baseline, model = numbers(curve, "baseline"), numbers(curve, "model")
    if not np.isfinite(baseline).any():
        baseline = np.ones(len(flux))
    leans = bool(np.nanmax(baseline) > np.nanmin(baseline))
    clean, rows = flux / baseline, []
    _event_row(top, hours, clean, err / baseline, BLUE, 0.0)
    order = np.argsort(hours)
    order = order[np.isfinite((hours + flux + baseline)[order])]
    top.plot(hours[order], (model / baseline)[order], color=RED, linewidth=2.2, zorder=5)
    rows.append(("detrended\nand model" if leans else "measured\nand model", BLUE, clean))
    gap = _gap(clean, err)
    if leans:
        raw = flux / np.nanmedian(baseline)
        lift = gap + np.nanpercentile(clean, 98.0) - np.nanpercentile(raw, 2.0)
        _event_row(top, hours, raw, err, ORANGE, lift)
        top.plot(
            hours[order], baseline[order] / np.nanmedian(baseline) + lift, color=INK, linewidth=1.2, zorder=5
        )
        rows.append(("measured\nand baseline", ORANGE, raw + lift))
    check = numbers(curve, "check_mag")
    if np.isfinite(check).any():
        check = 10.0 ** (-0.4 * (check - np.nanmedian(check)))
        drop = np.nanpercentile(clean, 2.0) - gap - np.nanpercentile(check, 98.0)
        _event_row(top, hours, check, numbers(curve, "check_mag_err") * check / 1.0857, GREEN, drop)
        rows.append(("check star", GREEN, check + drop))
    for label, ink, values in rows:
        last = values[order][np.isfinite(values[order])][-12:]
        top.text(
            1.01, np.median(last), label, color=_dark(ink), transform=top.get_yaxis_transform(), va="center"
        )
    _residuals(bottom, hours, 100.0 * numbers(curve, "residual"), 100.0 * err / np.abs(model))
    for ax in axes:
        if np.isfinite(duration):
            ax.axvspan(-12.0 * duration, 12.0 * duration, color=PALE, alpha=0.45, linewidth=0, zorder=0)
        ax.axvline(0.0, color=FAINT, linestyle="--", linewidth=1, zorder=1)
    top.tick_params(labelbottom=False)
    return axes


def _event_row(ax: Axes, hours: Numbers, flux: Numbers, err: Numbers, ink: str, shift: float) -> None:
    """Points with pale error bars, and their means over a twenty-fifth of the night."""
    plot_errors(ax, hours, flux + shift, err, "o", color=ink, markersize=3, alpha=0.45, zorder=2)
    known = hours[np.isfinite(hours)]
    x, y = binned(hours, flux + shift, np.linspace(known.min(), known.max() + 1e-6, 26))
    ax.plot(x, y, "o", color=_dark(ink), markersize=5, markeredgecolor="white", markeredgewidth=0.7, zorder=4)


def _residuals(ax: Axes, hours: Numbers, left: Numbers, err: Numbers) -> None:
    spread = float(np.nanstd(left)) if np.isfinite(left).any() else 1.0
    ax.axhspan(-spread, spread, color=PALE, alpha=0.8, linewidth=0, zorder=0)
    _event_row(ax, hours, left, err, BLUE, 0.0)
    ax.axhline(0.0, color=RED, linewidth=1.6, zorder=3)
    reach = float(np.nanpercentile(np.abs(left), 99.0)) * 1.5 if np.isfinite(left).any() else 1.0
    ax.set_ylim(-reach, reach)
    ax.text(1.01, 0.0, f"rms\n{spread:.2f} %", color=INK, transform=ax.get_yaxis_transform(), va="center")


def _gap(flux: Numbers, err: Numbers) -> float:
    """Space between two curves."""
    return float(0.15 * np.ptp(np.nanpercentile(flux, [2.0, 98.0])) + 2.0 * np.nanmedian(err))


def _dark(ink: str) -> str:
    """The ink for what stands in front of pale points."""
    return to_hex(0.62 * np.array(to_rgb(ink)))


def _points(
    ax: Axes, x: Numbers, y: Numbers, err: Numbers, ink: str, label: str, spoiled: np.ndarray
) -> None:
    clean = ~spoiled
    plot_errors(ax, x[clean], y[clean], err[clean], "o", color=ink, markersize=3.5, label=label or None)
    if spoiled.any():
        plot_errors(
            ax, x[spoiled], y[spoiled], err[spoiled], "o", color=ink, markersize=3.5, markerfacecolor="white",
            alpha=0.8, label=f"{label}, flagged",
        )  # fmt: skip


def _step(upper: Numbers, err: Numbers, lower: Numbers) -> float:
    """Distance between two curves so that they do not touch, a round number."""
    reach = np.nanpercentile(upper, 99.5) - np.nanpercentile(lower, 0.5) + 4.0 * float(np.nanmedian(err))
    return float(np.ceil(max(float(reach), 0.01) * 50.0) / 50.0)


def _day(time: Numbers) -> float:
    return float(np.floor(np.nanmin(time))) if np.isfinite(time).any() else 0.0


def _hours(ax: Axes, time: Numbers) -> Numbers:
    """Hours since a whole day, or the number of the frame where no time is known; names the axis."""
    if not np.isfinite(time).any():
        ax.set_xlabel("frame")
        return np.arange(len(time), dtype=float)
    day = _day(time)
    ax.set_xlabel(f"hours since BJD(TDB) {day:.0f}")
    return (time - day) * 24.0
