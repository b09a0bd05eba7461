"""Find how a frame is shifted, turned, scaled or mirrored against the reference frame."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from math import exp, log

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.transform import Transform
from pogson.core.units import Fraction, Pixels
from pogson.steps.match.fit import Points, chance_of, find_shift, finish, fit_matrix, pair, refine, stand_out
from pogson.steps.match.patterns import Pattern, find_similarities, make_pattern

#: Expected number of accidental matches above which none is believed.
CHANCE = 1e-4

_FIRST, _PATTERN = 30, 60  # brightest stars whose triangles are compared: at first, and at most
_VERIFY = 300  # brightest stars that a map is judged by
_FIT = 600  # brightest stars of a frame that its map is fitted to: more would not make it better
_KNOWN = 3000  # brightest stars of the reference among which these are sought


def match_stars(
    stars: Table,
    reference: Table,
    *,
    guess: Transform | None = None,
    radius: Pixels = 2.0,
    scale: float = 1.0,
    scale_tolerance: Fraction = 0.1,
    drift: Pixels = 40.0,
) -> Transform:
    """Map the reference frame's stars onto those of another frame.

    The triangles of the brightest stars of both lists are compared; those that agree on a
    shift, a turn, a scale and a handedness vote for it. A map is believed only where it
    pairs so many more stars than accident would that the expected number of accidental maps
    is below 1e-4. Saturated stars and those at the edge are used only where few others are.

    Parameters
    ----------
    stars, reference : Table
        Star lists (x, y, flux; x_err, y_err and flags where known).
    guess : Transform, optional
        Tried first: the map of a neighbouring frame.
    radius : float
        Largest distance of the two positions of one star; 0.35 FWHM is tried where it finds nothing.
    scale : float
        Expected pixels of this frame per pixel of the reference frame.
    scale_tolerance : float
        How far the scale may be off; where nothing is found a factor of 3 is tried.
    drift : float
        Largest shift against `guess`.

    Returns
    -------
    Transform
        From x, y of the reference frame to x, y of this frame.

    Raises
    ------
    MatchError
        If no map can be told from accident.

    References
    ----------
    Groth 1986, AJ, 91, 1244 (triangles); Valdes et al. 1995, PASP, 107, 1119;
    Lang et al. 2010, AJ, 139, 1782 (verification against chance).
    """
    least = min(len(stars), len(reference))
    if least < 3:
        raise MatchError(f"only {least} star(s) to match, 3 are needed; lower the detection threshold")
    spoiled = int(Star.SATURATED | Star.EDGE | Star.COSMIC)
    best: Transform | None = None
    tried: set[tuple[int, int, float, bool]] = set()
    for without, roomy, apart in (
        (spoiled, False, False),
        (0, False, False),
        (spoiled, False, True),
        (spoiled, True, False),
        (0, True, False),
    ):
        # blurred stars have poor centres: they are given more room, if they must
        reach = 0.35 * min(_seeing(stars), _seeing(reference)) if roomy else radius
        a, b = _points(reference, without), _points(stars, without)
        lists = (len(a.xy), len(b.xy), reach, apart)  # no flags, no other lists
        if reach < radius or min(lists[:2]) < (8 if without else 3) or lists in tried:
            continue
        tried.add(lists)
        some = stand_out(b, a) if apart else (b, a)
        found = best_map(
            *some, guess=guess, radius=reach, scale=scale, scale_tolerance=scale_tolerance, drift=drift
        )
        if found is not None and found.chance <= CHANCE:
            return _with_all(found, b, a, reach) if apart else found
        best = min((m for m in (best, found) if m is not None), key=lambda m: m.chance, default=None)
    raise MatchError(
        f"the stars do not match the reference frame ({len(stars)} and {len(reference)} stars): "
        f"another field, too few stars in common, or too many false detections{_tell(best)}"
    )


def _with_all(found: Transform, stars: Points, reference: Points, radius: float) -> Transform:
    """A map that a choice of the stars has proven, fitted to all of them."""
    whole = _judge(found.matrix, stars, reference, radius, 3.0 * radius, 1.0)
    return found if whole is None or whole.chance > CHANCE else replace(whole, chance=found.chance)


def _tell(best: Transform | None) -> str:
    """How far the best map is from being believed."""
    if best is None:
        return ""
    return (
        f"; the best map pairs {best.n} stars, and accident makes {best.chance:.1g} such maps, "
        f"where at most {CHANCE:g} are allowed"
    )


def match_points(
    stars: Points,
    reference: Points,
    *,
    radius: float = 2.0,
    scale_tolerance: float = 0.1,
    pattern: int = _PATTERN,
) -> Transform | None:
    """As `match_stars`, on bare positions, brightest first; None where nothing is found."""
    found = best_map(stars, reference, radius=radius, scale_tolerance=scale_tolerance, pattern=pattern)
    return found if found is not None and found.chance <= CHANCE else None


def best_map(
    stars: Points,
    reference: Points,
    *,
    guess: Transform | None = None,
    radius: float = 2.0,
    scale: float = 1.0,
    scale_tolerance: float = 0.1,
    drift: float = 40.0,
    pattern: int = _PATTERN,
) -> Transform | None:
    """The first map that can be believed; else the one that accident makes least often, if there is any."""
    best: Transform | None = None
    if guess is not None:
        found = match_near(stars, reference, guess.matrix, radius=radius, drift=drift)
        if found is not None:
            return found
    few = min(len(stars.xy), len(reference.xy)) <= 6
    # three stars fit many places by accident: then only the known scale will do
    tolerances = (min(0.01, scale_tolerance),) if few else (scale_tolerance, max(log(3.0), scale_tolerance))

    @cache
    def patterns(n: int) -> tuple[Pattern, Pattern]:
        return make_pattern(reference.xy[:n] @ (1, 1j)), make_pattern(stars.xy[:n] @ (1, 1j))

    for tolerance, most in product(tolerances, sorted({min(_FIRST, pattern), pattern})):
        a, b = patterns(most)
        trials = _trials(len(a.stars), len(b.stars), tolerance)
        for similar in find_similarities(a, b, log_scale=log(scale), log_tolerance=tolerance, most=8):
            found = _judge(similar.matrix, stars, reference, radius, 12.0, trials)
            if found is None or not abs(log(found.scale / scale)) < 1.2 * tolerance:
                continue
            if found.chance <= CHANCE:
                return found
            best = found if best is None or found.chance < best.chance else best
    return best


def match_near(
    stars: Points, reference: Points, matrix: np.ndarray, *, radius: float = 2.0, drift: float = 40.0
) -> Transform | None:
    """The map near a known one: the shift that most pairs of bright stars agree on."""
    a, b = reference.brightest(150), stars.brightest(150)
    votes, *shift = find_shift(matrix, a, b, drift, radius)
    if votes == 0:
        return None
    start = matrix.copy()
    start[:, 2] += shift
    trials = 2.0 * max(1.0, (drift / radius) ** 2)
    found = _judge(start, stars, reference, radius, 3.0 * radius, trials)
    if found is None or found.chance > CHANCE or abs(log(found.scale / _scale(matrix))) >= 0.02:
        return None
    return found


def _scale(matrix: np.ndarray) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _trials(n: int, m: int, tolerance: float) -> float:
    """Maps that two lists can propose: every pair of stars on every pair, both hands."""
    share = min(1.0, 2.0 * (exp(tolerance) - 1.0))
    return max(1.0, n * (n - 1) / 2.0 * m * (m - 1) * 2.0 * share)


def _judge(
    matrix: np.ndarray, stars: Points, reference: Points, radius: float, start: float, trials: float
) -> Transform | None:
    """The map near `matrix` and its chance, fitted to all stars where it can be believed."""
    a, b = reference.brightest(_VERIFY), stars.brightest(_VERIFY)
    # a first look at the bright stars alone, where chance pairs are rare
    first, second = a.brightest(60), b.brightest(60)
    i, _ = pair(matrix, first, second, start)
    by_accident = chance_of(matrix, first, second, start, len(i), 1.0)
    if by_accident > 0.1:
        return Transform(matrix, n=len(i), chance=trials * by_accident)
    if min(len(a.xy), len(b.xy)) > 60:
        matrix, i, _ = refine(matrix, first, second, start=start, radius=start / 2.0, rounds=1)
        start /= 2.0
    matrix, i, j = refine(matrix, a, b, start=start, radius=radius, rounds=1)
    if len(i) < 3 or not 0.05 < _scale(matrix) < 20.0:
        return None
    chance = chance_of(matrix, a, b, radius, len(i), trials)
    if chance > CHANCE:
        return Transform(matrix, n=len(i), chance=chance)
    a, b = reference.brightest(_KNOWN), stars.brightest(_FIT)
    i, j = pair(matrix, a, b, radius)
    err = np.hypot(a.err[i], b.err[j])
    matrix = fit_matrix(a.xy[i], b.xy[j], err, affine=len(i) >= 10)
    return finish(matrix, i, j, a, b, chance)


def _points(table: Table, spoiled: int) -> Points:
    """The list, brightest first, without the stars that carry one of the `spoiled` flags."""
    xy = np.column_stack([np.asarray(table["x"], float), np.asarray(table["y"], float)])
    flux = np.asarray(table["flux"], float)
    good = np.isfinite(xy).all(1) & np.isfinite(flux)
    if "flags" in table.colnames:
        good &= (np.asarray(table["flags"], np.int64) & spoiled) == 0
    if spoiled and "fwhm" in table.colnames:
        # hot pixels are sharper than any star, and stand still while the stars move
        fwhm = np.asarray(table["fwhm"], float)
        known = good & np.isfinite(fwhm)
        if known.any():
            good &= ~(fwhm < 0.6 * _typical(fwhm[known]))
    keep = np.flatnonzero(good)
    keep = keep[np.argsort(-flux[keep], kind="stable")]
    if "x_err" in table.colnames:
        err = np.hypot(np.asarray(table["x_err"], float), np.asarray(table["y_err"], float)) / np.sqrt(2.0)
        err = np.where(np.isfinite(err), err, 0.3)
    else:
        err = np.full(len(xy), 0.3)
    return Points(xy[keep], err[keep])


def _seeing(table: Table) -> float:
    """Median width of the stars; 0 where it is unknown."""
    if "fwhm" not in table.colnames:
        return 0.0
    fwhm = np.asarray(table["fwhm"], float)
    fwhm = fwhm[np.isfinite(fwhm)]
    return float(np.median(fwhm)) if len(fwhm) else 0.0


def _typical(fwhm: np.ndarray) -> float:
    """Width of the stars, also where half of the list are hot pixels: their upper quartile."""
    return float(np.percentile(fwhm, 75.0))
