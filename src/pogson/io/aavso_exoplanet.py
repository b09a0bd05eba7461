"""Reports of transits for the AAVSO's exoplanet database, and the format's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

from astropy.table import Table

from pogson.io.aavso import (
    CODES,
    aavso_filter,
    decimal,
    float_of,
    plain_text,
    preamble,
    usable_points,
    value_of,
)
from pogson.io.checked import write_checked

#: longest values of an exoplanet report's head, in order
EXOPLANET = (
    ("TYPE", 9), ("OBSCODE", 5), ("SOFTWARE", 255), ("DELIM", 5), ("DATE_TYPE", 7), ("OBSTYPE", 4),
    ("STAR_NAME", 100), ("EXOPLANET_NAME", 100), ("BINNING", 5), ("EXPOSURE_TIME", 7), ("FILTER", 5),
    ("DETREND_PARAMETERS", 100), ("MEASUREMENT_TYPE", 6), ("SECONDARY_OBSCODES", 60), ("PRIORS", 250),
    ("RESULTS", 250), ("NOTES", 1000),
)  # fmt: skip

_NUMBER = re.compile(r"^-?\d*\.\d+$|^-?\d+$")


def write_aavso_exoplanet(
    path: str | Path,
    curve: Table,
    *,
    star: str,
    planet: str,
    observer: str,
    band: str,
    exptime: float,
    binning: tuple[int, int] = (1, 1),
    detrend: Sequence[str] = ("airmass",),
    priors: Mapping[str, tuple[float, float]] | None = None,
    results: Mapping[str, tuple[float, float]] | None = None,
    secondary: Sequence[str] = (),
    notes: str = "",
) -> Path:
    """A report of a transit in the AAVSO's exoplanet format: BJD TDB of mid-exposure, relative fluxes.

    Parameters
    ----------
    path : str or Path
        The file.
    curve : Table
        LIGHTCURVE of the star, with flux and flux_err relative to 1 and the detrending columns.
    star, planet, observer : str
        Names, and the observer's code.
    band : str
        Canonical band, or AAVSO's own code.
    exptime : float
        Seconds.
    binning : tuple of int
        x and y.
    detrend : sequence of str
        Columns of the curve that are handed on, 5 at most.
    priors, results : mapping of name to (value, error)
        Such as ``{"Tc": (2458107.714, 0.001)}``; an error that is not finite is left out.
    secondary : sequence of str
        Codes of other observers.
    notes : str
        Free text.

    Raises
    ------
    SettingError
        If the report would break a rule: the rule is named.
    """
    code = aavso_filter(band, band if band in CODES else "")
    names = [name for name in detrend if name in curve.colnames]
    values = {
        **preamble("EXOPLANET", observer, "DATE_TYPE", "BJD_TDB"),
        "STAR_NAME": star, "EXOPLANET_NAME": planet, "BINNING": f"{binning[0]}x{binning[1]}",
        "EXPOSURE_TIME": f"{exptime:g}", "FILTER": code,
        "DETREND_PARAMETERS": ",".join(name.upper() for name in names), "MEASUREMENT_TYPE": "Rnflux",
        "SECONDARY_OBSCODES": ",".join(secondary), "PRIORS": _numbers(priors or {}),
        "RESULTS": _numbers(results or {}), "NOTES": plain_text(notes),
    }  # fmt: skip
    columns = ["DATE", "DIFF", "ERR", *(f"DETREND_{k + 1}" for k in range(len(names)))]
    lines = [*(f"#{key}={value}" for key, value in values.items()), "#" + ",".join(columns)]
    for row in usable_points(curve, "bjd_tdb", "flux", "flux_err"):
        extra = [decimal(value_of(row, name), 6) for name in names]
        if "na" not in extra:
            lines.append(
                ",".join([f"{row['bjd_tdb']:.6f}", f"{row['flux']:.6f}", f"{row['flux_err']:.6f}", *extra])
            )
    return write_checked(path, lines, validate_aavso_exoplanet)


def validate_aavso_exoplanet(text: str) -> list[str]:
    """What breaks the rules of the exoplanet format, one line each; keywords are case sensitive.

    References
    ----------
    AAVSO Exoplanet Database, report format 0.62 (2018).
    """
    lines = text.splitlines()
    head = [line[1:].partition("=")[::2] for line in lines if line.startswith("#") and "=" in line]
    found = dict(head)
    problems = [f"#{key}= is missing" for key, _ in EXOPLANET if key not in found]
    order = [key for key, _ in head if key in dict(EXOPLANET)]
    if order != [key for key, _ in EXOPLANET if key in found]:
        problems.append("the keywords are not in the order of the format, or one stands twice")
    problems += [f"#{key} is longer than {most}" for key, most in EXOPLANET if len(found.get(key, "")) > most]
    allowed = {
        "TYPE": ("EXOPLANET",),
        "DATE_TYPE": ("BJD_TDB", "JD_UTC", "HJD_UTC"),
        "OBSTYPE": ("CCD", "DSLR"),
        "FILTER": tuple(CODES),
        "MEASUREMENT_TYPE": ("Rnflux", "Dmag"),
    }
    problems += [
        f"#{key} '{found[key]}' is not one of {', '.join(sorted(words))}"
        for key, words in allowed.items()
        if key in found and found[key] not in words
    ]
    if "BINNING" in found and not re.fullmatch(r"\d+x\d+", found["BINNING"]):
        problems.append(f"#BINNING '{found['BINNING']}' is not like 1x1")
    if not 0.0 < float_of(found.get("EXPOSURE_TIME", "nan")) <= 600.0:
        problems.append("#EXPOSURE_TIME is not between 0 and 600 s")
    terms = [t for t in found.get("DETREND_PARAMETERS", "").split(",") if t]
    if len(terms) > 5:
        problems.append("more than 5 detrending parameters")
    rows = [(k, line) for k, line in enumerate(lines, 1) if not line.startswith("#")]
    if not rows:
        problems.append("there is no observation")
    for k, line in rows:
        fields = line.split(",")
        if len(fields) != 3 + len(terms):
            problems.append(f"line {k}: {len(fields)} fields, {3 + len(terms)} are needed")
        elif not all(_NUMBER.match(f) for f in fields):
            problems.append(f"line {k}: a field is not a number")
        elif any(len(f) > 15 for f in fields[:3]) or any(len(f) > 12 for f in fields[3:]):
            problems.append(f"line {k}: a field is too long")
        elif not 2.4e6 < float(fields[0]) < 2.6e6:
            problems.append(f"line {k}: {fields[0]} is no Julian date")
    return problems


def _numbers(values: Mapping[str, tuple[float, float]]) -> str:
    parts = []
    for name, (value, error) in values.items():
        digits = 6 if abs(value) > 1e5 else 5
        doubt = f"+/-{error:.{digits}f}" if isfinite(error) else ""
        parts.append(f"{name}={value:.{digits}f}{doubt}")
    return ",".join(parts)
