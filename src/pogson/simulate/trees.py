"""Trees at the horizon, out of focus, that hide a part of the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pogson.simulate.pointing import center_of
from pogson.simulate.recipe import Recipe


def open_share(
    recipe: Recipe, x: NDArray[np.floating], y: NDArray[np.floating], sight: tuple[float, float, float]
) -> NDArray[np.floating]:
    """Share of the telescope's mouth that sees the sky past the trees, at pixels x, y.

    Parameters
    ----------
    recipe : Recipe
        Its settings `site.trees` and `site.trees_distance`.
    x, y : floating arrays
        Pixels, broadcast against each other.
    sight : (float, float, float)
        Altitude of the frame's middle, and its rise per pixel along x and y, degrees.

    Notes
    -----
    An edge at the distance L is blurred over diameter / L radians; the tops wave by half of that.
    """
    middle, up_x, up_y = sight
    x0, y0 = center_of(recipe)
    soft = np.degrees(recipe.telescope.diameter / recipe.site.trees_distance)
    height = middle + up_x * (x - x0) + up_y * (y - y0)
    along = up_y * (x - x0) - up_x * (y - y0)
    tops = recipe.site.trees + 0.25 * soft * (np.sin(along * 3.1 / soft) + np.sin(along * 1.3 / soft + 1.0))
    share: NDArray[np.floating] = expit(8.0 / soft * (height - tops))
    return share
