"""The sky's grid on an image: lines of equal right ascension and declination, named at the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from pogson.plots.style import FAINT, INK

Values = NDArray[np.float64]

#: distances of lines of declination, arcsec
_ARCS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000)
#: ... of right ascension, seconds of time
_TIMES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_LINES = 5.0  # about so many of each
_SAMPLES = 60  # of the coordinates, along each side


def draw_grid(ax: Axes, shape: tuple[int, int], wcs: Any) -> None:
    """Draw the grid and name its lines: one coordinate along x, the other along y.

    Parameters
    ----------
    ax : Axes
        In pixels of the frame; its ticks become those of the sky.
    shape : (ny, nx)
        Of the frame.
    wcs : astropy.wcs.WCS
        0-based.
    """
    ny, nx = shape
    x, y = np.linspace(-0.5, nx - 0.5, _SAMPLES), np.linspace(-0.5, ny - 0.5, _SAMPLES)
    gx, gy = np.meshgrid(x, y)
    ra, dec = (np.asarray(v, float) for v in wcs.all_pix2world(gx, gy, 0))
    middle = float(ra[_SAMPLES // 2, _SAMPLES // 2])
    # no jump from 360 to 0 within the frame
    ra = middle + (ra - middle + 180.0) % 360.0 - 180.0
    # where the rows run along declination, right ascension is named on the left
    turned = np.ptp(ra[0]) < np.ptp(ra[:, 0])
    for values, steps, unit in ((ra, _TIMES, 240.0), (dec, _ARCS, 3600.0)):
        span = float(np.ptp(values)) * unit
        if not 0.0 < span < 300.0 * unit:
            continue  # the pole is in the frame: this coordinate has no lines worth a name
        step = min(steps, key=lambda s: abs(np.log(span / _LINES / s)))
        levels = np.arange(np.ceil(values.min() * unit / step), values.max() * unit / step) * step / unit
        if len(levels) == 0:
            continue
        ax.contour(gx, gy, values, levels, colors=FAINT, linewidths=0.6, linestyles="dotted", zorder=1.5)
        along_x = (values is ra) != turned
        edge = values[0] if along_x else values[:, 0]
        words = _hours if values is ra else _degrees
        found = [(_crossing(edge, x if along_x else y, v), words(v, step)) for v in levels]
        places = [(p, w) for p, w in found if np.isfinite(p)]
        axis = ax.xaxis if along_x else ax.yaxis
        axis.set_ticks([p for p, _ in places], [w for _, w in places], fontsize=8)
        (ax.set_xlabel if along_x else ax.set_ylabel)(
            "right ascension" if values is ra else "declination", fontsize=9
        )
        if not along_x:
            ax.tick_params(axis="y", labelrotation=90)
            for label in ax.get_yticklabels():
                label.set_verticalalignment("center")
    ax.tick_params(length=3)


def draw_scale(ax: Axes, shape: tuple[int, int], wcs: Any) -> None:
    """A bar of a round length in the lower left corner."""
    scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
    wanted = 0.2 * shape[1] * scale
    arcsec = min(_ARCS, key=lambda s: abs(np.log(wanted / s)))
    words = (
        f"{arcsec}″" if arcsec < 60 else f"{arcsec / 60:.0f}′" if arcsec < 3600 else f"{arcsec / 3600:.0f}°"
    )
    x0, y0, length = 0.04 * shape[1], 0.045 * shape[0], arcsec / scale
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    ax.text(
        x0 + length / 2, y0 + 0.02 * shape[0], words, ha="center", va="bottom", fontsize=9, color=INK,
        bbox=box, zorder=4,
    )  # fmt: skip
    ax.plot([x0, x0 + length], [y0, y0], color="white", linewidth=5, solid_capstyle="butt", zorder=4)
    ax.plot([x0, x0 + length], [y0, y0], color=INK, linewidth=2, solid_capstyle="butt", zorder=5)


def draw_compass(ax: Axes, shape: tuple[int, int], wcs: Any) -> None:
    """Arrows to north and east in the lower right corner."""
    ny, nx = shape
    cd = np.asarray(wcs.pixel_scale_matrix, float)
    length = 0.055 * min(nx, ny)
    x0, y0 = nx - 1.8 * length, 1.8 * length
    halo = [withStroke(linewidth=3.5, foreground="white")]
    for name, way in (("N", (0.0, 1.0)), ("E", (1.0, 0.0))):
        step = np.linalg.solve(cd, way)
        dx, dy = length * step / np.hypot(*step)
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.3, "path_effects": halo}
        ax.annotate("", (x0 + dx, y0 + dy), (x0, y0), arrowprops=arrow, zorder=4)
        ax.text(
            x0 + 1.35 * dx, y0 + 1.35 * dy, name, ha="center", va="center", fontsize=10, color=INK,
            path_effects=halo, zorder=4,
        )  # fmt: skip


def sky_words(ra: float, dec: float) -> str:
    """A position in hours and degrees, to 0.1 s and 1 arcsec."""
    t = round(ra % 360.0 * 2400.0) % 864_000
    a = round(abs(dec) * 3600.0)
    hours = f"{t // 36000:02d} {t // 600 % 60:02d} {t % 600 / 10:04.1f}"
    return f"{hours}  {'-' if dec < 0 else '+'}{a // 3600:02d} {a // 60 % 60:02d} {a % 60:02d}"


def _crossing(edge: Values, place: Values, value: float) -> float:
    """Where along an edge a coordinate has a value; NaN where it has not."""
    below = edge < value
    k = np.flatnonzero(below[1:] != below[:-1])
    if len(k) == 0:
        return float("nan")
    i = int(k[0])
    return float(place[i] + (value - edge[i]) / (edge[i + 1] - edge[i]) * (place[i + 1] - place[i]))


def _hours(ra: float, step: float) -> str:
    t = round(ra % 360.0 * 2400.0) % 864_000
    h, m, s = t // 36000, t // 600 % 60, t % 600 / 10
    if step >= 3600:
        return f"{h}h"
    if step >= 60:
        return f"{h}h{m:02d}m"
    return f"{h}h{m:02d}m{s:02.0f}s" if step >= 1 else f"{h}h{m:02d}m{s:04.1f}s"


def _degrees(dec: float, step: float) -> str:
    a = round(abs(dec) * 3600.0)
    sign = "−" if dec < 0 and a else "+"
    if step >= 3600:
        return f"{sign}{a // 3600}°"
    return f"{sign}{a // 3600}°{a // 60 % 60:02d}′" + ("" if step >= 60 else f"{a % 60:02d}″")
