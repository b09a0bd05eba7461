"""From prepared light frames to the fluxes of one field: survey, match, measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError, NightError
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.pipeline.cache import Cache
from pogson.pipeline.lights import Detected, Measured, Workshop, key_of_field
from pogson.pipeline.night import Night
from pogson.pipeline.settings import Settings
from pogson.pipeline.workers import Failure, Outcome, Progress, map_frames
from pogson.steps.match.field import MatchFailure, align_frames, choose_reference, make_field

#: bytes per pixel of a frame in memory: data, variance, mask
FRAME_BYTES = 10

#: what is done to the field before it is measured: coordinates
Locate = Callable[[Table, Exposure], Table]


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
    posters : mapping of band to Frame
        The best frame of each band, for pictures.
    failures : tuple of Failure
    """

    field: Table
    lights: tuple[Measured, ...]
    reference: int
    posters: dict[str, Frame]
    failures: tuple[Failure, ...] = ()


def reduce_lights(
    night: Night,
    settings: Settings,
    *,
    locate: Locate,
    cache: Cache,
    workers: int = 0,
    memory: float = 2.0,
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
        Gives the field its coordinates: called with the field and the reference's exposure.
    cache : Cache
        What a run that was stopped has done already.
    workers : int
        Frames worked on at a time; 0 takes all processors.
    memory : float
        Gigabytes that surveyed frames may fill.
    progress : Progress, optional
        Whoever shows how far things are.

    Raises
    ------
    NightError
        If no light frame could be read, or none holds stars enough to be a reference.
    """
    shop = Workshop(night.masters, settings, cache)
    survey, rest = choose_survey(night.lights, memory)
    found = map_frames(
        shop.detect,
        survey,
        name=lambda e: e.path,
        stage="calibrating and detecting",
        workers=workers,
        progress=progress,
    )
    failures = [o.failure for o in found if o.failure]
    detected = [o.result for o in found if o.result is not None]
    if not detected:
        raise NightError(f"none of {len(survey)} light frames could be read; the first: {failures[0].reason}")
    tables = [d.stars for d in detected]
    try:
        best = choose_reference(tables)
    except MatchError as error:
        raise NightError(f"{len(detected)} light frames, but {error}") from None
    transforms = align_frames(tables, best)
    options = {k: v for k, v in settings.of("match").items() if k != "radius"}
    field = locate(make_field(tables, transforms, best, **options), detected[best].exposure)
    field.meta["psf"] = detected[best].psf
    posters = _choose_posters(shop, detected, transforms)
    key = key_of_field(field)
    measured = _measure_surveyed(shop, detected, transforms, field, key, workers, progress)
    if rest:
        measured += _process_rest(shop, rest, field, key, tables[best], measured, workers, progress)
    failures += [o.failure for o in measured if o.failure]
    lights = sorted((o.result for o in measured if o.result is not None), key=_order)
    paths = [m.detected.exposure.path for m in lights]
    reference = paths.index(detected[best].exposure.path)
    return Reduced(field, tuple(lights), reference, posters, tuple(failures))


def choose_survey(
    lights: Sequence[Exposure], memory: float
) -> tuple[tuple[Exposure, ...], tuple[Exposure, ...]]:
    """The light frames that fit in memory, spread evenly over bands and night; and the rest.

    Parameters
    ----------
    lights : sequence of Exposure
        In order of time.
    memory : float
        Gigabytes.
    """
    size = max(max(e.shape[0] * e.shape[1] for e in lights) * FRAME_BYTES, 1)
    room = max(3, int(memory * 1e9 / size))
    if len(lights) <= room:
        return tuple(lights), ()
    bands: dict[str, list[int]] = {}
    for i, exposure in enumerate(lights):
        bands.setdefault(exposure.band, []).append(i)
    share = max(1, room // len(bands))
    chosen = {
        members[j]
        for members in bands.values()
        for j in np.unique(np.linspace(0, len(members) - 1, min(share, len(members))).astype(int))
    }
    return (
        tuple(e for i, e in enumerate(lights) if i in chosen),
        tuple(e for i, e in enumerate(lights) if i not in chosen),
    )


def _choose_posters(
    shop: Workshop, detected: Sequence[Detected], transforms: Sequence[Transform | MatchFailure]
) -> dict[str, Frame]:
    """The frame with the most stars of each band."""
    best: dict[str, Detected] = {}
    for one, transform in zip(detected, transforms, strict=True):
        band = one.exposure.band
        if isinstance(transform, Transform) and len(one.stars) > len(
            best[band].stars if band in best else ()
        ):
            best[band] = one
    return {band: one.frame or shop.calibrate(one.exposure) for band, one in best.items()}


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
    field: Table,
    key: str,
    reference: Table,
    measured: Sequence[Outcome[int, Measured]],
    workers: int,
    progress: Progress | None,
) -> list[Outcome[int, Measured]]:
    known = [
        (o.result.detected.exposure.jd_utc, o.result.transform)
        for o in measured
        if o.result is not None and isinstance(o.result.transform, Transform)
    ]
    times = np.nan_to_num([time for time, _ in known])

    def task(index: int) -> Measured:
        near = int(np.argmin(np.abs(times - np.nan_to_num(rest[index].jd_utc))))
        return shop.process(rest[index], field, key, reference, known[near][1])

    return map_frames(
        task,
        range(len(rest)),
        name=lambda index: rest[index].path,
        stage="calibrating, detecting, measuring",
        workers=workers,
        progress=progress,
    )


def _order(light: Measured) -> tuple[float, str]:
    exposure = light.detected.exposure
    return (exposure.jd_utc if np.isfinite(exposure.jd_utc) else np.inf, exposure.path)
