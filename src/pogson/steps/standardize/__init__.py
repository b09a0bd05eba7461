"""From fluxes to magnitudes of the standard system."""
