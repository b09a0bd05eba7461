"""Whole figures, one per picture file of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pogson.core.frame import Frame, Master
from pogson.plots.budget import plot_budget, plot_repeats
from pogson.plots.camera import plot_transfer
from pogson.plots.diagram import plot_diagram, plot_magnitudes
from pogson.plots.image import plot_image, plot_master
from pogson.plots.metrics import plot_shifts, plot_transparency_map
from pogson.plots.night import COLUMNS, PANELS, add_key, plot_frames
from pogson.plots.profile import plot_growth, plot_profile
from pogson.plots.style import Numbers, bands_in_order, new_figure, say_empty
from pogson.plots.truth import plot_pulls, plot_recovery
from pogson.plots.zeropoint import plot_zero_point


def figure_diagram(stars: Table, *, color: str, mag: str) -> Figure:
    """cmd_<color>_<mag>.png: see `plot_diagram`."""
    figure = new_figure(6.6, 7.4)
    plot_diagram(stars, figure.axes[0], color=color, mag=mag)
    return figure


def figure_magnitudes(stars: Table, *, limits: Mapping[str, float] | None = None) -> Figure:
    """magnitudes.png: see `plot_magnitudes`."""
    figure = new_figure(7.6, 4.5)
    plot_magnitudes(stars, figure.axes[0], limits=limits)
    return figure


def figure_zero_point(
    residuals: Table, *, band: str = "", color: str = "", scatter: float = np.nan
) -> Figure:
    """zeropoint_<band>.png: see `plot_zero_point`."""
    figure = new_figure(9.6, 7.0, 2, 2, room=(1.1, 0.4, 1.7, 0.4), gap=(0.2, 0.6), sharey=True)
    plot_zero_point(residuals, figure.axes, scatter=scatter, color=color)
    if band:
        figure.axes[0].set_title(f"band {band}", loc="left")
    return figure


def figure_frames(frames: Table, *, zero_points: Table | None = None) -> Figure:
    """frames.png: see `plot_frames`."""
    rows = len(PANELS) // COLUMNS
    figure = new_figure(11.4, 9.7, rows, COLUMNS, room=(0.9, 0.3, 0.6, 0.7), gap=(0.65, 0.35))
    plot_frames(frames, figure.axes, zero_points=zero_points)
    add_key(figure, frames)
    return figure


def figure_shifts(frames: Table) -> Figure:
    """shifts.png: see `plot_shifts`."""
    figure = new_figure(10.8, 6.9, 3, 1, room=(1.1, 2.8, 0.7, 0.4), gap=(0.0, 0.1))
    plot_shifts(frames, figure.axes)
    return figure


def figure_covered(maps: Mapping[str, Sequence[Sequence[float]]], *, most: int = 6) -> Figure:
    """covered.png: the maps of the most uneven frames, see `plot_transparency_map`."""
    arrays = {name: np.asarray(values, float) for name, values in maps.items()}
    chosen = sorted(arrays, key=lambda name: float(np.nanmin(arrays[name])))[:most]
    shown = [name for name in arrays if name in chosen]
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = new_figure(3.6 * columns, 2.7 * rows, rows, columns, room=(0.4, 0.4, 0.1, 0.4), gap=(0.1, 0.35))
    for ax, name in zip(figure.axes, shown, strict=False):
        plot_transparency_map(arrays[name], ax, title=name.replace("\\", "/").rpartition("/")[2])
    for ax in figure.axes[len(shown) :]:
        ax.set_axis_off()
    return figure


def figure_detection(frame: Frame, *, stars: Table | None = None, radius: float = 8.0) -> Figure:
    """detection_<band>.png: see `plot_image`."""
    ny, nx = frame.shape
    high = float(np.clip(6.5 * ny / max(nx, 1), 2.0, 11.0))
    figure = new_figure(9.4, high + 1.5, room=(1.1, 1.4, 1.1, 0.4))
    plot_image(frame, figure.axes[0], stars=stars, radius=radius)
    return figure


def figure_profile(radius: ArrayLike, value: ArrayLike, **marks: Any) -> Figure:
    """profile.png: see `plot_profile`."""
    figure = new_figure(7.6, 4.8)
    plot_profile(radius, value, figure.axes[0], **marks)
    return figure


def figure_growth(radius: ArrayLike, enclosed: ArrayLike, **marks: Any) -> Figure:
    """growth.png: see `plot_growth`."""
    figure = new_figure(7.6, 4.8)
    plot_growth(radius, enclosed, figure.axes[0], **marks)
    return figure


def figure_budget(photometry: Table, *, band: str = "", repeats: Table | None = None) -> Figure:
    """budget_<band>.png: see `plot_budget`."""
    figure = new_figure(9.4, 5.2, room=(1.1, 2.6, 0.7, 0.4))
    plot_budget(photometry, figure.axes[0], repeats=repeats)
    if band:
        figure.axes[0].set_xlabel(f"{band} magnitude [mag]")
    return figure


def figure_noise(repeats: Table) -> Figure:
    """noise.png: see `plot_repeats`."""
    figure = new_figure(11.0, 5.0, room=(1.1, 3.7, 0.7, 0.4))
    plot_repeats(repeats, figure.axes[0])
    return figure


def figure_masters(masters: Sequence[Master], *, rest: Callable[[], None] = lambda: None) -> Figure:
    """masters.png: one thumbnail per master, see `plot_master`.

    `rest` is called after each: masters that lie on the disk need no memory then.
    """
    columns = min(3, max(1, len(masters)))
    rows = max(1, -(-len(masters) // columns))
    ny, nx = max((m.data.shape for m in masters), default=(3, 4))
    high = (2.3 * ny / max(nx, 1) + 0.9) * rows
    figure = new_figure(
        3.75 * columns + 0.8, high + 0.2, rows, columns, room=(1.0, 1.2, 0.7, 0.4), gap=(1.4, 0.9)
    )
    for ax, master in zip(figure.axes, masters, strict=False):
        plot_master(master, ax)
        rest()
    if not masters:
        say_empty(figure.axes[0], "no masters")
    for ax in figure.axes[len(masters) : rows * columns] if masters else []:
        ax.set_axis_off()
    return figure


def figure_camera(mean: ArrayLike, variance: ArrayLike, **values: Any) -> Figure:
    """camera.png: see `plot_transfer`."""
    figure = new_figure(7.2, 5.3)
    plot_transfer(mean, variance, figure.axes[0], **values)
    return figure


def figure_truth(recovered: Mapping[str, tuple[Numbers, Numbers, Numbers]]) -> Figure:
    """truth.png: per band (true, measured, error) magnitudes, and the pulls of all bands together."""
    bands = bands_in_order(list(recovered))
    figure = new_figure(9.0, 2.5 * (len(bands) + 1) + 0.8, len(bands) + 1, 1, room=None)
    pulls = {}
    for ax, band in zip(figure.axes, bands, strict=False):
        true, measured, err = (np.asarray(v, float) for v in recovered[band])
        plot_recovery(true, measured, err, ax, band=band)
        pulls[band] = (measured - true) / np.where(err > 0, err, np.nan)
    plot_pulls(pulls, figure.axes[-1])
    return figure


#: file of a run's plots/ folder -> the function that draws it
PICTURES: dict[str, Callable[..., Figure]] = {
    "cmd_{color}_{mag}.png": figure_diagram,
    "magnitudes.png": figure_magnitudes,
    "zeropoint_{band}.png": figure_zero_point,
    "frames.png": figure_frames,
    "shifts.png": figure_shifts,
    "covered.png": figure_covered,
    "detection_{band}.png": figure_detection,
    "profile.png": figure_profile,
    "growth.png": figure_growth,
    "budget_{band}.png": figure_budget,
    "noise.png": figure_noise,
    "masters.png": figure_masters,
    "camera.png": figure_camera,
    "truth.png": figure_truth,
}
