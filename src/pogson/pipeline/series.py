"""The recipe for many frames of one band: light curves against an ensemble, and the stars that vary."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import NightError, SettingError
from pogson.core.flags import Star, flag_names
from pogson.core.lightcurves import LightCurves
from pogson.core.transform import Transform
from pogson.pipeline.known import leave_alone
from pogson.pipeline.memory import return_memory
from pogson.steps.match.field import MatchFailure
from pogson.steps.timeseries.collect import select_stars
from pogson.steps.timeseries.comparison import find_near
from pogson.steps.timeseries.detrend import Detrended, detrend
from pogson.steps.timeseries.ensemble import Ensemble, compare_ensemble
from pogson.steps.timeseries.radius import choose_aperture
from pogson.steps.timeseries.shade import find_shaded
from pogson.steps.timeseries.unrest import add_unrest
from pogson.steps.timeseries.variability import VARIES, measure_variability

if TYPE_CHECKING:  # slow to import
    from pogson.steps.timeseries.period import Period

#: a band with so many frames is a series without being asked
MANY = 20
#: comparison stars below which a user should know
FEWEST = 3
#: how far from the place that was said the target may be
NEAR_PIXELS = 8.0
NEAR_DEGREES = 10.0 / 3600.0


@dataclass(frozen=True)
class Series:
    """Light curves of one band.

    Attributes
    ----------
    band : str
    ensemble : Ensemble
    variability : Table
        VARIABILITY, and the band.
    curves : LightCurves
        Target and ensemble as measured, before anything was compared.
    detrended : Detrended or None
        Where it was asked for.
    periods : mapping of star to Period
        Of the target and of the stars that stand out most.
    """

    band: str
    ensemble: Ensemble
    variability: Table
    curves: LightCurves
    detrended: Detrended | None = None
    periods: Mapping[int, Period] = field(default_factory=dict)


def without_details(series: Series) -> Series:
    """Light curves that need less memory: what else was measured at each point is left out."""

    def bare(ensemble: Ensemble) -> Ensemble:
        return replace(ensemble, curves=replace(ensemble.curves, details={}))

    ensemble, taken = bare(series.ensemble), series.detrended
    detrended = taken and replace(taken, raw=ensemble, detrended=bare(taken.detrended))
    return replace(series, ensemble=ensemble, detrended=detrended)


def series_bands(photometry: Sequence[Table], *, asked: bool) -> list[str]:
    """Bands to be made into light curves: those of many frames, or all with two where it was asked for."""
    bands = [str(t.meta["exposure"].band) for t in photometry]
    least = 2 if asked else MANY
    return [band for band in dict.fromkeys(bands) if bands.count(band) >= least]


@dataclass(frozen=True)
class Target:
    """Where the target is: x, y in 0-based pixels of the earliest light frame, or ra, dec in degrees."""

    first: float
    second: float
    sky: bool


def read_target(text: str) -> Target:
    """Read "x,y" in pixels, or "RA DEC" in degrees or sexagesimal hours and degrees.

    Raises
    ------
    SettingError
        If it is neither.
    """
    from astropy.coordinates import SkyCoord

    pixels = re.fullmatch(r"\s*([-+]?[\d.]+)\s*,\s*([-+]?[\d.]+)\s*", text)
    words = text.replace(",", " ").split()
    sexagesimal = ":" in text or len(words) == 6
    try:
        if pixels:
            return Target(float(pixels[1]), float(pixels[2]), sky=False)
        place = SkyCoord(" ".join(words), unit=("hourangle" if sexagesimal else "deg", "deg"))
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:80]
        raise SettingError(f'--target \'{text}\': neither "x,y" nor "RA DEC" ({reason})') from None
    return Target(float(place.ra.deg), float(place.dec.deg), sky=True)


def find_target(target: Target, field: Table, earliest: Transform | MatchFailure) -> tuple[int, str]:
    """Number of the star at a place, 0 where there is none; and a note where there is something to know.

    Parameters
    ----------
    target : Target
        The place.
    field : Table
        FIELD.
    earliest : Transform or MatchFailure
        Of the earliest light frame, in whose pixels a target may be given.
    """
    if target.sky:
        if not np.isfinite(np.asarray(field["ra"], float)).any():
            return 0, "no target: the field has no coordinates; give --target x,y in pixels, or --catalog"
        found = find_near(field, target.first, target.second, within=NEAR_DEGREES, sky=True)
    elif isinstance(earliest, Transform):
        x, y = earliest.inverse().apply(target.first, target.second)
        found = find_near(field, float(x), float(y), within=NEAR_PIXELS)
    else:
        return 0, f"no target: the earliest frame fits no field ({earliest.reason}); give --target RA DEC"
    if not found:
        return 0, f"no target: no star of the field is at {target.first:g}, {target.second:g}"
    star = int(found[0])
    flags = int(field["flags"][np.flatnonzero(np.asarray(field["id"]) == star)[0]])
    doubt = flags & int(Star.SATURATED | Star.BLENDED | Star.NEIGHBOR | Star.EDGE)
    return star, f"the target, star {star}, is flagged: {flag_names(doubt)}" if doubt else ""


def brightest_stars(field: Table, most: int, keep: int) -> Table:
    """The brightest stars of a field, and the star `keep` in any case."""
    if not most or len(field) <= most:
        return field
    chosen = np.arange(len(field)) < most
    chosen |= np.asarray(field["id"]) == keep
    cut = field[chosen]
    cut.meta["left_out"] = int(len(field) - len(cut))
    return cut


def stars_that_vary(variability: Table) -> list[int]:
    """Numbers of the stars that no constant star would be taken for."""
    found = (np.asarray(variability["excess"], float) > VARIES) & (np.asarray(variability["rank"]) > 0)
    return [int(star) for star in variability["star"][found]]


def make_series(
    photometry: Sequence[Table],
    field: Table,
    *,
    asked: bool,
    target: int = 0,
    detrending: Mapping[str, Any] | None = None,
) -> tuple[list[Series], list[str]]:
    """Light curves and variability of each band with frames enough; and what a user should know.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of the accepted frames.
    field : Table
        FIELD.
    asked : bool
        Whether the user asked for light curves.
    target : int
        Number of the target; 0: none.
    detrending : mapping, optional
        Settings of `detrend`.
    """
    from pogson.steps.timeseries.period import add_periods, find_periods  # slow to import

    notes: list[str] = []
    found = []
    alone = set(leave_alone(field))
    bands = series_bands(photometry, asked=asked)
    if asked and not bands:
        notes.append(f"{len(photometry)} frame(s) measured, a light curve needs two of a band: none is made")
    for band in bands:
        mine = [t for t in photometry if str(t.meta["exposure"].band) == band]
        try:
            curves, words = choose_aperture(mine, field, band=band, target=target)
            known = [n for n in curves.stars["id"] if n in alone and n != target]
            ensemble = compare_ensemble(curves, target=target, exclude=known)
            shaded = find_shaded(ensemble)
            if shaded.any():
                del ensemble  # as large as the light curves themselves
                curves = replace(curves, flags=curves.flags | np.where(shaded, int(Star.SHADED), 0))
                ensemble = compare_ensemble(curves, target=target, exclude=known)
            ensemble = add_unrest(ensemble)
            return_memory()
            variability = measure_variability(ensemble)
            varying = stars_that_vary(variability)
            if set(varying) & set(ensemble.members):
                del ensemble
                ensemble = add_unrest(compare_ensemble(curves, target=target, exclude=[*known, *varying]))
                variability = measure_variability(ensemble)
        except NightError as error:
            notes.append(f"no light curves in {band}: {error}")
            continue
        return_memory()
        notes += [words] if words else []
        periods = find_periods(ensemble, variability)
        variability = add_periods(variability, periods)
        variability["band"] = band
        if len(ensemble.members) < FEWEST:
            notes.append(
                f"only {len(ensemble.members)} comparison stars in {band}: "
                "one that varies would not be noticed"
            )
        on = (detrending or {}).get("method", "none") != "none"
        detrended = detrend(ensemble, **(detrending or {})) if on else None
        compared = (ensemble.weight > 0.0) | (np.asarray(curves.stars["id"]) == target)
        measured = select_stars(curves, compared)
        found.append(Series(band, ensemble, variability, measured, detrended, periods))
    return found, notes
