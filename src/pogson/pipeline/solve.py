"""Solve frames: from a file to its place on the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError, ServiceError
from pogson.core.frame import Exposure
from pogson.io.catalogs import read_catalog
from pogson.io.files import make_folder
from pogson.io.nova import nova_key
from pogson.io.tycho2 import NAME, read_tycho2, tycho2_sky, tycho2_stars
from pogson.io.wcs import read_wcs
from pogson.pipeline.api import open_frame
from pogson.pipeline.engines import CATALOG, solve_elsewhere
from pogson.pipeline.settings import Settings
from pogson.pipeline.solved import Solved, catalog_around, describe, write_products
from pogson.pipeline.workers import Failure, map_frames
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.astrometry import Solution, magnitude_of, solve_field
from pogson.steps.match.crossmatch import move_to_epoch
from pogson.steps.match.solve import Cone, Hint, make_cone, solve_stars

#: degree: where the header's WCS is right, stars so far from its centre are asked for
_MARGIN = 1.3

#: degree: the figures of wider fields are made in a second or two
_WIDE = 2.0


def hints_of(exposure: Exposure) -> list[Hint]:
    """What the header says of the place: its WCS first, then the pointing."""
    hints = []
    wcs = read_wcs(exposure.cards) if exposure.cards else None
    if wcs is not None:
        ra, dec = _centre(wcs, exposure.shape)
        scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
        if isfinite(ra) and isfinite(dec):
            hints.append(Hint(ra, dec, scale))
    pointing = Hint(exposure.ra, exposure.dec, exposure.pixel_scale)
    if not hints or (pointing.place and pointing != hints[0]):
        hints.append(pointing)
    return hints


def _centre(wcs: Any, shape: tuple[int, int]) -> tuple[float, float]:
    ra, dec = wcs.all_pix2world((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0, 0)
    return float(ra), float(dec)


def solve_by(
    stars: Table, exposure: Exposure, hints: Sequence[Hint], catalog: Table | None = None, *, far: bool = True
) -> Solution:
    """Solve a star list by a catalogue, or by Tycho-2 where none is given.

    Parameters
    ----------
    stars : Table
        STARS or FIELD.
    exposure : Exposure
        Of the frame: its shape, its time, its WCS cards.
    hints : sequence of Hint
        Tried in turn; the last is followed beyond its tolerance.
    catalog : Table, optional
        CATALOG.
    far : bool
        Search about the pointing and the whole sky, however long it takes: up to half a minute.

    Raises
    ------
    MatchError
        If nothing leads to a solution that can be told from accident.
    """
    found = _as_the_header_says(stars, exposure, hints, catalog)
    if found is not None:
        return found
    cone: Cone = tycho2_stars
    if catalog is not None:
        epoch = 2000.0 + (exposure.jd_utc - 2451545.0) / 365.25
        cone = make_cone(magnitude_of(catalog, exposure.band), *move_to_epoch(catalog, epoch))
    sky = tycho2_sky if catalog is None and (far or _soon(hints[-1], exposure)) else None
    for hint in hints[:-1]:
        try:
            return solve_stars(stars, shape=exposure.shape, cone=cone, hint=hint, blind=False)
        except MatchError:
            pass
    return solve_stars(
        stars, shape=exposure.shape, cone=cone, hint=hints[-1], sky=sky, search=10.0 if far else 0.0
    )


def _soon(hint: Hint, exposure: Exposure) -> bool:
    """Whether a search of the whole sky is worth its time: without a pointing, or for wide fields."""
    return not hint.place or max(exposure.shape) * hint.scale > _WIDE * 3600.0


def _as_the_header_says(
    stars: Table, exposure: Exposure, hints: Sequence[Hint], catalog: Table | None
) -> Solution | None:
    """Near a WCS in the header a few stars are proof enough, which they are not anywhere else.

    A catalogue of the user may also cover half of the frame only, or be much deeper: patterns of its stars
    are compared at the pointing, too.
    """
    first, last = hints[0], hints[-1]
    if not first.place or not isfinite(first.scale):
        return None
    if catalog is not None:
        start = replace(exposure, ra=last.ra, dec=last.dec, pixel_scale=last.scale)
    elif exposure.cards:
        start = replace(exposure, ra=nan, dec=nan)
        half = np.hypot(*exposure.shape) / 2.0 * first.scale / 3600.0
        catalog = read_tycho2(first.ra, first.dec, min(_MARGIN * half, 30.0))
    else:
        return None
    try:
        return solve_field(stars, catalog, exposure=start)[1]
    except MatchError:
        return None


def solve_files(
    files: Sequence[str],
    *,
    settings: Settings,
    hint: Hint | None = None,
    catalog: str | None = None,
    out: str | None = None,
    copy: bool = False,
    regions: bool = False,
    overwrite: bool = False,
    online: bool = False,
) -> tuple[list[Solved], list[Failure]]:
    """Detect the stars of files, solve them, and write the WCS beside or into a copy of each.

    Parameters
    ----------
    files : sequence of str
        Frames.
    settings : Settings
        Of detection; facts of the camera.
    hint : Hint, optional
        Wins over the headers, number by number.
    catalog : str, optional
        A catalogue file; Tycho-2 where not given.
    out : str, optional
        Folder; nothing is written where not given.
    copy : bool
        Write a copy of each frame with the WCS in its header; else a header without pixels, ``.wcs``.
    regions : bool
        Write the stars as a region file for DS9, too.
    overwrite : bool
        Replace files.
    online : bool
        Ask nova.astrometry.net where nothing here finds the frame: only the list of stars is sent.

    Raises
    ------
    SettingError
        If a service is to be asked, and there is no key.
    """
    if online:
        nova_key()
    table = None if catalog is None else read_catalog(catalog, columns=settings.catalog_columns)
    if out is not None:
        make_folder(out)

    def task(path: str) -> Solved:
        frame = open_frame(path, settings)
        stars = detect_stars(frame, **settings.of("detect"))
        hints = [_merged(known, hint) for known in hints_of(frame.exposure)]
        name = NAME if table is None else str(table.meta["name"])
        try:
            solution = solve_by(stars, frame.exposure, hints, table)
        except MatchError as error:
            so_far = f"{path}: not solved with {name}: {error}"
            solution, name = _elsewhere(stars, frame.exposure, hints[-1], online, so_far), CATALOG
        solved = describe(path, frame.exposure.shape, solution, name)
        if out is None:
            return solved
        known = catalog_around(solved, frame.exposure, table) if regions else None
        return write_products(solved, frame.exposure, stars, known, Path(out), copy=copy, overwrite=overwrite)

    outcomes = map_frames(task, list(files), name=str, stage="", workers=1)
    return [o.result for o in outcomes if o.result is not None], [o.failure for o in outcomes if o.failure]


def _elsewhere(stars: Table, exposure: Exposure, hint: Hint, online: bool, so_far: str) -> Solution:
    try:
        return solve_elsewhere(stars, exposure.shape, hint, online=online)
    except MatchError as error:
        raise MatchError("; ".join(part for part in (so_far, str(error)) if part)) from None
    except ServiceError as error:
        raise MatchError(f"{so_far}; {error}") from None


def _merged(header: Hint, given: Hint | None) -> Hint:
    if given is None:
        return header
    place = given if given.place else header
    return Hint(place.ra, place.dec, given.scale if isfinite(given.scale) else header.scale)
