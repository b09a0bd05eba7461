"""Turn the photometry of many frames into light curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import Rows
from pogson.core.errors import NightError
from pogson.core.frame import Exposure
from pogson.core.lightcurves import LightCurves

#: what is known of each point beside its flux
DETAILS = ("x", "y", "sky", "peak", "coverage", "contamination")

#: what the field knows of each star
OF_STAR = ("x", "y", "ra", "dec", "flux", "snr", "color")


def collect_light_curves(
    photometry: Sequence[Rows], field: Table | None = None, *, band: str = "", aperture: int = 0
) -> LightCurves:
    """Fluxes per second of all stars in all frames of a band, in order of time.

    Copies of one frame (the same time, the same fluxes) count once; frames without a time come last.

    Parameters
    ----------
    photometry : sequence of Rows
        PHOTOMETRY of each frame; meta: exposure, and aperture_correction where known.
    field : Table, optional
        FIELD: its positions become columns of `stars`; stars that no frame has are there as well.
    band : str
        Band; empty takes the one with the most frames.
    aperture : int
        Number of one of the other radii that were measured; 0: the first.

    Raises
    ------
    NightError
        If no frame of the band was measured.
    """
    mine, times, chosen = _frames_of(photometry, band)
    known = np.asarray(field["id"], np.int64) if field is not None else np.empty(0, np.int64)
    ids = np.unique(np.concatenate([known, *(np.asarray(table["star"], np.int64) for table in mine)]))
    shape = (len(ids), len(mine))
    flux, err = np.full((2, *shape), np.nan)
    flags = np.zeros(shape, np.int64)
    # what stands beside the fluxes: single precision holds a ten thousandth of a pixel
    details = {name: np.full(shape, np.nan, np.float32) for name in DETAILS if name in mine[0].colnames}
    exposures = [table.meta.get("exposure", Exposure()) for table in mine]
    name = f"flux_r{aperture}" if aperture else "flux"
    for k, (table, exposure) in enumerate(zip(mine, exposures, strict=True)):
        at = np.searchsorted(ids, np.asarray(table["star"], np.int64))
        correction = 0.0 if aperture else float(np.nan_to_num(table.meta.get("aperture_correction", 0.0)))
        unit = 10.0 ** (-0.4 * correction) / exposure.exptime
        flux[at, k] = np.asarray(table[name], float) * unit
        err[at, k] = np.asarray(table[f"{name}_err"], float) * unit
        flags[at, k] = np.asarray(table["flags"], np.int64)
        for detail, values in details.items():
            own = f"{detail}_r{aperture}" if aperture and detail == "contamination" else detail
            values[at, k] = table[own]
    time = np.array(times)
    frames = Table(
        {
            "frame": [str(table["frame"][0]) for table in mine],
            "band": [chosen] * len(mine),
            "bjd_tdb": time,
            "jd_utc": [exposure.jd_utc for exposure in exposures],
            "exptime": [exposure.exptime for exposure in exposures],
            "airmass": [exposure.airmass for exposure in exposures],
            "fwhm": [float(table.meta.get("fwhm", np.nan)) for table in mine],
            "annulus": [float(table.meta.get("annulus", (np.nan, np.nan))[1]) for table in mine],
            "rows": [exposure.shape[0] for exposure in exposures],
            "columns": [exposure.shape[1] for exposure in exposures],
        }
    )
    return LightCurves(time, flux, err, flags, _stars(ids, field), frames, details=details)


def select_frames(curves: LightCurves, use: NDArray[np.bool_]) -> LightCurves:
    """The same stars in some of the frames.

    Parameters
    ----------
    curves : LightCurves
        Light curves.
    use : bool (n,)
        Frames to keep.
    """
    return replace(
        curves,
        time=curves.time[use],
        flux=curves.flux[:, use],
        flux_err=curves.flux_err[:, use],
        flags=curves.flags[:, use],
        frames=curves.frames[use],
        details={name: values[:, use] for name, values in curves.details.items()},
    )


def select_stars(curves: LightCurves, use: NDArray[np.bool_]) -> LightCurves:
    """Some of the stars in the same frames.

    Parameters
    ----------
    curves : LightCurves
        Light curves.
    use : bool (star,)
        Stars to keep.
    """
    return replace(
        curves,
        flux=curves.flux[use],
        flux_err=curves.flux_err[use],
        flags=curves.flags[use],
        stars=curves.stars[use],
        details={name: values[use] for name, values in curves.details.items()},
    )


def _frames_of(photometry: Sequence[Rows], band: str) -> tuple[list[Rows], list[float], str]:
    """Tables of the band in order of time, each frame once; and their times."""
    bands = [str(table["band"][0]) if len(table) else "" for table in photometry]
    measured = [name for name, table in zip(bands, photometry, strict=True) if len(table)]
    if not measured:
        raise NightError("no frame was measured: there are no light curves")
    chosen = band or max(dict.fromkeys(measured), key=measured.count)
    mine = [t for name, t in zip(bands, photometry, strict=True) if len(t) and name == chosen]
    if not mine:
        raise NightError(
            f"no frame in band '{band}' was measured; bands: {', '.join(dict.fromkeys(measured))}"
        )
    times = [float(table["bjd_tdb"][0]) for table in mine]
    order = sorted(
        range(len(mine)),
        key=lambda k: (np.isnan(times[k]), np.nan_to_num(times[k]), str(mine[k]["frame"][0])),
    )
    once = [k for n, k in enumerate(order) if n == 0 or not _same(mine, times, k, order[n - 1])]
    return [mine[k] for k in once], [times[k] for k in once], chosen


def _same(tables: Sequence[Rows], times: Sequence[float], a: int, b: int) -> bool:
    """Two copies of one frame."""
    return np.array_equal(times[a], times[b], equal_nan=True) and np.array_equal(
        tables[a]["flux"], tables[b]["flux"], equal_nan=True
    )


def _stars(ids: NDArray[np.int64], field: Table | None) -> Table:
    stars = Table({"id": ids})
    if field is None:
        return stars
    at = np.searchsorted(ids, np.asarray(field["id"], np.int64))
    for name in OF_STAR:
        if name in field.colnames:
            values = np.full(len(ids), np.nan)
            values[at] = np.asarray(field[name], float)
            stars[name] = values
    if "flags" in field.colnames:
        flags = np.zeros(len(ids), np.int64)
        flags[at] = np.asarray(field["flags"], np.int64)
        stars["flags"] = flags
    return stars
