"""Catalogues kept at hand: Parquet files in cells of the sky, in the layout that HATS readers know.

A store is a folder with one folder for each catalogue::

    NAME/hats.properties, partition_info.csv, properties
    NAME/dataset/_common_metadata, Norder=3/Dir=0/Npix=123.parquet

A cone opens only the cells it touches.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from pogson.core.columns import CATALOG
from pogson.core.errors import FileError, SettingError
from pogson.io.files import hash_file, in_words, make_folder, read_text, remove, write_atomic
from pogson.io.healpix import FINEST, cell_of, cells_near

Values = NDArray[np.float64]

#: cells of 1.8 degree for dense catalogues, of 7.3 for sparse ones
ORDERS = (5, 3)
_DENSE = 200_000  # rows


@dataclass(frozen=True)
class Stored:
    """A catalogue of the store.

    Attributes
    ----------
    name : str
    folder : Path
    rows : int
    bands : tuple of str
    order : int
        Of its cells.
    cells : tuple of int
        Those that hold stars.
    epoch : float
        Julian year of the positions; NaN where unknown.
    source : str
        Where it came from.
    """

    name: str
    folder: Path
    rows: int
    bands: tuple[str, ...]
    order: int
    cells: tuple[int, ...]
    epoch: float
    source: str


def store_folder() -> Path:
    """Where catalogues are kept: $POGSON_CATALOGS, else the user's data folder."""
    given = os.environ.get("POGSON_CATALOGS")
    if given:
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "pogson" / "catalogs"


def add_catalog(table: Table, name: str, *, store: Path, source: str = "", overwrite: bool = False) -> Stored:
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
    overwrite : bool
        Replace a catalogue of that name.

    Raises
    ------
    SettingError
        If the name is impossible or taken.
    FileError
        If it cannot be written; nothing is left behind.
    """
    target = store / _checked(name)
    if target.exists() and not overwrite:
        raise SettingError(f"catalogue '{name}' is in the store already; use --overwrite, or another --name")
    rows = _clean(table)
    if len(rows) == 0:
        raise FileError(f"{source or name}: holds no star with a position; nothing is added")
    order = ORDERS[0] if len(rows) > _DENSE else ORDERS[1]
    make_folder(store)
    part = store / f".{name}.{os.getpid()}.part"
    try:
        remove(part)
        cells = _write_cells(rows, part / "dataset", order)
        _write_facts(part, rows, name, order, cells, source, float(table.meta.get("epoch", np.nan)))
        with in_words(target, "cannot be written"):
            remove(target)
            part.replace(target)
    finally:
        remove(part)
    return read_stored(target)


def _checked(name: str) -> str:
    if not name or not all(c.isalnum() or c in "-_" for c in name):
        raise SettingError(f"a catalogue's name is made of letters, digits, - and _, got '{name}'")
    return name


def _clean(table: Table) -> Table:
    """Rows with a position, each once."""
    ra, dec = np.asarray(table["ra"], float), np.asarray(table["dec"], float)
    good = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0))
    mags = [c for c in table.colnames if c.startswith("mag_")]
    key = np.column_stack([ra[good], dec[good], *(np.nan_to_num(table[c][good], nan=99.0) for c in mags)])
    return table[np.sort(good[np.unique(key, axis=0, return_index=True)[1]])]


def _write_cells(rows: Table, folder: Path, order: int) -> dict[int, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fine = cell_of(rows["ra"], rows["dec"], FINEST)
    cell = fine >> (2 * (FINEST - order))
    sort = np.argsort(fine, kind="stable")
    columns = {"_healpix_29": fine[sort]}
    for name in rows.colnames:
        values = np.asarray(rows[name])[sort]
        columns[name] = values.tolist() if values.dtype.kind in "SUO" else np.ascontiguousarray(values)
    arrow = pa.table(columns)
    numbers, first, counts = np.unique(cell[sort], return_index=True, return_counts=True)
    for number, start, count in zip(numbers, first, counts, strict=True):
        path = _cell_path(folder, order, int(number))
        with in_words(path, "cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(arrow.slice(start, count), path, compression="zstd")
    with in_words(folder, "cannot be written"):
        pq.write_metadata(arrow.schema, folder / "_common_metadata")
    return {int(n): int(c) for n, c in zip(numbers, counts, strict=True)}


def _cell_path(dataset: Path, order: int, number: int) -> Path:
    return dataset / f"Norder={order}" / f"Dir={number // 10000 * 10000}" / f"Npix={number}.parquet"


def _write_facts(
    folder: Path, rows: Table, name: str, order: int, cells: dict[int, int], source: str, epoch: float
) -> None:
    lines = ["Norder,Npix", *(f"{order},{number}" for number in cells), ""]
    write_atomic(folder / "partition_info.csv", "\n".join(lines).encode())
    facts = {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": len(rows),
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": "_healpix_29",
        "hats_col_healpix_order": FINEST,
        "hats_max_rows": max(cells.values()),
        "hats_order": order,
        "hats_npix_suffix": ".parquet",
        "hats_version": "v0.1",
        "hats_builder": "pogson",
        "hats_skymap_order": order,
    }
    text = "".join(f"{key}={value}\n" for key, value in facts.items()).encode()
    write_atomic(folder / "hats.properties", text)
    write_atomic(folder / "properties", text)
    bands = [c[4:] for c in rows.colnames if c.startswith("mag_") and not c.endswith("_err")]
    files = sorted(path for path in (folder / "dataset").rglob("Npix=*.parquet"))
    own = {
        "name": name,
        "rows": len(rows),
        "bands": bands,
        "order": order,
        "cells": list(cells),
        "epoch": None if np.isnan(epoch) else epoch,
        "source": source,
        "sha256": {str(PurePosixPath(p.relative_to(folder))): hash_file(p) for p in files},
    }
    write_atomic(folder / "pogson.json", json.dumps(own, indent=1).encode())


def read_stored(folder: Path) -> Stored:
    """What a catalogue of the store is.

    Raises
    ------
    FileError
        If its description is damaged.
    """
    path = folder / "pogson.json"
    with in_words(path, "cannot be read"):
        own = json.loads(read_text(path))
        return Stored(
            str(own["name"]),
            folder,
            int(own["rows"]),
            tuple(str(b) for b in own["bands"]),
            int(own["order"]),
            tuple(int(c) for c in own["cells"]),
            float(own["epoch"]) if own["epoch"] is not None else float("nan"),
            str(own["source"]),
        )


def list_catalogs(store: Path) -> list[Stored]:
    """The catalogues of a store, by name; damaged ones are left out."""
    found = []
    for path in sorted(store.glob("*/pogson.json")) if store.is_dir() else []:
        try:
            found.append(read_stored(path.parent))
        except FileError:
            continue
    return found


def read_cone(stored: Stored, ra: float, dec: float, radius: float) -> Table:
    """Stars of a stored catalogue in a cone, as CATALOG.

    Parameters
    ----------
    stored : Stored
        The catalogue.
    ra, dec, radius : float
        Degree, ICRS.

    Raises
    ------
    FileError
        If a cell is damaged: the message names the file.
    """
    import pyarrow.parquet as pq

    near = set(cells_near(ra, dec, radius, stored.order).tolist()) & set(stored.cells)
    parts = []
    for number in sorted(near):
        path = _cell_path(stored.folder / "dataset", stored.order, number)
        trouble = f"a cell of catalogue '{stored.name}' cannot be read"
        with in_words(path, trouble):
            parts.append(_within(pq.ParquetFile(path).read(use_threads=False), ra, dec, radius))
    meta = {
        "name": stored.name,
        "path": str(stored.folder),
        "bands": ",".join(stored.bands),
        "epoch": stored.epoch,
    }
    if not parts:
        empty = CATALOG.empty(meta)
        for band in stored.bands:
            empty[f"mag_{band}"], empty[f"mag_{band}_err"] = np.empty(0), np.empty(0)
        return empty
    table = vstack(parts, metadata_conflicts="silent") if len(parts) > 1 else parts[0]
    table.meta = meta
    for band in stored.bands:
        table[f"mag_{band}"].unit = table[f"mag_{band}_err"].unit = "mag"
    return CATALOG.describe(table)


def _within(arrow: Any, ra: float, dec: float, radius: float) -> Table:
    a, d = (np.radians(arrow[name].to_numpy()) for name in ("ra", "dec"))
    a0, d0 = np.radians(ra), np.radians(dec)
    # the haversine keeps its accuracy in small cones
    chord = np.sin((d - d0) / 2.0) ** 2 + np.cos(d) * np.cos(d0) * np.sin((a - a0) / 2.0) ** 2
    rows = arrow.filter(chord <= np.sin(np.radians(min(radius, 180.0)) / 2.0) ** 2)
    columns = {}
    for name in rows.column_names:
        if name == "_healpix_29":
            continue
        values = rows[name].to_numpy()
        columns[name] = np.array(values.tolist(), str) if values.dtype.kind == "O" else values
    return Table(columns)


def choose_catalog(
    stored: Iterable[Stored], bands: Iterable[str], ra: float, dec: float, radius: float, *, least: int = 5
) -> tuple[Table | None, list[str]]:
    """The stars about a place from the catalogue that serves most bands, with most stars; and why.

    Returns
    -------
    table : Table or None
        CATALOG; None where no catalogue has `least` stars with one of the bands there.
    words : list of str
        What was chosen, and what was passed over.
    """
    wanted, words = list(dict.fromkeys(bands)), []
    best: tuple[tuple[int, int], Table, Stored] | None = None
    for one in stored:
        use = [band for band in wanted if band in one.bands]
        if not use:
            continue
        try:
            table = read_cone(one, ra, dec, radius)
        except FileError as error:
            words.append(f"catalogue passed over: {error}")
            continue
        counts = [int(np.isfinite(np.asarray(table[f"mag_{band}"], float)).sum()) for band in use]
        served = sum(n >= least for n in counts)
        rank = (served, min((n for n in counts if n >= least), default=0))
        if served and (best is None or rank > best[0]):
            best = (rank, table, one)
    if best is None:
        return None, words
    (served, n), table, one = best
    have = ", ".join(band for band in wanted if band in one.bands)
    words.insert(
        0, f"catalogue '{one.name}' of the store: has {have} for at least {n} stars within {radius:.2f} deg"
    )
    return table, words


def export_catalogs(store: Path, target: Path, names: Iterable[str] = ()) -> list[str]:
    """Pack catalogues of the store into one file, for a computer without a network.

    Raises
    ------
    FileError, SettingError
        If a name is not there, or the file cannot be written.
    """
    known = {one.name: one for one in list_catalogs(store)}
    chosen = list(names) or list(known)
    missing = [name for name in chosen if name not in known]
    if missing or not chosen:
        there = ", ".join(known) or "nothing"
        raise SettingError(f"the store has no catalogue {', '.join(missing) or 'at all'}; it has: {there}")

    def pack(file: Any) -> None:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name in chosen:
                archive.add(known[name].folder, arcname=name)

    write_atomic(target, pack)
    return chosen


def import_catalogs(source: Path, store: Path, *, overwrite: bool = False) -> list[str]:
    """Unpack catalogues into the store; every cell is checked against its hash.

    Raises
    ------
    FileError
        If the file is no export, or damaged; nothing is added then.
    SettingError
        If a catalogue of that name is there.
    """
    make_folder(store)
    part = store / f".import.{os.getpid()}.part"
    try:
        with in_words(source, "cannot be read as an export of catalogues"):
            remove(part)
            part.mkdir()
            with tarfile.open(source) as archive:
                # the filter refuses links, devices and paths that lead elsewhere
                archive.extractall(part, filter="data")
        found = [path.parent for path in sorted(part.glob("*/pogson.json"))]
        if not found:
            raise FileError(f"{source}: holds no catalogue; make it with `pogson catalog export`")
        for folder in found:
            _checked(folder.name)
            _verify(source, folder)
            if (store / folder.name).exists() and not overwrite:
                raise SettingError(f"catalogue '{folder.name}' is in the store already; use --overwrite")
        for folder in found:
            remove(store / folder.name)
            folder.replace(store / folder.name)
        return [folder.name for folder in found]
    finally:
        remove(part)


def _verify(source: Path, folder: Path) -> None:
    read_stored(folder)
    with in_words(source, "is damaged"):
        hashes = json.loads(read_text(folder / "pogson.json"))["sha256"]
        for name, expected in hashes.items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()) or hash_file(path) != expected:
                raise FileError(f"{source}: {folder.name}/{name} is damaged; export it again")
