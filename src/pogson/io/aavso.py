"""What all reports for the AAVSO share: filter codes, the head, and numbers as words."""

from __future__ import annotations

import re
from math import isfinite

import numpy as np
from astropy.table import Table

import pogson
from pogson.core.errors import SettingError

#: canonical band to AAVSO's code
FILTERS = {
    "U": "U", "B": "B", "V": "V", "R": "R", "I": "I", "J": "J", "H": "H", "K": "K",
    "u": "SU", "g": "SG", "r": "SR", "i": "SI", "z": "SZ", "y": "Y",
    "C": "CV", "clear": "CV", "L": "CV", "Ha": "HA", "TG": "TG", "TB": "TB", "TR": "TR",
}  # fmt: skip

CODES = frozenset((
    "U", "B", "V", "R", "I", "J", "H", "K", "TG", "TB", "TR", "CV", "CR", "SZ", "SU", "SG", "SR", "SI",
    "STU", "STV", "STB", "STY", "STHBW", "STHBN", "MA", "MB", "MI", "ZS", "Y", "HA", "HAC",
))  # fmt: skip


def aavso_filter(band: str, code: str = "") -> str:
    """AAVSO's code of a band; `code` overrides it.

    Raises
    ------
    SettingError
        If there is none.
    """
    chosen = code or FILTERS.get(band, "")
    if chosen not in CODES:
        raise SettingError(f"band '{band}' has no AAVSO filter code; give one of: {', '.join(sorted(CODES))}")
    return chosen


def preamble(kind: str, observer: str, date_key: str, date: str) -> dict[str, str]:
    """What every report begins with, in the order of the formats."""
    return {
        "TYPE": kind, "OBSCODE": observer, "SOFTWARE": software(), "DELIM": ",", date_key: date,
        "OBSTYPE": "CCD",
    }  # fmt: skip


def usable_points(curve: Table, time: str, value: str = "mag", error: str = "mag_err") -> Table:
    """Points with a time, a value and an error."""
    good = np.isfinite(np.asarray(curve[time], float)) & np.isfinite(np.asarray(curve[value], float))
    return curve[good & (np.asarray(curve[error], float) > 0.0)]


def value_of(row: Table.Row, name: str) -> float:
    """A value of a row; NaN where there is no such column."""
    return float(row[name]) if name in row.colnames else float("nan")


def decimal(value: float, digits: int) -> str:
    """A number with so many digits; na where there is none."""
    return f"{value:.{digits}f}" if isfinite(value) else "na"


def plain_text(text: str) -> str:
    """Free text without what would break a row."""
    return " ".join(re.sub(r"[,#\t]", " ", text).split())


def float_of(text: str) -> float:
    """A number, or NaN."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def software() -> str:
    """Name and version."""
    return f"pogson {pogson.__version__}"
