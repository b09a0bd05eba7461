"""Tables that stay in their files: a column is read when it is asked for, and not kept."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from astropy.table import Table

from pogson.core.errors import FileError
from pogson.io.tables import meta_of, read_arrow, to_table, values_of


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


@lru_cache(maxsize=4)
def _latest(path: Path, _: int) -> Any:
    """The files read last: columns of one table are asked for one after the other."""
    return read_arrow(path)
