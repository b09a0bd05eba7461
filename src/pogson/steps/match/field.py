"""Align the frames of a night, and join their detections to one list of stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import FIELD
from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.core.units import Fraction, Fwhms, Pixels
from pogson.steps.match.align import match_stars
from pogson.steps.match.fit import Points, pair
from pogson.steps.match.seen import Sighting, seen_often

Values = NDArray[np.float64]

#: what makes peaks where no star is: wings and ridges broken by a bad pixel, cut by the edge, hit by a
#: cosmic ray, or by their noise
BROKEN = int(Star.BAD_PIXEL | Star.EDGE | Star.COSMIC | Star.BLENDED)


@dataclass(frozen=True)
class MatchFailure:
    """A frame that could not be aligned, and why."""

    reason: str


def choose_reference(tables: Sequence[Table]) -> int:
    """The frame with the most, sharpest and roundest stars on the darkest sky: its index.

    Raises
    ------
    MatchError
        If no frame has three stars.
    """
    if not tables or max(len(t) for t in tables) < 3:
        raise MatchError("no frame has 3 stars; lower the detection threshold")
    return int(np.argmax([_quality(t) for t in tables]))


def _quality(stars: Table) -> float:
    """Logarithm of the number of stars per area of a star image, less a penalty for a bright sky."""
    good = (np.asarray(stars["flags"], int) & int(Star.SATURATED | Star.EDGE)) == 0
    if good.sum() < 3:
        return -np.inf
    fwhm, elongation, sky = (_median(stars, name, good) for name in ("fwhm", "elongation", "sky"))
    return float(
        np.log(good.sum())
        - 2.0 * np.log(fwhm if fwhm > 0 else 3.0)
        - 2.0 * np.log(max(elongation, 1.0) if np.isfinite(elongation) else 1.0)
        - 0.25 * np.log(max(sky, 1.0) if np.isfinite(sky) else 1.0)
    )


def _median(stars: Table, name: str, good: NDArray[np.bool_]) -> float:
    if name not in stars.colnames:
        return np.nan
    values = np.asarray(stars[name], float)[good]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else np.nan


def match_frames(
    tables: Sequence[Table],
    *,
    names: Sequence[str] = (),
    reference: int | None = None,
    radius: Pixels = 2.0,
    merge: Fwhms = 0.5,
    min_frames: int = 2,
    min_fraction: Fraction = 0.1,
) -> tuple[Table, list[Transform | MatchFailure]]:
    """Align all star lists to the best one, and join them to one list of stars.

    Parameters
    ----------
    tables : sequence of Table
        STARS of each frame, in the order in which they were taken.
    names : sequence of str
        Names of the frames, for messages.
    reference : int, optional
        Index of the reference frame; the best one is chosen where it is not given.
    radius : float
        Largest distance of the two positions of one star, for the alignment.
    merge : float
        Detections of different frames within this distance are one star.
    min_frames : int
        A star must be detected in so many frames, where three or more were aligned.
    min_fraction : float
        And in this fraction of the frames of a band, or of all, in whose field it lies: noise, hot pixels and
        bad columns come back by accident in a long series.

    Returns
    -------
    field : Table
        FIELD, brightest first; see `make_field`.
    results : list of Transform or MatchFailure
        One for each frame.

    Raises
    ------
    MatchError
        If no frame has three stars.
    """
    best = choose_reference(tables) if reference is None else reference
    results = align_frames(tables, best, radius=radius)
    found = make_field(tables, results, best, merge=merge, min_frames=min_frames, min_fraction=min_fraction)
    found.meta["reference_name"] = names[best] if len(names) > best else ""
    return found, results


def align_frames(
    tables: Sequence[Table], reference: int, *, radius: Pixels = 2.0
) -> list[Transform | MatchFailure]:
    """Map the reference frame onto each frame; the last map found is the next frame's first guess."""
    results: list[Transform | MatchFailure] = []
    guess: Transform | None = None
    for k, stars in enumerate(tables):
        if k == reference:
            guess = Transform.identity()
            results.append(guess)
            continue
        try:
            guess = match_stars(stars, tables[reference], guess=guess, radius=radius)
            results.append(guess)
        except MatchError as error:
            results.append(MatchFailure(str(error)))
    for k, result in enumerate(results):
        if isinstance(result, MatchFailure):
            results[k] = _by_neighbor(tables, results, k, radius) or result
    return results


def _by_neighbor(
    tables: Sequence[Table], results: Sequence[Transform | MatchFailure], k: int, radius: float
) -> Transform | None:
    """The map of a frame that does not match the reference, by way of the nearest aligned frame."""
    aligned = [j for j, result in enumerate(results) if isinstance(result, Transform)]
    near = min(aligned, key=lambda j: abs(j - k))
    way = results[near]
    if len(tables[k]) < 3 or not isinstance(way, Transform):
        return None
    try:
        step = match_stars(tables[k], tables[near], guess=Transform.identity(), radius=radius)
    except MatchError:
        return None
    square = np.vstack([way.matrix, [0.0, 0.0, 1.0]])
    return Transform(step.matrix @ square, step.rms, step.n, step.chance, "matched by way of another frame")


@dataclass
class _Sums:
    """Running sums over the detections of each star (grown as stars are added)."""

    w: Values = field(default_factory=lambda: np.empty(0))
    wx: Values = field(default_factory=lambda: np.empty(0))
    wy: Values = field(default_factory=lambda: np.empty(0))
    weight: Values = field(default_factory=lambda: np.empty(0))
    flux: Values = field(default_factory=lambda: np.empty(0))
    snr: Values = field(default_factory=lambda: np.empty(0))
    n: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    bits: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 16), np.int64))

    def add(self, rows: NDArray[np.int64], count: int, **more: Values) -> None:
        """Add `more` at `rows`, after growing to `count` stars."""
        grow = count - len(self.w)
        for name in ("w", "wx", "wy", "weight", "flux", "n"):
            old = getattr(self, name)
            grown = np.concatenate([old, np.zeros(grow, old.dtype)])
            grown[rows] += more[name].astype(old.dtype)
            setattr(self, name, grown)
        self.snr = np.concatenate([self.snr, np.zeros(grow)])
        self.snr[rows] = np.maximum(self.snr[rows], more["snr"])
        self.bits = np.concatenate([self.bits, np.zeros((grow, 16), np.int64)])
        self.bits[rows] += (more["flags"].astype(np.int64)[:, None] >> np.arange(16)) & 1


def make_field(
    tables: Sequence[Table],
    transforms: Sequence[Transform | MatchFailure | None],
    reference: int,
    *,
    merge: Fwhms = 0.5,
    min_frames: int = 2,
    min_fraction: Fraction = 0.1,
) -> Table:
    """Join aligned star lists to one: one row, and one number, for each star.

    Positions are means weighted by the inverse variance, in the reference frame. A flag is kept
    where at least half of the star's detections carry it. Fluxes are on the reference frame's scale.
    Which detections are stars is told by how often they come back (`seen_often`).

    Parameters
    ----------
    tables, transforms : sequences
        STARS and map of each frame; frames without a map are left out.
    reference : int
        Index of the reference frame.
    merge : float
        Detections of different frames within this distance, and at least 1 px, are one star.
    min_frames : int
        A star must be detected in so many frames, where three or more were aligned.
    min_fraction : float
        And in this fraction of the frames of a band, or of all, in whose field it lies: noise, hot pixels and
        bad columns come back by accident in a long series.

    Returns
    -------
    Table
        FIELD, brightest first; meta: reference, n_frames, dropped (stars seen too rarely).
    """
    aligned = [k for k, t in enumerate(transforms) if isinstance(t, Transform)]
    order = [reference] + [k for k in aligned if k != reference]
    sums = _Sums()
    fwhm = _median(tables[reference], "fwhm", np.ones(len(tables[reference]), bool))
    reach = max(1.0, merge * fwhm) if np.isfinite(fwhm) else 1.5
    sightings = [seen for k in order if (seen := _add_frame(sums, tables[k], transforms[k], reach))]
    x, y = sums.wx / sums.w, sums.wy / sums.w
    kept = np.flatnonzero(seen_often(sightings, x, y, min_frames=min_frames, min_fraction=min_fraction))
    flux = sums.flux / np.maximum(sums.weight, 1e-300)
    kept = kept[np.argsort(-flux[kept], kind="stable")]
    flags = ((2 * sums.bits >= sums.n[:, None]) << np.arange(16)).sum(1)
    err = np.sqrt(1.0 / sums.w)
    nothing = np.full(len(kept), np.nan)
    return FIELD.table(
        {"reference": reference, "n_frames": len(order), "dropped": int(len(sums.n) - len(kept))},
        id=np.arange(1, len(kept) + 1),
        x=x[kept],
        y=y[kept],
        x_err=err[kept],
        y_err=err[kept],
        ra=nothing,
        dec=nothing.copy(),
        flux=flux[kept],
        snr=sums.snr[kept],
        n_detected=sums.n[kept],
        flags=flags[kept],
    )


def _add_frame(
    sums: _Sums, stars: Table, transform: Transform | MatchFailure | None, reach: float
) -> Sighting | None:
    """Add the stars of a frame to the sums, and tell which they are."""
    if not isinstance(transform, Transform) or len(stars) == 0:
        return None
    back = transform.inverse()
    x, y = back.apply(stars["x"], stars["y"])
    err = np.hypot(np.asarray(stars["x_err"], float), np.asarray(stars["y_err"], float)) / np.sqrt(2.0)
    # the map adds its own error, and no centroid is perfect
    err = np.hypot(np.where(np.isfinite(err), err, 0.3) * back.scale, 0.02)
    flux, snr = np.asarray(stars["flux"], float), np.maximum(np.asarray(stars["snr"], float), 0.1)
    known = len(sums.w)
    rows = np.full(len(x), -1)
    if known:
        here = Points(np.column_stack([x, y]), err)
        there = Points(np.column_stack([sums.wx / sums.w, sums.wy / sums.w]), np.zeros(known))
        i, j = pair(np.eye(2, 3), here, there, reach)
        rows[i] = j
        bright = i[(snr[i] > 10) & (flux[i] > 0)]
        bright = bright if len(bright) else i
        if len(bright):
            mean = sums.flux[rows[bright]] / sums.weight[rows[bright]]
            ratio = float(np.median(mean / np.where(flux[bright] > 0, flux[bright], np.nan)))
            flux = flux * (ratio if np.isfinite(ratio) and ratio > 0 else 1.0)
    new = np.flatnonzero(rows < 0)
    rows[new] = known + np.arange(len(new))
    w = 1.0 / err**2
    one = np.ones(len(x))
    sums.add(
        rows,
        known + len(new),
        w=w,
        wx=w * x,
        wy=w * y,
        weight=one,
        flux=flux,
        n=one,
        snr=snr,
        flags=np.asarray(stars["flags"], float),
    )
    whole = (np.asarray(stars["flags"], np.int64) & BROKEN) == 0
    return Sighting(rows, whole, transform, stars.meta.get("exposure", Exposure()))
