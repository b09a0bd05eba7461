"""Where on the sky is this frame? With a hint, with a poor one, or with none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import exp, inf, isfinite, log

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.units import Degrees, Fraction
from pogson.steps.match.fit import Points
from pogson.steps.match.search import (
    FALSE_ALARM,
    Cone,
    Hint,
    Search,
    Sky,
    StarFrame,
    look_anywhere,
    look_near,
)
from pogson.steps.match.solution import Solution
from pogson.steps.match.tangent import from_plane, to_plane

__all__ = ["FALSE_ALARM", "LEAST", "Cone", "Hint", "Sky", "make_cone", "solve_stars"]

Values = NDArray[np.float64]

#: fewer detections are not tried
LEAST = 6

_NEAR = 0.06  # tolerance of the logarithm of the scale in one attempt
_RUNGS = ((40, 12, 12), (80, 12, 12), (120, 18, 25))  # catalogue stars, detections paired, maps verified
_QUICK = ((60, 12, 6),)
_TURNS = 8  # of the spiral
_FIRST = 62  # places of the spiral, four turns, that are looked at before the whole sky


def solve_stars(
    stars: Table,
    *,
    shape: tuple[int, int],
    cone: Cone,
    hint: Hint | None = None,
    sky: Sky | None = None,
    scale_tolerance: Fraction = 0.05,
    search: Degrees = 10.0,
    blind: bool = True,
) -> Solution:
    """Find the place of a star list on the sky.

    The hint is tried first: the frame's centre may be off by half a field, the scale by `scale_tolerance`,
    at any angle and in either hand. Then the scale is let free by a factor of 3, then the neighbourhood of
    the pointing, the whole sky, and the rest of `search` degrees about the pointing are searched. A
    solution is believed only where the expected number of accidental ones, among all maps looked at so far,
    is below 1e-6.

    Parameters
    ----------
    stars : Table
        x, y (0-based) and flux; x_err, y_err, flags, elongation where known.
    shape : (ny, nx)
        Of the frame.
    cone : function
        The catalogue: ra, dec, radius in degree give ra, dec, magnitude, brightest first.
    hint : Hint, optional
        Pointing and scale.
    sky : function, optional
        The whole catalogue, for a search without a pointing.
    scale_tolerance : float
        How far the scale of the hint may be off at first.
    search : float
        Largest radius of the spiral; it makes 8 turns at most.
    blind : bool
        Go on where the hint leads nowhere.

    Returns
    -------
    Solution

    Raises
    ------
    MatchError
        If there are fewer than 6 stars, or no solution can be told from accident.

    References
    ----------
    Lang et al. 2010, AJ, 139, 1782 (figures of four, verification);
    Shupe et al. 2005, ASP Conf., 347, 491 (SIP).
    """
    frame = _frame(stars, shape)
    known = hint or Hint()
    job = Search(frame, cone)
    for attempt in _attempts(job, known, sky, scale_tolerance, search, blind):
        if attempt is not None:
            return attempt
    raise MatchError(_why_not(stars, frame, known, blind))


def make_cone(mag: Values, ra: Values, dec: Values) -> Cone:
    """A cone search in a table of stars, brightest first."""
    order = np.argsort(np.where(np.isfinite(mag), mag, inf), kind="stable")
    order = order[np.isfinite(ra[order]) & np.isfinite(dec[order])]
    ra, dec, mag = ra[order], dec[order], mag[order]

    def cone(ra0: float, dec0: float, radius: float) -> tuple[Values, Values, Values]:
        with np.errstate(invalid="ignore"):
            near = np.hypot(*to_plane(ra, dec, ra0, dec0).T) <= np.degrees(
                np.tan(np.radians(min(radius, 80.0)))
            )
        return ra[near], dec[near], mag[near]

    return cone


def _frame(stars: Table, shape: tuple[int, int]) -> StarFrame:
    xy = np.column_stack([np.asarray(stars["x"], float), np.asarray(stars["y"], float)])
    flux = np.asarray(stars["flux"], float)
    good = np.isfinite(xy).all(1) & np.isfinite(flux) & (flux > 0)
    spoiled = np.zeros(len(flux), bool)
    if "flags" in stars.colnames:
        spoiled = (np.asarray(stars["flags"], np.int64) & int(Star.EDGE | Star.COSMIC)) != 0
    order = np.lexsort((-np.where(good, flux, 0.0), spoiled))
    order = order[good[order]]
    if len(order) < LEAST:
        raise MatchError(
            f"only {len(order)} star(s) to find the field by, {LEAST} are needed; "
            "lower the detection threshold, unless the stars are trailed or out of focus"
        )
    err = np.full(len(flux), 0.3)
    if "x_err" in stars.colnames:
        err = np.hypot(np.asarray(stars["x_err"], float), np.asarray(stars["y_err"], float))
        err = np.nan_to_num(err, nan=0.3)
    return StarFrame(
        Points(xy[order], err[order]), -2.5 * np.log10(flux[order]), (float(shape[1]), float(shape[0]))
    )


def _attempts(
    job: Search, hint: Hint, sky: Sky | None, tolerance: float, search: float, blind: bool
) -> Iterator[Solution | None]:
    """All that is tried, the likeliest first."""
    if hint.place and isfinite(hint.scale):
        near = max(_NEAR, log(1.0 + tolerance) + 0.01)
        yield look_near(job, hint, near, _RUNGS, "the pointing and the pixel scale")
    if not blind:
        return
    if hint.place:
        known = hint.scale if isfinite(hint.scale) else 1800.0 / job.frame.side
        for factor in _ladder(3.0 if isfinite(hint.scale) else 12.0):
            found = look_near(job, replace(hint, scale=known * factor), _NEAR, _QUICK, "the pointing")
            yield _noted(found, hint)
    spiral = _spiral(job, hint, search) if hint.place and isfinite(hint.scale) else iter(())
    # wrong pointings are mostly wrong by little
    yield from islice(spiral, _FIRST)
    if sky is not None:
        low, high = (0.9 * hint.scale, 1.1 * hint.scale) if isfinite(hint.scale) else (1e-3, inf)
        yield _noted(look_anywhere(job, sky, low, high), hint)
    yield from spiral


def _ladder(most: float) -> list[float]:
    """Factors of the scale, from 1 outwards."""
    steps = np.arange(1, int(log(most) / (1.7 * _NEAR)) + 1) * 1.7 * _NEAR
    return [float(exp(s * sign)) for s in steps for sign in (1, -1)]


def _spiral(job: Search, hint: Hint, radius: float) -> Iterator[Solution | None]:
    """Look at the places about the pointing, ring by ring."""
    step = 0.9 * hint.scale * job.frame.side / 3600.0
    for ring in range(1, min(int(radius / step), _TURNS) + 1):
        n = max(6, round(2.0 * np.pi * ring))
        away = np.degrees(np.tan(np.radians(ring * step)))
        for t in 2.0 * np.pi * np.arange(n) / n:
            ra, dec = from_plane(away * np.sin(t), away * np.cos(t), hint.ra, hint.dec)
            moved = replace(hint, ra=ra, dec=dec)
            yield _noted(look_near(job, moved, _NEAR, _QUICK, "a search about the pointing"), hint)


def _noted(found: Solution | None, hint: Hint) -> Solution | None:
    """Say by how much the hint was wrong."""
    if found is None:
        return None
    notes = []
    if isfinite(hint.scale) and abs(log(found.pixel_scale / hint.scale)) > 0.1:
        notes.append(f"the pixel scale is {found.pixel_scale:.4g}, not {hint.scale:.4g} arcsec/px")
    if hint.place:
        ra, dec = (float(v) for v in found.wcs.wcs.crval)
        a, b, c = np.radians([ra - hint.ra, dec, hint.dec])
        cos = np.sin(b) * np.sin(c) + np.cos(b) * np.cos(c) * np.cos(a)
        away = float(np.degrees(np.arccos(np.clip(cos, -1.0, 1.0))))
        if away > 1.0:
            notes.append(f"the pointing is off by {away:.1f} deg")
    return replace(found, notes=tuple(notes))


def _why_not(stars: Table, frame: StarFrame, hint: Hint, blind: bool) -> str:
    n = len(frame.stars.xy)
    where = "at the pointing" if not blind else "anywhere that was searched"
    cause = "too few stars of the catalogue in the field, or too many false detections"
    if "elongation" in stars.colnames:
        stretched = float(np.nanmedian(np.asarray(stars["elongation"], float)))
        if stretched > 1.8:
            cause = f"the stars are trailed (elongation {stretched:.1f}), or are galaxies"
    if not hint.place or not isfinite(hint.scale):
        cause += "; give the pointing and the pixel scale"
    return f"{n} stars match the catalogue nowhere {where}: {cause}".replace("nowhere anywhere", "nowhere")
