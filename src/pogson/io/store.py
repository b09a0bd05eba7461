"""Catalogues kept at hand: Parquet files in cells of the sky, in the layout that HATS readers know.

A store is a folder with one folder for each catalogue::

    NAME/hats.properties, partition_info.csv, properties, pogson.json
    NAME/dataset/_common_metadata, Norder=3/Dir=0/Npix=123.parquet

A cone opens only the cells it touches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from pogson.core.columns import CATALOG
from pogson.core.errors import FileError, SettingError
from pogson.io.files import in_words, read_text
from pogson.io.healpix import cells_near, cells_within

#: more cells than these would fill the memory: nobody makes them
_FINEST_CELLS = 8
#: degree: of such cones only the cells that they touch are opened
_NARROW = 3.0


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
    system : str
        Whose bands they are: gaia, ps1, sdss ...; empty where unknown.
    accuracy : float
        mag: how far its zero points may be off; NaN where unknown.
    kind : str
        stars, variables (which are to be left alone) or names.
    empty : tuple of int
        Cells that were fetched and hold no star.
    asked : mapping of cell to mapping
        When a cell was fetched, and from where; empty for a user's own catalogue.
    hashes : mapping of file to str
        SHA-256 of each cell's file.
    """

    name: str
    folder: Path
    rows: int
    bands: tuple[str, ...]
    order: int
    cells: tuple[int, ...]
    epoch: float = nan
    source: str = ""
    system: str = ""
    accuracy: float = nan
    kind: str = "stars"
    empty: tuple[int, ...] = ()
    asked: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def fetched(self) -> bool:
        """Whether cells were fetched from a service, so that more can be."""
        return bool(self.asked)


def store_folder() -> Path:
    """Where catalogues are kept: $POGSON_CATALOGS, else the user's data folder."""
    given = os.environ.get("POGSON_CATALOGS")
    if given:
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "pogson" / "catalogs"


def check_name(name: str) -> str:
    """The name of a catalogue, which is that of its folder.

    Raises
    ------
    SettingError
        If it could lead elsewhere.
    """
    if not name or not all(c.isalnum() or c in "-_" for c in name):
        raise SettingError(f"a catalogue's name is made of letters, digits, - and _, got '{name}'")
    return name


def cell_path(order: int, number: int) -> str:
    """Path of a cell's file in the folder of its catalogue."""
    return f"dataset/Norder={order}/Dir={number // 10000 * 10000}/Npix={number}.parquet"


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

        if own["name"] != folder.name or not 0 <= int(own["order"]) <= _FINEST_CELLS:
            raise FileError(f"{path}: is not about this catalogue; remove the folder, and add it again")

        def number(key: str) -> float:
            return nan if own.get(key) is None else float(own[key])

        return Stored(
            str(own["name"]),
            folder,
            int(own["rows"]),
            tuple(str(b) for b in own["bands"]),
            int(own["order"]),
            tuple(int(c) for c in own["cells"]),
            number("epoch"),
            str(own["source"]),
            str(own.get("system", "")),
            number("accuracy"),
            str(own.get("kind", "stars")),
            tuple(int(c) for c in own.get("empty", ())),
            {int(cell): dict(facts) for cell, facts in own.get("asked", {}).items()},
            {str(name): str(value) for name, value in own["sha256"].items()},
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

    A damaged cell is left out, and `meta["damaged"]` says which: the others go on.

    Parameters
    ----------
    stored : Stored
        The catalogue.
    ra, dec, radius : float
        Degree, ICRS.
    """
    import pyarrow.parquet as pq

    cells = cells_within if radius < _NARROW else cells_near
    near = set(cells(ra, dec, radius, stored.order).tolist()) & set(stored.cells)
    parts, damaged = [], []
    for number in sorted(near):
        path = stored.folder / cell_path(stored.order, number)
        try:
            with in_words(path, f"a cell of catalogue '{stored.name}' cannot be read"):
                parts.append(_within(pq.ParquetFile(path).read(use_threads=False), ra, dec, radius))
        except FileError as error:
            damaged.append(str(error))
    meta = {
        "name": stored.name,
        "path": str(stored.folder),
        "bands": ",".join(stored.bands),
        "epoch": stored.epoch,
        "system": stored.system,
        "damaged": tuple(damaged),
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
