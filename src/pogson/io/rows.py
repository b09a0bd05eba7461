"""Read a table of any of the usual kinds into plain columns: name, values, unit."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FileError

Columns = dict[str, tuple[NDArray[Any], str]]

_MISSING = {"", "--", "-", "nan", "null", "none", "n/a", "na", "inf", "..."}


def read_columns(path: Path) -> Columns:
    """Columns of a CSV, TSV, white-space, ECSV, FITS, VOTable or Parquet table.

    Numbers are float64 with NaN where nothing is given; everything else is text.

    Raises
    ------
    FileError
        If the file is not there, or is none of these.
    """
    if not path.is_file():
        raise FileError(f"{path}: no such file; give the path of the catalogue")
    suffix = path.suffixes[-2:] if path.suffix == ".gz" else [path.suffix]
    kind = suffix[0].lower()
    try:
        if kind in (".fits", ".fit", ".fts", ".xml", ".vot", ".votable", ".ecsv"):
            return _read_astropy(path, kind)
        if kind in (".parquet", ".pq"):
            return _read_parquet(path)
        return _read_text(path)
    except FileError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())[:160]
        raise FileError(
            f"{path}: cannot be read as a table ({message}); give CSV, ECSV, FITS or VOTable"
        ) from None


def _read_astropy(path: Path, kind: str) -> Columns:
    import warnings

    from astropy.table import Table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == ".ecsv":
            table = Table.read(path, format="ascii.ecsv")
        elif kind in (".fits", ".fit", ".fts"):
            table = Table.read(path, format="fits")
        else:
            table = Table.read(path, format="votable", verify="ignore")
    return {
        name: plain_column(np.ma.asarray(table[name]), str(table[name].unit or ""))
        for name in table.colnames
        if table[name].ndim == 1
    }


def plain_column(values: Any, unit: str) -> tuple[NDArray[Any], str]:
    """Values as float64 with NaN where masked, as int64, or as text; and the unit."""
    if values.dtype.kind in "SOU":
        text = np.ma.filled(values, "") if np.ma.isMaskedArray(values) else values
        decoded = [t.decode("utf-8", "replace") if isinstance(t, bytes) else str(t) for t in text]
        return np.char.strip(np.array(decoded, str)), unit
    if values.dtype.kind == "i" and not np.ma.is_masked(values):
        return np.ma.getdata(values).astype(np.int64), unit
    return np.ma.filled(values.astype(float), np.nan), unit


def _read_parquet(path: Path) -> Columns:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found: Columns = {}
    for field in table.schema:
        unit = (field.metadata or {}).get(b"unit", b"").decode()
        values = np.asarray(table[field.name].to_numpy(zero_copy_only=False))
        found[field.name] = plain_column(np.ma.asarray(values), unit)
    return found


def _read_text(path: Path) -> Columns:
    lines = _lines(path)
    if not lines:
        raise FileError(f"{path}: holds no rows; give a table with a header line")
    separator = max(("\t", ",", ";", "|"), key=lines[0].count)
    if lines[0].count(separator) == 0:
        rows = [line.split() for line in lines]
    else:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    names, rows = rows[0], rows[1:]
    units = [""] * len(names)
    for k in (0, 1):  # VizieR: a line of units, then a line of dashes
        if len(rows) > k and all(re.fullmatch(r"-+", cell) for cell in rows[k] if cell):
            units = (rows[0] + units)[: len(names)] if k else units
            rows = rows[k + 1 :]
            break
    if sum(_is_number(name) for name in names) * 2 >= len(names) - 1:
        raise FileError(f"{path}: has no line of column names; write one above the first row")
    wrong = next((k for k, row in enumerate(rows) if len(row) != len(names)), None)
    if wrong is not None:
        raise FileError(
            f"{path}: row {wrong + 1} has {len(rows[wrong])} cells, the header names {len(names)}; repair it"
        )
    return {
        name.strip(): (_column(cells), unit)
        for name, unit, cells in zip(
            names, units, zip(*rows, strict=True) if rows else [[]] * len(names), strict=True
        )
    }


def _lines(path: Path) -> list[str]:
    if path.suffix == ".gz":
        import gzip

        raw = gzip.decompress(path.read_bytes())
    else:
        raw = path.read_bytes()
    if b"\0" in raw[:4096]:
        raise FileError(f"{path}: is not a text table; give CSV, ECSV, FITS, VOTable or Parquet")
    text = raw.decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.lstrip().startswith("#")]
    comments = [line.lstrip(" #") for line in lines if line.lstrip().startswith("#")]
    # "# ra dec g": the names may stand in the last comment
    if kept and comments and sum(map(_is_number, kept[0].replace(",", " ").split())) >= 3:
        kept.insert(0, comments[-1])
    return kept


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(cells: Any) -> NDArray[Any]:
    try:
        return np.array([np.nan if cell.lower() in _MISSING else float(cell) for cell in cells], dtype=float)
    except ValueError:
        return np.array(cells, str)
