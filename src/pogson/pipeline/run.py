"""A whole night, from a folder of frames to magnitudes, pictures and a report."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from astropy.table import Table

from pogson.core.columns import LIGHTCURVE, PHOTOMETRY
from pogson.core.errors import FileError, PogsonError, SettingError
from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.io.catalogs import read_catalog
from pogson.io.files import remove, write_atomic
from pogson.io.scan import scan_folder
from pogson.io.tables import read_table, write_parts, write_table
from pogson.pipeline.api import need_lights, write_masters
from pogson.pipeline.cache import Cache, to_plain
from pogson.pipeline.calibrated import Calibrated, calibrate_magnitudes, fill_corrections
from pogson.pipeline.choose import Wishes
from pogson.pipeline.colors import add_colors
from pogson.pipeline.coordinates import Fetch, Located, epoch_of, locate_night
from pogson.pipeline.fetch import open_fetch
from pogson.pipeline.memory import return_memory, share_memory
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.products import file_name, observed_bands, photometry_parts, photometry_sample
from pogson.pipeline.project import UNFINISHED, Project, open_project
from pogson.pipeline.provenance import describe_settings, now, versions
from pogson.pipeline.reduce import Reduced, reduce_lights
from pogson.pipeline.report import Picture, make_report
from pogson.pipeline.report_data import collect_report
from pogson.pipeline.series import (
    Series,
    Target,
    brightest_stars,
    find_target,
    make_series,
    read_target,
    series_bands,
)
from pogson.pipeline.series_tables import light_curve_parts, variability_table
from pogson.pipeline.settings import Settings
from pogson.pipeline.stack.bands import stack_bands
from pogson.pipeline.stack.make import How
from pogson.pipeline.summary import summarize
from pogson.pipeline.target import read_wishes
from pogson.pipeline.target_exports import make_targets
from pogson.pipeline.warmup import compile_kernels
from pogson.pipeline.work import Work
from pogson.pipeline.workers import Failure, Progress, Silent
from pogson.steps.match.field import MatchFailure

#: what may be made of a night
RECIPES = ("auto", "cluster", "series")


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
    frames, stars, zero_points : Table
    summary : tuple of str
        Lines for a person.
    failures : tuple of Failure
        Every file that could not be used.
    """

    folder: Path
    frames: Table
    stars: Table
    zero_points: Table
    summary: tuple[str, ...]
    failures: tuple[Failure, ...]

    @property
    def photometry(self) -> Table:
        """PHOTOMETRY of all frames, read from the folder."""
        return read_table(self.folder / "photometry.parquet")

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
    memory: float = 0.25,
    recipe: str = "auto",
    target: str = "",
    brightest: int = 0,
    online: bool = False,
    overwrite: bool = False,
    ignore: Collection[str] = (),
    live: bool = False,
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
        Gigabytes that pixels may fill; results do not depend on it.
    recipe : str
        "auto": light curves of each band with 20 frames or more; "series": of each band with two or more;
        "cluster": none.
    target : str
        Star whose light curve is wanted: "x,y" in 0-based pixels of the earliest light frame, or "RA DEC".
    brightest : int
        Measure only this many of the brightest stars, and the target; 0: all.
    online : bool
        Fetch what the store lacks of the field's catalogues; without it no network is touched.
    overwrite : bool
        Replace the products of a finished run.
    ignore : collection of str
        Paths of images that are passed over: they are still written to.
    live : bool
        Another round follows: products are replaced in place, and what is done is kept for it.
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
    if recipe not in RECIPES:
        raise SettingError(f"--recipe {recipe}: there is {', '.join(RECIPES)}")
    place = read_target(target) if target else None
    chosen = settings or Settings()
    read_wishes(chosen)
    fetch = open_fetch() if online else None
    shown = progress or Silent()
    share_memory()
    clock = Clock()
    started = now()
    with clock.time("scan"):
        scan = scan_folder(night, overrides=chosen.facts, ignore=ignore)
        stars = None if catalog is None else read_catalog(catalog, columns=chosen.catalog_columns)
    need_lights(scan, night)
    project = open_project(out, night=night, overwrite=overwrite, live=live)
    with _without_junk(project):
        compile_kernels(shown)
        with clock.time("masters"):
            ready = prepare_night(scan, workers=workers, progress=shown)
            return_memory()
        with clock.time("frames"):
            cache = Cache(project.cache)
            reduced, located, star, note = _reduce(
                ready, chosen, stars, cache, workers, memory, shown, place, brightest, fetch
            )
            return_memory()
        reduced = replace(reduced, lights=fill_corrections(reduced.lights))
        with clock.time("pictures"):
            posters = _draw_posters(reduced)
            # the prepared masters have done their work
            ready.masters.prepared.clear()
            return_memory()
        with clock.time("magnitudes"):
            shown.stage("zero points", 1)
            stars = located.catalog if located.catalog is not None else stars
            done = calibrate_magnitudes(reduced, located, stars, chosen)
            shown.advance()
            return_memory()
        with clock.time("light curves"):
            field, said = add_colors(located.field, stars, epoch_of([e.jd_utc for e in ready.lights]))
            series, notes = _make_series(done, field, recipe, star, shown, chosen)
            notes += said if series else []
            folder = project.cache / "target"
            studies, said = make_targets(series, done.stars, done.photometry, chosen, folder)
            notes += said
            return_memory()
        if place is not None and note:
            notes.insert(0, note)
        with clock.time("stacks"):
            stacks, said = stack_bands(
                ready,
                done.accepted_paths,
                chosen,
                How(memory=memory, workers=workers),
                lambda band: project.path(f"{UNFINISHED}/stacks/{file_name(band)}.fits"),
                shown,
                **{k: v for k, v in chosen.of("stack").items() if k in ("make", "sky")},
            )
            notes += said
        work = Work(
            str(night), chosen, scan, ready, reduced, located, done, tuple(series), tuple(notes), studies
        )
        frames = work.frames()
        with clock.time("pictures"):
            drawn = {file_name(name): picture for name, picture in _draw(work, frames, posters, shown)}
        summary = summarize(
            night,
            project.folder,
            frames,
            done,
            located,
            list(drawn),
            work.failures,
            work.notes,
            work.series,
            work.studies,
        )
        provenance = {
            "started": started,
            "catalog": None if stars is None else str(stars.meta["path"]),
            "workers": workers,
            "versions": versions(),
            "settings": describe_settings(chosen),
            **work.provenance(),
            "summary": list(summary),
            "seconds": clock.seconds,
        }
        _write(project, work, frames, drawn, stacks, provenance)
        if live:
            cache.forget_unused()
    return RunResult(project.folder, frames, done.stars, done.zero_points, summary, work.failures)


@contextmanager
def _without_junk(project: Project) -> Iterator[None]:
    """Where nothing comes of a run, leave nothing but work that can be picked up again."""
    try:
        yield
    except BaseException as error:
        hopeless = isinstance(error, PogsonError) and not isinstance(error, FileError)
        project.abandon(keep_work=not hopeless)
        raise


def _reduce(
    ready: Night,
    settings: Settings,
    catalog: Table | None,
    cache: Cache,
    workers: int,
    memory: float,
    progress: Progress,
    target: Target | None,
    brightest: int,
    fetch: Fetch | None,
) -> tuple[Reduced, Located, int, str]:
    located: list[Located] = []
    chosen: list[tuple[int, str]] = []

    def locate(found: Table, exposure: Exposure, earliest: Transform | MatchFailure) -> Table:
        wishes = Wishes(**settings.catalog)
        place = locate_night(found, exposure, ready.lights, catalog, wishes=wishes, fetch=fetch)
        chosen.append(find_target(target, place.field, earliest) if target else (0, ""))
        located.append(replace(place, field=brightest_stars(place.field, brightest, chosen[-1][0])))
        return located[-1].field

    reduced = reduce_lights(
        ready, settings, locate=locate, cache=cache, workers=workers, memory=memory, progress=progress
    )
    return reduced, located[0], *chosen[0]


def _make_series(
    done: Calibrated, field: Table, recipe: str, target: int, progress: Progress, settings: Settings
) -> tuple[list[Series], list[str]]:
    if recipe == "cluster":
        return [], []
    accepted = [t for t in done.photometry if t.meta["exposure"].path in done.accepted_paths]
    asked = recipe == "series"
    if asked or series_bands(accepted, asked=asked):
        progress.stage("light curves", 1)
    made = make_series(accepted, field, asked=asked, target=target, detrending=settings.of("detrend"))
    progress.advance()
    return made


# drawing needs matplotlib, and memory for it, only when the frames are done


def _draw_posters(reduced: Reduced) -> list[tuple[str, Picture]]:
    from pogson.pipeline.pictures import draw_stars

    reference = reduced.lights[reduced.reference]
    return list(draw_stars(reduced.posters, reduced.calibrate, reduced.lights, reference))


def _draw(
    work: Work, frames: Table, posters: Sequence[tuple[str, Picture]], progress: Progress
) -> Iterator[tuple[str, Picture]]:
    from pogson.pipeline import pictures
    from pogson.pipeline.series_pictures import draw_series

    done = work.done
    bands = observed_bands(work.reduced.lights, done.accepted_paths)
    accepted = [t for t in done.photometry if t.meta["exposure"].path in done.accepted_paths]
    parts = [
        pictures.draw_frames(frames, done.zero_points),
        pictures.draw_calibration(work.ready.masters.masters, work.ready.cameras),
        iter(posters),
        pictures.draw_errors(photometry_sample(accepted), bands),
        pictures.draw_zero_points(done.residuals, done.zero_points, done.colors),
        pictures.draw_diagrams(done.stars, bands),
        draw_series(work.series, work.studies),
    ]
    progress.stage("drawing", len(parts))
    for part in parts:
        yield from part
        progress.advance()
    return_memory()


def _write(
    project: Project,
    work: Work,
    frames: Table,
    drawn: dict[str, Any],
    stacks: dict[str, Path],
    provenance: dict[str, Any],
) -> None:
    ready, done = work.ready, work.done
    project.clear()
    write_masters(ready.masters, project.folder / "masters")
    for name, picture in drawn.items():
        write_atomic(project.path(f"plots/{name}"), picture.png)
    for path in stacks.values():
        path.replace(project.path(f"stacks/{path.name}"))
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
    if work.studies:
        remove(project.folder / "target")
        (project.cache / "target").replace(project.folder / "target")
    report = collect_report(
        work.night,
        ready,
        work.reduced,
        done,
        frames,
        drawn,
        provenance,
        work.scan.unread,
        work.located,
        bool(work.series),
    )
    write_atomic(project.path("report.html"), make_report(replace(report, live=project.live)).encode())
    # run.json comes last: where it is, everything is
    write_atomic(project.path("run.json"), json.dumps(to_plain(provenance), indent=1).encode())
    project.finish()
