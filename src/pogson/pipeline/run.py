"""A whole night, from a folder of frames to magnitudes, pictures and a report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import NightError
from pogson.core.frame import Exposure
from pogson.io.catalogs import read_catalog
from pogson.io.files import write_atomic
from pogson.io.scan import scan_folder
from pogson.io.tables import write_table
from pogson.pipeline import pictures
from pogson.pipeline.api import write_masters
from pogson.pipeline.cache import Cache, to_plain
from pogson.pipeline.calibrated import Calibrated, calibrate_magnitudes
from pogson.pipeline.coordinates import Located, locate_field
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.products import frames_table, observed_bands, photometry_table
from pogson.pipeline.project import Project, open_project
from pogson.pipeline.provenance import describe_inputs, describe_settings, now, versions
from pogson.pipeline.reduce import Reduced, reduce_lights
from pogson.pipeline.report import make_report
from pogson.pipeline.report_data import collect_report
from pogson.pipeline.settings import Settings
from pogson.pipeline.summary import summarize
from pogson.pipeline.warmup import compile_kernels
from pogson.pipeline.workers import Failure, Progress, Silent


@dataclass
class Clock:
    """Seconds spent on each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - start, 3)


@dataclass(frozen=True)
class RunResult:
    """What a run produced.

    Attributes
    ----------
    folder : Path
        Where the products are.
    frames, stars, photometry, zero_points : Table
    summary : tuple of str
        Lines for a person.
    failures : tuple of Failure
        Every file that could not be used.
    """

    folder: Path
    frames: Table
    stars: Table
    photometry: Table
    zero_points: Table
    summary: tuple[str, ...]
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        """0 all good; 3 finished, but some frames failed."""
        return 3 if self.failures else 0


def run(
    night: str | Path,
    *,
    out: str | Path = "out",
    catalog: str | Path | None = None,
    settings: Settings | None = None,
    workers: int = 0,
    memory: float = 2.0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Reduce a night: raw frames in, calibrated magnitudes and a report out.

    Parameters
    ----------
    night : str or Path
        Folder of frames.
    out : str or Path
        Folder for the products; an unfinished run in it is picked up again.
    catalog : str or Path, optional
        Catalogue of standard magnitudes; without one magnitudes are instrumental.
    settings : Settings, optional
        The defaults where not given.
    workers : int
        Frames worked on at a time; 0 takes all processors. Results do not depend on it.
    memory : float
        Gigabytes that frames in memory may fill.
    overwrite : bool
        Replace the products of a finished run.
    progress : Progress, optional
        Whoever shows how far things are.

    Returns
    -------
    RunResult

    Raises
    ------
    PogsonError
        Where nothing can be produced: FileError, NightError, SettingError; nothing is left behind then.
    """
    chosen = settings or Settings()
    shown = progress or Silent()
    clock = Clock()
    started = now()
    with clock.time("scan"):
        scan = scan_folder(night, overrides=chosen.facts)
        stars = None if catalog is None else read_catalog(catalog, columns=chosen.catalog_columns)
    _need_lights(scan.exposures, night)
    project = open_project(out, overwrite=overwrite)
    compile_kernels(shown)
    with clock.time("masters"):
        ready = prepare_night(scan, workers=workers, progress=shown)
    located: list[Located] = []

    def locate(found: Table, exposure: Exposure) -> Table:
        located.append(locate_field(found, stars, exposure))
        return located[-1].field

    with clock.time("frames"):
        reduced = reduce_lights(
            ready,
            chosen,
            locate=locate,
            cache=Cache(project.cache),
            workers=workers,
            memory=memory,
            progress=shown,
        )
    with clock.time("magnitudes"):
        shown.stage("zero points", 1)
        done = calibrate_magnitudes(reduced, located[0], stars, chosen)
        shown.advance()
    unread = [(path, reason) for path, reason in scan.skipped if Path(path).is_file()]
    tried = (*ready.failures, *reduced.failures)
    failures = (*(Failure(path, f"{path}: {reason}") for path, reason in unread), *tried)
    lost = {f.item for f in reduced.failures}
    others = (*ready.others, *(e for e in ready.lights if e.path in lost))
    frames = frames_table(reduced.lights, done.verdicts, done.transparency, others, tried, unread)
    photometry = photometry_table(done.photometry)
    with clock.time("pictures"):
        drawn = dict(_draw(ready, reduced, done, frames, photometry, shown))
    summary = summarize(night, project.folder, frames, done, located[0], list(drawn), failures)
    provenance = {
        "started": started,
        "night": str(night),
        "catalog": None if catalog is None else str(catalog),
        "workers": workers,
        "versions": versions(),
        "settings": describe_settings(chosen),
        "inputs": describe_inputs(scan.exposures),
        "notes": [*scan.notes, *_other_files(scan.skipped), *located[0].notes],
        "frames_failed": [{"path": f.item, "reason": f.reason} for f in failures],
        "frames_rejected": [
            {"path": m.detected.exposure.path, "reasons": list(v.reasons)}
            for m, v in zip(reduced.lights, done.verdicts, strict=True)
            if not v.accepted
        ],
        "field": {
            "stars": len(reduced.field),
            "reference": reduced.lights[reduced.reference].detected.exposure.path,
            "stars_seen_too_rarely": reduced.field.meta.get("dropped", 0),
            "plate_solution": located[0].words,
        },
        "summary": list(summary),
        "seconds": clock.seconds,
    }
    done.stars.meta["pixel_scale"] = located[0].pixel_scale
    _write(project, ready, done, frames, photometry, drawn)
    report = collect_report(night, ready, reduced, done, frames, drawn, provenance, unread, located[0])
    write_atomic(project.path("report.html"), make_report(report).encode())
    # run.json comes last: where it is, everything is
    write_atomic(project.path("run.json"), json.dumps(to_plain(provenance), indent=1).encode())
    project.finish()
    return RunResult(project.folder, frames, done.stars, photometry, done.zero_points, summary, failures)


def _other_files(skipped: Sequence[tuple[str, str]]) -> list[str]:
    """What lies in the folder beside the images: worth a note, no failure."""
    return [f"{path}: {reason}" for path, reason in skipped if not Path(path).is_file()]


def _need_lights(exposures: tuple[Exposure, ...], night: str | Path) -> None:
    if any(e.kind == "light" for e in exposures):
        return
    kinds = ", ".join(sorted({e.kind for e in exposures}))
    raise NightError(
        f"{night}: no light frame among {len(exposures)} images (found: {kinds}); "
        "say their kind in the header (IMAGETYP), or in the name of file or folder"
    )


def _draw(
    night: Night, reduced: Reduced, done: Calibrated, frames: Table, photometry: Table, progress: Progress
) -> pictures.Drawn:
    bands = observed_bands(reduced.lights)
    calibrated = np.isin(np.asarray(photometry["frame"], str), list(done.accepted_paths))
    rows = photometry[calibrated]
    parts = [
        pictures.draw_frames(frames, done.zero_points),
        pictures.draw_calibration(night.masters.masters, night.cameras),
        pictures.draw_stars(reduced.posters, reduced.lights, reduced.lights[reduced.reference]),
        pictures.draw_errors(rows, bands),
        pictures.draw_zero_points(done.residuals, done.zero_points, done.colors),
        pictures.draw_diagrams(done.stars, bands),
    ]
    progress.stage("drawing", len(parts))
    for part in parts:
        yield from part
        progress.advance()


def _write(
    project: Project, night: Night, done: Calibrated, frames: Table, photometry: Table, drawn: dict[str, Any]
) -> None:
    write_masters(night.masters, project.folder / "masters")
    for name, picture in drawn.items():
        write_atomic(project.path(f"plots/{name}"), picture.png)
    write_table(project.path("stars.ecsv"), done.stars)
    write_table(project.path("photometry.parquet"), photometry)
    write_table(project.path("zeropoints.ecsv"), done.zero_points)
    if len(done.residuals):
        write_table(project.path("zeropoint_stars.parquet"), done.residuals)
    write_table(project.path("frames.ecsv"), frames)
