"""The steps with the tables tied together: each table carries what the next verb needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError, SettingError
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.io.catalogs import read_catalog
from pogson.pipeline.coordinates import epoch_of, locate_field
from pogson.steps.match.crossmatch import crossmatch
from pogson.steps.match.field import MatchFailure
from pogson.steps.match.field import match_frames as join_frames
from pogson.steps.measure import aperture
from pogson.steps.standardize.apply import standardize as average_stars
from pogson.steps.standardize.zeropoint import fit_zero_points


def match_frames(stars: Sequence[Table], **settings: Any) -> tuple[Table, list[Transform | MatchFailure]]:
    """Align star lists and join them to one field.

    Parameters
    ----------
    stars : sequence of Table
        STARS of each frame, from `detect_stars`.
    **settings
        Of `steps.match.field.match_frames`.

    Returns
    -------
    field : Table
        FIELD; meta knows the exposure and the PSF of the reference frame.
    transforms : list
        A Transform for each frame, or a MatchFailure with its reason.
    """
    field, transforms = join_frames(stars, **settings)
    reference = stars[field.meta["reference"]]
    field.meta |= {name: reference.meta[name] for name in ("exposure", "psf") if name in reference.meta}
    return field, transforms


def solve_field(field: Table, catalog: Table | str | Path) -> Table:
    """Give the stars of a field their coordinates.

    Parameters
    ----------
    field : Table
        FIELD, from `match_frames`.
    catalog : Table or path
        CATALOG, or the file of one.

    Returns
    -------
    Table
        The field with ra, dec; meta holds `located`, which tells what they are worth.

    Raises
    ------
    MatchError
        If the stars do not match the catalogue.
    """
    located = locate_field(field, _catalog(catalog), field.meta.get("exposure", Exposure()))
    if located.solution is None:
        raise MatchError("; ".join(located.notes) or "the field could not be solved")
    solved = located.field
    solved.meta["located"] = located
    return solved


def measure_aperture(
    frame: Frame, field: Table, *, at: Transform | MatchFailure | None = None, **settings: Any
) -> Table:
    """Measure the stars of a field in a frame; see `steps.measure.aperture.measure_aperture`.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    field : Table
        FIELD or STARS.
    at : Transform or None
        From the field's pixels to this frame's.
    **settings
        Radii, sky and so on.

    Returns
    -------
    Table
        PHOTOMETRY; its meta holds the field.

    Raises
    ------
    MatchError
        If `at` is the failure of a frame that could not be aligned.
    """
    if isinstance(at, MatchFailure):
        raise MatchError(f"{frame.exposure.path or 'this frame'} was not aligned: {at.reason}")
    photometry = aperture.measure_aperture(frame, field, at=at, **settings)
    photometry.meta["field"] = field
    photometry.meta["missing"] = frame.calibration.missing
    return photometry


def standardize(
    photometry: Sequence[Table], catalog: Table | str | Path | None = None, **settings: Any
) -> Table:
    """Zero points by a catalogue, and one magnitude for each star and band.

    Parameters
    ----------
    photometry : sequence of Table
        From `measure_aperture`.
    catalog : Table or path, optional
        Without one magnitudes are instrumental.
    **settings
        Of `steps.standardize.zeropoint.fit_zero_points`.

    Returns
    -------
    Table
        One row per star; meta holds `zero_points` where there is a catalogue.
    """
    field = photometry[0].meta.get("field") if photometry else None
    if field is None:
        raise SettingError(
            "standardize needs the tables of measure_aperture, with the field they were measured at"
        )
    if catalog is None:
        return average_stars(photometry, field).stars
    reference = _catalog(catalog)
    epoch = epoch_of([t.meta["exposure"].jd_utc for t in photometry])
    matches = crossmatch(field["ra"], field["dec"], reference, ids=np.asarray(field["id"]), epoch=epoch)
    fitted = fit_zero_points(photometry, matches, reference, **settings)
    stars = average_stars(photometry, field, fitted).stars
    stars.meta["zero_points"] = fitted
    return stars


def _catalog(catalog: Table | str | Path) -> Table:
    return read_catalog(catalog) if isinstance(catalog, str | Path) else catalog
