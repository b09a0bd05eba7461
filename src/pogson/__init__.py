"""pogson: a night of frames in, calibrated stellar magnitudes with proven error bars out.

The verbs are imported when they are first used: ``import pogson as pg`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: verb -> module
_VERBS = {
    "scan_frames": "pogson.pipeline.api",
    "read_frames": "pogson.pipeline.api",
    "make_masters": "pogson.pipeline.api",
    "calibrate_frame": "pogson.steps.calibrate.correct",
    "estimate_sky": "pogson.steps.detect.sky",
    "detect_stars": "pogson.steps.detect.find",
    "match_frames": "pogson.pipeline.notebook",
    "solve_field": "pogson.pipeline.notebook",
    "measure_aperture": "pogson.pipeline.notebook",
    "standardize": "pogson.pipeline.notebook",
    "read_catalog": "pogson.io.catalogs",
    "read_frame": "pogson.io.fits",
    "read_table": "pogson.io.tables",
    "write_frame": "pogson.io.fits",
    "write_table": "pogson.io.tables",
    "collect_light_curves": "pogson.steps.timeseries.collect",
    "compare_ensemble": "pogson.steps.timeseries.ensemble",
    "stack": "pogson.pipeline.stack.make",
    "stack_frames": "pogson.steps.stack.coadd",
    "plot_diagram": "pogson.pipeline.pictures",
    "simulate_night": "pogson.simulate",
    "read_settings": "pogson.pipeline.settings",
    "run": "pogson.pipeline.run",
    "Frame": "pogson.core.frame",
    "Exposure": "pogson.core.frame",
    "PSF": "pogson.core.psf",
}

__all__ = [*_VERBS, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'pogson' has no attribute '{name}'")
    return getattr(importlib.import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
