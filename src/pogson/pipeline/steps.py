"""The steps of the pipeline, in order, by the name of their section in the settings."""

from __future__ import annotations

from pogson.pipeline.step import Step

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("calibrate", "pogson.steps.calibrate.correct:calibrate_frame"),
        Step("detect", "pogson.steps.detect.find:detect_stars", ("start", "resolve")),
        Step("inspect", "pogson.steps.inspect.metrics:measure_metrics"),
        Step("judge", "pogson.steps.inspect.judge:judge_frames"),
        Step("match", "pogson.steps.match.field:match_frames", ("names", "reference")),
        Step("measure", "pogson.steps.measure.aperture:measure_aperture", ("at", "fwhm", "layout")),
        Step(
            "stack",
            "pogson.steps.stack.coadd:coadd",
            ("memory", "each"),
            around="pogson.pipeline.stack.bands:stack_bands",
        ),
        Step("standardize", "pogson.steps.standardize.zeropoint:fit_zero_points", ("pixel_scale",)),
        Step("target", "pogson.pipeline.target:Wishes"),
        Step("detrend", "pogson.steps.timeseries.detrend:detrend"),
    )
}
