"""Turn the photometry of many frames into light curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from pogson.core.errors import NightError
from pogson.core.frame import Exposure
from pogson.core.lightcurves import LightCurves


def collect_light_curves(photometry: Sequence[Table], *, band: str = "") -> LightCurves:
    """Fluxes per second of all stars in all frames of a band, in order of time.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of each frame; meta: exposure, and aperture_correction where known.
    band : str
        Band; empty takes the one with the most frames.

    Raises
    ------
    NightError
        If no frame of the band was measured.
    """
    bands = [str(table["band"][0]) for table in photometry if len(table)]
    if not bands:
        raise NightError("no frame was measured: there are no light curves")
    chosen = band or max(dict.fromkeys(bands), key=bands.count)
    mine = [table for table in photometry if len(table) and str(table["band"][0]) == chosen]
    if not mine:
        raise NightError(f"no frame in band '{band}' was measured; bands: {', '.join(dict.fromkeys(bands))}")
    mine.sort(key=lambda table: (_time(table), str(table["frame"][0])))
    ids = np.unique(np.concatenate([np.asarray(table["star"], np.int64) for table in mine]))
    shape = (len(ids), len(mine))
    flux, err = np.full((2, *shape), np.nan)
    flags = np.zeros(shape, np.int64)
    for k, table in enumerate(mine):
        at = np.searchsorted(ids, np.asarray(table["star"], np.int64))
        exposure = table.meta.get("exposure", Exposure())
        correction = float(np.nan_to_num(table.meta.get("aperture_correction", 0.0)))
        unit = 10.0 ** (-0.4 * correction) / exposure.exptime
        flux[at, k] = np.asarray(table["flux"], float) * unit
        err[at, k] = np.asarray(table["flux_err"], float) * unit
        flags[at, k] = np.asarray(table["flags"], np.int64)
    time = np.array([_time(table) for table in mine])
    exposures = [table.meta.get("exposure", Exposure()) for table in mine]
    frames = Table(
        {
            "frame": [str(table["frame"][0]) for table in mine],
            "band": [chosen] * len(mine),
            "bjd_tdb": time,
            "exptime": [exposure.exptime for exposure in exposures],
            "airmass": [exposure.airmass for exposure in exposures],
        }
    )
    return LightCurves(time, flux, err, flags, Table({"id": ids}), frames)


def _time(table: Table) -> float:
    return float(table["bjd_tdb"][0])
