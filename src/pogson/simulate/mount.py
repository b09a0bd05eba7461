"""Where the telescope points in each frame: wandering, drift, periodic error, the meridian flip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.time import altitude
from pogson.simulate.dice import dice_for
from pogson.simulate.pointing import center_of, plane_of, sky_of
from pogson.simulate.recipe import Recipe
from pogson.simulate.variables import site_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """Shift (pixels) and rotation (degrees) of each light frame against the first."""

    dx: Array
    dy: Array
    rotation: Array
    trail: Array


def make_track(recipe: Recipe, jd_utc: Array, steps: Array) -> Track:
    """The wandering of the telescope.

    Parameters
    ----------
    recipe : Recipe
        Its section `telescope`.
    jd_utc : float64 (n,)
        Middle of the exposures.
    steps : float64 (3, n)
        Standard normal deviates: steps in x, y and rotation.
    """
    t, dice = recipe.telescope, dice_for(recipe.seed, "drive")
    walk = np.array([t.drift, t.drift, t.field_rotation])[:, None] * steps
    walk[:, :1] = 0.0
    dx, dy, rotation = np.cumsum(walk, axis=1)
    hours = 24.0 * (jd_utc - jd_utc[:1])
    phase = dice.uniform(0.0, 2.0 * np.pi)
    swing = np.sin(3600.0 * hours / t.period * 2.0 * np.pi + phase) - np.sin(phase)
    dx += t.drift_x * hours + t.periodic_error * swing
    dy += t.drift_y * hours
    rotation += t.rotation_rate * hours
    if t.flip:
        site, f = site_of(recipe), recipe.field
        # a star sinks once it has passed the meridian
        sinks = altitude(jd_utc + 1e-3, f.ra, f.dec, site) < altitude(jd_utc - 1e-3, f.ra, f.dec, site)
        turned = sinks & ~sinks[:1]
        miss = t.flip_offset * dice.standard_normal(2)
        dx, dy = np.where(turned, miss[0] - dx, dx), np.where(turned, miss[1] - dy, dy)
        rotation = np.where(turned, rotation + 180.0, rotation)
    trailed = np.isin(np.arange(1, len(jd_utc) + 1), t.trailed)
    return Track(dx, dy, rotation, np.where(trailed, t.trail_length, 0.0))


def sight(recipe: Recipe, jd_utc: Array, rotation: Array) -> tuple[Array, Array, Array]:
    """Altitude of the middle of each frame, and its rise per pixel along x and y, in degrees."""
    x0, y0 = center_of(recipe)
    step = 100.0
    x, y = np.array([x0, x0 + step, x0]), np.array([y0, y0, y0 + step])
    ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    site = site_of(recipe)
    middle, right, upper = (altitude(jd_utc, a, d, site) for a, d in zip(ra, dec, strict=True))
    east, north = (right - middle) / step, (upper - middle) / step
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    return middle, c * east - s * north, s * east + c * north
