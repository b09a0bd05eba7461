"""An old star cluster before field stars: magnitudes and colours from analytic sequences."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.simulate.dice import dice_for
from pogson.simulate.pointing import center_of, plane_of, sky_of
from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]

# An old, metal-poor cluster in the colours of SDSS, drawn by hand after the fiducial sequences of
# An et al. 2008, ApJS 179, 326. Absolute magnitude in r, colour g-r, log10 of stars per magnitude.
SEQUENCE = np.array(
    [
        [-2.6, 1.22, 0.80],
        [-2.0, 1.00, 1.00],
        [-1.0, 0.79, 1.25],
        [0.0, 0.67, 1.50],
        [1.0, 0.59, 1.70],
        [2.0, 0.535, 1.90],
        [2.8, 0.50, 2.05],
        [3.2, 0.46, 2.20],
        [3.4, 0.37, 2.25],
        [3.6, 0.285, 2.35],
        [3.9, 0.245, 2.45],
        [4.3, 0.255, 2.55],
        [5.0, 0.325, 2.65],
        [5.5, 0.40, 2.70],
        [6.0, 0.49, 2.75],
        [7.0, 0.72, 2.82],
        [8.0, 0.98, 2.88],
        [9.0, 1.20, 2.90],
        [14.0, 1.35, 2.70],
    ]
)
TURN_OFF = 3.9
HORIZONTAL_BRANCH = np.array(
    [[-0.32, 2.0], [-0.22, 1.25], [-0.12, 0.88], [0.0, 0.72], [0.2, 0.62], [0.45, 0.55]]
)


def make_stars(recipe: Recipe) -> Table:
    """All stars of the field, brightest first: the truth.

    Returns
    -------
    Table
        id, ra, dec (degrees), x, y (pixels of the reference frame), mag_<band>, color (g-r), variable,
        kind ("cluster" or "field"). A margin of 5 % around the frame is filled too.
    """
    f, dice = recipe.field, dice_for(recipe.seed, "field")
    r, color = _cluster_light(recipe, dice)
    r_field, color_field = _field_light(f.field_stars, f.faintest, dice)
    x, y = _cluster_places(recipe, dice)
    wide, high = _half_sides(recipe)
    x0, y0 = center_of(recipe)
    x = x0 + np.append(x, dice.uniform(-wide, wide, f.field_stars))
    y = y0 + np.append(y, dice.uniform(-high, high, f.field_stars))
    r, color = np.append(r, r_field), np.append(color, color_field)
    kind = np.repeat(["cluster", "field"], [f.cluster_stars, f.field_stars])
    order = np.argsort(r)
    ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    columns = {
        "id": np.arange(1, len(r) + 1),
        "ra": ra[order],
        "dec": dec[order],
        "x": x[order],
        "y": y[order],
    }
    for band in recipe.exposed:
        columns[f"mag_{band}"] = (r + recipe.bands[band].slope * color)[order]
    columns["color"] = color[order]
    return Table({**columns, "variable": np.zeros(len(r), bool), "kind": kind[order]})


def make_catalog(recipe: Recipe, stars: Table) -> Table:
    """The stars that a reference catalogue lists: the brighter share, with its errors."""
    f, dice = recipe.field, dice_for(recipe.seed, "catalog")
    listed = stars[: round(f.catalog_share * len(stars))]
    n = len(listed)
    places = f.catalog_position_error / 3600.0 * dice.standard_normal((2, n))
    columns = {
        "id": [f"P1-{i:05d}" for i in listed["id"]],
        "ra": listed["ra"] + places[0] / np.cos(np.radians(listed["dec"])),
        "dec": listed["dec"] + places[1],
    }
    for band in recipe.exposed:
        mag = np.asarray(listed[f"mag_{band}"])
        error = np.hypot(f.catalog_error, 0.1 * 10.0 ** (0.4 * (mag - 21.5)))
        columns[band] = np.round(mag + error * dice.standard_normal(n), 4)
        columns[f"{band}_err"] = np.round(error, 4)
    return Table(columns)


def _half_sides(recipe: Recipe) -> tuple[float, float]:
    """Half sides of the field that is filled, in pixels: the frame and a margin."""
    return 0.55 * recipe.detector.nx, 0.55 * recipe.detector.ny


def _cluster_light(recipe: Recipe, dice: np.random.Generator) -> tuple[Array, Array]:
    """Magnitudes r and colours g-r of the cluster: one sequence, binaries, the horizontal branch."""
    f = recipe.field
    branch = min(f.horizontal_branch, f.cluster_stars)
    n = f.cluster_stars - branch
    grid = np.linspace(SEQUENCE[0, 0], max(f.faintest - f.distance_modulus, SEQUENCE[1, 0]), 2000)
    number = np.cumsum(10.0 ** np.interp(grid, SEQUENCE[:, 0], SEQUENCE[:, 2]))
    red = np.interp(dice.uniform(number[0], number[-1], n), number, grid)
    color = _sequence_color(red)
    paired = (red > TURN_OFF) & (dice.uniform(size=n) < f.binaries)
    # luminosity goes as the mass to the power 4, the ratio of the masses is anything from 0.2 to 1
    second = red - 10.0 * np.log10(dice.uniform(0.2, 1.0, n))
    red, color = np.where(paired, _add_light((red, color), (second, _sequence_color(second))), (red, color))
    color_branch = np.clip(dice.normal(-0.05, 0.17, branch), -0.32, 0.45)
    red_branch = np.interp(color_branch, *HORIZONTAL_BRANCH.T) + dice.normal(0.0, 0.04, branch)
    red, color = np.append(red, red_branch), np.append(color, color_branch)
    return red + f.distance_modulus, color + dice.normal(0.0, 0.008, f.cluster_stars)


def _sequence_color(red: Array) -> Array:
    """g-r of the sequence by shape-preserving cubics: no corners in the diagram."""
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(SEQUENCE[:, 0], SEQUENCE[:, 1])
    return np.asarray(curve(np.clip(red, SEQUENCE[0, 0], SEQUENCE[-1, 0])))


def _add_light(one: tuple[Array, Array], two: tuple[Array, Array]) -> Array:
    """Magnitudes r and colours g-r of two stars seen as one."""
    red = -2.5 * np.log10(10.0 ** (-0.4 * one[0]) + 10.0 ** (-0.4 * two[0]))
    green = -2.5 * np.log10(10.0 ** (-0.4 * (one[0] + one[1])) + 10.0 ** (-0.4 * (two[0] + two[1])))
    return np.stack([red, green - red])


def _field_light(n: int, faintest: float, dice: np.random.Generator) -> tuple[Array, Array]:
    """Magnitudes r and colours g-r of field stars: counts rise by 0.27 dex a magnitude."""
    brightest = min(10.5, faintest - 1.0)
    share = dice.uniform(10.0 ** (0.27 * (brightest - faintest)), 1.0, n)
    red = faintest + np.log10(share) / 0.27
    cool = dice.uniform(size=n) < np.clip(0.10 + 0.06 * (red - 15.0), 0.05, 0.45)
    warm_color = 0.30 + dice.gamma(2.0, 0.13, n)
    return red, np.where(cool, dice.normal(1.38, 0.09, n), np.minimum(warm_color, 1.4))


def _cluster_places(recipe: Recipe, dice: np.random.Generator) -> tuple[Array, Array]:
    """Offsets from the target in pixels, inside the field: a profile of King 1962 (AJ 67, 471, eq. 14)."""
    arcmin = 60.0 / recipe.telescope.pixel_scale
    core, edge = recipe.field.core_radius * arcmin, recipe.field.tidal_radius * arcmin
    radius = np.linspace(0.0, edge, 4000)
    density = (1.0 / np.hypot(1.0, radius / core) - 1.0 / np.hypot(1.0, edge / core)) ** 2
    number = np.cumsum(density * radius)
    wide, high = _half_sides(recipe)
    n = recipe.field.cluster_stars
    x = y = np.empty(0)
    while len(x) < n:
        r = np.interp(dice.uniform(0.0, number[-1], 2 * n), number, radius)
        angle = dice.uniform(0.0, 2.0 * np.pi, 2 * n)
        u, v = r * np.cos(angle), r * np.sin(angle)
        inside = (np.abs(u) < wide) & (np.abs(v) < high)
        x, y = np.append(x, u[inside]), np.append(y, v[inside])
    return x[:n], y[:n]
