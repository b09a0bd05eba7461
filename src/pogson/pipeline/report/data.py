"""Gather what the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.frame import Master
from pogson.pipeline.calibrated import Calibrated
from pogson.pipeline.coordinates import Located
from pogson.pipeline.night import Night
from pogson.pipeline.products import photometry_sample
from pogson.pipeline.reduce import Reduced
from pogson.pipeline.report.errors import red_noise
from pogson.pipeline.report.page import CameraLine, MasterLine, Picture, ReportData
from pogson.pipeline.series import Series
from pogson.pipeline.series_tables import outstanding_stars
from pogson.pipeline.summary import label_lines
from pogson.steps.calibrate.camera import Camera
from pogson.steps.inspect.repeats import compare_repeats, summarize_repeats


def collect_report(
    night_name: str | Path,
    night: Night,
    reduced: Reduced,
    done: Calibrated,
    frames: Table,
    drawn: Mapping[str, Picture],
    provenance: Mapping[str, Any],
    skipped: Sequence[tuple[str, str]],
    located: Located,
    series: Sequence[Series] = (),
) -> ReportData:
    """Everything that the report shows, from the products of a run."""
    reference = reduced.lights[reduced.reference].detected.exposure
    target = reference.target or Path(night_name).name
    site = reference.site
    place = f", {site.name or 'site'} at {site.latitude:.3f}, {site.longitude:.3f} deg" if site else ""
    labels = label_lines(frames, done, located)
    summary = [
        f"Target {target}; {reference.camera or 'camera unknown'}{place}.",
        f"Coordinates from {located.words}.",
        *(note for note in provenance["notes"] if note not in labels),
    ]
    return ReportData(
        title=f"{target}: {Path(night_name).name}",
        summary=summary,
        labels=labels,
        frames=_by_name(frames, "path"),
        masters=_master_lines(night),
        camera=[line for key, camera in night.cameras.items() for line in _camera_lines(key, camera)],
        pictures=list(drawn.values()),
        zero_points=_by_name(done.zero_points, "frame"),
        stars=_few_columns(done.stars),
        repeats=_repeats(done),
        red_noise=red_noise(series),
        outstanding=outstanding_stars(series),
        settings=provenance["settings"],
        provenance={"versions": provenance["versions"], "seconds": provenance["seconds"]},
        inputs=provenance["inputs"],
        skipped=[*skipped, *((f.item, f.reason) for f in night.failures)],
        files={
            "Frames": ["frames.ecsv"],
            "Calibration": [f"masters/{m.name}.fits" for m in night.masters.masters],
            "Zero points": ["zeropoints.ecsv"] + (["zeropoint_stars.parquet"] if len(done.residuals) else []),
            "Light curves": ["lightcurves.parquet", "variability.ecsv", "periods.ecsv"] if series else [],
            "Stars": ["stars.ecsv", "photometry.parquet"],
            "Provenance": ["run.json"],
        },
        pixel_scale=located.pixel_scale,
    )


def _by_name(table: Table, column: str) -> Table:
    """The table with file names for paths: the whole paths are among the inputs."""
    shown = table.copy()
    shown[column] = [Path(str(path)).name for path in table[column]]
    return shown


def _repeats(done: Calibrated) -> Table:
    """Agreement of the stars' measurements in accepted frames, in digits that can be read."""
    accepted = [t for t in done.photometry if t.meta["exposure"].path in done.accepted_paths]
    table = summarize_repeats(compare_repeats(photometry_sample(accepted)))
    for name in ("expected", "scatter", "missing"):
        table[name] = np.round(np.asarray(table[name], float), 4)
    for name in ("chi2", "chi2_err"):
        table[name] = np.round(np.asarray(table[name], float), 2)
    return table


def _few_columns(stars: Table) -> Table:
    names = [n for n in stars.colnames if not n.startswith("flux_")]
    return stars[names]


def _master_lines(night: Night) -> list[MasterLine]:
    lines = []
    for master in night.masters.masters:
        lines.append(_master_line(master))
        night.masters.rest()
    return lines


def _master_line(master: Master) -> MasterLine:
    with np.errstate(invalid="ignore"):
        level = float(np.nanmedian(master.data))
        noise = float(np.sqrt(np.nanmedian(master.variance)))
    unit = "" if master.kind == "flat" else "ADU"
    return MasterLine(master.name, master.n, level, noise, unit, "; ".join(master.notes))


def _camera_lines(key: str, camera: Camera) -> list[CameraLine]:
    lines = []
    for name, unit in (
        ("gain", "electron/ADU"),
        ("read_noise", "electron"),
        ("saturation", "ADU"),
        ("linearity", "ADU"),
        ("offset", "ADU"),
    ):
        value = getattr(camera, name)
        if isfinite(value) or name in ("gain", "read_noise"):
            error = getattr(camera, f"{name}_err", nan)
            source = getattr(camera, f"{name}_source")
            lines.append(CameraLine(f"{name.replace('_', ' ')} ({key})", value, error, unit, source))
    return lines
