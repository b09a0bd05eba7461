"""Put catalogues into the store: whole ones, or cell by cell.

The description `pogson.json` is written last: what it does not name is not there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.table import Table

from pogson.core.errors import FileError, SettingError
from pogson.io.files import hash_file, in_words, make_folder, remove, write_atomic
from pogson.io.healpix import FINEST, cell_of
from pogson.io.store import Stored, cell_path, check_name, read_stored

#: cells of 1.8 degree for dense catalogues, of 7.3 for sparse ones
ORDERS = (5, 3)
_DENSE = 200_000  # rows


@dataclass(frozen=True)
class About:
    """What a stored catalogue says of itself; see `Stored`."""

    source: str = ""
    system: str = ""
    accuracy: float = nan
    kind: str = "stars"
    epoch: float = nan
    bands: tuple[str, ...] = ()


def add_catalog(
    table: Table,
    name: str,
    *,
    store: Path,
    source: str = "",
    system: str = "",
    kind: str = "stars",
    overwrite: bool = False,
) -> Stored:
    """Put a catalogue into the store; rows that repeat a star's place and magnitudes are dropped.

    Parameters
    ----------
    table : Table
        CATALOG.
    name : str
        Letters, digits, ``-`` and ``_``.
    store : Path
        Folder of the store.
    source : str
        Where it came from, in words.
    system : str
        Whose bands they are: gaia, ps1, sdss; empty where unknown.
    kind : str
        stars or variables.
    overwrite : bool
        Replace a catalogue of that name.

    Raises
    ------
    SettingError
        If the name is impossible or taken.
    FileError
        If it cannot be written; nothing is left behind.
    """
    target = store / check_name(name)
    if target.exists() and not overwrite:
        raise SettingError(f"catalogue '{name}' is in the store already; use --overwrite, or another --name")
    rows = clean_rows(table)
    if len(rows) == 0:
        raise FileError(f"{source or name}: holds no star with a position; nothing is added")
    order = ORDERS[0] if len(rows) > _DENSE else ORDERS[1]
    bands = tuple(c[4:] for c in rows.colnames if c.startswith("mag_") and not c.endswith("_err"))
    about = About(source, system, kind=kind, epoch=float(table.meta.get("epoch", nan)), bands=bands)
    make_folder(store)
    part = store / f".{name}.{os.getpid()}.part"
    try:
        remove(part)
        # nobody sees the cells before the folder gets its name: no need to write each of them atomically
        written = _write_cells(split_cells(rows, order), part, order, _write_plain)
        _write_facts(part, name, order, about, written, {}, {})
        with in_words(target, "cannot be written"):
            remove(target)
            part.replace(target)
    finally:
        remove(part)
    return read_stored(target)


def append_cells(
    cells: Mapping[int, Table], name: str, about: About, *, order: int, store: Path, asked: Mapping[str, Any]
) -> Stored:
    """Add cells to a catalogue of the store, or replace them; make the catalogue where there is none.

    Parameters
    ----------
    cells : mapping of cell to Table
        All stars of the cell, as CATALOG; without rows where there is none: that is remembered.
    name : str
        Of the catalogue.
    about : About
        What it says of itself.
    order : int
        Of the cells.
    store : Path
        Folder of the store.
    asked : mapping
        When, and where, the cells were asked for.

    Raises
    ------
    SettingError
        If a catalogue of that name was made in another way.
    FileError
        If it cannot be written; the catalogue is then what it was.
    """
    folder = store / check_name(name)
    known = read_stored(folder) if (folder / "pogson.json").exists() else None
    if known and (not known.fetched or known.order != order or known.bands != about.bands):
        raise SettingError(
            f"catalogue '{name}' of the store was made in another way (from {known.source}); "
            f"remove the folder {folder}, or add it again under another --name"
        )
    before = dict(known.hashes) if known else {}
    make_folder(folder)
    with _undone(folder, set(before), known is None):
        full = {cell: rows for cell, table in cells.items() if len(rows := clean_rows(table))}
        written = _write_cells(full, folder, order, write_atomic)
        counts = {int(c): int(f["rows"]) for c, f in known.asked.items()} if known else {}
        said = dict(known.asked) if known else {}
        for cell in cells:
            said[cell] = {**asked, "rows": len(full.get(cell, ()))}
            counts[cell] = len(full.get(cell, ()))
        kept = {path: value for path, value in before.items() if path not in _paths(cells, order)}
        _write_facts(folder, name, order, about, {c: n for c, n in counts.items() if n}, said, kept)
        for cell in set(cells) - set(written):
            remove(folder / cell_path(order, cell))
    return read_stored(folder)


def _paths(cells: Mapping[int, Any], order: int) -> set[str]:
    return {cell_path(order, cell) for cell in cells}


@contextmanager
def _undone(folder: Path, named: set[str], new: bool) -> Iterator[None]:
    """Where storing fails, leave no file that the description does not name."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(FileError):
            for path in [] if new else sorted(folder.rglob("Npix=*.parquet")):
                if path.relative_to(folder).as_posix() not in named:
                    remove(path)
            if new:
                remove(folder)
        raise


def clean_rows(table: Table) -> Table:
    """Rows with a position, each once."""
    ra, dec = np.asarray(table["ra"], float), np.asarray(table["dec"], float)
    good = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0))
    mags = [c for c in table.colnames if c.startswith("mag_")]
    key = np.column_stack([ra[good], dec[good], *(np.nan_to_num(table[c][good], nan=99.0) for c in mags)])
    return table[np.sort(good[np.unique(key, axis=0, return_index=True)[1]])]


def split_cells(rows: Table, order: int) -> dict[int, Table]:
    """The rows of each cell."""
    cell = cell_of(rows["ra"], rows["dec"], order)
    sort = np.argsort(cell, kind="stable")
    numbers, first = np.unique(cell[sort], return_index=True)
    ends = [*first[1:], len(sort)]
    return {int(n): rows[sort[a:b]] for n, a, b in zip(numbers, first, ends, strict=True)}


def _write_plain(path: Path, content: Callable[[BinaryIO], None]) -> None:
    with in_words(path, "cannot be written"), path.open("wb") as file:
        content(file)


def _write_cells(
    cells: Mapping[int, Table],
    folder: Path,
    order: int,
    write: Callable[[Path, Callable[[BinaryIO], None]], None],
) -> dict[int, int]:
    """Write each cell's file; the number of rows of each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = None
    for number, rows in cells.items():
        fine = cell_of(rows["ra"], rows["dec"], FINEST)
        sort = np.argsort(fine, kind="stable")
        columns = {"_healpix_29": fine[sort]}
        for name in rows.colnames:
            values = np.asarray(rows[name])[sort]
            columns[name] = values.tolist() if values.dtype.kind in "SUO" else np.ascontiguousarray(values)
        arrow = pa.table(columns)
        schema = arrow.schema
        path = folder / cell_path(order, number)
        with in_words(path, "cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
        write(path, partial(_write_parquet, arrow))
    if schema is not None and not (common := folder / "dataset" / "_common_metadata").exists():
        with in_words(common, "cannot be written"):
            pq.write_metadata(schema, common)
    return {number: len(rows) for number, rows in cells.items()}


def _write_parquet(arrow: Any, file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(arrow, file, compression="zstd")


def _write_facts(
    folder: Path,
    name: str,
    order: int,
    about: About,
    counts: Mapping[int, int],
    asked: Mapping[int, Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> None:
    """Describe the catalogue; `hashes` are those of cells that were there before."""
    cells = sorted(counts)
    lines = ["Norder,Npix", *(f"{order},{number}" for number in cells), ""]
    write_atomic(folder / "partition_info.csv", "\n".join(lines).encode())
    facts = {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": sum(counts.values()),
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": "_healpix_29",
        "hats_col_healpix_order": FINEST,
        "hats_max_rows": max(counts.values(), default=0),
        "hats_order": order,
        "hats_npix_suffix": ".parquet",
        "hats_version": "v0.1",
        "hats_builder": "pogson",
        "hats_skymap_order": order,
    }
    text = "".join(f"{key}={value}\n" for key, value in facts.items()).encode()
    write_atomic(folder / "hats.properties", text)
    write_atomic(folder / "properties", text)
    paths = [cell_path(order, number) for number in cells]
    own = {
        "name": name,
        "rows": sum(counts.values()),
        "bands": list(about.bands),
        "order": order,
        "cells": cells,
        "empty": sorted(cell for cell, facts in asked.items() if not facts["rows"]),
        "epoch": None if np.isnan(about.epoch) else about.epoch,
        "source": about.source,
        "system": about.system,
        "accuracy": None if np.isnan(about.accuracy) else about.accuracy,
        "kind": about.kind,
        "asked": {str(cell): dict(facts) for cell, facts in asked.items()},
        "sha256": {path: hashes.get(path) or hash_file(folder / path) for path in paths},
    }
    write_atomic(folder / "pogson.json", json.dumps(own, indent=1).encode())
