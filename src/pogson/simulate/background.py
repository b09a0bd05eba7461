"""Light of the sky that comes and goes: moonlight and twilight, in magnitudes of V."""

from __future__ import annotations

import erfa  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from pogson.core.time import altitude, sun_altitude
from pogson.simulate.pointing import center_of, plane_of, sky_of
from pogson.simulate.recipe import Recipe
from pogson.simulate.variables import site_of

Array = NDArray[np.float64]

TT_AHEAD = 69.2 / 86400.0  # of UTC; the Moon moves by 0.01 arcsec in the seconds that it is wrong
DARKEST = 13.3  # degrees beyond 95 at which Patat's parabola turns: twilight ends


def moonlight(jd_utc: Array, ra: float, dec: float, extinction: Array, recipe: Recipe) -> Array:
    """Surface brightness that the Moon adds at a place, as 10^(-0.4 mag / arcsec^2) in V.

    Krisciunas & Schaefer 1991, PASP 103, 1033, eqs. 3, 15, 16, 18, 20 and 21 (good to 8 to 23 %).
    """
    site = site_of(recipe)
    tt = jd_utc + TT_AHEAD
    moon = erfa.moon98(tt, 0.0)["p"]
    sun = -erfa.epv00(tt, 0.0)[0]["p"]
    moon_ra, moon_dec = (np.degrees(a) for a in erfa.c2s(moon))
    up = altitude(jd_utc, moon_ra % 360.0, moon_dec, site)
    up = up - 0.95 * np.cos(np.radians(up))  # seen from the ground, not from the Earth's centre
    star = erfa.s2c(np.radians(ra), np.radians(dec))
    phase = 180.0 - np.degrees(erfa.sepp(moon, sun))
    apart = np.degrees(erfa.sepp(moon, star))
    source = 10.0 ** (-0.4 * (3.84 + 0.026 * np.abs(phase) + 4e-9 * phase**4))
    scatter = 10.0**5.36 * (1.06 + np.cos(np.radians(apart)) ** 2) + 10.0 ** (6.15 - apart / 40.0)
    path = _air(np.radians(90.0 - altitude(jd_utc, ra, dec, site)))
    light = scatter * source * 10.0 ** (-0.4 * extinction * _air(np.radians(90.0 - up)))
    light *= 1.0 - 10.0 ** (-0.4 * extinction * path)
    nanolamberts = np.where(up > 0.0, light, 0.0)
    return np.asarray(nanolamberts / 34.08 * np.exp(-20.7233))


def moon_plane(recipe: Recipe, jd_utc: Array, extinction: Array) -> tuple[Array, Array, Array]:
    """Moonlight in the middle of the reference frame, and its rise over the frame's width and height."""
    d, (x0, y0) = recipe.detector, center_of(recipe)
    x = np.array([x0, x0 - d.nx / 4, x0 + d.nx / 4, x0, x0])
    y = np.array([y0, y0, y0, y0 - d.ny / 4, y0 + d.ny / 4])
    ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    middle, left, right, low, high = (
        moonlight(jd_utc, float(a), float(b), extinction, recipe) for a, b in zip(ra, dec, strict=True)
    )
    return middle, 2.0 * (right - left), 2.0 * (high - low)


def twilight(jd_utc: Array, recipe: Recipe) -> Array:
    """Surface brightness that the Sun below the horizon adds, as 10^(-0.4 mag / arcsec^2) in V.

    A parabola in the depth of the Sun, in the form that Patat, Ugolnikov & Postylyakov 2006 (A&A 455, 385)
    fit to the zenith of Paranal with the Sun 95 to 105 degrees from it; less its darkest value, so that it
    ends with the astronomical twilight. The coefficients were not compared with their printed table. What is
    sure: the sky falls from 11.8 to 21.3 mag / arcsec^2 over those ten degrees, near the 21.6 of a dark sky
    there (Patat 2003, A&A 400, 1183). Good for frames in twilight, no reference for its photometry.
    """
    depth = -sun_altitude(jd_utc, site_of(recipe)) - 5.0
    clipped = np.clip(depth, -5.0, DARKEST)
    magnitude = 11.84 + 1.518 * clipped - 0.057 * clipped**2
    darkest = 11.84 + 1.518 * DARKEST - 0.057 * DARKEST**2
    return np.asarray(np.maximum(10.0 ** (-0.4 * magnitude) - 10.0 ** (-0.4 * darkest), 0.0))


def _air(zenith: Array) -> Array:
    """Path through the air of scattered light (eq. 3); 0.96 keeps it finite at the horizon."""
    return np.asarray((1.0 - 0.96 * np.sin(np.minimum(zenith, 0.5 * np.pi)) ** 2) ** -0.5)
