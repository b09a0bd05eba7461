"""Pixels to fluxes, each with its error budget."""
