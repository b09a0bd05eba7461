"""A single frame beside the stack, and aligned frames one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pogson.plots.style import new_figure

Pixels = NDArray[np.float32]

LARGEST = 700  # pixels a side that a picture shows
DETAIL = 160  # pixels a side of the part that is shown enlarged


def figure_stack(single: Pixels, stack: Pixels) -> Figure:
    """stack.png: one frame and the stack, whole and enlarged, in one and the same stretch.

    Parameters
    ----------
    single, stack : float32 (ny, nx)
        In the same grid and flux scale, sky taken off.
    """
    low, high = limits(stack, single)
    figure = new_figure(9.0, 9.0, 2, 2, room=None)
    corner = _detail(stack)
    for column, (name, data) in enumerate((("one frame", single), ("stack", stack))):
        for row, part in enumerate((shrink(data), data[corner])):
            ax = figure.axes[2 * row + column]
            ax.imshow(
                stretch(part, low, high),
                cmap="gray_r",
                origin="lower",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            ax.set_title(
                name if row == 0 else f"{name}, {part.shape[1]} x {part.shape[0]} pixels of it", loc="left"
            )
            ax.set_axis_off()
    return figure


def blink_gif(frames: Sequence[Pixels], names: Sequence[str], *, seconds: float = 0.4) -> bytes:
    """blink.gif: frames on one grid, one after the other, in one stretch.

    Parameters
    ----------
    frames : sequence of float32 (ny, nx)
        Sky taken off; NaN where a frame has nothing.
    names : sequence of str
        Written into the pictures.
    seconds : float
        For which each is shown.
    """
    low, high = limits(frames[0], frames[0])
    pictures = []
    for data, name in zip(frames, names, strict=True):
        gray = np.nan_to_num(255.0 * (1.0 - stretch(shrink(data), low, high)), nan=255.0)
        picture = Image.fromarray(np.flipud(gray).astype(np.uint8)).quantize(32)
        ImageDraw.Draw(picture).text((6, 6), name, fill=0)
        pictures.append(picture)
    file = BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=int(1000 * seconds), loop=0
    )
    return file.getvalue()


def limits(deep: Pixels, shallow: Pixels) -> tuple[float, float]:
    """Black and white point: from below the sky of the noisier image to its bright stars."""
    some = shallow[np.isfinite(shallow)][::17]
    center = float(np.median(some)) if some.size else 0.0
    noise = float(np.median(np.abs(some - center)) * 1.4826) if some.size else 1.0
    known = deep[np.isfinite(deep)]
    top = float(np.percentile(known[::17], 99.9)) if known.size else 1.0
    return center - 2.0 * noise, max(top, center + 20.0 * noise)


def stretch(data: Pixels, low: float, high: float) -> Pixels:
    """0 to 1, so that faint and bright show together."""
    part = np.clip((data - low) / (high - low), 0.0, 1.0)
    scaled: Pixels = (np.arcsinh(60.0 * part) / np.arcsinh(60.0)).astype(np.float32)
    return scaled


def shrink(data: Pixels) -> Pixels:
    """Averaged down to what a picture can show."""
    k = -(-max(data.shape) // LARGEST)
    if k == 1:
        return data
    ny, nx = (n // k * k for n in data.shape)
    small: Pixels = data[:ny, :nx].reshape(ny // k, k, nx // k, k).mean(axis=(1, 3))
    return small


def _detail(data: Pixels) -> tuple[slice, slice]:
    """The middle of the image."""
    half = DETAIL // 2
    y, x = (n // 2 for n in data.shape)
    return slice(max(y - half, 0), y + half), slice(max(x - half, 0), x + half)
