"""What all reports for the AAVSO share: filter codes, numbers as words, and writing what keeps the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from astropy.table import Table

import pogson
from pogson.core.errors import SettingError
from pogson.io.files import write_atomic

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


def write_report(path: str | Path, lines: Sequence[str], validate: Callable[[str], list[str]]) -> Path:
    """Write the lines, unless they break a rule.

    Raises
    ------
    SettingError
        Naming the rule.
    """
    text = "\n".join(lines) + "\n"
    problems = validate(text)
    if problems:
        raise SettingError(f"{path}: not written: {problems[0]}")
    write_atomic(path, text.encode("ascii", "replace"))
    return Path(path)


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
