"""From the fluxes of many frames to light curves."""
