"""A stack in words and pictures."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Frame
from pogson.io.files import make_folder, write_atomic
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings
from pogson.pipeline.stack import StackResult
from pogson.plots.stack import blink_gif, figure_stack
from pogson.plots.style import to_png

BLINKS = 12  # frames of the animation


def describe_stack(result: StackResult, out: str) -> list[str]:
    """Lines for a person: every input, and what the stack is worth."""
    stack, effective, inputs = result.stack, result.effective, result.inputs
    lines = [f"{'frame':28s} weight   scale             stars   fwhm     dx       dy    turn"]
    for r in inputs:
        lines.append(
            f"{Path(r['path']).name[:28]:28s} {r['weight']:.4f}  {r['scale']:.4f} +- {r['scale_err']:.4f} {r['n_stars']:6d}"
            f"  {r['fwhm']:5.2f} {r['dx']:8.2f} {r['dy']:8.2f} {r['rotation']:7.3f}"
        )
    lines += [f"left out: {f.reason}" for f in result.failures]
    single, deep = float(np.median(inputs["noise"] / inputs["scale"])), pixel_noise(stack.data)
    full = np.median(stack.coverage)
    lines.append(
        f"{out}: {len(inputs)} frames ({full:.0f} at the median pixel), {effective.total:.0f} s, worth "
        f"{effective.time:.0f} s of {Path(inputs.meta['reference']).name}"
    )
    lines.append(
        f"median pixel {np.nanmedian(stack.data):.2f}, noise {deep:.2f} (expected {np.sqrt(np.nanmedian(stack.variance)):.2f}; "
        f"one frame {single:.2f}); "
        f"wide sums {stack.correlation:.3f} times noisier than single pixels tell"
    )
    gain = single / (deep * stack.correlation)
    lines.append(f"deeper than one frame by {gain:.2f} ({sqrt(len(inputs)):.2f} for equal frames); "
                 f"{100.0 * stack.rejected.sum() / max(stack.coverage.sum(), 1):.3f} % of values rejected")
    return lines


def pixel_noise(data: NDArray[np.float32]) -> float:
    """Noise of an empty pixel: from differences of neighbours would miss correlation, so from the dark half."""
    values = data[np.isfinite(data)]
    if not values.size:
        return float("nan")
    values = values[:: max(values.size // 1_000_000, 1)]
    for _ in range(10):
        center = np.median(values)
        low = values[values <= center]
        width = float(np.sqrt(np.mean((low - center) ** 2)))
        kept = values[np.abs(values - center) <= 3.0 * width]
        if kept.size == values.size or not kept.size:
            break
        values = kept
    return width


def draw_stack(result: StackResult, folder: str | Path, settings: Settings) -> list[str]:
    """Write stack.png (the reference frame beside the stack) and blink.gif (the aligned frames)."""
    target = make_folder(folder)
    best = list(result.inputs["path"]).index(result.inputs.meta["reference"])
    single = open_frame(str(result.inputs["path"][best]), settings)
    sky = float(result.inputs["sky"][best])
    write_atomic(target / "stack.png", to_png(figure_stack(single, result.frame, sky=sky)))
    frames: list[NDArray[np.float32]] = []
    for row in result.inputs[:BLINKS]:
        frame = open_frame(str(row["path"]), settings)
        frames.append(_moved(frame, row["dx"], row["dy"], float(row["sky"]), result.frame.shape))
    write_atomic(target / "blink.gif", blink_gif(frames, [Path(p).name for p in result.inputs["path"][:BLINKS]]))
    return ["stack.png", "blink.gif"]


def _moved(frame: Frame, dx: float, dy: float, sky: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A frame on the stack's grid, to the nearest pixel."""
    y = np.arange(shape[0]) + round(dy)
    x = np.arange(shape[1]) + round(dx)
    inside = ((y >= 0) & (y < frame.shape[0]))[:, None] & ((x >= 0) & (x < frame.shape[1]))
    picked = frame.data[np.ix_(np.clip(y, 0, frame.shape[0] - 1), np.clip(x, 0, frame.shape[1] - 1))]
    return np.where(inside, picked - np.float32(sky), np.float32(np.nan))
