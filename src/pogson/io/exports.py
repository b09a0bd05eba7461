"""Light curves for other programs: ExoClock, ETD, lightkurve, and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.io.checked import write_checked
from pogson.io.files import write_atomic

Values = NDArray[np.float64]

#: whole days taken off the times in a FITS light curve, as TESS does
BJD_REFERENCE = 2457000

NEEDED = ("TIME", "FLUX", "FLUX_ERR", "QUALITY", "CADENCENO")


def write_exoclock(
    path: str | Path, curve: Table, *, planet: str, band: str, exptime: float, time_stamp: str = "mid"
) -> Path:
    """Three columns for ExoClock: JD UTC, relative flux, its error; the head says of what.

    Parameters
    ----------
    path : str or Path
        The file.
    curve : Table
        LIGHTCURVE with jd_utc, flux, flux_err.
    planet, band : str
        Named in the head.
    exptime : float
        Seconds.
    time_stamp : str
        "mid" or "start" of the exposure; say the same on the site's form.

    Raises
    ------
    SettingError
        If there is nothing to write, or no such time stamp.
    """
    if time_stamp not in ("mid", "start"):
        raise SettingError(f"{path}: time_stamp must be mid or start, not '{time_stamp}'")
    shift = exptime / 2.0 / 86400.0 if time_stamp == "start" else 0.0
    head = [
        f"#Planet: {planet}",
        "#Time format: JD_UTC",
        f"#Time stamp: {'Exposure start' if shift else 'Mid-exposure'}",
        "#Flux format: Flux",
        f"#Filter: {band}",
        f"#Exposure time in seconds: {exptime:g}",
        "#Time Flux Flux uncertainty",
    ]
    return _columns(path, head, curve, -shift)


def write_etd(path: str | Path, curve: Table) -> Path:
    """Three columns for the Exoplanet Transit Database: geocentric JD UTC of mid-exposure, flux, error."""
    return _columns(path, [], curve, 0.0)


def validate_columns(text: str) -> list[str]:
    """What is wrong with a file of three columns, one line each: ExoClock's and ETD's."""
    rows = [(k, line.split()) for k, line in enumerate(text.splitlines(), 1) if not line.startswith("#")]
    problems = [] if rows else ["there is no observation"]
    for k, fields in rows:
        try:
            time, flux, err = (float(f) for f in fields)
        except ValueError:
            problems.append(f"line {k}: not three numbers")
            continue
        if not (2.4e6 < time < 2.6e6 and np.isfinite(flux) and err > 0.0):
            problems.append(f"line {k}: time, flux or error is impossible")
    times = [float(f[0]) for _, f in rows if len(f) == 3]
    if sorted(times) != times:
        problems.append("the times are not in order")
    return problems


def write_csv(path: str | Path, curve: Table) -> Path:
    """Every column of a light curve, named in the first line; gaps are empty."""
    columns = [np.asarray(curve[name]) for name in curve.colnames]
    rows = [",".join(_cell(column[k]) for column in columns) for k in range(len(curve))]
    lines = [",".join(curve.colnames), *rows]
    write_atomic(path, ("\n".join(lines) + "\n").encode())
    return Path(path)


def write_lightkurve(path: str | Path, curve: Table, *, star: str, ra: float, dec: float, band: str) -> Path:
    """A FITS light curve that ``lightkurve.read`` takes: BJD TDB less 2457000, relative flux.

    Frames without a measurement stay, as NaN; QUALITY holds the bits of core.flags.Star.

    Parameters
    ----------
    path : str or Path
        The file.
    curve : Table
        LIGHTCURVE with flux, flux_err, and x, y where known.
    star : str
        Name.
    ra, dec : float
        Degrees; NaN where unknown.
    band : str
        Canonical band.
    """
    n = len(curve)
    nothing = np.full(n, np.nan)

    def column(name: str) -> Values:
        return np.asarray(curve[name], float) if name in curve.colnames else nothing

    columns = [
        fits.Column("TIME", "D", "BJD - 2457000, days", array=column("bjd_tdb") - BJD_REFERENCE),
        fits.Column("CADENCENO", "J", array=np.arange(n)),
        fits.Column("FLUX", "D", array=column("flux")),
        fits.Column("FLUX_ERR", "D", array=column("flux_err")),
        fits.Column("SAP_FLUX", "D", array=column("flux")),
        fits.Column("SAP_FLUX_ERR", "D", array=column("flux_err")),
        fits.Column("QUALITY", "J", array=np.asarray(curve["flags"], np.int32)),
        fits.Column("MOM_CENTR1", "D", "pixel", array=column("x")),
        fits.Column("MOM_CENTR2", "D", "pixel", array=column("y")),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    cards: dict[str, Any] = {
        "OBJECT": star, "BJDREFI": BJD_REFERENCE, "BJDREFF": 0.0, "TIMESYS": "TDB", "TIMEUNIT": "d",
        "TIMEREF": "SOLARSYSTEM", "TIMEPIXR": 0.5, "FILTER": band,
    }  # fmt: skip
    cards |= {k: v for k, v in {"RA_OBJ": ra, "DEC_OBJ": dec}.items() if np.isfinite(v)}
    table.header.update(cards)
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = star
    out = BytesIO()
    fits.HDUList([primary, table]).writeto(out, checksum=True)
    write_atomic(path, out.getvalue())
    return Path(path)


def validate_lightkurve(path: str | Path) -> list[str]:
    """What keeps lightkurve's generic reader from a FITS light curve, one line each."""
    with fits.open(path, memmap=False) as hdus:
        if len(hdus) < 2 or hdus[1].name != "LIGHTCURVE":
            return ["the first extension is not LIGHTCURVE"]
        names, header = hdus[1].columns.names, hdus[1].header
        problems = [f"column {name} is missing" for name in NEEDED if name not in names]
        problems += [
            f"card {key} is missing" for key in ("BJDREFI", "TIMEUNIT", "TIMESYS") if key not in header
        ]
        if not problems and header["TIMESYS"] != "TDB":
            problems.append("TIMESYS must be TDB")
        if not problems:
            days = np.asarray(hdus[1].data["TIME"], float) + header["BJDREFI"] + header.get("BJDREFF", 0.0)
            known = days[np.isfinite(days)]
            if known.size and not (known.min() > 2.4e6 and known.max() < 2.6e6):
                problems.append("the times are no Julian dates")
        return problems


def _columns(path: str | Path, head: Sequence[str], curve: Table, shift: float) -> Path:
    time, flux, err = (np.asarray(curve[name], float) for name in ("jd_utc", "flux", "flux_err"))
    good = np.isfinite(time) & np.isfinite(flux) & (err > 0.0)
    if not good.any():
        raise SettingError(f"{path}: not written: no point has a time, a flux and an error")
    rows = [
        f"{t + shift:.6f} {f:.6f} {e:.6f}" for t, f, e in zip(time[good], flux[good], err[good], strict=True)
    ]
    return write_checked(path, [*head, *rows], validate_columns)


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if np.isfinite(value) else ""
    return str(value).replace(",", " ")
