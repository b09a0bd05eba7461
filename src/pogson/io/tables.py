"""Write tables whole or not at all, and read them back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, Table

from pogson.core.errors import FileError

_META = b"pogson"
#: little is gained by packing noise harder, and that takes longer than everything else
_PACKED = {"compression": "zstd", "compression_level": 1}
#: rows that are written at a time: readers skip what they do not want by groups of so many
GROUP_ROWS = 32768


def write_table(path: str | Path, table: Table) -> Path:
    """Write a table as ECSV, Parquet or CSV, by its suffix.

    The file appears whole or not at all. Units, descriptions and meta (numbers, words, and lists
    of them) are kept in ECSV and Parquet; CSV holds only names and values.

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
    writers = {".ecsv": _write_ecsv, ".parquet": _write_parquet, ".csv": _write_csv}
    if path.suffix not in writers:
        raise FileError(f"{path}: tables are written as .ecsv, .parquet or .csv; change the suffix")
    with _whole_or_not(path) as part:
        writers[path.suffix](part, table)
    return path


def write_parts(path: str | Path, parts: Iterable[Mapping[str, Any]], like: Table) -> Path:
    """Write columns, part below part, as one Parquet table of which few parts are in memory at a time.

    The file appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends in .parquet.
    parts : iterable of mapping of name to array
        All have the same columns.
    like : Table
        Units, descriptions and meta are its; without any part, so are the columns.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    empty = _arrow(like[:0])
    with _whole_or_not(path) as part:
        rest = iter(parts)
        first = _plain_arrow(next(rest, None)) or empty
        fields = [f.with_metadata(_about(like, f.name)) for f in first.schema]
        schema = pa.schema(fields, metadata=empty.schema.metadata)
        words = [f.name for f in fields if not pa.types.is_floating(f.type)]
        with pq.ParquetWriter(part, schema, use_dictionary=words, **_PACKED) as file:
            waiting = [_as_of(first, schema)]
            for columns in rest:
                waiting.append(_as_of(_plain_arrow(columns), schema))
                if sum(map(len, waiting)) >= GROUP_ROWS:
                    file.write_table(pa.concat_tables(waiting))
                    waiting = []
            if waiting:
                file.write_table(pa.concat_tables(waiting))
    return path


@contextmanager
def _whole_or_not(path: Path) -> Iterator[Path]:
    """A file beside `path` to be written, which takes its place in the end."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    part = Path(name)
    try:
        yield part
        # mkstemp makes it private; a product has the rights of any other file
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    except FileError:  # of what should have been written
        raise
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    finally:
        part.unlink(missing_ok=True)


def read_table(path: str | Path) -> Table:
    """Read a table that `write_table` wrote.

    Raises
    ------
    FileError
        If the file is not there or is damaged.
    """
    path = Path(path)
    readers = {".ecsv": _read_ecsv, ".parquet": _read_parquet, ".csv": _read_csv}
    if path.is_file() and path.suffix not in readers:
        raise FileError(f"{path}: tables are read from .ecsv, .parquet or .csv")
    with _readable(path):
        return readers[path.suffix](path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        yield
    except Exception as error:
        message = " ".join(str(error).split())[:120]
        raise FileError(f"{path}: damaged or not a table ({message}); write it again") from None


def read_coded(path: str | Path) -> Any:
    """A Parquet file as an Arrow table; of words that repeat each is in memory once.

    Raises
    ------
    FileError
        If the file is not there or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    with _readable(path):
        schema = pq.read_schema(path)
        arrow = pq.read_table(path, read_dictionary=[f.name for f in schema if pa.types.is_string(f.type)])
        return arrow.unify_dictionaries()


def read_long(path: str | Path) -> Table:
    """A long Parquet table; its words are objects, of which equal ones are one.

    Raises
    ------
    FileError
        If the file is not there or is damaged.
    """
    import pyarrow as pa

    arrow = read_coded(path)
    words = {f.name for f in arrow.schema if pa.types.is_dictionary(f.type)}
    table = to_table(arrow.drop_columns(sorted(words)))
    for k, name in enumerate(arrow.column_names):
        if name in words:
            coded = arrow[name].combine_chunks()
            each = np.array(coded.dictionary.to_pylist() or [""], object)
            about = arrow.schema.field(name).metadata or {}
            column = Column(each[coded.indices.to_numpy()], name, copy=False)
            column.description = about.get(b"description", b"").decode() or None
            table.add_column(column, index=k)
    return table


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

    arrow = _plain_arrow({name: table[name] for name in table.colnames})
    fields = [f.with_metadata(_about(table, f.name)) for f in arrow.schema]
    meta = {_META: json.dumps(_plain_meta(dict(table.meta)))}
    return _as_of(arrow, pa.schema(fields, metadata=meta))


def _as_of(arrow: Any, schema: Any) -> Any:
    """The same columns with another schema; to load what changes types takes time and memory."""
    import pyarrow as pa

    same = arrow.schema.types == schema.types
    return pa.Table.from_arrays(arrow.columns, schema=schema) if same else arrow.cast(schema)


def _about(table: Table, name: str) -> dict[str, str]:
    """Unit and description of a column, where there are any."""
    if name not in table.colnames:
        return {}
    about = {"unit": str(table[name].unit or ""), "description": str(table[name].description or "")}
    return {key: value for key, value in about.items() if value}


def _plain_arrow(columns: Mapping[str, Any] | None) -> Any:
    """Arrays as an Arrow table; None for none."""
    import pyarrow as pa

    return None if columns is None else pa.table({name: _array(values) for name, values in columns.items()})


def _array(column: Any) -> Any:
    import pyarrow as pa

    values = np.ma.filled(column, np.nan) if np.ma.isMaskedArray(column) else np.asarray(column)
    if values.dtype.kind not in "SUO":
        return pa.array(np.ascontiguousarray(values, values.dtype.newbyteorder("=")))
    return pa.array(values.tolist(), None if len(values) else pa.string())


def _write_parquet(path: Path, table: Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_arrow(table), path, **_PACKED)


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet as pq

    return to_table(pq.read_table(path))


def _write_csv(path: Path, table: Table) -> None:
    from pyarrow import csv

    csv.write_csv(_arrow(table), path, csv.WriteOptions(quoting_style="needed"))


def _read_csv(path: Path) -> Table:
    from pyarrow import csv

    return to_table(csv.read_csv(path))


def to_table(arrow: Any) -> Table:
    """An Arrow table as one of astropy, with units, descriptions and meta."""
    table = Table(
        {name: values_of(arrow[name]) for name in arrow.column_names}, meta=meta_of(arrow), copy=False
    )
    for field in arrow.schema:
        about = field.metadata or {}
        table[field.name].unit = about.get(b"unit", b"").decode() or None
        table[field.name].description = about.get(b"description", b"").decode() or None
    return table


def meta_of(arrow: Any) -> dict[str, Any]:
    """The meta kept with an Arrow table."""
    meta: dict[str, Any] = json.loads((arrow.schema.metadata or {}).get(_META, b"{}"))
    return meta


def values_of(column: Any) -> np.ndarray[Any, Any]:
    """An Arrow column as a numpy array of its own; each different word is made once."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return np.full(len(column), "", "U1")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.fill_null("").dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return np.array(column.to_numpy())
    coded = column.combine_chunks()
    words = np.array(coded.dictionary.to_pylist() or [""], str)
    return words[coded.indices.to_numpy()]
