"""The stages of a run, each from what the ones before it found; what they share is kept here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from astropy.table import Table

from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.io.files import remove
from pogson.io.mapped import Shelf
from pogson.io.scan import Scan
from pogson.pipeline.api import write_masters
from pogson.pipeline.cache import Cache
from pogson.pipeline.calibrated import Calibrated, calibrate_magnitudes, fill_corrections
from pogson.pipeline.choose import Wishes
from pogson.pipeline.colors import add_colors
from pogson.pipeline.cone import Fetch
from pogson.pipeline.coordinates import Located, epoch_of, locate_night
from pogson.pipeline.memory import return_memory
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.products import file_name, observed_bands
from pogson.pipeline.project import UNFINISHED, Project
from pogson.pipeline.reduce import Reduced, reduce_lights
from pogson.pipeline.report.page import Picture
from pogson.pipeline.series import (
    Series,
    Target,
    brightest_stars,
    find_target,
    make_series,
    series_bands,
    without_details,
)
from pogson.pipeline.settings import Settings
from pogson.pipeline.target import Study
from pogson.pipeline.target_exports import make_targets
from pogson.pipeline.work import Work
from pogson.pipeline.workers import Progress
from pogson.steps.match.field import MatchFailure


@dataclass(frozen=True)
class Asked:
    """What the user asked for, beside the settings."""

    recipe: str = "auto"
    target: Target | None = None
    brightest: int = 0
    workers: int = 0
    memory: float = 0.25  # gigabytes that pixels may fill
    fetch: Fetch | None = None


@dataclass
class Stages:
    """A run on its way: what it was asked for, where its products go, and what is to be said of it.

    Attributes
    ----------
    settings : Settings
    asked : Asked
    project : Project
    progress : Progress
    seconds : mapping of stage to float
        Time spent so far.
    notes : list of str
        For the summary.
    """

    settings: Settings
    asked: Asked
    project: Project
    progress: Progress
    seconds: dict[str, float]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = Cache(self.project.cache)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage, and give back what it does not need any more."""
        with clock(self.seconds, name):
            yield
            return_memory()

    def prepare(self, scan: Scan) -> Night:
        """Measure the camera, and make and write the masters, which then lie on the disk."""
        with self.stage("masters"):
            shelf = Shelf(self.project.cache)
            ready = prepare_night(scan, workers=self.asked.workers, progress=self.progress, shelf=shelf)
            return_memory()
            folder = self.project.cache / "masters"
            remove(folder)
            write_masters(ready.masters, folder)
            ready.masters.rest()
        return ready

    def reduce(self, ready: Night, catalog: Table | None) -> tuple[Reduced, Located, int]:
        """Measure all frames; also where the field is, and the number of the target."""
        located: list[Located] = []
        chosen: list[tuple[int, str]] = []
        asked, wishes = self.asked, Wishes(**self.settings.catalog)

        def locate(found: Table, exposure: Exposure, earliest: Transform | MatchFailure) -> Table:
            place = locate_night(found, exposure, ready.lights, catalog, wishes=wishes, fetch=asked.fetch)
            chosen.append(find_target(asked.target, place.field, earliest) if asked.target else (0, ""))
            located.append(replace(place, field=brightest_stars(place.field, asked.brightest, chosen[0][0])))
            return located[0].field

        with self.stage("frames"):
            reduced = reduce_lights(
                ready,
                self.settings,
                locate=locate,
                cache=self.cache,
                workers=asked.workers,
                memory=asked.memory,
                progress=self.progress,
            )
        star, note = chosen[0]
        self.notes += [note] if note else []
        return replace(reduced, lights=fill_corrections(reduced.lights)), located[0], star

    def draw_posters(self, ready: Night, reduced: Reduced) -> list[tuple[str, Picture]]:
        """The best frame of each band; no frame is calibrated after them."""
        # drawing needs matplotlib, and memory for it, only when the frames are done
        from pogson.pipeline.pictures import draw_stars

        with self.stage("pictures"):
            reference = reduced.lights[reduced.reference]
            drawn = list(draw_stars(reduced.posters, reduced.calibrate, reduced.lights, reference))
            ready.masters.prepared.clear()
            ready.masters.rest()
        return drawn

    def standardize(self, reduced: Reduced, located: Located, catalog: Table | None) -> Calibrated:
        """Judged frames, zero points and magnitudes."""
        with self.stage("magnitudes"):
            self.progress.stage("zero points", 1)
            done = calibrate_magnitudes(reduced, located, catalog, self.settings)
            self.progress.advance()
        return done

    def compare(
        self, ready: Night, done: Calibrated, located: Located, catalog: Table | None, star: int
    ) -> tuple[list[Series], Mapping[str, Study]]:
        """Light curves, and what the target's show."""
        with self.stage("light curves"):
            field_, said = add_colors(located.field, catalog, epoch_of([e.jd_utc for e in ready.lights]))
            series, notes = self._make_series(done, field_, star)
            self.notes += [*notes, *(said if series else [])]
            folder = self.project.cache / "target"
            studies, said = make_targets(series, done.stars, done.photometry, self.settings, folder)
            self.notes += said
        return [without_details(one) for one in series], studies

    def _make_series(self, done: Calibrated, field_: Table, star: int) -> tuple[list[Series], list[str]]:
        if self.asked.recipe == "cluster":
            return [], []
        accepted = _accepted(done)
        asked = self.asked.recipe == "series"
        if asked or series_bands(accepted, asked=asked):
            self.progress.stage("light curves", 1)
        detrending = self.settings.of("detrend")
        made = make_series(accepted, field_, asked=asked, target=star, detrending=detrending)
        self.progress.advance()
        return made

    def stack(self, ready: Night, done: Calibrated) -> dict[str, Path]:
        """The stack of each band, where they are wanted; they are not among the products yet."""
        wanted = {k: v for k, v in self.settings.of("stack").items() if k in ("make", "sky")}
        if not wanted.get("make"):
            return {}
        from pogson.pipeline.stack.bands import stack_bands
        from pogson.pipeline.stack.make import How

        with self.stage("stacks"):
            stacks, said = stack_bands(
                ready,
                done.accepted_paths,
                self.settings,
                How(memory=self.asked.memory, workers=self.asked.workers),
                lambda band: self.project.path(f"{UNFINISHED}/stacks/{file_name(band)}.fits"),
                self.progress,
                **wanted,
            )
            self.notes += said
        return stacks

    def draw(self, work: Work, frames: Table, posters: Sequence[tuple[str, Picture]]) -> dict[str, Picture]:
        """All pictures, by the names of their files."""
        from pogson.pipeline import pictures
        from pogson.pipeline.series_pictures import draw_series

        done = work.done
        bands = observed_bands(work.reduced.lights, done.accepted_paths)
        parts = [
            pictures.draw_frames(frames, done.zero_points),
            pictures.draw_calibration(work.ready.masters, work.ready.cameras),
            iter(posters),
            pictures.draw_errors(_accepted(done), bands),
            pictures.draw_zero_points(done.residuals, done.zero_points, done.colors),
            pictures.draw_diagrams(done.stars, bands),
            draw_series(work.series, work.studies),
        ]
        drawn: dict[str, Picture] = {}
        with self.stage("pictures"):
            self.progress.stage("drawing", len(parts))
            for part in parts:
                drawn |= {file_name(name): picture for name, picture in part}
                self.progress.advance()
                work.ready.masters.rest()
                return_memory()
        return drawn


@contextmanager
def clock(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the block to that of a stage."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(seconds.get(stage, 0.0) + time.perf_counter() - start, 3)


def _accepted(done: Calibrated) -> list[Table]:
    return [t for t in done.photometry if t.meta["exposure"].path in done.accepted_paths]
