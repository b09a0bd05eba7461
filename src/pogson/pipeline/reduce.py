"""From prepared light frames to the fluxes of one field: survey, match, measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from pogson.core.errors import NightError
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.core.units import Pixels
from pogson.pipeline.cache import Cache
from pogson.pipeline.lights import FWHM, Detected, KnownField, Measured, Workshop, key_of_field
from pogson.pipeline.memory import return_memory
from pogson.pipeline.night import Night
from pogson.pipeline.settings import Settings
from pogson.pipeline.workers import Failure, Outcome, Progress, count_workers, map_frames
from pogson.steps.match.field import MatchFailure, align_frames, choose_reference, make_field
from pogson.steps.measure.crowd import separate_fluxes

#: bytes per pixel of a frame in memory: data, variance, mask
FRAME_BYTES = 10
#: and of one that is worked on, at most: the raw numbers and maps of the sky as well
WORK_BYTES = 40

#: light frames whose stars make the field: more find few more
SURVEY = 40

#: frames that are tried as the reference
TRIES = 3

#: what is done to the field before it is measured: coordinates
Locate = Callable[[Table, Exposure, Transform | MatchFailure], Table]


@dataclass(frozen=True)
class Reduced:
    """The field of a night, and every light frame measured at it.

    Attributes
    ----------
    field : Table
        FIELD.
    lights : tuple of Measured
        In order of time; frames that could not be read are in `failures`.
    reference : int
        Index of the reference frame in `lights`.
    posters : mapping of band to Exposure
        The best frame of each band, for pictures.
    calibrate : function
        Reads a light frame and calibrates it.
    failures : tuple of Failure
    """

    field: Table
    lights: tuple[Measured, ...]
    reference: int
    posters: dict[str, Exposure]
    calibrate: Callable[[Exposure], Frame]
    failures: tuple[Failure, ...] = ()


def reduce_lights(
    night: Night,
    settings: Settings,
    *,
    locate: Locate,
    cache: Cache,
    workers: int = 0,
    memory: float = 0.25,
    progress: Progress | None = None,
) -> Reduced:
    """Survey the light frames, make the field, and measure it in every frame.

    Parameters
    ----------
    night : Night
        Light frames with what is known of the camera, and the masters.
    settings : Settings
        Of all steps.
    locate : function
        Gives the field its coordinates, and chooses its stars: called with the field, the reference's
        exposure, and where the earliest frame's stars are.
    cache : Cache
        What a run that was stopped has done already.
    workers : int
        Frames worked on at a time; 0 takes all processors.
    memory : float
        Gigabytes that pixels may fill: masters, frames in work, and surveyed frames that need not be
        read again. Results do not depend on it.
    progress : Progress, optional
        Whoever shows how far things are.

    Raises
    ------
    NightError
        If no light frame could be read, or none holds stars enough to be a reference.
    """
    shop = Workshop(night.masters, settings, cache)
    survey, rest = choose_survey(night.lights)
    kept = _frames_that_fit(night, memory, count_workers(workers))
    # all frames are searched with the same filter, so that their stars can be counted
    start = _usual_fwhm(shop, survey, workers) if rest else FWHM

    def detect(index: int) -> Detected:
        found = shop.detect(survey[index], start)
        return found if index < kept else replace(found, frame=None)

    found = map_frames(
        detect,
        range(len(survey)),
        name=lambda index: survey[index].path,
        stage="calibrating and detecting",
        workers=workers,
        progress=progress,
    )
    failures = [o.failure for o in found if o.failure]
    detected = [o.result for o in found if o.result is not None]
    if not detected:
        raise NightError(f"none of {len(survey)} light frames could be read; the first: {failures[0].reason}")
    del found  # each frame goes when it is measured
    detected = _look_again(shop, detected, workers, progress)
    matching = settings.of("match")
    best, transforms = align_lights(detected, **{k: v for k, v in matching.items() if k == "radius"})
    options = {k: v for k, v in matching.items() if k != "radius"}
    made = make_field([d.stars for d in detected], transforms, best, **options)
    field = locate(made, detected[best].exposure, transforms[0])
    field.meta["psf"] = detected[best].psf
    field["flux"] = separate_fluxes(detected[best].frame or shop.calibrate(detected[best].exposure), field)
    posters = _choose_posters(detected, transforms)
    key = key_of_field(field)
    return_memory()
    reference, name = detected[best].stars, detected[best].exposure.path
    measured = _measure_surveyed(shop, detected, transforms, field, key, workers, progress)
    return_memory()
    if rest:
        known = KnownField(field, key, reference, start)
        measured += _process_rest(shop, rest, known, measured, workers, progress)
    failures += [o.failure for o in measured if o.failure]
    lights = sorted(
        (o.result for o in measured if o.result is not None), key=lambda m: in_time(m.detected.exposure)
    )
    useful = [i for i, light in enumerate(lights) if light.photometry is not None]
    if not useful:
        raise NightError(
            f"none of {len(night.lights)} light frames could be measured; the first: {failures[0].reason}"
        )
    paths = [m.detected.exposure.path for m in lights]
    first = paths.index(name) if name in paths else useful[0]
    return Reduced(field, tuple(lights), first, posters, shop.calibrate, tuple(failures))


def align_lights(
    detected: Sequence[Detected], *, radius: Pixels = 2.0
) -> tuple[int, list[Transform | MatchFailure]]:
    """The reference frame and the maps to all others: the frame to which most others fit.

    The best frame may be one of another field, or one of noise: where most frames do not fit it,
    the best of those is tried.

    Raises
    ------
    NightError
        If no frame holds three stars with a width.
    """
    left = [i for i, d in enumerate(detected) if len(d.stars) >= 3 and d.psf.fwhm > 0]
    # a frame without exposure time is not measured
    left = [i for i in left if detected[i].exposure.exptime > 0] or left
    if not left:
        raise NightError(
            f"{len(detected)} light frames, but none holds 3 stars sharp enough to measure their width; "
            "lower [detect] threshold, or give [detect] fwhm"
        )
    tables = [d.stars for d in detected]
    found: list[tuple[int, list[Transform | MatchFailure]]] = []
    while left and len(found) < TRIES:
        best = left[choose_reference([tables[i] for i in left])]
        found.append((best, align_frames(tables, best, radius=radius)))
        fits = [isinstance(t, Transform) for t in found[-1][1]]
        if 2 * sum(fits) > len(fits):
            break
        left = [i for i in left if not fits[i]]
    return max(found, key=lambda one: sum(isinstance(t, Transform) for t in one[1]))


def choose_survey(lights: Sequence[Exposure]) -> tuple[tuple[Exposure, ...], tuple[Exposure, ...]]:
    """The light frames that make the field, spread evenly over bands and night; and the rest.

    Parameters
    ----------
    lights : sequence of Exposure
        In order of time.
    """
    if len(lights) <= SURVEY:
        return tuple(lights), ()
    bands: dict[str, list[int]] = {}
    for i, exposure in enumerate(lights):
        bands.setdefault(exposure.band, []).append(i)
    share = max(1, SURVEY // len(bands))
    chosen = {
        members[j]
        for members in bands.values()
        for j in np.unique(np.linspace(0, len(members) - 1, min(share, len(members))).astype(int))
    }
    return (
        tuple(e for i, e in enumerate(lights) if i in chosen),
        tuple(e for i, e in enumerate(lights) if i not in chosen),
    )


def _usual_fwhm(shop: Workshop, survey: Sequence[Exposure], workers: int) -> float:
    """The FWHM of the night's stars to within 5 %, from three frames."""
    some = [survey[0], survey[len(survey) // 2], survey[-1]]
    found = map_frames(
        lambda index: shop.detect(some[index]).psf.fwhm,
        range(len(some)),
        name=lambda index: some[index].path,
        stage="looking at the stars",
        workers=workers,
    )
    widths = [o.result for o in found if o.result is not None and o.result > 0.0]
    return float(round(1.1 ** round(np.log(np.median(widths)) / np.log(1.1)), 2)) if widths else FWHM


def _frames_that_fit(night: Night, memory: float, workers: int) -> int:
    """Surveyed frames that may stay in memory until they are measured."""
    size = max(max(e.shape[0] * e.shape[1] for e in night.lights), 1)
    masters = sum(m.data.size for m in night.masters.masters) * FRAME_BYTES
    return max(0, int((memory * 1e9 - masters - workers * size * WORK_BYTES) / (size * FRAME_BYTES)))


def _choose_posters(
    detected: Sequence[Detected], transforms: Sequence[Transform | MatchFailure]
) -> dict[str, Exposure]:
    """The frame with the most stars of each band."""
    best: dict[str, Detected] = {}
    for one, transform in zip(detected, transforms, strict=True):
        band = one.exposure.band
        most = len(best[band].stars) if band in best else 0
        # a frame without exposure time is not measured
        if isinstance(transform, Transform) and one.exposure.exptime > 0 and len(one.stars) > most:
            best[band] = one
    return {band: one.exposure for band, one in best.items()}


def _look_again(
    shop: Workshop, detected: Sequence[Detected], workers: int, progress: Progress | None
) -> list[Detected]:
    """Search frames once more, in which no star showed a width, for stars as wide as those of the others."""
    widths = np.array([d.psf.fwhm for d in detected])
    lost = np.isnan(widths)
    if not lost.any() or lost.all():
        return list(detected)
    usual = float(np.median(widths[~lost]))
    again = map_frames(
        lambda index: replace(shop.detect(detected[index].exposure, usual), frame=None),
        np.flatnonzero(lost).tolist(),
        name=lambda index: detected[index].exposure.path,
        stage="searching for wider stars",
        workers=workers,
        progress=progress,
    )
    # where that finds no more, the first look stands: a frame of noise stays one
    better = {o.item: o.result for o in again if o.result is not None and o.result.psf.fwhm > 0}
    return [better.get(index, first) for index, first in enumerate(detected)]


def _measure_surveyed(
    shop: Workshop,
    detected: list[Detected],
    transforms: Sequence[Transform | MatchFailure],
    field: Table,
    key: str,
    workers: int,
    progress: Progress | None,
) -> list[Outcome[int, Measured]]:
    def task(index: int) -> Measured:
        done = shop.measure(detected[index], field, key, transforms[index])
        detected[index] = done.detected  # its pixels are not needed any more
        return done

    names = [d.exposure.path for d in detected]
    return map_frames(
        task,
        range(len(detected)),
        name=lambda index: names[index],
        stage="measuring",
        workers=workers,
        progress=progress,
    )


def _process_rest(
    shop: Workshop,
    rest: Sequence[Exposure],
    field: KnownField,
    measured: Sequence[Outcome[int, Measured]],
    workers: int,
    progress: Progress | None,
) -> list[Outcome[int, Measured]]:
    aligned = [
        (o.result.detected.exposure.jd_utc, o.result.transform)
        for o in measured
        if o.result is not None and isinstance(o.result.transform, Transform)
    ]
    times = np.nan_to_num([time for time, _ in aligned])

    def task(index: int) -> Measured:
        near = int(np.argmin(np.abs(times - np.nan_to_num(rest[index].jd_utc))))
        return shop.process(rest[index], field, aligned[near][1])

    return map_frames(
        task,
        range(len(rest)),
        name=lambda index: rest[index].path,
        stage="calibrating, detecting, measuring",
        workers=workers,
        progress=progress,
    )


def in_time(exposure: Exposure) -> tuple[float, str]:
    """Sorts exposures by time, those without one last, by name."""
    return (exposure.jd_utc if np.isfinite(exposure.jd_utc) else np.inf, exposure.path)
