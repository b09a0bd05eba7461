"""A frame or a master as a picture: stretched so that faint stars show, with what was found on it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from astropy.table import Table
from astropy.visualization import ZScaleInterval
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pogson.core.flags import SPOILED, Star
from pogson.core.frame import Frame, Master
from pogson.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, RED, numbers, say_empty

LARGEST = 700  # pixels a side that a report can show: larger images are averaged down to this
COMPASS = 0.05  # length of its arrows over the shorter side of the image
_GRAYS = mpl.colormaps["gray_r"].resampled(32)  # few steps: a picture of noise stays a small file

#: class of a star on the picture: words, bits, colour; the first that fits is taken
CLASSES = (
    ("saturated", int(Star.SATURATED), RED),
    ("spoiled otherwise", SPOILED & ~int(Star.SATURATED | Star.BLENDED), ORANGE),
    ("neighbour or blend", int(Star.NEIGHBOR | Star.BLENDED), GREEN),
    ("clean", 0, BLUE),
)


def plot_image(
    frame: Frame, ax: Axes, *, stars: Table | None = None, radius: float = 8.0, stretch: str = "asinh"
) -> Axes:
    """A frame with a colour bar, circles around its stars, and arrows to north and east.

    Parameters
    ----------
    frame : Frame
        Its mask is not drawn.
    ax : Axes
        Drawn on, and returned.
    stars : Table, optional
        Positions x, y in this frame (pixels) and flags; a circle's colour tells the class of its flags.
    radius : float
        Of the circles, pixels.
    stretch : str
        "asinh" shows faint and bright together; "zscale" is linear around the sky.
    """
    bar = _show(frame.data, ax, stretch)
    if bar is None:
        return say_empty(ax, "no usable pixel")
    bar.set_label(f"signal [{'electron' if frame.unit == 'electron' else 'ADU'} / px]")
    ax.set_xlabel("x [px]")
    ax.set_ylabel("y [px]")
    if stars is not None and len(stars):
        _circle(stars, ax, radius)
    if frame.wcs is not None:
        plot_compass(frame.wcs, frame.shape, ax)
    return ax


def plot_master(master: Master, ax: Axes) -> Axes:
    """Thumbnail of a master bias, dark or flat, with its median and noise."""
    parts = [master.kind, master.band, f"{master.exptime:g} s" if master.kind == "dark" else ""]
    ax.set_title(
        " ".join(part for part in parts if part) + f", {master.n} frames", fontsize=10, loc="left", y=1.0
    )
    bar = _show(master.data, ax, "zscale")
    if bar is None:
        return say_empty(ax, "no usable pixel")
    bar.set_label("relative response" if master.kind == "flat" else "level [ADU]")
    ax.set_xlabel("x [px]")
    ax.set_ylabel("y [px]")
    return ax


def _show(data: NDArray[np.float32], ax: Axes, stretch: str) -> Any:
    """Draw the pixels; return the colour bar, or None where nothing is finite."""
    small = _shrink(data)
    finite = small[np.isfinite(small)]
    if finite.size == 0:
        return None
    norm = _asinh(finite) if stretch == "asinh" else _zscale(finite)
    ny, nx = data.shape
    picture = ax.imshow(
        small, origin="lower", cmap=_GRAYS if stretch == "asinh" else _GRAYS.reversed(), norm=norm,
        extent=(-0.5, nx - 0.5, -0.5, ny - 0.5), interpolation="nearest",
    )  # fmt: skip
    ax.grid(visible=False)
    ax.set_aspect("equal")
    bar = ax.figure.colorbar(picture, cax=ax.inset_axes((1.02, 0.0, 0.025, 1.0)))
    bar.outline.set_edgecolor(FAINT)
    if stretch == "asinh":
        levels = [float(level) for level in norm.inverse(np.linspace(0.0, 1.0, 7))]
        bar.set_ticks(levels, labels=[f"{v:.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in levels])
        bar.ax.minorticks_off()
    return bar


def _zscale(values: NDArray[np.float32]) -> Any:
    low, high = ZScaleInterval().get_limits(values)
    return Normalize(low, high) if high > low else Normalize(low - 0.5, low + 0.5)


def _asinh(values: NDArray[np.float32]) -> Any:
    """Linear for a few times the noise around the sky, logarithmic above."""
    sky = float(np.median(values))
    noise = 1.4826 * float(np.median(np.abs(values - sky))) or 1.0
    top = max(float(np.percentile(values, 99.9)), sky + 10 * noise)
    width = 3 * noise
    return FuncNorm(
        (lambda v: np.arcsinh((v - sky) / width), lambda u: sky + width * np.sinh(u)),
        vmin=sky - 2 * noise, vmax=top, clip=True,
    )  # fmt: skip


def _shrink(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average blocks of pixels until no side is above LARGEST; odd rows and columns at the end are cut."""
    step = -(-max(data.shape) // LARGEST) if data.size else 1
    if step == 1:
        return data
    ny, nx = data.shape[0] // step, data.shape[1] // step
    blocks = data[: ny * step, : nx * step].reshape(ny, step, nx, step)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _circle(stars: Table, ax: Axes, radius: float) -> None:
    x, y = numbers(stars, "x"), numbers(stars, "y")
    flags = (
        np.asarray(stars["flags"], np.int64) if "flags" in stars.colnames else np.zeros(len(stars), np.int64)
    )
    left = np.isfinite(x) & np.isfinite(y)
    for name, bits, ink in CLASSES:
        take = left & ((flags & bits) != 0) if bits else left
        left = left & ~take
        if not take.any():
            continue
        n = int(take.sum())
        size = np.full(n, 2 * radius)
        circles = EllipseCollection(
            size, size, np.zeros(n), units="xy", offsets=np.column_stack([x[take], y[take]]),
            offset_transform=ax.transData, facecolors="none", edgecolors=ink, linewidths=0.8,
        )  # fmt: skip
        ax.add_collection(circles, autolim=False)
        ax.plot([], [], "o", markerfacecolor="none", color=ink, label=f"{name} ({n})")
    ax.legend(
        loc="upper left", bbox_to_anchor=(0, -0.1), ncol=4, fontsize=9, frameon=False, handletextpad=0.2,
        columnspacing=1.0, borderaxespad=0,
    )  # fmt: skip


def plot_compass(wcs: Any, shape: tuple[int, int], ax: Axes) -> None:
    """Arrows to north and east from the lower right corner, from the slope of the coordinates there."""
    ny, nx = shape
    x0, y0 = (nx - 1) / 2, (ny - 1) / 2
    ra, dec = (np.asarray(v, float) for v in wcs.pixel_to_world_values([x0, x0 + 1, x0], [y0, y0, y0 + 1]))
    if not np.isfinite([ra, dec]).all():
        return
    east = [(step + 180) % 360 - 180 for step in (ra[1] - ra[0], ra[2] - ra[0])]
    north = [dec[1] - dec[0], dec[2] - dec[0]]
    length = COMPASS * min(nx, ny)
    x0, y0 = nx - 1.7 * length, 1.7 * length
    box = (x0 - 1.6 * length, y0 - 1.6 * length)
    ax.add_patch(Rectangle(box, 3.2 * length, 3.2 * length, color="white", alpha=0.85, zorder=3))
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.2}
    for name, (dx, dy) in (("N", north), ("E", east)):
        size = float(np.hypot(dx, dy)) / length
        if size > 0:
            ax.annotate("", (x0 + dx / size, y0 + dy / size), (x0, y0), arrowprops=arrow, zorder=4)
            x, y = x0 + 1.35 * dx / size, y0 + 1.35 * dy / size
            ax.text(x, y, name, ha="center", va="center", fontsize=9, color=INK, zorder=4)
