"""One quiet style for every picture: few inks, units on every axis, the same bytes every time."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

Numbers = NDArray[np.float64]

DPI = 120
BORDER = 6  # pixels around what is drawn

Room = tuple[float, float, float, float]
ROOM: Room = (1.1, 0.4, 0.7, 0.4)  # left, right, bottom, top of the axes: inches for words
INK = "#22262b"  # text, axes
FAINT = "#8a929c"  # what stands behind the data
PALE = "#e3e6ea"  # bands, grids
BLUE, RED, GREEN, ORANGE, SKY, PINK = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
INKS = (BLUE, RED, GREEN, ORANGE, PINK, SKY, INK, FAINT)  # Okabe & Ito: told apart by colour-blind eyes

#: colour and marker of a band: from blue to red light; the marker tells them apart without colour
BANDS: dict[str, tuple[str, str]] = {
    "u": (PINK, "v"), "U": (PINK, "v"),
    "B": (BLUE, "o"), "g": (GREEN, "o"), "V": (GREEN, "s"), "G": (INK, "o"),
    "r": (RED, "s"), "R": (RED, "D"),
    "i": (ORANGE, "^"), "I": (ORANGE, "^"),
    "z": ("#7a4b26", "D"), "y": (INK, "P"),
}  # fmt: skip

_RC = {
    "font.family": "DejaVu Sans", "font.size": 10.0, "text.color": INK,
    "axes.labelsize": 10.5, "axes.titlesize": 10.5, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.linewidth": 0.8, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": PALE,
    "grid.linewidth": 0.6, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "xtick.labelsize": 9.5, "ytick.labelsize": 9.5,
    "figure.facecolor": "white", "axes.facecolor": "white", "axes.unicode_minus": True,
}  # fmt: skip


def new_figure(
    width: float = 7.0,
    height: float = 5.0,
    nrows: int = 1,
    ncols: int = 1,
    *,
    room: Room | None = ROOM,
    gap: tuple[float, float] = (0.4, 0.2),
    **grid: Any,
) -> Figure:
    """A figure in the house style, with `nrows` by `ncols` axes, without any global state.

    Parameters
    ----------
    width, height : float
        Inches, with the room for words.
    nrows, ncols : int
        Of axes.
    room : (left, right, bottom, top), optional
        Inches for the words around the axes, more than they need: `to_png` cuts off what is left. None: the
        words are measured, which takes as long as drawing them.
    gap : (across, down)
        Inches between axes, where there is `room`.
    **grid
        Passed to `Figure.subplots`, such as ``sharex=True``.
    """
    with mpl.rc_context({**mpl.rcParamsDefault, **_RC}):
        figure = Figure(figsize=(width, height), layout="constrained" if room is None else None)
        if room is not None:
            left, right, bottom, top = room
            figure.subplots_adjust(
                left / width, bottom / height, 1 - right / width, 1 - top / height,
                wspace=gap[0] / ((width - left - right + gap[0]) / ncols - gap[0]),
                hspace=gap[1] / ((height - bottom - top + gap[1]) / nrows - gap[1]),
            )  # fmt: skip
        FigureCanvasAgg(figure)
        figure.subplots(nrows, ncols, squeeze=False, **grid)
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure as PNG: always the same bytes for the same figure (no dates, no versions).

    Without the empty border; sent through a palette of 256 colours: the eye sees no difference, the file
    is a third.
    """
    canvas, small = FigureCanvasAgg(figure), BytesIO()
    with mpl.rc_context({**mpl.rcParamsDefault, **_RC}):
        figure.set_dpi(DPI)
        canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image = ImageOps.expand(image.crop(ImageChops.invert(image).getbbox()), BORDER, "white")
    # the fast one has no more than sixteen greys
    smooth = any(ax.images for ax in figure.axes)
    method = Image.Quantize.MEDIANCUT if smooth else Image.Quantize.FASTOCTREE
    image.quantize(256, method, dither=Image.Dither.NONE).save(small, "PNG")
    return small.getvalue()


def say_empty(ax: Axes, message: str = "no stars", *, keep_x: bool = False) -> Axes:
    """Write why there is nothing to see, in the middle of the axes."""
    ax.text(0.5, 0.5, message, transform=ax.transAxes, ha="center", va="center", color=FAINT, fontsize=11)
    if not keep_x:
        ax.set_xticks([])
    ax.set_yticks([])
    return ax


def plot_errors(ax: Axes, x: Numbers, y: Numbers, err: Numbers, marker: str, **style: Any) -> None:
    """Points, with error bars where an error is known; all bars are one line with gaps: drawn at once.

    Parameters
    ----------
    ax : Axes
        Drawn on.
    x, y, err : (n,)
        Places, and half the lengths of the bars.
    marker : str
        Of the points.
    **style
        Of points and bars; `elinewidth` is the width of the bars.
    """
    width = style.pop("elinewidth", 0.7)
    bars = {name: value for name, value in style.items() if name in ("color", "alpha", "zorder")}
    known = np.isfinite(y) & (err > 0.0)
    if known.any():
        gaps = np.full(int(known.sum()), np.nan)
        ends = np.column_stack([y[known] - err[known], y[known] + err[known], gaps])
        ax.plot(np.repeat(x[known], 3), ends.ravel(), linewidth=width, **bars)
    ax.plot(x, y, marker, **style)


def add_legend(ax: Axes, **where: Any) -> None:
    """A legend without a frame, if anything is labelled."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        options = {
            "fontsize": 9,
            "frameon": True,
            "framealpha": 0.85,
            "edgecolor": "none",
            "handletextpad": 0.5,
        }
        ax.legend(handles, labels, **{**options, **where})


def plain_log(axis: Axis) -> None:
    """Ticks at 1, 2, 5, 10 ... of a logarithmic axis; 0.01 and not 10^-2, as observers write."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def invert(ax: Axes) -> None:
    """Turn the vertical axis so that bright magnitudes are at the top."""
    if not ax.yaxis_inverted():
        ax.invert_yaxis()


def numbers(table: Table, name: str) -> Numbers:
    """Column `name` as plain float64; NaN where it is masked, everywhere where it does not exist."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    values = np.ma.asarray(table[name]).astype(np.float64)
    return np.asarray(np.ma.filled(values, np.nan), np.float64)


def words(table: Table, name: str) -> list[str]:
    """Column `name` as strings; empty where it does not exist."""
    return [str(value) for value in table[name]] if name in table.colnames else [""] * len(table)


def band_style(band: str, index: int = 0) -> tuple[str, str]:
    """Colour and marker of a band; `index` picks one for a band of no fixed colour."""
    return BANDS.get(band, (INKS[index % len(INKS)], "o"))


def bands_in_order(bands: list[str]) -> list[str]:
    """Every band once, from blue to red, unknown ones last."""
    order = ["u", "U", "B", "g", "V", "G", "r", "R", "i", "I", "z", "y"]
    return sorted(set(bands), key=lambda band: (order.index(band) if band in order else len(order), band))


def span(values: Numbers, low: float = 0.5, high: float = 99.5, pad: float = 0.06) -> tuple[float, float]:
    """Limits that hold nearly all finite values, outliers left outside; (0, 1) where there are none."""
    good = values[np.isfinite(values)]
    if good.size == 0:
        return 0.0, 1.0
    a, b = (float(v) for v in np.percentile(good, [low, high]))
    margin = pad * (b - a) or 0.5
    return a - margin, b + margin


def binned(x: Numbers, y: Numbers, edges: Numbers, least: int = 3) -> tuple[Numbers, Numbers]:
    """Median x and y in each of the bins that hold at least `least` finite points."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    number = np.digitize(x, edges).astype(np.int16)  # which is sorted fast
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(1, len(edges) + 1))
    bins = [order[i:k] for i, k in pairwise(starts) if k - i >= least]
    return np.array([np.median(x[b]) for b in bins]), np.array([np.median(y[b]) for b in bins])


def steps_of(x: Numbers, width: float) -> Numbers:
    """Bin edges at multiples of `width` that cover all finite x."""
    good = x[np.isfinite(x)]
    if good.size == 0:
        return np.array([0.0, width])
    first, last = np.floor(good.min() / width), np.floor(good.max() / width) + 1
    return np.arange(first, last + 0.5) * width
