"""Write what a run found: all of it or nothing, the old products until then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from astropy.table import Table

from pogson.core.columns import LIGHTCURVE, PHOTOMETRY
from pogson.io.files import remove, write_atomic
from pogson.io.tables import write_parts, write_table
from pogson.pipeline.cache import to_plain
from pogson.pipeline.memory import return_memory
from pogson.pipeline.products import photometry_parts
from pogson.pipeline.project import Project
from pogson.pipeline.report.data import collect_report
from pogson.pipeline.report.page import Picture, make_report
from pogson.pipeline.series_tables import light_curve_parts, periods_table, variability_table
from pogson.pipeline.work import Work


@dataclass(frozen=True)
class Products:
    """Everything that goes into the folder; masters, stacks and the target's files lie beside it already."""

    work: Work
    frames: Table
    drawn: Mapping[str, Picture]
    stacks: Mapping[str, Path]
    provenance: dict[str, Any]


def write_products(project: Project, made: Products) -> None:
    """Replace the products of an earlier run; run.json comes last: where it is, everything is."""
    project.clear()
    _move(project.cache / "masters", project.folder / "masters")
    for name, picture in made.drawn.items():
        write_atomic(project.path(f"plots/{name}"), picture.png)
    for path in made.stacks.values():
        path.replace(project.path(f"stacks/{path.name}"))
    if made.work.studies:
        _move(project.cache / "target", project.folder / "target")
    _write_tables(project, made.work, made.frames)
    return_memory()
    report = collect_report(
        made.work.night,
        made.work.ready,
        made.work.reduced,
        made.work.done,
        made.frames,
        made.drawn,
        made.provenance,
        made.work.scan.unread,
        made.work.located,
        made.work.series,
    )
    write_atomic(project.path("report.html"), make_report(replace(report, live=project.live)).encode())
    if not project.live:
        write_atomic(project.path("run.json"), json.dumps(to_plain(made.provenance), indent=1).encode())
    project.finish()


def _write_tables(project: Project, work: Work, frames: Table) -> None:
    done = work.done
    done.stars.meta["pixel_scale"] = work.located.pixel_scale
    write_table(project.path("stars.ecsv"), done.stars)
    write_parts(project.path("photometry.parquet"), photometry_parts(done.photometry), PHOTOMETRY.empty())
    write_table(project.path("zeropoints.ecsv"), done.zero_points)
    if len(done.residuals):
        write_table(project.path("zeropoint_stars.parquet"), done.residuals)
    write_table(project.path("frames.ecsv"), frames)
    if work.series:
        write_parts(project.path("lightcurves.parquet"), light_curve_parts(work.series), LIGHTCURVE.empty())
        write_table(project.path("variability.ecsv"), variability_table(work.series))
        write_table(project.path("periods.ecsv"), periods_table(work.series))


def _move(here: Path, there: Path) -> None:
    """A folder takes the place of another, where there is one to move."""
    if here.is_dir():
        remove(there)
        here.replace(there)
