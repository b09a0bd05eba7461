"""What spoils a light frame, in words."""

from __future__ import annotations

import numpy as np

from pogson.simulate.light import crossed_lights
from pogson.simulate.recipe import Recipe
from pogson.simulate.sky import Conditions

#: From here on a frame counts as spoilt: loss by cloud (magnitudes), share of light that trees take.
CLOUD = 1.0
TREES = 0.05


def list_faults(recipe: Recipe, conditions: Conditions) -> list[str]:
    """For each light frame: "", or "trailed", "cloud", "trees", "satellite", or several with a blank."""
    n = len(conditions.airmass)
    told = {
        "trailed": conditions.trail > 0.0,
        "cloud": -2.5 * np.log10(conditions.transparency) > CLOUD,
        "trees": conditions.trees > TREES,
        "satellite": np.isin(np.arange(n), crossed_lights(recipe)),
    }
    return [" ".join(word for word, where in told.items() if where[i]) for i in range(n)]
