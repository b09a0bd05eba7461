"""Write tables whole or not at all, and read them back."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FileError

_META = b"pogson"


def write_table(path: str | Path, table: Table) -> Path:
    """Write a table as ECSV, Parquet, CSV or Arrow, by its suffix.

    The file appears whole or not at all. Units, descriptions and meta (numbers, words, and lists
    of them) are kept in ECSV, Parquet and Arrow; CSV holds only names and values.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FileError
        If the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    writers = {".ecsv": _write_ecsv, ".parquet": _write_parquet, ".csv": _write_csv, ".arrow": _write_arrow}
    if path.suffix not in writers:
        raise FileError(f"{path}: tables are written as .ecsv, .parquet or .csv; change the suffix")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    part = Path(name)
    try:
        writers[path.suffix](part, table)
        # mkstemp makes it private; a product has the rights of any other file
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def read_table(path: str | Path) -> Table:
    """Read a table that `write_table` wrote.

    Raises
    ------
    FileError
        If the file is not there or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    readers = {".ecsv": _read_ecsv, ".parquet": _read_parquet, ".csv": _read_csv, ".arrow": _read_arrow}
    if path.suffix not in readers:
        raise FileError(f"{path}: tables are read from .ecsv, .parquet or .csv")
    try:
        return readers[path.suffix](path)
    except Exception as error:
        message = " ".join(str(error).split())[:120]
        raise FileError(f"{path}: damaged or not a table ({message}); write it again") from None


def _plain_meta(meta: Any) -> Any:
    """Numbers, words, lists and mappings of them; anything else as text."""
    if isinstance(meta, dict):
        return {str(key): _plain_meta(value) for key, value in meta.items()}
    if isinstance(meta, list | tuple):
        return [_plain_meta(value) for value in meta]
    if isinstance(meta, np.generic):
        return meta.item()
    return meta if isinstance(meta, bool | int | float | str) or meta is None else str(meta)


def _write_ecsv(path: Path, table: Table) -> None:
    plain = table.copy(copy_data=False)
    plain.meta = _plain_meta(dict(table.meta))
    plain.write(path, format="ascii.ecsv", overwrite=True)


def _read_ecsv(path: Path) -> Table:
    return Table.read(path, format="ascii.ecsv")


def _arrow(table: Table) -> Any:
    import pyarrow as pa

    fields, arrays = [], []
    for name in table.colnames:
        column = table[name]
        values = np.ma.filled(column, np.nan) if np.ma.isMaskedArray(column) else np.asarray(column)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        array = pa.array(values.tolist() if values.dtype.kind in "SO" else np.ascontiguousarray(values))
        if len(array) == 0 and values.dtype.kind in "SUO":
            array = array.cast(pa.string())
        about = {"unit": str(column.unit or ""), "description": str(column.description or "")}
        fields.append(pa.field(name, array.type, metadata={k: v for k, v in about.items() if v}))
        arrays.append(array)
    meta = {_META: json.dumps(_plain_meta(dict(table.meta)))}
    return pa.table(arrays, schema=pa.schema(fields, metadata=meta))


def _write_parquet(path: Path, table: Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_arrow(table), path, compression="zstd")


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet as pq

    return _from_arrow(pq.read_table(path))


def _write_csv(path: Path, table: Table) -> None:
    from pyarrow import csv

    csv.write_csv(_arrow(table), path, csv.WriteOptions(quoting_style="needed"))


def _write_arrow(path: Path, table: Table) -> None:
    """Not packed: the fastest to write and to read."""
    from pyarrow import ipc

    arrow = _arrow(table)
    with ipc.new_file(path, arrow.schema) as file:
        file.write_table(arrow)


def _read_arrow(path: Path) -> Table:
    from pyarrow import ipc

    with ipc.open_file(path) as file:
        return _from_arrow(file.read_all())


def _read_csv(path: Path) -> Table:
    from pyarrow import csv

    return _from_arrow(csv.read_csv(path))


def _from_arrow(arrow: Any) -> Table:
    columns = {}
    for field in arrow.schema:
        if str(field.type) in ("string", "large_string", "null"):
            columns[field.name] = _words(arrow[field.name])
        else:
            columns[field.name] = arrow[field.name].to_numpy()
    table = Table(columns, meta=json.loads((arrow.schema.metadata or {}).get(_META, b"{}")))
    for field in arrow.schema:
        about = field.metadata or {}
        table[field.name].unit = about.get(b"unit", b"").decode() or None
        table[field.name].description = about.get(b"description", b"").decode() or None
    return table


def _words(column: Any) -> np.ndarray[Any, Any]:
    """A column of text as a numpy array; each different word is made once."""
    if len(column) == 0 or str(column.type) == "null":
        return np.full(len(column), "", "U1")
    coded = column.combine_chunks().fill_null("").dictionary_encode()
    return np.array(coded.dictionary.to_pylist(), str)[coded.indices.to_numpy()]
