"""Known truth: nights whose every star is known."""

from pogson.simulate.night import Night, SimulatedFile, simulate_night
from pogson.simulate.recipe import Recipe

__all__ = ["Night", "Recipe", "SimulatedFile", "simulate_night"]
