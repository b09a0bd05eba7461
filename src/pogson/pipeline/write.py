"""Write what a run found: all of it or nothing, the old products until then.

The tables are written first, while pictures are drawn, where an unfinished run keeps what is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from astropy.table import Table

from pogson.core.columns import LIGHTCURVE, PHOTOMETRY
from pogson.io.files import make_folder, remove, write_atomic
from pogson.io.tables import write_parts, write_table
from pogson.pipeline.cache import to_plain
from pogson.pipeline.products import photometry_parts
from pogson.pipeline.project import Project
from pogson.pipeline.report.data import collect_report
from pogson.pipeline.report.page import Picture, make_report
from pogson.pipeline.series_tables import light_curve_parts, periods_table, variability_table
from pogson.pipeline.work import Work

#: folder of the unfinished work for what `write_tables` writes
TABLES = "tables"


@dataclass(frozen=True)
class Products:
    """Everything that goes into the folder; whatever is no picture and no report lies beside it already."""

    work: Work
    frames: Table
    drawn: Mapping[str, Picture]
    stacks: Mapping[str, Path]
    provenance: dict[str, Any]


def write_tables(project: Project, work: Work, frames: Table) -> None:
    """Write all tables; they are not among the products yet."""
    folder = project.cache / TABLES
    remove(folder)
    make_folder(folder)
    done = work.done
    done.stars.meta["pixel_scale"] = work.located.pixel_scale
    write_table(folder / "stars.ecsv", done.stars)
    write_parts(folder / "photometry.parquet", photometry_parts(done.photometry), PHOTOMETRY.empty())
    write_table(folder / "zeropoints.ecsv", done.zero_points)
    if len(done.residuals):
        write_table(folder / "zeropoint_stars.parquet", done.residuals)
    write_table(folder / "frames.ecsv", frames)
    if work.series:
        write_parts(folder / "lightcurves.parquet", light_curve_parts(work.series), LIGHTCURVE.empty())
        write_table(folder / "variability.ecsv", variability_table(work.series))
        write_table(folder / "periods.ecsv", periods_table(work.series))


def write_products(project: Project, made: Products) -> None:
    """Replace the products of an earlier run; run.json comes last: where it is, everything is."""
    project.clear()
    _move(project.cache / "masters", project.folder / "masters")
    for path in (project.cache / TABLES).iterdir():
        path.replace(project.path(path.name))
    for name, picture in made.drawn.items():
        write_atomic(project.path(f"plots/{name}"), picture.png)
    for path in made.stacks.values():
        path.replace(project.path(f"stacks/{path.name}"))
    if made.work.studies:
        _move(project.cache / "target", project.folder / "target")
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


def _move(here: Path, there: Path) -> None:
    """A folder takes the place of another, where there is one to move."""
    if here.is_dir():
        remove(there)
        here.replace(there)
