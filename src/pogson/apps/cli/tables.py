"""Tables on the terminal: aligned, cut to what fits, numbers with sensible digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from astropy.table import Table

#: decimals by the start of a column's name
DECIMALS = {
    "jd": 5, "bjd": 5, "ra": 5, "dec": 5, "x": 2, "y": 2, "mag": 3, "inst": 3, "zero": 3, "flux": 1, "snr": 1,
    "fwhm": 2, "airmass": 3, "exptime": 2, "transparency": 2, "sky": 1, "peak": 0,
}  # fmt: skip


def print_table(table: Table, columns: Sequence[str] = (), *, rows: int = 0) -> None:
    """Print some columns of a table; `rows` limits how many rows are shown (0: all)."""
    names = [n for n in (columns or table.colnames) if n in table.colnames]
    shown = table[:rows] if rows else table
    cells = [[name, *(_cell(name, v) for v in shown[name])] for name in names]
    widths = [max(map(len, column)) for column in cells]
    right = [table[name].dtype.kind in "fiu" for name in names]
    for line in zip(*cells, strict=True):
        parts = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        click.echo("  ".join(parts).rstrip())
    if len(shown) < len(table):
        click.echo(f"... and {len(table) - len(shown)} more rows")


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        if value != value:
            return "-"
        decimals = DECIMALS.get(name.split("_")[0])
        return f"{value:.5g}" if decimals is None else f"{value:.{decimals}f}"
    return str(value)
