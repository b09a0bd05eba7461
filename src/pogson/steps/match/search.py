"""Look for a frame at one place of the sky, or all over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, isfinite, log, nan

import numpy as np
from numpy.typing import NDArray

from pogson.steps.match.fit import Points, fit_matrix
from pogson.steps.match.propose import propose_maps
from pogson.steps.match.quads import QuadIndex, Sighting, find_sightings, make_quads
from pogson.steps.match.refine import refine_plane
from pogson.steps.match.solution import Solution, solution_of
from pogson.steps.match.tangent import from_plane, to_plane
from pogson.steps.match.verify import Verdict, verify_map

Values = NDArray[np.float64]

#: Expected number of false solutions among all maps looked at, above which none is believed.
FALSE_ALARM = 1e-6

#: ra, dec, radius (degree) -> ra, dec (degree, at the epoch of the frame), magnitude; brightest first
Cone = Callable[[float, float, float], tuple[Values, Values, Values]]

#: the whole sky: ra, dec (degree), magnitude
Sky = Callable[[], tuple[Values, Values, Values]]

_LEVELS = tuple(0.6 * 1.4**k for k in range(12))  # degree: sizes of figures for blind search
_COMMON = 2.0  # degree: size of figures that is tried first where nothing is known
_BRIGHT = (16, 26)  # brightest detections whose figures are looked up, at first and then
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
class StarFrame:
    """The detections, brightest first, of a frame of some width and height."""

    stars: Points
    mag: Values
    size: tuple[float, float]

    @property
    def side(self) -> float:
        """The longer one, pixels."""
        return max(self.size)

    @property
    def centre(self) -> Values:
        """Of the frame: x, y, 0-based."""
        return (np.array(self.size) - 1.0) / 2.0

    @property
    def half(self) -> float:
        """Half of the diagonal."""
        return float(np.hypot(*self.size)) / 2.0


@dataclass
class Search:
    """One search: the frame, the catalogue, and how many maps were looked at."""

    frame: StarFrame
    cone: Cone
    trials: float = 0.0


def look_near(
    job: Search, hint: Hint, tolerance: float, rungs: tuple[tuple[int, int, int], ...], source: str
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
    job: Search,
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
    return None if plane is None else solution_of(plane, verdict.chance, source)


def _radius(scale: float) -> float:
    """Largest distance of a pair, pixels: 2, or 1.5 arcsec, which is what proper motions come to."""
    return max(2.0, 1.5 / scale)


def _verify(
    job: Search, matrix: Values, known: Points, scale: float, start: float, depths: tuple[int, ...]
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


@lru_cache(maxsize=len(_LEVELS))
def _index(sky: Sky, width: float) -> QuadIndex:
    return make_quads(*sky(), width=width)


def look_anywhere(job: Search, sky: Sky, low: float, high: float) -> Solution | None:
    """Look all over the sky for figures of the frame's bright stars, at scales from `low` to `high`."""
    frame = job.frame
    centre = (float(frame.centre[0]), float(frame.centre[1]))
    for bright in _BRIGHT if len(frame.stars.xy) > _BRIGHT[0] else _BRIGHT[:1]:
        for width, scales in _levels(frame.side / 3600.0, low, high):
            index = _index(sky, width)
            job.trials += float(len(index.keys))
            for sight in find_sightings(
                frame.stars.xy, index, centre=centre, scales=scales, bright=bright, most=60
            ):
                found = _sighted(job, sight)
                if found is not None:
                    return found
    return None


def _levels(side: float, low: float, high: float) -> list[tuple[float, tuple[float, float]]]:
    """Sizes of figures in the order in which they are tried, and the scales that each can find.

    `side` is that of the frame in degree, at a scale of 1 arcsec / px.
    """
    if not isfinite(high):
        # fields of some degrees are the commonest
        levels = sorted(_LEVELS, key=lambda w: abs(log(w / _COMMON)))
        reach = [(0.95 * _FIELD[0] * w / side, 1.05 * _FIELD[1] * w / side) for w in levels]
        return [(w, r) for w, r in zip(levels, reach, strict=True) if r[1] > low]
    width = np.sqrt(low * high) * side
    if 1.1 * width < _FIELD[0] * _LEVELS[0] or 0.9 * width > _FIELD[1] * _LEVELS[-1]:
        return []
    # the level whose fields are as wide, with its neighbours. The next coarser one goes first: it has half
    # as many figures, which are sooner made, and finds as many fields
    best = int(np.argmin([abs(log(width / 1.43 / w)) for w in _LEVELS]))
    order = [best + 1, best, best + 2] + ([best - 1] if best > 2 else [])
    return [(_LEVELS[k], (low, high)) for k in order if k < len(_LEVELS)]


def _sighted(job: Search, sight: Sighting) -> Solution | None:
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
