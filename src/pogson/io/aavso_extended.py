"""Reports of variable stars for the AAVSO: the Extended format and its rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, isfinite
from pathlib import Path

from astropy.table import Table

from pogson.core.errors import SettingError
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

#: longest fields of a row, in order
FIELDS = (
    ("STARID", 30), ("DATE", 16), ("MAG", 8), ("MAGERR", 6), ("FILTER", 5), ("TRANS", 3), ("MTYPE", 3),
    ("CNAME", 20), ("CMAG", 8), ("KNAME", 20), ("KMAG", 8), ("AIRMASS", 7), ("GROUP", 5), ("CHART", 20),
    ("NOTES", 3000),
)  # fmt: skip

REQUIRED = ("TYPE", "OBSCODE", "SOFTWARE", "DELIM", "DATE", "OBSTYPE")


def write_aavso_extended(
    path: str | Path,
    curve: Table,
    *,
    star: str,
    observer: str,
    band: str,
    zero_point: float,
    comparison: str = "ENSEMBLE",
    comparison_mag: float = float("nan"),
    check: str = "na",
    chart: str = "na",
    transformed: bool = False,
    notes: str = "",
) -> Path:
    """A report in AAVSO's Extended format, version 1.2: dates are JD UTC of mid-exposure.

    Points without a magnitude, an error or a time are left out.

    Parameters
    ----------
    path : str or Path
        The file; .txt, .csv or .tsv.
    curve : Table
        LIGHTCURVE of one star, with jd_utc, and airmass and check_mag where known.
    star, observer : str
        Name of the star in VSX, and the observer's code.
    band : str
        Canonical band, or AAVSO's own code.
    zero_point : float
        Added to all magnitudes, so that they are standard ones: from comparison stars with known magnitudes.
    comparison, comparison_mag
        Name of the comparison star and its instrumental magnitude; ENSEMBLE has none.
    check : str
        Name of the check star.
    chart, notes : str
        Of the sequence; free text.
    transformed : bool
        The magnitudes hold a colour term.

    Raises
    ------
    SettingError
        If the report would break a rule: the rule is named.
    """
    if not isfinite(zero_point):
        raise SettingError(
            f"{path}: AAVSO wants standard magnitudes; give a catalogue, or zero_point from comparison stars"
        )
    code = aavso_filter(band, band if band in CODES else "")
    lines = [f"#{key}={value}" for key, value in preamble("Extended", observer, "DATE", "JD").items()]
    lines.append("#NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,CNAME,CMAG,KNAME,KMAG,AMASS,GROUP,CHART,NOTES")
    cmag = "na" if comparison == "ENSEMBLE" else decimal(comparison_mag, 3)
    color = "YES" if transformed else "NO"
    for row in usable_points(curve, "jd_utc"):
        mag, err = decimal(row["mag"] + zero_point, 3), decimal(row["mag_err"], 3)
        kmag = decimal(value_of(row, "check_mag") + zero_point, 3)
        lines.append(
            ",".join(
                [star, f"{row['jd_utc']:.6f}", mag, err, code, color, "STD", comparison, cmag,
                 check if kmag != "na" else "na", kmag, _airmass(value_of(row, "airmass")), "na", chart,
                 plain_text(notes) or "na"]
            )
        )  # fmt: skip
    return write_checked(path, lines, validate_aavso_extended)


def validate_aavso_extended(text: str) -> list[str]:
    """What breaks the rules of AAVSO's Extended format, one line each; empty where nothing does.

    References
    ----------
    AAVSO Extended File Format 1.2 (2021).
    """
    problems: list[str] = []
    head: dict[str, str] = {}
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            if key.strip().upper() in REQUIRED and "=" in line:
                head[key.strip().upper()] = value.strip()
        elif not line.strip():
            problems.append(f"line {number}: a blank line must start with #")
        else:
            rows.append((number, line))
    problems += [f"#{key}= is missing" for key in REQUIRED if key not in head]
    if head.get("TYPE", "Extended").lower() != "extended":
        problems.append("#TYPE must be Extended")
    if len(head.get("SOFTWARE", "")) > 255:
        problems.append("#SOFTWARE is longer than 255")
    if "OBSCODE" in head and not re.fullmatch(r"[A-Za-z0-9]{1,5}", head["OBSCODE"]):
        problems.append(f"#OBSCODE '{head['OBSCODE']}' is not an observer's code")
    if head.get("DATE", "JD").upper() not in ("JD", "HJD", "EXCEL"):
        problems.append("#DATE must be JD, HJD or EXCEL")
    if head.get("OBSTYPE", "CCD").upper() not in ("CCD", "DSLR", "PEP", "VISUAL", "VISDIG"):
        problems.append("#OBSTYPE must be CCD, DSLR or PEP")
    given = head.get("DELIM", ",")
    delimiter = {"comma": ",", "tab": "\t"}.get(given.lower(), given)
    if len(delimiter) != 1 or delimiter in "|# " or not (delimiter == "\t" or 32 <= ord(delimiter) <= 126):
        problems.append(f"#DELIM '{given}' is not allowed")
        return problems
    if not rows:
        problems.append("there is no observation")
    for number, line in rows:
        problems += [
            f"line {number}: {p}" for p in _row_problems(line.split(delimiter), head.get("DATE", "JD"))
        ]
    return problems


def _row_problems(fields: Sequence[str], date: str) -> list[str]:
    if len(fields) != len(FIELDS):
        return [f"{len(fields)} fields, {len(FIELDS)} are needed"]
    problems = [
        f"{name} is longer than {most}"
        for value, (name, most) in zip(fields, FIELDS, strict=True)
        if len(value) > most
    ]
    problems += [
        f"{name} is empty or has spaces around it (missing is na)"
        for value, (name, _) in zip(fields, FIELDS, strict=True)
        if value != value.strip() or not value
    ]
    row = {name: value for value, (name, _) in zip(fields, FIELDS, strict=True)}
    if date.upper() != "EXCEL" and not 2.4e6 < float_of(row["DATE"]) < 2.6e6:
        problems.append(f"DATE {row['DATE']} is no Julian date")
    if not re.fullmatch(r"<?-?\d*\.\d+", row["MAG"]):
        problems.append(f"MAG {row['MAG']} needs a decimal point")
    if row["MAGERR"].lower() != "na" and not float_of(row["MAGERR"]) >= 0.0:
        problems.append(f"MAGERR {row['MAGERR']} is no error")
    if row["FILTER"].upper() not in CODES:
        problems.append(f"FILTER {row['FILTER']} is no AAVSO code")
    if row["TRANS"].upper() not in ("YES", "NO"):
        problems.append("TRANS must be YES or NO")
    if row["MTYPE"].upper() not in ("STD", "DIF", "ABS"):
        problems.append("MTYPE must be STD, DIF or ABS")
    together = row["CNAME"].upper() == "ENSEMBLE"
    if row["MTYPE"].upper() == "DIF" and (together or row["CNAME"].lower() == "na"):
        problems.append("MTYPE DIF needs a comparison star")
    if together and row["CMAG"].lower() != "na":
        problems.append("CMAG of an ensemble must be na")
    for name in ("CMAG", "KMAG", "AIRMASS"):
        if row[name].lower() != "na" and not isfinite(float_of(row[name])):
            problems.append(f"{name} {row[name]} is no number")
    if row["GROUP"].lower() != "na" and not row["GROUP"].isdigit():
        problems.append(f"GROUP {row['GROUP']} is no whole number")
    return problems


def _airmass(value: float) -> str:
    """Cut, not rounded, to the digits of the field."""
    return f"{floor(value * 1e4) / 1e4:.4f}" if isfinite(value) and 1.0 <= value < 99.0 else "na"
