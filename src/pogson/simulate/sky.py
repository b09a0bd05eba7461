"""The air above the telescope: seeing, transparency, extinction, sky light, scintillation."""

from __future__ import annotations

from dataclasses import dataclass

import erfa  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from pogson.simulate.dice import dice_for
from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """The truth about each light frame, in the order of their exposure; arrays of one length.

    `zero_point` is the magnitude of a star of colour 0 whose total flux is 1 electron / s, with the air and
    cloud of that moment; `fwhm`, `dx`, `dy` are in pixels, `rotation` in degrees, `sky` in electron / pixel.
    """

    airmass: Array
    transparency: Array
    zero_point: Array
    fwhm: Array
    sky: Array
    scintillation: Array
    dx: Array
    dy: Array
    rotation: Array


def make_conditions(recipe: Recipe, bands: list[str], exptime: Array, jd_utc: Array) -> Conditions:
    """Conditions of light frames at the middle of their exposures.

    The zero point is that of the band less extinction times airmass and what cloud takes. The sky
    is given as it looks, so that extinction does not dim it.
    """
    t, n = recipe.telescope, len(bands)
    dice = dice_for(recipe.seed, "air")
    steps = dice.standard_normal((5, n))
    airmass = airmass_of(recipe, jd_utc)
    band = [recipe.bands[b] for b in bands]
    cloud = np.where(np.isin(np.arange(1, n + 1), recipe.sky.cloudy), recipe.sky.cloud, 0.0)
    transparency = 10.0 ** (-0.4 * cloud) * (1.0 - np.abs(recipe.sky.transparency_spread * steps[0]))
    zero = np.array([b.zero_point for b in band])
    loss = np.array([b.extinction for b in band]) * airmass
    seeing = recipe.sky.seeing * airmass**0.6 * np.exp(_slow(recipe.sky.seeing_spread * steps[1]))
    sky_rate = 10.0 ** (0.4 * (zero - np.array([b.sky for b in band]))) * t.pixel_scale**2
    drift = [t.drift * steps[2], t.drift * steps[3], t.field_rotation * steps[4]]
    for step in drift:
        step[:1] = 0.0
    dx, dy, rotation = (np.cumsum(step) for step in drift)
    return Conditions(
        airmass,
        transparency,
        zero - loss + 2.5 * np.log10(transparency),
        seeing / t.pixel_scale,
        sky_rate * exptime,
        scintillation_of(recipe, airmass, exptime),
        dx,
        dy,
        rotation,
    )


def scintillation_of(recipe: Recipe, airmass: Array, exptime: Array) -> Array:
    """Relative scatter of a star's flux by scintillation, 1 sigma.

    Young 1967 (AJ 72, 747) with the coefficient of Osborn et al. 2015 (MNRAS 452, 1707, eq. 7):
    sigma^2 = 10e-6 C^2 D^(-4/3) t^-1 (sec z)^3 exp(-2 h / 8000 m).
    """
    diameter, height = recipe.telescope.diameter, recipe.site.height
    variance = 10e-6 * diameter ** (-4.0 / 3.0) / exptime * airmass**3 * np.exp(-2.0 * height / 8000.0)
    return recipe.sky.scintillation * np.sqrt(variance)


def airmass_of(recipe: Recipe, jd_utc: Array) -> Array:
    """Airmass of the target (Hardie 1962); NaN below 5 degrees."""
    s, f = recipe.site, recipe.field
    where = np.radians([f.ra, f.dec]), np.radians([s.longitude, s.latitude])
    zenith = erfa.atco13(
        *where[0], 0, 0, 0, 0, jd_utc, 0.0, 0.0, *where[1], s.height, 0, 0, 0.0, 0.0, 0.0, 0.5
    )[1]
    excess = 1.0 / np.cos(zenith) - 1.0
    airmass = 1.0 + excess * (1.0 - 0.0018167) - 0.002875 * excess**2 - 0.0008083 * excess**3
    return np.where(zenith < np.radians(85.0), airmass, np.nan)


def _slow(steps: Array) -> Array:
    """A random walk that comes back: each value is 0.8 of the last, plus a step."""
    out = np.zeros_like(steps)
    for i in range(1, len(steps)):
        out[i] = 0.8 * out[i - 1] + steps[i]
    return out
