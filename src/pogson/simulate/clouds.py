"""Clouds that pass: extinction that changes over time and across the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pogson.simulate.dice import dice_for
from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]

WAVES = 16
CONTRAST = 0.5  # scatter of the extinction over its mean


def veil_extinction(recipe: Recipe, hours: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
    """Extinction by passing clouds, magnitudes.

    Parameters
    ----------
    recipe : Recipe
        Its setting `sky.veils`.
    hours : array_like
        Since the first light frame.
    u, v : array_like
        Place in the frame, from its middle, in widths of the frame.

    Notes
    -----
    A pattern frozen in the wind: waves of all directions, of half to twice the size of
    the structure, that drift across the frame; it comes and goes smoothly over a sixth of the veil's time.
    """
    t, u, v = np.broadcast_arrays(np.asarray(hours, float), np.asarray(u, float), np.asarray(v, float))
    amount = np.zeros(t.shape)
    for begin, end, mags in recipe.sky.veils:
        edge = np.clip(np.minimum(t - begin, end - t) / ((end - begin) / 6.0), 0.0, 1.0)
        amount += mags * np.sin(0.5 * np.pi * edge) ** 2
    if not amount.any():
        return amount
    dice = dice_for(recipe.seed, "veils")
    wind = dice.uniform(0.0, 2.0 * np.pi)
    along = recipe.sky.veil_speed * t
    u, v = u - along * np.cos(wind), v - along * np.sin(wind)
    pattern = np.ones(t.shape)
    for _ in range(WAVES):
        angle, phase = dice.uniform(0.0, 2.0 * np.pi, 2)
        k = 2.0 * np.pi / recipe.sky.veil_size * dice.uniform(0.5, 2.0)
        wave = np.cos(k * (np.cos(angle) * u + np.sin(angle) * v) + phase)
        pattern += CONTRAST * np.sqrt(2.0 / WAVES) * wave
    return amount * np.maximum(pattern, 0.0)


def frame_grid(recipe: Recipe, n: int = 7) -> tuple[Array, Array]:
    """Middles of n x n parts of the frame, from its middle, in widths of the frame; (n, n) each."""
    d = recipe.detector
    row = (np.arange(n) + 0.5) / n - 0.5
    u, v = np.meshgrid(row, row * d.ny / d.nx)
    return u, v


def plane_through(values: Array) -> tuple[Array, Array, Array]:
    """Mean of (..., n, n) values on the grid, and the rise from the left to the right and upwards."""
    n = values.shape[-1]
    row = (np.arange(n) + 0.5) / n - 0.5
    weight = row / (n * np.sum(row**2))
    return (
        values.mean(axis=(-2, -1)),
        np.sum(values * weight, axis=(-2, -1)),
        np.sum(values * weight[:, None], axis=(-2, -1)),
    )
