"""From the frames of a night, or some files, to one deep frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pogson.core.errors import SettingError
from pogson.core.transform import Transform
from pogson.io.planes import Scratch
from pogson.pipeline.night import Night
from pogson.pipeline.settings import Settings
from pogson.pipeline.stack.align import Aligned, align_frames, scale_frames
from pogson.pipeline.stack.motion import STILL, Motion, follow
from pogson.pipeline.stack.products import StackResult, finish
from pogson.pipeline.stack.sources import find_frames, prepare_frames
from pogson.pipeline.stack.survey import Survey, empty_noise
from pogson.pipeline.steps import STEPS
from pogson.pipeline.warmup import compile_kernels
from pogson.pipeline.workers import Failure, Progress, Silent, count_workers
from pogson.steps.stack.coadd import coadd
from pogson.steps.stack.layer import NO_SKY, Layer, SkyMesh


@dataclass(frozen=True)
class How:
    """What is asked of a stack beside the settings of [stack]; see `stack`."""

    mix: bool = False
    aligned: bool = False
    scaled: bool = True
    sky: str = "plane"
    motion: Motion = STILL
    memory: float = 1.0
    workers: int = 0
    looks: int = 0

    @property
    def blind(self) -> bool:
        """Whether nothing need be known of the frames but their pixels."""
        return self.aligned and not self.scaled and self.sky == "none"


def stack(
    sources: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    settings: Settings | None = None,
    band: str = "",
    mix: bool = False,
    aligned: bool = False,
    scaled: bool = True,
    rate: float = 0.0,
    angle: float = 0.0,
    in_pixels: bool = False,
    memory: float = 1.0,
    workers: int = 0,
    looks: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> StackResult:
    """Shift, scale and combine light frames, raw or calibrated.

    Parameters
    ----------
    sources : path, or sequence of paths
        A folder (a raw night is calibrated with its own masters), or the files.
    out : path, optional
        FITS file for the stack: data, VAR, MASK, COVERAGE and REJECTED.
    settings : Settings, optional
        Of calibration, detection and [stack].
    band : str
        Only frames of this band.
    mix : bool
        Combine frames of several bands, nights or sizes.
    aligned : bool
        Pixels lie on each other already: nothing is moved, no star is needed.
    scaled : bool
        Bring the frames to one flux scale by their stars.
    rate, angle : float
        Follow a target that moves by so many arcsec per hour at this position angle (degrees from north
        through east), as an ephemeris gives it.
    in_pixels : bool
        `rate` is in pixels of the reference frame per hour, `angle` in degrees from x towards y.
    memory : float
        Gigabytes that the frames' pixels may fill, whatever their number.
    workers : int
        Processors; 0 takes all.
    looks : int
        Single frames to keep, for pictures.
    progress : Progress, optional
        Whoever shows how far things are.
    **options
        Settings of [stack] by name, as ``method="median"``.

    Raises
    ------
    PogsonError
        Where nothing can be stacked.
    """
    chosen, shown = settings or Settings(), progress or Silent()
    given = STEPS["stack"].check({**chosen.of("stack"), **options})
    chosen = replace(chosen, steps={**chosen.steps, "stack": given})
    target = None if out is None else _writable(out)
    motion = Motion(rate, angle, in_pixels)
    how = How(mix, aligned, scaled, given.get("sky", "plane"), motion, memory, workers, looks)
    scan, failures = find_frames(sources, chosen)
    compile_kernels(shown)
    night, lost = prepare_frames(scan, band, mix, workers, shown, how.blind)
    failures += [*lost, *night.failures]
    return stack_lights(night, chosen, how, target, failures, shown)


def stack_lights(
    night: Night,
    settings: Settings,
    how: How,
    target: Path | None,
    failures: list[Failure],
    progress: Progress,
) -> StackResult:
    """Stack all light frames of a night that is prepared, and write the stack to `target`."""
    options = {k: v for k, v in settings.of("stack").items() if k not in ("make", "sky")}
    with Scratch(target.parent if target else Path()) as scratch:
        survey = Survey(night, settings, scratch, how.memory, how.blind, options)
        frames, best = _line_up(survey, how, failures, progress)
        shape = frames[best].frame.shape
        moves = follow(frames, best, how.motion)
        layers = [_layer(one, move, how.sky) for one, move in zip(frames, moves, strict=True)]
        made = coadd(layers, shape, memory=how.memory, each=_threads(how.workers, progress), **options)
        order = [best, *(i for i in range(len(frames)) if i != best)][: how.looks]
        single = {**options, "method": "mean"}
        if options.get("resample") != "drizzle":
            single["resample"] = "shift"
        looks = {frames[i].frame.exposure.path: coadd([layers[i]], shape, **single).data for i in order}
    done = finish(made, frames, layers, best, failures, target, options, how.sky)
    return replace(done, looks=looks)


def _line_up(
    survey: Survey, how: How, failures: list[Failure], progress: Progress
) -> tuple[list[Aligned], int]:
    """Search, align and scale: large frames by strips, and as a whole where that loses one."""
    for quick in (how.sky != "map", False):
        lost: list[Failure] = []
        found = survey.survey_all(how.workers, progress, lost, quick)
        best, maps = align_frames(found, how.aligned, lost, how.mix)
        frames, best = scale_frames(found, maps, best, how.scaled and not how.aligned, lost, how.workers)
        if not (lost and quick):
            break
    failures += lost
    return frames, best


def _layer(one: Aligned, move: Transform, sky: str) -> Layer:
    frame = one.frame
    mesh = SkyMesh.of(frame.sky, sky) if frame.sky else NO_SKY
    counts = frame.unit == "electron"
    fwhm = frame.fwhm / move.scale
    return Layer(frame.rows, frame.shape, move, one.scale.value, mesh, empty_noise(frame), counts, fwhm)


def _writable(out: str | Path) -> Path:
    path = Path(out)
    if path.is_dir() or path.suffix.lower() not in (".fits", ".fit", ".fts"):
        raise SettingError(f"--out {path}: must be a FITS file, such as stack.fits")
    if not path.absolute().parent.is_dir():
        raise SettingError(f"--out {path}: there is no folder {path.absolute().parent}; make it first")
    return path


def _threads(workers: int, progress: Progress) -> Callable[..., Iterable[None]]:
    def each(task: Callable[[tuple[int, int]], None], bands: Sequence[tuple[int, int]]) -> Iterable[None]:
        progress.stage("combining", len(bands))
        with ThreadPoolExecutor(count_workers(workers)) as pool:
            for done in pool.map(task, bands):
                progress.advance()
                yield done

    return each
