"""AstroImageJ's table of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import Star
from pogson.core.lightcurves import LightCurves
from pogson.io.checked import write_checked

Values = NDArray[np.float64]


def write_astroimagej(
    path: str | Path, curves: LightCurves, *, target: int, comparisons: Sequence[int]
) -> Path:
    """AstroImageJ's table of measurements: T1 is the target, C2, C3 ... the comparison stars.

    ``rel_flux`` is the plain ratio of the star to the sum of the comparison stars, as AstroImageJ makes it: a
    comparison star is compared with the others.

    Parameters
    ----------
    path : str or Path
        The file; .tbl or .xls.
    curves : LightCurves
        Fluxes of all stars, electron / s; details x, y, sky, peak where known.
    target : int
        Number of the target.
    comparisons : sequence of int
        Numbers of the comparison stars.

    Raises
    ------
    SettingError
        If no comparison star is given, or the target is one.
    """
    if not comparisons or target in comparisons:
        raise SettingError(f"{path}: name comparison stars that are not the target")
    rows = [curves.row(star) for star in (target, *comparisons)]
    labels = ["T1", *(f"C{k}" for k in range(2, len(rows) + 1))]
    exptime = np.asarray(curves.frames["exptime"], float)
    counts, errors = curves.flux[rows] * exptime, curves.flux_err[rows] * exptime
    jd = np.asarray(curves.frames["jd_utc"], float)
    columns: dict[str, Any] = {
        "": np.arange(1, len(jd) + 1),
        "Label": [str(name).replace("\\", "/").rpartition("/")[2] for name in curves.frames["frame"]],
        "slice": np.arange(1, len(jd) + 1),
        "Saturated": ((curves.flags[rows] & int(Star.SATURATED)) != 0).any(0).astype(int),
        "J.D.-2400000": jd - 2400000.0,
        "JD_UTC": jd,
        "BJD_TDB": curves.time,
        "AIRMASS": np.asarray(curves.frames["airmass"], float),
        "EXPTIME": exptime,
    }
    columns |= _relative(counts, errors, labels)
    for label, row, count, err in zip(labels, rows, counts, errors, strict=True):
        columns |= _of_aperture(curves, row, label, count, err)
    rows_of = ["\t".join(_cell(values[k]) for values in columns.values()) for k in range(len(jd))]
    return write_checked(path, ["\t".join(columns), *rows_of], validate_astroimagej)


def validate_astroimagej(text: str) -> list[str]:
    """What keeps AstroImageJ from a table of measurements, one line each."""
    lines = text.splitlines()
    names = lines[0].split("\t") if lines else []
    problems = [] if names[:1] == [""] else ["the first column must have no name"]
    wanted = ("Label", "J.D.-2400000", "rel_flux_T1", "rel_flux_err_T1", "Source-Sky_T1", "tot_C_cnts")
    problems += [f"column {name} is missing" for name in wanted if name not in names]
    if len(names) != len(set(names)):
        problems.append("a column stands twice")
    problems += [
        f"line {k}: {len(line.split(chr(9)))} fields, {len(names)} are needed"
        for k, line in enumerate(lines[1:], 2)
        if len(line.split("\t")) != len(names)
    ]
    return problems


def _relative(counts: Values, errors: Values, labels: Sequence[str]) -> dict[str, Values]:
    """Ratios to the sum of the comparison stars, each without itself, with AstroImageJ's errors."""
    total, variance = counts[1:].sum(0), (errors[1:] ** 2).sum(0)
    columns: dict[str, Values] = {}
    for k, label in enumerate(labels):
        own = (counts[k], errors[k] ** 2) if k else (0.0, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rest, rest_var = total - own[0], variance - own[1]
            ratio = counts[k] / rest
            err = np.abs(ratio) * np.sqrt(errors[k] ** 2 / counts[k] ** 2 + rest_var / rest**2)
            columns[f"rel_flux_{label}"] = ratio
            columns[f"rel_flux_err_{label}"] = err
            columns[f"rel_flux_SNR_{label}"] = ratio / err
    return {**columns, "tot_C_cnts": total, "tot_C_err": np.sqrt(variance)}


def _of_aperture(curves: LightCurves, row: int, label: str, count: Values, err: Values) -> dict[str, Values]:
    columns: dict[str, Values] = {}
    if {"x", "y"} <= set(curves.details):
        x, y = (np.asarray(curves.details[name][row], float) for name in ("x", "y"))
        # ImageJ counts from the corner of the first pixel, FITS from its centre as 1
        columns |= {
            f"X(IJ)_{label}": x + 0.5,
            f"Y(IJ)_{label}": y + 0.5,
            f"X(FITS)_{label}": x + 1.0,
            f"Y(FITS)_{label}": y + 1.0,
        }
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {
            f"Source-Sky_{label}": count,
            f"Source_Error_{label}": err,
            f"Source_SNR_{label}": count / err,
        }
    for name, theirs in (("peak", "Peak"), ("sky", "Sky/Pixel")):
        if name in curves.details:
            columns[f"{theirs}_{label}"] = np.asarray(curves.details[name][row], float)
    return columns


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.6f}" if np.isfinite(value) else "NaN"
    return str(value)
