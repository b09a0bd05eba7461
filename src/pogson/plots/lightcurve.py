"""Light curves: a star with its check star, raw beside detrended, folded, and with a transit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    RED,
    Numbers,
    add_legend,
    invert,
    numbers,
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
        _points(ax, hours, lifted, err, ORANGE, f"{label}, before detrending", spoiled)
    check, check_err = numbers(curve, "check_mag"), numbers(curve, "check_mag_err")
    if np.isfinite(check).any():
        level = check - np.nanmedian(check)
        step = _step(mag - middle, err, level)
        nothing = np.zeros(len(level), bool)
        _points(ax, hours, level + step, check_err, GREEN, f"check star (moved by {step:.2f})", nothing)
    if np.isfinite(mark):
        ax.axvline((mark - _day(time)) * 24.0, color=FAINT, linestyle="--", linewidth=1)
    invert(ax)
    add_legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
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
        ax.errorbar(
            phase + turn, value, error, fmt="o", color=BLUE, alpha=0.35, markersize=3, linewidth=0.7,
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


def plot_transit(curve: Table, axes: Sequence[Axes], *, title: str = "") -> Sequence[Axes]:
    """A transit: raw flux with its baseline, flux over baseline with the model, and the residuals.

    Parameters
    ----------
    curve : Table
        bjd_tdb, flux, flux_err, baseline and model of the fit.
    axes : sequence of three Axes
        Drawn on, and returned.
    title : str
        What was found, in words.
    """
    time, flux, err = (numbers(curve, name) for name in ("bjd_tdb", "flux", "flux_err"))
    baseline, model = numbers(curve, "baseline"), numbers(curve, "model")
    top, middle, bottom = axes
    top.set_title(title)
    top.set_ylabel("flux, raw")
    middle.set_ylabel("flux / baseline")
    bottom.set_ylabel("residual [%]")
    hours = _hours(bottom, time)
    if not np.isfinite(flux).any():
        return [say_empty(ax, "no light curve", keep_x=ax is bottom) for ax in axes]
    order = np.argsort(hours)
    _points(top, hours, flux, err, FAINT, "measured", np.zeros(len(flux), bool))
    top.plot(hours[order], baseline[order], color=ORANGE, linewidth=1.6, label="baseline", zorder=3)
    add_legend(top)
    _points(middle, hours, flux / baseline, err / baseline, BLUE, "", np.zeros(len(flux), bool))
    middle.plot(hours[order], (model / baseline)[order], color=RED, linewidth=2, zorder=3)
    left = 100.0 * (flux / model - 1.0)
    _points(bottom, hours, left, 100.0 * err / model, BLUE, "", np.zeros(len(flux), bool))
    bottom.axhline(0.0, color=RED, linewidth=1.4)
    reach = 1.1 * float(np.nanmax(np.abs(left)))
    bottom.set_ylim(-reach, reach)
    for ax in axes[:2]:
        ax.tick_params(labelbottom=False)
    return axes


def _points(
    ax: Axes, x: Numbers, y: Numbers, err: Numbers, ink: str, label: str, spoiled: np.ndarray
) -> None:
    style: Any = {"color": ink, "markersize": 3.5, "linewidth": 0.8, "elinewidth": 0.7}
    clean = ~spoiled
    ax.errorbar(x[clean], y[clean], err[clean], fmt="o", label=label or None, **style)
    if spoiled.any():
        ax.errorbar(
            x[spoiled], y[spoiled], err[spoiled], fmt="o", markerfacecolor="white", alpha=0.8,
            label=f"{label}, flagged", **style,
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
    ax.set_xlabel(f"hours since BJD$_{{TDB}}$ {day:.0f}")
    return (time - day) * 24.0
