"""Frames of which a part is covered: by a tree, the dome, the edge of a cloud."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED
from pogson.core.medians import row_median
from pogson.steps.inspect.coverage import Coverage, measure_coverage

Values = NDArray[np.float64]

#: frames of a band that are needed to know what each star should give
LEAST_FRAMES = 4
#: stars with errors up to this, in magnitudes, tell
TELLING = 0.1


def measure_coverages(photometry: Sequence[Table], relative: Table) -> dict[str, Coverage]:
    """Where in each frame the stars lose light; NaN where that cannot be told.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of each frame, all of one field.
    relative : Table
        From `measure_transparency`: the offset of each frame.

    Returns
    -------
    dict of path to Coverage
    """
    bands = [str(t.meta["exposure"].band) for t in photometry]
    found: dict[str, Coverage] = {}
    for band in dict.fromkeys(bands):
        mine = [k for k, b in enumerate(bands) if b == band]
        tables = [photometry[k] for k in mine]
        offsets = np.asarray(relative["offset"], float)[mine]
        mag, err = _magnitudes(tables)
        spoiled = np.array([(np.asarray(t["flags"], int) & SPOILED) != 0 for t in tables])
        sure = np.where((err < TELLING) & ~spoiled, mag + offsets[:, None], np.nan)
        enough = np.isfinite(sure).sum(0) >= max(LEAST_FRAMES, len(mine) // 2)
        usual = np.full(mag.shape[1], np.nan)
        usual[enough] = row_median(sure[:, enough].T)
        if np.isfinite(offsets).any():
            usual -= np.nanmedian(offsets)  # as bright as in the usual frame
        for k, table in enumerate(tables):
            exposure = table.meta["exposure"]
            loss = np.where(spoiled[k], np.nan, mag[k] - usual)
            x, y = (np.nan_to_num(np.asarray(table[name], float)) for name in ("x", "y"))
            found[exposure.path] = measure_coverage(x, y, loss, err[k], shape=exposure.shape)
    return found


def _magnitudes(tables: Sequence[Table]) -> tuple[Values, Values]:
    """(frame, star): magnitudes and errors; a star that is lost is at least as faint as its error."""
    flux, flux_err = (np.array([np.asarray(t[name], float) for t in tables]) for name in ("flux", "flux_err"))
    seen = np.where(flux_err > 0.0, np.maximum(flux, flux_err), np.nan)
    exptime = np.array([t.meta["exposure"].exptime for t in tables])
    correction = np.nan_to_num([t.meta.get("aperture_correction", 0.0) for t in tables])
    mag = -2.5 * np.log10(seen / exptime[:, None]) + correction[:, None]
    return mag, 1.0857362 * flux_err / seen
