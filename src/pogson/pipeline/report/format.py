"""Numbers and tables as HTML; everything that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import floor, isfinite, log10
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.flags import flag_names

UNKNOWN = "–"

#: decimals of a column, by the start of its name; others get five digits
DECIMALS = {
    "mag": 3, "inst": 3, "flux": 1, "zero_point": 3,
    "scatter": 3, "color_term": 3, "sky_brightness": 2, "limiting_mag": 2,
    "ra": 6, "dec": 6, "x": 2, "y": 2, "bjd_tdb": 5, "airmass": 3, "fwhm": 2, "transparency": 3, "sky": 1,
    "gain": 3, "read_noise": 2, "exptime": 3,
}  # fmt: skip
TRIMMED = {"exptime"}  # zeros at the end say nothing


def with_error(value: float, error: float) -> str:
    """Value and error with the digits that the error leaves meaningful: ``21.921 ± 0.004``.

    The error has two digits where it starts with 100 to 354, else one (Particle Data Group, sec. 5.3).
    """
    if not isfinite(value):
        return UNKNOWN
    if not isfinite(error) or error <= 0:
        return _minus(f"{value:.5g}")
    power = floor(log10(error))
    decimals = -power + (error < 3.55 * 10.0**power)
    shown = max(decimals, 0)
    return _minus(f"{round(value, decimals):.{shown}f}") + f" ± {round(error, decimals):.{shown}f}"


def plain(value: Any, name: str = "") -> str:
    """One value as escaped text; the column's name decides how many decimals a number gets."""
    if value is None or value is np.ma.masked:
        return UNKNOWN
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return _minus(f"{value:d}")
    if isinstance(value, float | np.floating):
        if not isfinite(value):
            return UNKNOWN
        decimals = DECIMALS.get(name, DECIMALS.get(name.split("_")[0]))
        text = f"{value:.5g}" if decimals is None else f"{value:.{decimals}f}"
        return _minus(text.rstrip("0").rstrip(".") if name in TRIMMED and "." in text else text)
    if isinstance(value, list | tuple):
        return ", ".join(plain(item, name) for item in value)
    return escape(str(value))


def html_rows(
    head: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[str]],
    marks: Sequence[str] = (),
    numeric: str = "",
) -> str:
    """A table from cells that are escaped already.

    Parameters
    ----------
    head : sequence of (name, unit)
        Of the columns.
    rows : iterable of sequences of str
        HTML.
    marks : sequence of str
        A class for each row.
    numeric : str
        For each column, "n" where it is aligned to the right.
    """
    kinds = [' class="n"' if kind == "n" else "" for kind in numeric.ljust(len(head))]
    top = "".join(
        f"<th{kind}>{escape(name)}<span>{escape(unit)}</span></th>" if any(u for _, u in head)
        else f"<th{kind}>{escape(name)}</th>"
        for (name, unit), kind in zip(head, kinds, strict=True)
    )  # fmt: skip
    body = []
    for i, row in enumerate(rows):
        mark = f' class="{marks[i]}"' if i < len(marks) and marks[i] else ""
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True))
        body.append(f"<tr{mark}>{cells}</tr>")
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def html_table(
    table: Table, names: Sequence[str], limit: int | None = None, marks: Sequence[str] = ()
) -> str:
    """Columns of a table; a column and its error share one cell, flags are written in words."""
    names = [n for n in names if n in table.colnames and not (n.endswith("_err") and n[:-4] in names)]
    part = table[:limit]
    columns = []
    for name in names:
        if name == "flags":
            columns.append([escape(flag_names(int(value))) for value in part[name]])
        elif f"{name}_err" in table.colnames:
            errors = np.ma.filled(np.ma.asarray(part[f"{name}_err"]).astype(float), np.nan)
            values = np.ma.filled(np.ma.asarray(part[name]).astype(float), np.nan)
            columns.append([with_error(float(v), float(e)) for v, e in zip(values, errors, strict=True)])
        else:
            columns.append([plain(value, name) for value in part[name]])
    head = [(name, str(table[name].unit or "")) for name in names]
    numeric = "".join("n" if table[n].dtype.kind in "iuf" and n != "flags" else " " for n in names)
    return html_rows(head, zip(*columns, strict=True), marks, numeric)


def _minus(text: str) -> str:
    """A minus sign, not a hyphen."""
    return text.replace("-", "−", 1) if text.startswith("-") else text
