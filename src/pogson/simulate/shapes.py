"""The shape of stars: wider and longer where the optics are not at their best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.simulate.pointing import center_of
from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]


def star_shapes(
    recipe: Recipe, x: Array, y: Array, fwhm: float, elongation: float, angle: float
) -> tuple[Array, Array, Array]:
    """FWHM (pixels), elongation and angle (degrees) of stars at x, y.

    Parameters
    ----------
    recipe : Recipe
        Its section `telescope`.
    x, y : float64 (n,)
        Pixels of the frame.
    fwhm, elongation, angle : float
        FWHM in the middle; elongation that is the same everywhere, and its direction.

    Notes
    -----
    With r the distance from the middle over half a diagonal: FWHM (1 + corner_fwhm r^2 + tilt u), u from -1
    to 1 along x; stretch 1 + corner_elongation r^2 along the radius. Two stretches ln(e) with directions a
    add like vectors (ln e cos 2a, ln e sin 2a), as weak shears do (Bernstein & Jarvis 2002, AJ 123, 583).
    """
    t, d, (x0, y0) = recipe.telescope, recipe.detector, center_of(recipe)
    width, stretch, turn = (np.full(len(x), v) for v in (fwhm, elongation, angle))
    if not (t.corner_elongation or t.corner_fwhm or t.tilt):
        return width, stretch, turn
    u, v = (x - x0) / (0.5 * d.nx), (y - y0) / (0.5 * d.ny)
    r2 = np.minimum(((x - x0) ** 2 + (y - y0) ** 2) / (0.25 * (d.nx**2 + d.ny**2)), 2.0)
    width *= np.maximum(1.0 + t.corner_fwhm * r2 + t.tilt * np.clip(u, -1.5, 1.5), 0.2)
    twice = 2.0 * np.arctan2(v * d.ny, u * d.nx)
    radial, even = np.log1p(t.corner_elongation * r2), np.log(elongation)
    along = even * np.cos(2.0 * np.radians(angle)) + radial * np.cos(twice)
    across = even * np.sin(2.0 * np.radians(angle)) + radial * np.sin(twice)
    return width, np.exp(np.hypot(along, across)), np.degrees(0.5 * np.arctan2(across, along))
