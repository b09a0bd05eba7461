"""Tables that stay in their files, or as their files have them: a column is made when it is asked for.

The file of a stored table is a head, two lines of JSON, and the columns one behind the other. The first line
is what tables of a kind have in common (name, type, unit and description of each column), the second what is
the table's own (rows, words, meta). A column of one word in all rows has no type, and is only that word
in the second line.
"""

from __future__ import annotations

import json
import os
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from astropy.table import Column, Table

from pogson.core.errors import FileError
from pogson.io.tables import read_coded, values_of

#: a mark, the check sum of all that follows, and the lengths of the two lines
_HEAD = struct.Struct("<8sIII")
_MARK = b"pogson 1"


class _Place(NamedTuple):
    """A column in a file."""

    dtype: np.dtype[Any] | None  # none: one word in all rows
    before: int  # bytes of a row that lie before it
    unit: str
    description: str


class StoredTable:
    """A table in a file, of which only the columns that are asked for come into memory.

    Attributes
    ----------
    path : Path
    meta : dict
        Of its own: what is changed here is not changed in the file.

    Raises
    ------
    FileError
        If the file is not there or is damaged; so does each reading.
    """

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            mark, check, common, own = _HEAD.unpack_from(content)
            if mark != _MARK or check != crc32(memoryview(content)[_HEAD.size :]):
                raise ValueError("not what was written")
        except (OSError, ValueError, struct.error) as error:
            raise _lost(path, error) from None
        start = _HEAD.size + common
        self._know(path, content[_HEAD.size : start], content[start : start + own])

    def _know(self, path: Path, common: bytes, own: bytes) -> None:
        facts = json.loads(own)
        self.path = path
        self.meta: dict[str, Any] = facts["meta"]
        self._words: dict[str, str] = facts["words"]
        self._length: int = facts["rows"]
        self._places = _read_places(common)
        self._start = _HEAD.size + len(common) + len(own)

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        return list(self._places)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> Any:
        dtype, before, *_ = self._places[name]
        if dtype is None:
            return np.full(self._length, self._words[name])
        values = np.empty(self._length, dtype)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self._start + self._length * before)
                if file.readinto(values.data) != values.nbytes:
                    raise OSError("too short")
        except OSError as error:
            raise _lost(self.path, error) from None
        return values

    def read(self) -> Table:
        """The whole table, with this meta."""
        columns = [
            Column(self[name], name, unit=place.unit or None, description=place.description or None)
            for name, place in self._places.items()
        ]
        return Table(columns, meta=dict(self.meta), copy=False)


def store_table(path: Path, table: Table, meta: dict[str, Any]) -> StoredTable:
    """Write a table, with another meta; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        In a folder that is there.
    table : Table
        Numbers and words.
    meta : dict
        Numbers, words, lists and mappings of them.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    columns = table.columns.values()
    arrays = [np.ascontiguousarray(column) for column in columns]
    words = {c.name: str(a[0]) for c, a in zip(columns, arrays, strict=True) if _is_one_word(a)}
    common = _write_places(
        tuple(
            (c.name, "" if c.name in words else a.dtype.str, c.unit, c.description)
            for c, a in zip(columns, arrays, strict=True)
        )
    )
    own = json.dumps({"rows": len(table), "words": words, "meta": meta}).encode()
    blocks = [a.data for c, a in zip(columns, arrays, strict=True) if c.name not in words]
    content = b"".join([common, own, *blocks])
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with part.open("wb") as file:
            file.write(_HEAD.pack(_MARK, crc32(content), len(common), len(own)))
            file.write(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    stored = StoredTable.__new__(StoredTable)
    stored._know(path, common, own)
    return stored


def _is_one_word(values: np.ndarray[Any, Any]) -> bool:
    return values.dtype.kind == "U" and len(values) > 0 and bool((values == values[0]).all())


@lru_cache(maxsize=16)
def _write_places(columns: tuple[tuple[str, str, Any, str | None], ...]) -> bytes:
    """Name, type, unit and description of each column as a line: the same for all frames."""
    plain = [(name, dtype, str(unit or ""), about or "") for name, dtype, unit, about in columns]
    return json.dumps(plain).encode()


@lru_cache(maxsize=16)
def _read_places(common: bytes) -> dict[str, _Place]:
    places, before = {}, 0
    for name, kind, unit, about in json.loads(common):
        dtype = np.dtype(kind) if kind else None
        places[name] = _Place(dtype, before, unit, about)
        before += dtype.itemsize if dtype else 0
    return places


def _lost(path: Path, error: Exception) -> FileError:
    return FileError(f"{path}: damaged or not there any more ({error}); run again")


class Part:
    """Some rows of an Arrow table; a column becomes an array when it is asked for.

    Attributes
    ----------
    meta : dict
        Of its own.
    """

    def __init__(self, arrow: Any) -> None:
        self._arrow = arrow
        self.meta: dict[str, Any] = {}

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._arrow.column_names
        return names

    def __len__(self) -> int:
        return int(self._arrow.num_rows)

    def __getitem__(self, name: str) -> Any:
        return values_of(self._arrow[name])


def read_parts(path: str | Path, name: str) -> dict[str, Part]:
    """The rows of a Parquet table by the words of a column, of which equal ones lie together.

    Raises
    ------
    FileError
        If the file is not there or is damaged.
    """
    arrow = read_coded(path)
    column = arrow[name].combine_chunks()
    codes, words = column.indices.to_numpy(), column.dictionary.to_pylist()
    starts = np.flatnonzero(np.r_[[True] * bool(len(codes)), codes[1:] != codes[:-1]])
    stops = [*starts[1:], len(codes)]
    return {words[codes[a]]: Part(arrow.slice(a, b - a)) for a, b in zip(starts, stops, strict=True)}
