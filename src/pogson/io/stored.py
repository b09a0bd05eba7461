"""Tables that stay in their files, or as their files have them: a column is made when it is asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FileError
from pogson.io.tables import meta_of, read_arrow, read_coded, to_table, values_of


class StoredTable:
    """A table in an Arrow file, of which only the columns that are asked for come into memory.

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
        self.path = path
        arrow = self._arrow()
        self.meta: dict[str, Any] = meta_of(arrow)
        self._length = arrow.num_rows

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._arrow().column_names
        return names

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> Any:
        return values_of(self._arrow()[name])

    def read(self) -> Table:
        """The whole table, with this meta."""
        table = to_table(self._arrow())
        table.meta = dict(self.meta)
        return table

    def _arrow(self) -> Any:
        try:
            return _latest(self.path, self.path.stat().st_mtime_ns)
        except Exception as error:
            message = " ".join(str(error).split())[:120]
            raise FileError(f"{self.path}: damaged or not there any more ({message}); run again") from None


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


@lru_cache(maxsize=4)
def _latest(path: Path, _: int) -> Any:
    """The files read last: columns of one table are asked for one after the other."""
    return read_arrow(path)
