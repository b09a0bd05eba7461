"""The light that falls on the detector: stars, sky, satellites, the lamp of the flats."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.frame import Image
from pogson.kernels.profiles import add_elliptic_gaussians, add_moffats
from pogson.simulate.clouds import frame_grid, veil_extinction
from pogson.simulate.dice import dice_for
from pogson.simulate.pointing import center_of, moved
from pogson.simulate.recipe import Recipe
from pogson.simulate.schedule import Shot
from pogson.simulate.shapes import star_shapes
from pogson.simulate.trees import open_share
from pogson.simulate.variables import Activity

#: Wings of stars end where they fall below this, electron / pixel.
FAINTEST_WING = 0.01

#: What the lamp of the flats gives through the filters of a mosaic.
LAMP = {"R": 0.75, "G": 1.0, "B": 0.6}


def star_rates(
    recipe: Recipe, stars: Table, band: str, zero_point: float, airmass: float = 0.0
) -> NDArray[np.float64]:
    """Electrons per second of each star: mag - inst = zero_point + (color_term - k'' airmass) color."""
    b = recipe.bands[band]
    term = (b.color_term - b.second_extinction * airmass) * np.asarray(stars["color"])
    return 10.0 ** (-0.4 * (np.asarray(stars[f"mag_{band}"]) - zero_point - term))


def add_stars(
    image: Image,
    recipe: Recipe,
    stars: Table,
    shot: Shot,
    now: dict[str, float],
    activity: Activity | None = None,
) -> None:
    """Add every star of the field (in place), each with its own scintillation.

    Parameters
    ----------
    image : float32 (ny, nx)
        Electrons.
    recipe, stars, shot
        The truth.
    now : dict
        `Conditions` of this frame.
    activity : Activity, optional
        What varies.
    """
    dice = dice_for(recipe.seed, f"{shot.name} stars")
    flux = star_rates(recipe, stars, shot.band, now["zero_point"], now["airmass"]) * shot.exptime
    sigma = now["scintillation"]
    flux *= np.exp(sigma * dice.standard_normal(len(flux)) - 0.5 * sigma**2)
    if activity is not None:
        flux[activity.rows] *= activity.factor[:, shot.light]
    x, y, move_x, move_y = places(recipe, stars, shot, now)
    if now["cloud_spread"] > 0.0:
        flux *= 10.0 ** (-0.4 * _uneven(recipe, now, x, y))
    angle = dice.uniform(0.0, 180.0)
    fwhm = now["fwhm"]
    # what moves is drawn in steps too short to be seen
    steps = np.ceil(np.hypot(move_x, move_y) / (0.4 * fwhm)).astype(np.int64)
    for n in np.unique(steps):
        these = steps == n
        n = max(int(n), 1)
        part = np.tile((np.arange(n) + 0.5) / n - 0.5, these.sum())
        u, v, electrons, du, dv = (np.repeat(a[these], n) for a in (x, y, flux / n, move_x, move_y))
        shapes = star_shapes(recipe, u + part * du, v + part * dv, fwhm, now["elongation"], angle)
        _draw(image, recipe, u + part * du, v + part * dv, electrons, shapes, FAINTEST_WING / n)


def places(
    recipe: Recipe, stars: Table, shot: Shot, now: dict[str, float]
) -> tuple[NDArray[np.float64], ...]:
    """x, y of all stars in a frame at mid-exposure, and how far they move during it."""
    x, y = np.array(stars["x"], np.float64), np.array(stars["y"], np.float64)
    move_x, move_y = np.full(len(x), now["trail"]), np.zeros(len(x))
    turn = np.radians(now["rotation"])
    for row, mover in enumerate(recipe.field.movers, len(x) - len(recipe.field.movers)):
        speed, way = mover.rate / recipe.telescope.pixel_scale, np.radians(mover.angle)
        x[row] += speed * np.cos(way) * now["hours"]
        y[row] += speed * np.sin(way) * now["hours"]
        move_x[row] += speed * np.cos(way + turn) * shot.exptime / 3600.0
        move_y[row] += speed * np.sin(way + turn) * shot.exptime / 3600.0
    return *moved(recipe, x, y, now["dx"], now["dy"], now["rotation"]), move_x, move_y


def _draw(
    image: Image,
    recipe: Recipe,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    shapes: tuple[NDArray[np.float64], ...],
    cut: float,
) -> None:
    width, elongation, turn = shapes
    if recipe.telescope.profile == "gaussian":
        add_elliptic_gaussians(image, x, y, flux, width, elongation, turn)
    else:
        beta = np.full(len(x), recipe.telescope.beta)
        add_moffats(image, x, y, flux, width, beta, elongation, turn, cut)


def _uneven(
    recipe: Recipe, now: dict[str, float], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Extinction of passing clouds at each star less its mean over the frame, magnitudes."""
    x0, y0 = center_of(recipe)
    here = veil_extinction(recipe, now["hours"], (x - x0) / recipe.detector.nx, (y - y0) / recipe.detector.nx)
    mean = veil_extinction(recipe, now["hours"], *frame_grid(recipe)).mean()
    return np.asarray(here - mean)


def sky_light(recipe: Recipe, shot: Shot, level: float, rise_x: float = 0.0, rise_y: float = 0.0) -> Image:
    """Sky of `level` electrons per pixel with its gradients, and a satellite's trail.

    `rise_x`, `rise_y` are the rise over the frame's width and height over the level; the recipe's
    gradient comes on top.
    """
    d, dice = recipe.detector, dice_for(recipe.seed, f"{shot.name} sky")
    angle, slope = dice.uniform(0.0, 2.0 * np.pi), level * recipe.sky.gradient
    across, upward = slope * np.cos(angle) + level * rise_x, slope * np.sin(angle) + level * rise_y
    row = (level + across * np.linspace(-0.5, 0.5, d.nx)).astype(np.float32)
    column = (upward * np.linspace(-0.5, 0.5, d.ny)).astype(np.float32)
    image: Image = column[:, None] + row
    if shot.light in crossed_lights(recipe):
        _add_trail(image, dice)
    return image


def crossed_lights(recipe: Recipe) -> NDArray[np.int64]:
    """Numbers, from 0, of the light frames that a satellite crosses."""
    lights = sum(block.n for block in recipe.night.exposures) * recipe.night.cycles
    return dice_for(recipe.seed, "satellites").permutation(lights)[: recipe.sky.trails]


def shade_trees(image: Image, recipe: Recipe, now: dict[str, float]) -> None:
    """Take the light that trees hide (in place)."""
    ny, nx = image.shape
    x, y = np.arange(nx, dtype=np.float32), np.arange(ny, dtype=np.float32)[:, None]
    image *= open_share(recipe, x, y, (now["altitude"], now["up_x"], now["up_y"])).astype(np.float32)


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
    image = np.full((d.ny, d.nx), level, np.float32)
    for letter, cell in mosaic_cells(d.bayer):
        image[cell] *= np.float32(LAMP[letter])
    return image


def mosaic_cells(pattern: str) -> list[tuple[str, tuple[slice, slice]]]:
    """Letter and pixels of each filter of a 2 x 2 mosaic; nothing for a plain detector."""
    return [(letter, (slice(i // 2, None, 2), slice(i % 2, None, 2))) for i, letter in enumerate(pattern)]
