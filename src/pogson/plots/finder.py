"""A finder chart: the frame with the sky's grid and the catalogue's stars, beside the catalogue alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pogson.core.frame import Frame
from pogson.plots.image import plot_compass, plot_image
from pogson.plots.style import BLUE, FAINT, INK, new_figure, say_empty

Values = NDArray[np.float64]

NAMED = 8  # brightest stars that are named
#: distances of the lines of the grid, degree
_STEPS = np.array([5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000]) / 3600.0


def figure_finder(frame: Frame, wcs: Any, catalog: Table, *, title: str = "") -> Figure:
    """The frame and the catalogue's own rendering of its field, to be compared by eye.

    Parameters
    ----------
    frame : Frame
        What was seen.
    wcs : astropy.wcs.WCS
        Its plate solution, 0-based.
    catalog : Table
        CATALOG; its first magnitude column sets the size of the dots.
    title : str
        Above the frame.
    """
    ny, nx = frame.shape
    figure = new_figure(13.0, 13.0 * 0.47 * ny / nx + 1.2, ncols=2)
    seen, known = figure.axes[:2]
    plot_image(frame, seen)
    seen.set_title(title)
    _circles(seen, frame.shape, wcs, catalog)
    plot_sky(known, frame.shape, wcs, catalog)
    n = len(_places(frame.shape, wcs, catalog)[0])
    known.set_title(f"{catalog.meta.get('name', 'catalogue')}: {n} stars")
    for ax in (seen, known):
        _grid(ax, frame.shape, wcs)
        plot_compass(wcs, frame.shape, ax)
    return figure


def plot_sky(ax: Axes, shape: tuple[int, int], wcs: Any, catalog: Table) -> Axes:
    """Stars of a catalogue as dots, larger when brighter, where a frame would show them."""
    x, y, mag = _places(shape, wcs, catalog)
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(-0.5, shape[0] - 0.5)
    ax.set_aspect("equal")
    if len(x) == 0:
        return say_empty(ax, "no catalogue star here")
    size = 1.0 + 7.0 * (np.clip(mag.max() - mag, 0.0, 8.0) / max(np.ptp(mag), 1.0)) ** 1.2
    ax.scatter(x, y, s=size**2, color=INK, linewidths=0)
    ax.grid(visible=False)
    ax.set_xlabel("x [px]")
    return ax


def _places(shape: tuple[int, int], wcs: Any, catalog: Table) -> tuple[Values, Values, Values]:
    """Pixels and magnitudes of the catalogue's stars in the frame, brightest first."""
    names = [c for c in catalog.colnames if c.startswith("mag_") and not c.endswith("_err")]
    mag = np.asarray(catalog[names[0]], float) if names else np.zeros(len(catalog))
    if len(catalog) == 0:
        return mag, mag, mag
    x, y = wcs.all_world2pix(np.asarray(catalog["ra"]), np.asarray(catalog["dec"]), 0, quiet=True)
    inside = np.flatnonzero((x > 0) & (x < shape[1]) & (y > 0) & (y < shape[0]) & np.isfinite(mag))
    inside = inside[np.argsort(mag[inside], kind="stable")]
    return x[inside], y[inside], mag[inside]


def _circles(ax: Axes, shape: tuple[int, int], wcs: Any, catalog: Table) -> None:
    x, y, mag = _places(shape, wcs, catalog)
    ax.plot(x, y, "o", markersize=9, markerfacecolor="none", color=BLUE, markeredgewidth=0.8)
    for k in range(min(NAMED, len(x))):
        ax.annotate(f"{mag[k]:.1f}", (x[k], y[k]), (7, 5), textcoords="offset points", fontsize=8, color=BLUE)


def _grid(ax: Axes, shape: tuple[int, int], wcs: Any) -> None:
    """Lines of equal right ascension and declination, named at the frame's edge."""
    ny, nx = shape
    gx, gy = np.meshgrid(np.linspace(0, nx - 1, 80), np.linspace(0, ny - 1, 80))
    ra, dec = wcs.all_pix2world(gx, gy, 0)
    middle = ra[40, 40]
    ra = (ra - middle + 180.0) % 360.0 - 180.0
    limits = ax.get_xlim(), ax.get_ylim()
    for values, offset, name in ((ra, middle, "α"), (dec, 0.0, "δ")):
        span = float(np.ptp(values))
        step = float(_STEPS[min(int(np.searchsorted(_STEPS, span / 5.0)), len(_STEPS) - 1)])
        first = np.ceil((values.min() + offset) / step) * step - offset
        levels = np.arange(first, values.max(), step)
        if len(levels) and span < 300.0:
            lines = ax.contour(gx, gy, values, levels, colors=FAINT, linewidths=0.5, linestyles="dotted")
            digits = 2 if step >= 0.01 else 4
            names = {v: f"{name} {(v + offset) % 360 if offset else v:.{digits}f}°" for v in levels}
            ax.clabel(lines, fmt=names, fontsize=7)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
