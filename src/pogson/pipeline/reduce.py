"""From prepared light frames to the fluxes of one field: survey, match, measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError, NightError
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.pipeline.lights import Detected, Measured, detect_light, measure_light, process_light
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
    workers: int = 0,
    memory: float = 2.0,
    progress: Progress | None = None,
) -> Reduced:
    """Survey the light frames, make the field, and measure it in every frame.

    Parameters
    ----------
    night : Night
    settings : Settings
    locate : function
        Gives the field its coordinates: called with the field and the reference's exposure.
    workers : int
    memory : float
        Gigabytes that surveyed frames may fill.
    progress : Progress, optional

    Raises
    ------
    NightError
        If no light frame could be read, or none holds stars enough to be a reference.
    """
    survey, rest = choose_survey(night.lights, memory)
    found = map_frames(
        lambda e: detect_light(e, night.masters, settings, keep=True),
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
    posters = _choose_posters(detected, transforms)
    measured = _measure_surveyed(detected, transforms, field, settings, workers, progress)
    if rest:
        measured += _process_rest(rest, night, settings, field, tables[best], measured, workers, progress)
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
    detected: Sequence[Detected], transforms: Sequence[Transform | MatchFailure]
) -> dict[str, Frame]:
    """The frame with the most stars of each band."""
    best: dict[str, Detected] = {}
    for one, transform in zip(detected, transforms, strict=True):
        band = one.exposure.band
        if isinstance(transform, Transform) and len(one.stars) > len(best[band].stars if band in best else ()):
            best[band] = one
    return {band: one.frame for band, one in best.items() if one.frame is not None}


def _measure_surveyed(
    detected: Sequence[Detected],
    transforms: Sequence[Transform | MatchFailure],
    field: Table,
    settings: Settings,
    workers: int,
    progress: Progress | None,
) -> list[Outcome[object, Measured]]:
    pairs = list(zip(detected, transforms, strict=True))
    outcomes = map_frames(
        lambda pair: measure_light(pair[0], field, pair[1], settings),
        pairs,
        name=lambda pair: pair[0].exposure.path,
        stage="measuring",
        workers=workers,
        progress=progress,
    )
    return list(outcomes)  # type: ignore[arg-type]


def _process_rest(
    rest: Sequence[Exposure],
    night: Night,
    settings: Settings,
    field: Table,
    reference: Table,
    measured: Sequence[Outcome[object, Measured]],
    workers: int,
    progress: Progress | None,
) -> list[Outcome[object, Measured]]:
    known = sorted(
        (o.result.detected.exposure.jd_utc, k, o.result.transform)
        for k, o in enumerate(measured)
        if o.result is not None and isinstance(o.result.transform, Transform)
    )
    times = np.array([time for time, _, _ in known])

    def process(exposure: Exposure) -> Measured:
        near = int(np.argmin(np.abs(times - exposure.jd_utc))) if np.isfinite(exposure.jd_utc) else 0
        return process_light(
            exposure, night.masters, settings, field=field, reference=reference, guess=known[near][2]
        )

    outcomes = map_frames(
        process,
        rest,
        name=lambda e: e.path,
        stage="calibrating, detecting, measuring",
        workers=workers,
        progress=progress,
    )
    return list(outcomes)  # type: ignore[arg-type]


def _order(light: Measured) -> tuple[float, str]:
    exposure = light.detected.exposure
    return (exposure.jd_utc if np.isfinite(exposure.jd_utc) else np.inf, exposure.path)

