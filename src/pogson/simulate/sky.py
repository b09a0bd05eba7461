"""The air above the telescope: seeing, transparency, extinction, sky light, scintillation."""

from __future__ import annotations

from dataclasses import dataclass

import erfa  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from pogson.simulate.background import moon_plane, twilight
from pogson.simulate.clouds import frame_grid, plane_through, veil_extinction
from pogson.simulate.dice import dice_for
from pogson.simulate.mount import make_track, sight
from pogson.simulate.recipe import Recipe
from pogson.simulate.trees import open_share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """The truth about each light frame, in the order of their exposure; arrays of one length.

    `zero_point` is the magnitude of a star of colour 0 whose total flux is 1 electron / s, with the air and
    the mean cloud of that moment, and `color_term` the effective one: mag - inst = zero_point + color_term
    (g-r). `fwhm`, `dx`, `dy`, `trail` are in pixels, `rotation` in degrees, `sky` in electron / pixel,
    `sky_x` and `sky_y` its rise over the width and height of the frame over its mean. `cloud_spread` is the
    scatter of extinction over the frame (mag), `trees` the share of light that they take; `altitude` is
    that of the middle, `up_x` and `up_y` its rise per pixel, in degrees.
    """

    airmass: Array
    transparency: Array
    zero_point: Array
    color_term: Array
    fwhm: Array
    elongation: Array
    sky: Array
    scintillation: Array
    dx: Array
    dy: Array
    rotation: Array
    trail: Array
    sky_x: Array
    sky_y: Array
    cloud_spread: Array
    altitude: Array
    up_x: Array
    up_y: Array
    trees: Array


def make_conditions(recipe: Recipe, bands: list[str], exptime: Array, jd_utc: Array) -> Conditions:
    """Conditions of light frames at the middle of their exposures.

    The zero point is that of the band less extinction times airmass and what cloud takes. The sky
    is given as it looks, so that extinction does not dim it.
    """
    t, n = recipe.telescope, len(bands)
    steps = dice_for(recipe.seed, "air").standard_normal((5, n))
    airmass = airmass_of(recipe, jd_utc)
    track = make_track(recipe, jd_utc, steps[2:])
    hours = 24.0 * (jd_utc - jd_utc[0])
    cloud = np.where(np.isin(np.arange(1, n + 1), recipe.sky.cloudy), recipe.sky.cloud, 0.0)
    veil = veil_extinction(recipe, hours[:, None, None], *frame_grid(recipe))
    # cloud throws back the light of the ground in the measure that it dims the stars
    glow, glow_x, glow_y = plane_through(recipe.sky.veil_glow * (1.0 - 10.0 ** (-0.4 * veil)))
    transparency = 10.0 ** (-0.4 * (cloud + veil.mean(axis=(1, 2))))
    transparency = transparency * (1.0 - np.abs(recipe.sky.transparency_spread * steps[0]))
    zero, k, k2, term, dark = (
        np.array([getattr(recipe.bands[b], name) for b in bands])
        for name in ("zero_point", "extinction", "second_extinction", "color_term", "sky")
    )
    seeing = recipe.sky.seeing * airmass**0.6 * np.exp(_slow(recipe.sky.seeing_spread * steps[1]))
    if t.focus_drift:
        seeing = np.hypot(seeing, t.focus_drift * (hours - t.focus_time))
    more, more_x, more_y = _more_sky(recipe, jd_utc, k, dark, track.rotation)
    sky_rate = 10.0 ** (0.4 * (zero - dark)) * t.pixel_scale**2
    looks = sight(recipe, jd_utc, track.rotation)
    return Conditions(
        airmass=airmass,
        transparency=transparency,
        zero_point=zero - k * airmass + 2.5 * np.log10(transparency),
        color_term=term - k2 * airmass,
        fwhm=seeing / t.pixel_scale,
        elongation=_stretch(recipe, n),
        sky=sky_rate * exptime * (1.0 + more) * (1.0 + glow),
        scintillation=scintillation_of(recipe, airmass, exptime),
        dx=track.dx,
        dy=track.dy,
        rotation=track.rotation,
        trail=track.trail,
        sky_x=more_x / (1.0 + more) + glow_x / (1.0 + glow),
        sky_y=more_y / (1.0 + more) + glow_y / (1.0 + glow),
        cloud_spread=veil.std(axis=(1, 2)),
        altitude=looks[0],
        up_x=looks[1],
        up_y=looks[2],
        trees=_hidden(recipe, looks),
    )


def _stretch(recipe: Recipe, n: int) -> Array:
    """Elongation of the stars of each frame: how well it was guided."""
    t = recipe.telescope
    uneven = dice_for(recipe.seed, "guiding").standard_normal(n)
    return 1.0 + (t.elongation - 1.0) * np.exp(t.elongation_spread * uneven)


def _more_sky(
    recipe: Recipe, jd_utc: Array, extinction: Array, dark: Array, rotation: Array
) -> tuple[Array, Array, Array]:
    """Moonlight and twilight over the dark sky, and the rise over the frame, turned with it."""
    d = recipe.detector
    light, rise_x, rise_y = np.zeros((3, len(jd_utc)))
    if recipe.sky.moon:
        light, rise_x, rise_y = moon_plane(recipe, jd_utc, extinction)
    if recipe.sky.twilight:
        light = light + twilight(jd_utc, recipe)
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    across, upward = rise_x / d.nx, rise_y / d.ny
    unit = 10.0 ** (0.4 * dark)
    return light * unit, (c * across - s * upward) * d.nx * unit, (s * across + c * upward) * d.ny * unit


def _hidden(recipe: Recipe, looks: tuple[Array, Array, Array]) -> Array:
    """Share of the light of each frame that trees take."""
    if recipe.site.trees <= -90.0:
        return np.zeros(len(looks[0]))
    d = recipe.detector
    x, y = np.meshgrid(np.linspace(0.0, d.nx - 1.0, 15), np.linspace(0.0, d.ny - 1.0, 15))
    return np.array([1.0 - open_share(recipe, x, y, one).mean() for one in zip(*looks, strict=True)])


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
