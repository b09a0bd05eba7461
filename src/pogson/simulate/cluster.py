"""An old star cluster: magnitudes and colours from analytic sequences, places from a profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.simulate.pointing import half_sides
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


def cluster_light(recipe: Recipe, dice: np.random.Generator) -> tuple[Array, Array]:
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


def cluster_places(recipe: Recipe, dice: np.random.Generator) -> tuple[Array, Array]:
    """Offsets from the target in pixels, inside the field: a profile of King 1962 (AJ 67, 471, eq. 14)."""
    arcmin = 60.0 / recipe.telescope.pixel_scale
    core, edge = recipe.field.core_radius * arcmin, recipe.field.tidal_radius * arcmin
    radius = np.linspace(0.0, edge, 4000)
    density = (1.0 / np.hypot(1.0, radius / core) - 1.0 / np.hypot(1.0, edge / core)) ** 2
    number = np.cumsum(density * radius)
    wide, high = half_sides(recipe)
    n = recipe.field.cluster_stars
    x = y = np.empty(0)
    while len(x) < n:
        r = np.interp(dice.uniform(0.0, number[-1], 2 * n), number, radius)
        angle = dice.uniform(0.0, 2.0 * np.pi, 2 * n)
        u, v = r * np.cos(angle), r * np.sin(angle)
        inside = (np.abs(u) < wide) & (np.abs(v) < high)
        x, y = np.append(x, u[inside]), np.append(y, v[inside])
    return x[:n], y[:n]
