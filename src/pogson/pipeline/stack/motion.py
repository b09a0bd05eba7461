"""Keep a target that moves among the stars, a comet or an asteroid, in one place of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, isfinite, radians, sin

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import NightError
from pogson.core.transform import Transform
from pogson.pipeline.coordinates import locate_field
from pogson.pipeline.stack.align import Aligned
from pogson.pipeline.stack.survey import Surveyed


@dataclass(frozen=True)
class Motion:
    """Rate and direction of a moving target.

    Attributes
    ----------
    rate : float
        arcsec per hour; px per hour where `in_pixels`.
    angle : float
        Position angle, degrees from north through east; from x towards y where `in_pixels`.
    in_pixels : bool
    """

    rate: float = 0.0
    angle: float = 0.0
    in_pixels: bool = False


STILL = Motion()


def follow(frames: Sequence[Aligned], best: int, motion: Motion) -> list[Transform]:
    """The maps that keep a moving target where it is at the mean of the times.

    Raises
    ------
    NightError
        If a frame has no time, or the reference frame no coordinates.
    """
    if motion.rate == 0.0:
        return [one.transform for one in frames]
    times = np.array([one.frame.exposure.jd_utc for one in frames])
    if not np.isfinite(times).all():
        raise NightError("a moving target needs the time of every frame; see DATE-OBS in the headers")
    speed = pixels_per_hour(frames[best].frame, motion)
    moved = []
    for one, hours in zip(frames, 24.0 * (times - times.mean()), strict=True):
        matrix = one.transform.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ (speed * hours)
        moved.append(replace(one.transform, matrix=matrix))
    return moved


def pixels_per_hour(reference: Surveyed, motion: Motion) -> NDArray[np.float64]:
    """Rate in x and y of the reference frame, in its middle.

    Raises
    ------
    NightError
        If nothing tells where north is.
    """
    angle = radians(motion.angle)
    if motion.in_pixels:
        return motion.rate * np.array([cos(angle), sin(angle)])
    # tangent plane: xi to the east, eta to the north
    return motion.rate * _pixels_per_arcsec(reference) @ np.array([sin(angle), cos(angle)])


def _pixels_per_arcsec(reference: Surveyed) -> NDArray[np.float64]:
    """Change of x, y per arcsec to the east and to the north: by the stars' coordinates in the middle."""
    stars = reference.stars
    field = stars.copy()
    field["id"] = np.arange(len(stars))
    located = locate_field(field, None, reference.exposure)
    ra, dec = (
        np.asarray(located.field[c], float) if c in located.field.colnames else None for c in ("ra", "dec")
    )
    if ra is None or dec is None or not isfinite(float(np.median(ra))):
        raise NightError(
            "a rate in arcsec needs coordinates, and the reference frame has none that a catalogue or its "
            "header tells; solve it first (pogson solve), or give the rate in pixels (--in-pixels)"
        )
    return linear_part(np.asarray(stars["x"], float), np.asarray(stars["y"], float), ra, dec)


def linear_part(
    x: NDArray[np.float64], y: NDArray[np.float64], ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matrix that takes arcsec (east, north) to pixels: the straight-line fit through stars."""
    a, d = np.radians(ra), np.radians(dec)
    middle = int(np.argmin(np.hypot(x - np.median(x), y - np.median(y))))
    a0, d0 = a[middle], d[middle]
    depth = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a - a0)
    xi = np.cos(d) * np.sin(a - a0) / depth
    eta = (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a - a0)) / depth
    basis = np.column_stack([np.ones_like(xi), np.degrees(xi) * 3600.0, np.degrees(eta) * 3600.0])
    fit = np.linalg.lstsq(basis, np.column_stack([x, y]), rcond=None)[0]
    found: NDArray[np.float64] = fit[1:].T
    return found
