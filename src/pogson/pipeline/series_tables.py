"""The tables of a series: every point of every light curve, and what became of each star."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table, vstack

from pogson.core.columns import LIGHTCURVE, VARIABILITY
from pogson.pipeline.series import Series


def light_curve_table(series: Sequence[Series]) -> Table:
    """LIGHTCURVE of all stars, one row per star and frame; gaps are rows with NaN."""
    if not series:
        return LIGHTCURVE.empty()
    parts = []
    for one in series:
        curves = one.ensemble.curves
        n_stars, n_frames = curves.flux.shape
        parts.append(
            LIGHTCURVE.table(
                star=np.repeat(np.asarray(curves.stars["id"], np.int64), n_frames),
                frame=np.tile(np.asarray(curves.frames["frame"], str), n_stars),
                bjd_tdb=np.tile(curves.time, n_stars),
                mag=one.ensemble.mag.ravel(),
                mag_err=one.ensemble.mag_err.ravel(),
                flags=curves.flags.ravel(),
                band=np.full(n_stars * n_frames, one.band),
            )
        )
    return LIGHTCURVE.describe(vstack(parts, metadata_conflicts="silent"))


def variability_table(series: Sequence[Series]) -> Table:
    """VARIABILITY of all bands."""
    if not series:
        return VARIABILITY.empty()
    plain = [Table(one.variability, meta={}, copy=False) for one in series]
    return VARIABILITY.describe(vstack(plain, metadata_conflicts="silent"))
