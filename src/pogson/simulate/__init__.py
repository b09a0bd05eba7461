"""Known truth: nights whose every star is known."""

from pogson.simulate.night import Night, SimulatedFile, simulate_night
from pogson.simulate.printed import print_recipe
from pogson.simulate.recipe import Recipe
from pogson.simulate.recipes import named_recipe

__all__ = ["Night", "Recipe", "SimulatedFile", "named_recipe", "print_recipe", "simulate_night"]
