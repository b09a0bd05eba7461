"""A whole night, from a folder of frames to magnitudes, pictures and a report."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from pogson.core.errors import FileError, PogsonError, SettingError
from pogson.io.catalogs import read_catalog
from pogson.io.scan import Scan, scan_folder
from pogson.io.tables import read_long
from pogson.pipeline.api import need_lights
from pogson.pipeline.memory import share_memory
from pogson.pipeline.project import Project, open_project
from pogson.pipeline.provenance import describe_settings, hash_inputs, now, versions
from pogson.pipeline.series import read_target
from pogson.pipeline.settings import Settings
from pogson.pipeline.stages import Asked, Stages, clock
from pogson.pipeline.summary import summarize
from pogson.pipeline.target import read_wishes
from pogson.pipeline.warmup import compile_kernels
from pogson.pipeline.work import Work
from pogson.pipeline.workers import Failure, Progress, Silent, open_pool
from pogson.pipeline.write import Products, write_products, write_tables

#: what may be made of a night
RECIPES = ("auto", "cluster", "series")


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
        """PHOTOMETRY of all frames, read from the folder; its words are objects, each in memory once."""
        return read_long(self.folder / "photometry.parquet")

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
    only: Collection[Path] | None = None,
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
    only : collection of Path, optional
        Of the images in `night`, those that count: others are still written to.
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
    fetch = None
    if online:
        from pogson.pipeline.fetch import open_fetch

        fetch = open_fetch()
    asked = Asked(recipe, place, brightest, workers, memory, fetch)
    share_memory()
    started, seconds = now(), dict[str, float]()
    with clock(seconds, "scan"):
        scan = scan_folder(night, overrides=chosen.facts, only=only)
        given = None if catalog is None else read_catalog(catalog, columns=chosen.catalog_columns)
    need_lights(scan, night)
    project = open_project(out, night=night, overwrite=overwrite, live=live)
    with _without_junk(project), open_pool(1) as aside:
        stages = Stages(chosen, asked, project, progress or Silent(), seconds)
        compile_kernels(stages.progress)
        done = _go(stages, str(night), scan, given, started, aside)
        if live:
            stages.cache.forget_unused()
    return done


def _go(
    stages: Stages, night: str, scan: Scan, catalog: Table | None, started: str, aside: Executor
) -> RunResult:
    """One stage after the other; `aside` reads and writes files meanwhile."""
    project = stages.project
    ready = stages.prepare(scan)
    reduced, located, star = stages.reduce(ready, catalog)
    catalog = located.catalog if located.catalog is not None else catalog
    hashes = hash_inputs(scan.exposures, aside)
    posters = stages.draw_posters(ready, reduced)
    done = stages.standardize(reduced, located, catalog)
    series, studies = stages.compare(ready, done, located, catalog, star)
    stacks = stages.stack(ready, done)
    work = Work(
        night,
        stages.settings,
        scan,
        ready,
        reduced,
        located,
        done,
        hashes,
        tuple(series),
        tuple(stages.notes),
        studies,
    )
    frames = work.frames()
    written = aside.submit(write_tables, project, work, frames)
    drawn = stages.draw(work, frames, posters)
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
        "catalog": None if catalog is None else str(catalog.meta["path"]),
        "workers": stages.asked.workers,
        "versions": versions(),
        "settings": describe_settings(stages.settings),
        **work.provenance(),
        "summary": list(summary),
        "seconds": stages.seconds,
    }
    written.result()
    write_products(project, Products(work, frames, drawn, stacks, provenance))
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
