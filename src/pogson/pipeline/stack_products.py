"""What comes of a stack: a frame, a file, and a table of what went in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from typing import Any

from astropy.table import Table

from pogson.core.errors import FrameError
from pogson.core.frame import Frame, Image
from pogson.io.fits import write_frame
from pogson.pipeline.stack_align import Aligned, at_radius
from pogson.pipeline.stack_survey import APERTURE, Surveyed
from pogson.pipeline.workers import Failure
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.stack.coadd import Stack
from pogson.steps.stack.effective import Effective, combine_exposures
from pogson.steps.stack.layer import Layer
from pogson.steps.stack.scale import Scale, fit_scale

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
    frame = Frame(
        stack.data, stack.variance, stack.mask, effective.exposure, unit=unit, correlation=stack.correlation
    )
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
        write_frame(target, frame, cards, planes={"COVERAGE": stack.coverage, "REJECTED": stack.rejected})
    return StackResult(stack, frame, effective, inputs, tuple(failures), _check(frame, frames[best].frame))


def _check(stack: Frame, reference: Surveyed) -> Scale:
    """The scale stars, measured on the stack."""
    stars = reference.fluxes
    if not len(stars):
        return UNKNOWN
    field = Table({"id": stars["star"], "x": stars["x"], "y": stars["y"], "flux": stars["flux"]})
    timed = replace(stack, exposure=replace(stack.exposure, exptime=1.0))
    how = {"fwhm": reference.fwhm, "radius": APERTURE, "radii": stars.meta["radii"]}
    radius = 1.5 * APERTURE * reference.fwhm
    try:
        return fit_scale(at_radius(measure_aperture(timed, field, **how), radius), at_radius(stars, radius))
    except FrameError:
        return UNKNOWN


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
