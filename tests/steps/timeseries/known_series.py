"""A night of many frames whose truth is known."""

import numpy as np
from astropy.table import Table

from pogson.core.lightcurves import LightCurves


def series(seed=1, stars=40, frames=120, gaps=0.0, variable=(), amplitude=0.2, clouds=0.3, drift=False):
    rng = np.random.default_rng(seed)
    t = 2460000.0 + np.arange(frames) / 500
    mag = -np.sort(rng.uniform(5, 9, stars))[::-1]
    loss = clouds * rng.uniform(size=frames) + 0.1 * np.linspace(-1, 1, frames) ** 2
    truth = np.repeat(mag[:, None], frames, 1)
    for k in variable:
        truth[k] += amplitude * np.sin(2 * np.pi * np.arange(frames) / 37)
    expected = 10 ** (-0.4 * (truth + loss)) * 60
    flux = expected + rng.normal(0, np.sqrt(expected + 100.0**2))
    err = np.sqrt(np.maximum(flux, 0) + 100.0**2)
    flux[rng.uniform(size=flux.shape) < gaps] = np.nan
    if drift:  # no star is seen in all frames
        for k in range(stars):
            seen = np.abs(np.arange(frames) - frames * k / stars) < 0.6 * frames
            flux[k, ~seen] = np.nan
    stars_table = Table({"id": np.arange(1, stars + 1)})
    stars_table["x"], stars_table["y"] = rng.uniform(0, 1000, (2, stars))
    frame = Table({"frame": [f"f{k}" for k in range(frames)], "bjd_tdb": t, "fwhm": np.full(frames, 3.0)})
    curves = LightCurves(t, flux / 60, err / 60, np.zeros(flux.shape, np.int64), stars_table, frame)
    return curves, truth, loss
