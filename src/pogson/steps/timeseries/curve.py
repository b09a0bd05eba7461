"""The light curve of one star as a table: what is plotted, fitted and handed on."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from pogson.core.columns import LIGHTCURVE
from pogson.steps.timeseries.ensemble import Ensemble

#: columns of the frames that go with every point
OF_FRAME = ("jd_utc", "exptime", "airmass", "fwhm")


def light_curve(ensemble: Ensemble, star: int) -> Table:
    """One row per frame, a copy: LIGHTCURVE, relative flux, check star, and what else is known of the point.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes.
    star : int
        Number of the star.

    Returns
    -------
    Table
        LIGHTCURVE of the star; flux and flux_err relative to its median; check_mag and check_mag_err; jd_utc,
        exptime, airmass, fwhm; x, y, sky of the point where they are known.

    Raises
    ------
    KeyError
        If there is no such star.
    """
    curves = ensemble.curves
    row = curves.row(star)
    flux = curves.flux[row]
    middle = float(np.nanmedian(flux)) if np.isfinite(flux).any() else np.nan
    n = len(curves.time)
    extra = {
        name: np.array(curves.frames[name], float) for name in OF_FRAME if name in curves.frames.colnames
    }
    check = curves.row(ensemble.check) if ensemble.check else -1
    nothing = np.full(n, np.nan)
    return LIGHTCURVE.table(
        {"star": star, "check": ensemble.check, "n_comparisons": len(ensemble.members)},
        star=np.full(n, star),
        frame=np.asarray(curves.frames["frame"], str),
        bjd_tdb=curves.time.copy(),
        mag=ensemble.mag[row].copy(),
        mag_err=ensemble.mag_err[row].copy(),
        flags=curves.flags[row].copy(),
        flux=flux / middle,
        flux_err=curves.flux_err[row] / abs(middle),
        check_mag=ensemble.mag[check].copy() if ensemble.check else nothing,
        check_mag_err=ensemble.mag_err[check].copy() if ensemble.check else nothing,
        **extra,
        **{name: values[row].astype(float) for name, values in curves.details.items()},
    )
