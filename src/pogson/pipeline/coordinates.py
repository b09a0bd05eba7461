"""Give the field its coordinates: from the catalogue where it proves them, else from the header, said so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from statistics import median
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.core.frame import Exposure
from pogson.io.store import list_catalogs, store_folder
from pogson.io.wcs import read_wcs
from pogson.pipeline.choose import Wishes, choose_catalog, complete_bands, say_bands
from pogson.pipeline.cone import Fetch, cone_of
from pogson.pipeline.known import mark_known
from pogson.pipeline.solve import hints_of, solve_by
from pogson.steps.match.astrometry import Solution, solve_field


@dataclass(frozen=True)
class Located:
    """A field with coordinates, and what they are worth.

    Attributes
    ----------
    field : Table
        FIELD; ra, dec are NaN where nothing was known.
    words : str
        Where the coordinates come from.
    pixel_scale : float
        arcsec / px.
    solution : Solution or None
        None where no catalogue proved the coordinates.
    notes : tuple of str
    catalog : Table or None
        CATALOG in use: chosen from the store, or the user's, completed; None where there is none.
    """

    field: Table
    words: str
    pixel_scale: float
    solution: Solution | None = None
    notes: tuple[str, ...] = ()
    catalog: Table | None = None


def epoch_of(jd_utc: Sequence[float]) -> float:
    """Julian year of the middle of the observations; NaN where no time is known."""
    known = [jd for jd in jd_utc if isfinite(jd)]
    return 2000.0 + (median(known) - 2451545.0) / 365.25 if known else nan


def locate_field(field: Table, catalog: Table | None, exposure: Exposure) -> Located:
    """Solve the field by the catalogue, else by Tycho-2; else take the header's WCS as it is, unproven."""
    notes: tuple[str, ...] = ()
    if catalog is not None:
        try:
            solved, solution = solve_field(field, catalog, exposure=exposure)
            words = (
                f"{solution.n} stars of the catalogue, rms {solution.rms:.2f} arcsec, from {solution.source}"
            )
            return Located(solved, words, solution.pixel_scale, solution)
        except MatchError as error:
            notes = (f"no plate solution by the catalogue: {error}",)
    try:
        solution = solve_by(field, exposure, hints_of(exposure), far=False)
        parts = (f"{solution.n} stars of Tycho-2, rms {solution.rms:.2f} arcsec, from {solution.source}",)
        words = "; ".join(parts + solution.notes)
        # the catalogue did not prove the place, but its stars have theirs: it may still calibrate
        return Located(_with_places(field, solution.wcs), words, solution.pixel_scale, solution, notes)
    except MatchError as error:
        said = f"no plate solution by Tycho-2: {error}"
    wcs = read_wcs(exposure.cards) if exposure.cards else None
    if wcs is None:
        words = "none: no WCS in the header, and no catalogue to prove one"
        return Located(field, words, exposure.pixel_scale, None, notes or (said,))
    return Located(
        _with_places(field, wcs),
        "the header's WCS, not proven by a catalogue",
        exposure.pixel_scale,
        None,
        notes,
    )


def _with_places(field: Table, wcs: Any) -> Table:
    found = field.copy()
    found["ra"], found["dec"] = wcs.all_pix2world(np.asarray(field["x"]), np.asarray(field["y"]), 0)
    found["ra"].unit = found["dec"].unit = "deg"
    return found


def locate_with_store(
    field: Table,
    exposure: Exposure,
    bands: Sequence[str],
    *,
    wishes: Wishes | None = None,
    fetch: Fetch | None = None,
) -> Located:
    """Solve the field, and take the best catalogue of the store for the night's bands, where there is one.

    Parameters
    ----------
    field : Table
        FIELD.
    exposure : Exposure
        Of its reference frame.
    bands : sequence of str
        Of the night.
    wishes : Wishes, optional
        What the user says of catalogues.
    fetch : function, optional
        Brings what the store lacks about a cone, for the bands; returns what there is to say.
    """
    located = locate_field(field, None, exposure)
    cone = cone_of(located.field)
    if cone is None:
        return located
    notes = fetch(cone, bands) if fetch else []
    stored = list_catalogs(store_folder())
    if not stored:
        return replace(located, notes=(*located.notes, *notes))
    catalog, words = choose_catalog(stored, bands, *cone, wishes=wishes)
    if catalog is not None:
        located = locate_field(field, catalog, exposure)
        words += located.notes
    else:
        words = [*located.notes, *words]
    return replace(located, notes=(*notes, *words), catalog=catalog)


def locate_with_catalog(
    field: Table, catalog: Table, exposure: Exposure, bands: Sequence[str], *, wishes: Wishes | None = None
) -> Located:
    """Solve the field by the user's catalogue, completed by published relations."""
    full = complete_bands(catalog, list(dict.fromkeys(bands)), wishes or Wishes())
    located = locate_field(field, full, exposure)
    notes = (*located.notes, *say_bands(full, list(dict.fromkeys(bands))))
    return replace(located, notes=notes, catalog=full)


def locate_night(
    field: Table,
    exposure: Exposure,
    lights: Sequence[Exposure],
    catalog: Table | None,
    *,
    wishes: Wishes | None = None,
    fetch: Fetch | None = None,
) -> Located:
    """Solve the field of a night, with its best catalogue; flag the known variables among the stars."""
    bands = [light.band for light in lights]
    if catalog is None:
        located = locate_with_store(field, exposure, bands, wishes=wishes, fetch=fetch)
    else:
        located = locate_with_catalog(field, catalog, exposure, bands, wishes=wishes)
    epoch = epoch_of([light.jd_utc for light in lights])
    cone = cone_of(located.field)
    if cone is None:
        return located
    field, words = mark_known(located.field, located.catalog, list_catalogs(store_folder()), cone, epoch)
    return replace(located, field=field, notes=(*located.notes, *words))
