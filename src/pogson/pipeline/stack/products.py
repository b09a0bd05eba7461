"""What comes of a stack: a frame, a file, and a table of what went in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import hypot, nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FrameError
from pogson.core.frame import Exposure, Frame, Image
from pogson.core.transform import Transform
from pogson.io.fits import write_frame
from pogson.pipeline.stack.align import Aligned, Comparisons
from pogson.pipeline.workers import Failure
from pogson.steps.stack.effective import Effective, combine_exposures
from pogson.steps.stack.layer import Layer
from pogson.steps.stack.result import Stack
from pogson.steps.stack.scale import Scale

UNKNOWN = Scale(nan, nan)


@dataclass(frozen=True)
class StackResult:
    """A stack, and what went into it.

    Attributes
    ----------
    stack : Stack
    frame : Frame
        The stack as a frame: it can be searched and measured like any other.
    effective : Effective
    inputs : Table
        One row per frame: path, weight, scale, scale_err, n_stars, fwhm, sky, noise, dx, dy, rotation.
    failures : tuple of Failure
        Frames that were left out, and why.
    check : Scale
        Flux of the scale stars in the stack over that in the reference frame: 1 within its error.
    looks : mapping of path to float32 (ny, nx)
        Single frames in the stack's grid and scale, the reference first; as many as were asked for.
    """

    stack: Stack
    frame: Frame
    effective: Effective
    inputs: Table
    failures: tuple[Failure, ...]
    check: Scale = UNKNOWN
    looks: dict[str, Image] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all good; 3 finished, but some frames were left out."""
        return 3 if self.failures else 0


def finish(
    stack: Stack,
    frames: Sequence[Aligned],
    layers: Sequence[Layer],
    best: int,
    failures: Sequence[Failure],
    target: Path | None,
    options: dict[str, Any],
    sky: str,
) -> StackResult:
    """Make a frame of the stack, write it to `target`, and measure the scale stars on it."""
    exposures, scales = [one.frame.exposure for one in frames], [one.scale for one in frames]
    unit = frames[best].frame.unit
    effective = combine_exposures(exposures, [s.value for s in scales], stack.weights, best, unit)
    exposure = _on_grid(effective.exposure, stack)
    frame = Frame(stack.data, stack.variance, stack.mask, exposure, unit=unit, correlation=stack.correlation)
    inputs = Table(
        {
            "path": [e.path for e in exposures],
            "weight": stack.weights,
            "scale": [s.value for s in scales],
            "scale_err": [s.err for s in scales],
            "n_stars": [s.n for s in scales],
            "fwhm": [one.frame.fwhm for one in frames],
            "sky": [layer.sky.level for layer in layers],
            "noise": [layer.noise for layer in layers],
            "dx": [layer.transform.matrix[0, 2] for layer in layers],
            "dy": [layer.transform.matrix[1, 2] for layer in layers],
            "rotation": [layer.transform.rotation for layer in layers],
        },
        meta={"reference": exposures[best].path},
    )
    if target is not None:
        cards = _cards(stack, effective, inputs, best, options, sky)
        small = np.uint8 if len(frames) < 256 else np.int16
        counts = {"COVERAGE": stack.coverage.astype(small)}
        if stack.rejected.any():
            counts["REJECTED"] = stack.rejected.astype(small)
        write_frame(target, frame, cards, planes=counts)
    return StackResult(stack, frame, effective, inputs, tuple(failures), _check(stack, frames, layers, best))


def _check(stack: Stack, frames: Sequence[Aligned], layers: Sequence[Layer], best: int) -> Scale:
    """The stars of the reference frame, compared with the stack as if it were one more frame."""
    reference, still = frames[best].frame, layers[best].transform.matrix
    if not len(reference.stars) or not np.array_equal(still, np.eye(2, 3)):
        return UNKNOWN  # stars that trail are no measure
    shift = float(on_grid(0.0, stack.pixel))
    grid = Transform(np.array([[1.0, 0.0, shift], [0.0, 1.0, shift]]) / [[stack.pixel] * 2 + [1.0]])
    widths = [one.frame.fwhm for one in frames]
    widening = max(1.0, float(np.average(widths, weights=stack.weights)) / reference.fwhm)
    planes = stack.data, stack.variance, stack.mask
    try:
        found = (
            Comparisons(reference)
            .wide(widening)
            .scale(
                lambda y0, y1: (planes[0][y0:y1], planes[1][y0:y1], planes[2][y0:y1]),
                stack.data.shape,
                grid,
                widening,
                shared=float(stack.weights[best]),
                correlation=stack.correlation,
            )
        )
    except FrameError:
        return UNKNOWN
    # not all frames were scaled by the same stars
    scales = [w * one.scale.err / one.scale.value for w, one in zip(stack.weights, frames, strict=True)]
    return replace(found, err=hypot(found.err, *scales))


def on_grid(place: Any, pixel: float) -> Any:
    """Where a place of the reference frame is on pixels of another size."""
    return (np.asarray(place, float) + 0.5) / pixel - 0.5


def _on_grid(exposure: Exposure, stack: Stack) -> Exposure:
    """With the size of the stack's pixels in its coordinates."""
    if stack.pixel == 1.0:
        return exposure
    cards = dict(exposure.cards)
    for name, value in exposure.cards.items():
        if name.startswith("CRPIX"):
            cards[name] = 1.0 + float(on_grid(value - 1.0, stack.pixel))
        elif name.startswith(("CD1_", "CD2_", "CDELT")):
            cards[name] = value * stack.pixel
        elif re.fullmatch(r"[AB]P?_\d_\d", name):
            powers = int(name[-3]) + int(name[-1])
            cards[name] = value * stack.pixel ** (powers - 1)
    return replace(
        exposure, cards=cards, pixel_scale=exposure.pixel_scale * stack.pixel, shape=stack.data.shape
    )


def _cards(
    stack: Stack, effective: Effective, inputs: Table, best: int, options: dict[str, Any], sky: str
) -> dict[str, Any]:
    lines = [
        f"{Path(r['path']).name}: weight {r['weight']:.4f}, scale {r['scale']:.4f} +- {r['scale_err']:.4f}, "
        f"sky {r['sky']:.1f}"
        for r in inputs
    ]
    return {
        "NCOMBINE": (len(inputs), "frames combined"),
        "COMBMETH": (options.get("method", "robust"), "how they were combined"),
        "RESAMPLE": (options.get("resample", "bilinear"), "how they were moved"),
        "PIXRATIO": (stack.pixel, "side of a pixel over that of the reference frame's"),
        "REFFRAME": (Path(inputs["path"][best]).name, "frame of grid and flux scale"),
        "EXPTIME": (effective.exposure.exptime, "[s] exposure time of the flux scale"),
        "EXPTOTAL": (effective.total, "[s] sum of the exposure times"),
        "EXPEFF": (effective.time, "[s] with the reference's transparency, by depth"),
        "EGAIN": (effective.gain, "[electron] per unit of the stack: effective gain"),
        "RDNOISE": (effective.read_noise, "[electron] effective read noise"),
        "CORRFAC": (stack.correlation, "noise of wide sums over that from VAR"),
        "SKYSUB": (sky, "sky that was taken off"),
        "SKYLEVEL": (float(inputs["sky"][best]), "its level in the reference frame"),
        "HISTORY": lines,
    }
