"""The tables of a series: every point of every light curve, and what became of each star."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from pogson.core.columns import VARIABILITY
from pogson.io.tables import GROUP_ROWS
from pogson.pipeline.series import Series


def light_curve_parts(series: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """LIGHTCURVE of some stars after the other, one row per star and frame; gaps are rows with NaN."""
    both = any(one.detrended is not None for one in series)
    for one in series:
        curves = one.ensemble.curves
        ids = np.asarray(curves.stars["id"], np.int64)
        # the names themselves, not a copy of the letters for each row
        frames = np.array([str(frame) for frame in curves.frames["frame"]], object)
        step = max(1, GROUP_ROWS // max(len(frames), 1))
        for first in range(0, len(ids), step):
            some = slice(first, first + step)
            n = len(ids[some])
            beside = {"mag_detrended": _detrended(one)[some].ravel()} if both else {}
            yield {
                "star": np.repeat(ids[some], len(frames)),
                "frame": np.tile(frames, n),
                "bjd_tdb": np.tile(curves.time, n),
                "mag": one.ensemble.mag[some].ravel(),
                "mag_err": one.ensemble.mag_err[some].ravel(),
                "flags": curves.flags[some].ravel(),
                "band": np.full(n * len(frames), one.band, object),
                **beside,
            }


def _detrended(series: Series) -> NDArray[np.float64]:
    """As measured where nothing was taken out."""
    return series.ensemble.mag if series.detrended is None else series.detrended.detrended.mag


def variability_table(series: Sequence[Series]) -> Table:
    """VARIABILITY of all bands."""
    if not series:
        return VARIABILITY.empty()
    plain = [Table(one.variability, meta={}, copy=False) for one in series]
    return VARIABILITY.describe(vstack(plain, metadata_conflicts="silent"))
