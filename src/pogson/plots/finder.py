"""A finder chart: the frame with the sky's grid and the catalogue's stars, beside the catalogue alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from pogson.core.frame import Frame
from pogson.plots.image import plot_image
from pogson.plots.sky import draw_compass, draw_grid, draw_scale, sky_words
from pogson.plots.style import BLUE, INK, new_figure, say_empty

Values = NDArray[np.float64]

NAMED = 15  # brightest stars that are numbered, and listed below
SHOWN = 1500  # brightest stars that are drawn: a deep catalogue would be a black square
CIRCLED = 150  # brightest stars that are circled: more would hide the frame
_WIDE = 6.6  # inches of a panel


def figure_finder(
    frame: Frame,
    wcs: Any,
    catalog: Table,
    *,
    title: str = "",
    survey: tuple[str, NDArray[np.float32]] | None = None,
) -> Figure:
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
    survey : (name, picture), optional
        The same field as a survey shows it, on the same grid, coarser or not: drawn between the two.
    """
    ny, nx = frame.shape
    panels = 2 if survey is None else 3
    figure = new_figure(panels * _WIDE, _WIDE * 0.88 * min(ny / nx, 1.6) + 1.8, ncols=panels, room=None)
    axes = figure.axes[:panels]
    stars = _stars_in(frame.shape, wcs, catalog)
    named = _apart(stars, frame.shape)
    plot_image(frame, axes[0])
    for bar in list(axes[0].child_axes):
        bar.remove()
    _title(axes[0], title)
    _circle(axes[0], stars)
    if survey is not None:
        _show_survey(axes[1], survey, frame.shape)
    plot_sky(axes[-1], frame.shape, wcs, catalog)
    n = len(stars[0])
    some = f"{SHOWN} of {n}" if n > SHOWN else str(n)
    name = str(catalog.meta.get("name", "catalogue"))[:24]
    _title(axes[-1], f"{name}: {some} star{'' if n == 1 else 's'}")
    for ax in axes:
        ax.set_xlim(-0.5, nx - 0.5)
        ax.set_ylim(-0.5, ny - 0.5)
        draw_grid(ax, frame.shape, wcs)
        _number(ax, stars, named)
        draw_compass(ax, frame.shape, wcs)
        draw_scale(ax, frame.shape, wcs)
    if n:
        figure.supxlabel(_list(stars, named, catalog), fontsize=8, family="DejaVu Sans Mono", color=INK)
    return figure


def plot_sky(ax: Axes, shape: tuple[int, int], wcs: Any, catalog: Table) -> Axes:
    """Stars of a catalogue as dots, larger when brighter, where a frame would show them."""
    x, y, mag, _ = (column[:SHOWN] for column in _stars_in(shape, wcs, catalog))
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(-0.5, shape[0] - 0.5)
    ax.set_aspect("equal")
    ax.grid(visible=False)
    if len(x) == 0:
        return say_empty(ax, "no catalogue star here")
    faintest = float(mag.max())
    # many stars are drawn small
    size = min(1.0, (150.0 / len(x)) ** 0.6)
    ax.scatter(x, y, s=size * _sizes(mag, faintest), color=INK, edgecolors="white", linewidths=0.4, zorder=2)
    steps = np.unique(np.round(np.linspace(mag.min(), faintest, 4)))
    for step in steps[(steps >= mag.min() - 0.5) & (steps <= faintest + 0.5)]:
        ax.scatter(
            [],
            [],
            s=size * _sizes(np.array([step]), faintest),
            color=INK,
            linewidths=0,
            label=f"{step:.0f} mag",
        )
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=len(steps), fontsize=8.5, frameon=False,
        handletextpad=0.1, columnspacing=0.8, borderaxespad=0.1,
    )  # fmt: skip
    return ax


def _sizes(mag: Values, faintest: float) -> Values:
    """Areas of dots: the eye reads a magnitude from the diameter."""
    return np.asarray((1.8 + 1.55 * np.clip(faintest - mag, 0.0, 9.0)) ** 2)


def _stars_in(shape: tuple[int, int], wcs: Any, catalog: Table) -> tuple[Values, Values, Values, Any]:
    """Pixels, magnitudes and rows of the catalogue's stars in the frame, brightest first."""
    names = [c for c in catalog.colnames if c.startswith("mag_") and not c.endswith("_err")]
    mag = np.asarray(catalog[names[0]], float) if names else np.zeros(len(catalog))
    if len(catalog) == 0:
        return mag, mag, mag, np.zeros(0, np.int64)
    x, y = wcs.all_world2pix(np.asarray(catalog["ra"]), np.asarray(catalog["dec"]), 0, quiet=True)
    inside = np.flatnonzero((x > 0) & (x < shape[1]) & (y > 0) & (y < shape[0]) & np.isfinite(mag))
    inside = inside[np.argsort(mag[inside], kind="stable")]
    return x[inside], y[inside], mag[inside], inside


def _title(ax: Axes, words: str) -> None:
    ax.set_title(words, loc="left", fontsize=10.5, fontweight="bold")


def _circle(ax: Axes, stars: tuple[Values, Values, Values, Any]) -> None:
    x, y, _, _ = stars
    ax.plot(
        x[:CIRCLED], y[:CIRCLED], "o", markersize=10, markerfacecolor="none", color=BLUE, markeredgewidth=0.9
    )


def _apart(stars: tuple[Values, Values, Values, Any], shape: tuple[int, int]) -> list[int]:
    """The brightest stars that stand so far apart that their numbers can be read."""
    x, y, _, _ = stars
    chosen: list[int] = []
    for k in range(min(len(x), CIRCLED)):
        if all(np.hypot(x[k] - x[j], y[k] - y[j]) > 0.045 * max(shape) for j in chosen):
            chosen.append(k)
        if len(chosen) == NAMED:
            break
    return chosen


def _number(ax: Axes, stars: tuple[Values, Values, Values, Any], named: list[int]) -> None:
    """The same number on every panel; towards the middle, so that none is cut off."""
    x, y, _, _ = stars
    middle = float(np.mean(ax.get_xlim()))
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for number, k in enumerate(named, 1):
        left = x[k] > 1.7 * middle
        ax.annotate(
            str(number), (x[k], y[k]), (-8 if left else 8, 5), textcoords="offset points", fontsize=9,
            color=BLUE, ha="right" if left else "left", path_effects=halo, zorder=3,
        )  # fmt: skip


def _show_survey(ax: Axes, survey: tuple[str, NDArray[np.float32]], shape: tuple[int, int]) -> None:
    name, picture = survey
    low, high = np.nanpercentile(picture, (5.0, 99.7))
    level = np.arcsinh((picture - low) / max(0.1 * (high - low), 1e-9))
    extent = (-0.5, shape[1] - 0.5, -0.5, shape[0] - 0.5)
    ax.imshow(level, origin="lower", cmap="gray_r", extent=extent, vmin=0.0, vmax=np.arcsinh(10.0))
    _title(ax, name)
    ax.grid(visible=False)


def _list(stars: tuple[Values, Values, Values, Any], named: list[int], catalog: Table) -> str:
    """Number, name, place and magnitude of the brightest, in three columns."""
    _, _, mag, rows = stars
    names = [str(catalog["id"][rows[k]])[:20] if "id" in catalog.colnames else "" for k in named]
    wide = max(map(len, names))
    places = {k: (float(catalog["ra"][rows[k]]), float(catalog["dec"][rows[k]])) for k in named}
    entries = [
        f"{number:>2}  {name:<{wide}}  {sky_words(*places[k])}  {mag[k]:5.2f}"
        for number, (name, k) in enumerate(zip(names, named, strict=True), 1)
    ]
    high = -(-len(entries) // 3)
    columns = [entries[i * high : (i + 1) * high] for i in range(3)]
    width = len(entries[0])
    return "\n".join(
        "      ".join(f"{column[i] if i < len(column) else '':<{width}}" for column in columns)
        for i in range(high)
    )
