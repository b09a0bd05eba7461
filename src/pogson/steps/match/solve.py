"""Where on the sky is this frame? With a hint, with a poor one, or with none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from math import exp, inf, isfinite, log, nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.units import Degrees, Fraction
from pogson.steps.match.astrometry import Solution, refine_plane
from pogson.steps.match.fit import Points, fit_matrix
from pogson.steps.match.propose import propose_maps
from pogson.steps.match.quads import QuadIndex, Sighting, find_sightings, make_quads
from pogson.steps.match.tangent import Plane, from_plane, to_plane
from pogson.steps.match.verify import Verdict, verify_map

Values = NDArray[np.float64]

#: Expected number of false solutions among all maps looked at, above which none is believed.
FALSE_ALARM = 1e-6

#: fewer detections are not tried
LEAST = 6

#: ra, dec, radius (degree) -> ra, dec (degree, at the epoch of the frame), magnitude; brightest first
Cone = Callable[[float, float, float], tuple[Values, Values, Values]]

#: the whole sky: ra, dec (degree), magnitude
Sky = Callable[[], tuple[Values, Values, Values]]

_NEAR = 0.06  # tolerance of the logarithm of the scale in one attempt
_RUNGS = ((40, 12, 12), (80, 12, 12), (120, 18, 25))  # catalogue stars, detections paired, maps verified
_QUICK = ((60, 12, 6),)
_LEVELS = tuple(0.6 * 1.4**k for k in range(12))  # degree: sizes of figures for blind search
_TURNS = 12  # of the spiral
_FIRST = 62  # places of the spiral, four turns, that are looked at before the whole sky
_FIELD = (1.1, 2.0)  # a field is so many times as wide as the figures of its level


@dataclass(frozen=True)
class Hint:
    """What is known before: unknown numbers are NaN.

    Attributes
    ----------
    ra, dec : float
        Of the centre, degree.
    scale : float
        arcsec / px.
    """

    ra: float = nan
    dec: float = nan
    scale: float = nan

    @property
    def place(self) -> bool:
        """Whether the pointing is known."""
        return isfinite(self.ra) and isfinite(self.dec)


@dataclass(frozen=True)
class _Frame:
    """The detections, brightest first, of a frame of some width and height."""

    stars: Points
    mag: Values
    size: tuple[float, float]

    @property
    def side(self) -> float:
        return max(self.size)

    @property
    def centre(self) -> Values:
        return (np.array(self.size) - 1.0) / 2.0

    @property
    def half(self) -> float:
        """Half of the diagonal."""
        return float(np.hypot(*self.size)) / 2.0


@dataclass
class _Search:
    """One search: the frame, the catalogue, and how many maps were looked at."""

    frame: _Frame
    cone: Cone
    trials: float = 0.0


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
        Largest radius of the spiral; it makes 12 turns at most.
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
    job = _Search(frame, cone)
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


def _frame(stars: Table, shape: tuple[int, int]) -> _Frame:
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
            "lower the detection threshold"
        )
    err = np.full(len(flux), 0.3)
    if "x_err" in stars.colnames:
        err = np.hypot(np.asarray(stars["x_err"], float), np.asarray(stars["y_err"], float))
        err = np.nan_to_num(err, nan=0.3)
    return _Frame(
        Points(xy[order], err[order]), -2.5 * np.log10(flux[order]), (float(shape[1]), float(shape[0]))
    )


def _attempts(
    job: _Search, hint: Hint, sky: Sky | None, tolerance: float, search: float, blind: bool
) -> Iterator[Solution | None]:
    """All that is tried, the likeliest first."""
    if hint.place and isfinite(hint.scale):
        near = max(_NEAR, log(1.0 + tolerance) + 0.01)
        yield _near(job, hint, near, _RUNGS, "the pointing and the pixel scale")
    if not blind:
        return
    if hint.place:
        known = hint.scale if isfinite(hint.scale) else 1800.0 / job.frame.side
        for factor in _ladder(3.0 if isfinite(hint.scale) else 12.0):
            found = _near(job, replace(hint, scale=known * factor), _NEAR, _QUICK, "the pointing")
            yield _noted(found, hint)
    spiral = _spiral(job, hint, search) if hint.place and isfinite(hint.scale) else iter(())
    # wrong pointings are mostly wrong by little
    yield from islice(spiral, _FIRST)
    if sky is not None:
        low, high = (0.9 * hint.scale, 1.1 * hint.scale) if isfinite(hint.scale) else (1e-3, inf)
        yield _noted(_anywhere(job, sky, low, high), hint)
    yield from spiral


def _ladder(most: float) -> list[float]:
    """Factors of the scale, from 1 outwards."""
    steps = np.arange(1, int(log(most) / (1.7 * _NEAR)) + 1) * 1.7 * _NEAR
    return [float(exp(s * sign)) for s in steps for sign in (1, -1)]


def _spiral(job: _Search, hint: Hint, radius: float) -> Iterator[Solution | None]:
    """Look at the places about the pointing, ring by ring."""
    step = 0.9 * hint.scale * job.frame.side / 3600.0
    for ring in range(1, min(int(radius / step), _TURNS) + 1):
        n = max(6, round(2.0 * np.pi * ring))
        away = np.degrees(np.tan(np.radians(ring * step)))
        for t in 2.0 * np.pi * np.arange(n) / n:
            ra, dec = from_plane(away * np.sin(t), away * np.cos(t), hint.ra, hint.dec)
            moved = replace(hint, ra=ra, dec=dec)
            yield _noted(_near(job, moved, _NEAR, _QUICK, "a search about the pointing"), hint)


def _near(
    job: _Search, hint: Hint, tolerance: float, rungs: tuple[tuple[int, int, int], ...], source: str
) -> Solution | None:
    """Look about a place, at a scale."""
    frame = job.frame
    width = frame.side * hint.scale / 3600.0
    reach = min((frame.half * hint.scale / 3600.0 + 0.52 * width) * exp(tolerance), 40.0)
    ra, dec, mag = job.cone(hint.ra, hint.dec, reach)
    if len(ra) < 5:
        return None
    xy = to_plane(ra, dec, hint.ra, hint.dec) * (-3600.0 / hint.scale, 3600.0 / hint.scale)
    known = Points(xy, np.full(len(xy), 0.3))
    for depth, pairs, most in rungs:
        maps = propose_maps(
            frame.stars.xy, xy[:depth], size=frame.side, log_tolerance=tolerance, pairs=pairs, most=most
        )
        job.trials += maps.trials
        for matrix in maps.matrices:
            found = _believe(job, matrix, known, ra, dec, mag, hint, source)
            if found is not None:
                return found
    return None


def _believe(
    job: _Search,
    matrix: Values,
    known: Points,
    ra: Values,
    dec: Values,
    mag: Values,
    hint: Hint,
    source: str,
) -> Solution | None:
    """Verify a proposed map; fit and verify again on the plane of the frame itself."""
    frame = job.frame
    verdict = _verify(job, matrix, known, hint.scale, 0.012, (25, 60))
    # a first look: on the plane of the hint a wide field is bent
    if verdict is None or verdict.chance > 1.0:
        return None
    middle = np.linalg.solve(verdict.matrix[:, :2], frame.centre - verdict.matrix[:, 2])
    away = middle * (-hint.scale / 3600.0, hint.scale / 3600.0)
    ra0, dec0 = from_plane(float(away[0]), float(away[1]), hint.ra, hint.dec)
    scale = hint.scale / float(np.sqrt(abs(np.linalg.det(verdict.matrix[:, :2]))))
    # north may point elsewhere in the new plane: the pairs are kept, not the map
    rows = verdict.known
    paired = to_plane(ra[rows], dec[rows], ra0, dec0) * (-3600.0 / scale, 3600.0 / scale)
    matrix = fit_matrix(paired, frame.stars.xy[verdict.stars], np.full(len(rows), 0.3), affine=False)
    ra, dec, mag = job.cone(ra0, dec0, 1.1 * frame.half * scale / 3600.0)
    if len(ra) < 4:
        return None
    xy = to_plane(ra, dec, ra0, dec0) * (-3600.0 / scale, 3600.0 / scale)
    verdict = _verify(job, matrix, Points(xy, np.full(len(xy), 0.3)), scale, 0.006, (60, 500))
    if verdict is None or verdict.chance > FALSE_ALARM:
        return None
    shape = (frame.size[1], frame.size[0])
    plane = refine_plane(
        verdict.matrix,
        xy,
        frame.stars,
        frame.mag,
        ra,
        dec,
        mag,
        shape=shape,
        near=(ra0, dec0),
        radius=_radius(scale),
    )
    return None if plane is None else _solution(plane, verdict.chance, source)


def _radius(scale: float) -> float:
    """Largest distance of a pair, pixels: 2, or 1.5 arcsec, which is what proper motions come to."""
    return max(2.0, 1.5 / scale)


def _verify(
    job: _Search, matrix: Values, known: Points, scale: float, start: float, depths: tuple[int, ...]
) -> Verdict | None:
    radius = _radius(scale)
    return verify_map(
        matrix,
        known,
        job.frame.stars,
        size=job.frame.size,
        radius=radius,
        start=max(start * job.frame.side, 2.0 * radius),
        trials=job.trials,
        depths=depths,
    )


def _solution(plane: Plane, chance: float, source: str) -> Solution:
    scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(plane.terms[1:3]))))
    return Solution(plane.wcs(), plane.rms, int(plane.used.sum()), chance, scale, source, plane.order)


@lru_cache(maxsize=len(_LEVELS))
def _index(sky: Sky, width: float) -> QuadIndex:
    return make_quads(*sky(), width=width)


def _anywhere(job: _Search, sky: Sky, low: float, high: float) -> Solution | None:
    """Look all over the sky for figures of the frame's bright stars."""
    frame = job.frame
    side = frame.side / 3600.0
    levels = [w for w in _LEVELS[::-1] if low * side < _FIELD[1] * w and high * side > _FIELD[0] * w]
    if isfinite(high) and levels:
        # where the scale is known: the level whose fields are as wide, then coarser ones for short lists
        best = int(np.argmin([abs(log(np.sqrt(low * high) * side / 1.43 / w)) for w in _LEVELS]))
        # a finer one only where its figures are soon made
        levels = [*_LEVELS[best : best + 3], *_LEVELS[max(best - 1, 2) : best]]
    for width in levels:
        index = _index(sky, width)
        scales = (max(low, 0.95 * _FIELD[0] * width / side), min(high, 1.05 * _FIELD[1] * width / side))
        if isfinite(high):
            scales = (low, high)
        for bright in (16, 26):
            if bright > 16 and len(frame.stars.xy) <= 16:
                break
            job.trials += float(len(index.keys))
            centre = (float(frame.centre[0]), float(frame.centre[1]))
            for sight in find_sightings(
                frame.stars.xy, index, centre=centre, scales=scales, bright=bright, most=60
            ):
                found = _sighted(job, sight)
                if found is not None:
                    return found
    return None


def _sighted(job: _Search, sight: Sighting) -> Solution | None:
    """Look closely where a figure was seen."""
    frame = job.frame
    hint = Hint(sight.ra, sight.dec, sight.scale)
    ra, dec, mag = job.cone(hint.ra, hint.dec, 1.05 * frame.half * hint.scale / 3600.0)
    if len(ra) < 5:
        return None
    xy = to_plane(ra, dec, hint.ra, hint.dec) * (-3600.0 / hint.scale, 3600.0 / hint.scale)
    known = Points(xy, np.full(len(xy), 0.3))
    corners = to_plane(sight.corner_ra, sight.corner_dec, hint.ra, hint.dec)
    corners *= (-3600.0 / hint.scale, 3600.0 / hint.scale)
    matrix = fit_matrix(corners, sight.corner_xy, np.full(4, 0.3), affine=False)
    return _believe(job, matrix, known, ra, dec, mag, hint, "a search of the whole sky")


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


def _why_not(stars: Table, frame: _Frame, hint: Hint, blind: bool) -> str:
    n = len(frame.stars.xy)
    where = "at the pointing" if not blind else "anywhere that was searched"
    cause = "too few stars of the catalogue in the field, or too many false detections"
    if "elongation" in stars.colnames:
        stretched = float(np.nanmedian(np.asarray(stars["elongation"], float)))
        if stretched > 1.8:
            cause = f"the stars are trailed (elongation {stretched:.1f})"
    if not hint.place or not isfinite(hint.scale):
        cause += "; give the pointing and the pixel scale"
    return f"{n} stars match the catalogue nowhere {where}: {cause}".replace("nowhere anywhere", "nowhere")
