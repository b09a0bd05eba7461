"""The light that falls on the detector: stars, sky, satellites, the lamp of the flats."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.frame import Image
from pogson.kernels.profiles import add_moffats
from pogson.simulate.dice import dice_for
from pogson.simulate.pointing import moved
from pogson.simulate.recipe import Recipe
from pogson.simulate.schedule import Shot

#: Wings of stars end where they fall below this, electron / pixel.
FAINTEST_WING = 0.01


def star_rates(recipe: Recipe, stars: Table, band: str, zero_point: float) -> NDArray[np.float64]:
    """Electrons per second of each star: mag - inst = zero_point + color_term color."""
    term = recipe.bands[band].color_term * np.asarray(stars["color"])
    return 10.0 ** (-0.4 * (np.asarray(stars[f"mag_{band}"]) - zero_point - term))


def add_stars(image: Image, recipe: Recipe, stars: Table, shot: Shot, now: dict[str, float]) -> None:
    """Add every star of the field (in place), each with its own scintillation.

    Parameters
    ----------
    image : float32 (ny, nx)
        Electrons.
    recipe, stars, shot
        The truth.
    now : dict
        `Conditions` of this frame.
    """
    dice = dice_for(recipe.seed, f"{shot.name} stars")
    flux = star_rates(recipe, stars, shot.band, now["zero_point"]) * shot.exptime
    sigma = now["scintillation"]
    flux *= np.exp(sigma * dice.standard_normal(len(flux)) - 0.5 * sigma**2)
    x, y = moved(
        recipe, np.asarray(stars["x"]), np.asarray(stars["y"]), now["dx"], now["dy"], now["rotation"]
    )
    t = recipe.telescope
    fwhm, beta, elongation = (np.full(len(x), v) for v in (now["fwhm"], t.beta, t.elongation))
    angle = np.full(len(x), dice.uniform(0.0, 180.0))
    add_moffats(image, x, y, flux, fwhm, beta, elongation, angle, FAINTEST_WING)


def sky_light(recipe: Recipe, shot: Shot, level: float) -> Image:
    """Sky of `level` electrons per pixel with a gradient across the frame, and a satellite's trail."""
    d, dice = recipe.detector, dice_for(recipe.seed, f"{shot.name} sky")
    angle, slope = dice.uniform(0.0, 2.0 * np.pi), level * recipe.sky.gradient
    row = (level + slope * np.cos(angle) * np.linspace(-0.5, 0.5, d.nx)).astype(np.float32)
    column = (slope * np.sin(angle) * np.linspace(-0.5, 0.5, d.ny)).astype(np.float32)
    image: Image = column[:, None] + row
    lights = sum(block.n for block in recipe.night.exposures) * recipe.night.cycles
    crossed = dice_for(recipe.seed, "satellites").permutation(lights)[: recipe.sky.trails]
    if shot.light in crossed:
        _add_trail(image, dice)
    return image


def _add_trail(image: Image, dice: np.random.Generator) -> None:
    ny, nx = image.shape
    y, x = np.ogrid[:ny, :nx]
    angle = dice.uniform(0.0, np.pi)
    off = (x - dice.uniform(0.2, 0.8) * nx) * np.sin(angle) - (y - dice.uniform(0.2, 0.8) * ny) * np.cos(
        angle
    )
    image += (dice.uniform(200.0, 3000.0) * np.exp(-0.5 * (off / 1.5) ** 2)).astype(np.float32)


def flat_light(recipe: Recipe, dice: np.random.Generator) -> Image:
    """An evenly lit screen; the lamp is never quite the same."""
    d, c = recipe.detector, recipe.calibration
    level = c.flat_level * d.gain * (1.0 + c.flat_spread * dice.standard_normal())
    return np.full((d.ny, d.nx), level, np.float32)
