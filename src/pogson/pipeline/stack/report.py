"""A stack in words and pictures."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np

from pogson.core.frame import Frame
from pogson.io.files import make_folder, write_atomic
from pogson.pipeline.stack.products import StackResult
from pogson.steps.detect.sky import estimate_sky

EVERY = 4  # row of a stack that its medians are taken from


def describe_stack(result: StackResult, out: str) -> list[str]:
    """Lines for a person: every input, and what the stack is worth."""
    stack, effective, inputs = result.stack, result.effective, result.inputs
    lines = [f"{'frame':28s} weight   scale             stars   fwhm     dx       dy    turn"]
    lines += [
        f"{Path(r['path']).name[:28]:28s} {r['weight']:.4f}  {r['scale']:.4f} +- {r['scale_err']:.4f} "
        f"{r['n_stars']:6d}  {r['fwhm']:5.2f} {r['dx']:8.2f} {r['dy']:8.2f} {r['rotation']:7.3f}"
        for r in inputs
    ]
    lines += [f"left out: {f.reason}" for f in result.failures]
    single, deep = float(np.median(inputs["noise"] / inputs["scale"])), blank_noise(result.frame)
    full = np.median(stack.coverage[::EVERY])
    expected = float(np.sqrt(np.nanpercentile(stack.variance[::EVERY], 10)))
    lines.append(
        f"{out}: {len(inputs)} frames ({full:.0f} at the median pixel), {effective.total:.0f} s, worth "
        f"{effective.time:.0f} s of {Path(inputs.meta['reference']).name}"
    )
    lines.append(
        f"median pixel {np.nanmedian(stack.data[::EVERY]):.2f}, noise {deep:.2f} (expected {expected:.2f}; "
        f"one frame {single:.2f}); "
        f"wide sums {stack.correlation:.3f} times noisier than single pixels tell"
    )
    check = result.check
    if check.n:
        lines.append(f"{check.n} stars: flux over that in the reference {check.value:.4f} +- {check.err:.4f}")
    gain = single * stack.pixel / (deep * stack.correlation)
    lines.append(
        f"deeper than one frame by {gain:.2f} ({sqrt(len(inputs)):.2f} for equal frames); "
        f"{100.0 * stack.rejected.sum() / max(stack.coverage.sum(), 1):.3f} % of values rejected"
    )
    return lines


def blank_noise(frame: Frame) -> float:
    """Noise of one pixel where the frame is emptiest: the tenth part of the boxes with the least."""
    return float(np.nanpercentile(estimate_sky(frame).noise_mesh, 10.0))


def draw_stack(result: StackResult, folder: str | Path) -> list[str]:
    """Write stack.png (the reference frame beside the stack) and blink.gif (the frames that were kept)."""
    # the library that draws takes longer to load than many a stack
    from pogson.plots.stack import blink_gif, figure_stack
    from pogson.plots.style import to_png

    target = make_folder(folder)
    single = next(iter(result.looks.values()))
    write_atomic(target / "stack.png", to_png(figure_stack(single, result.frame.data)))
    names = [Path(path).name for path in result.looks]
    write_atomic(target / "blink.gif", blink_gif(list(result.looks.values()), names))
    return ["stack.png", "blink.gif"]
