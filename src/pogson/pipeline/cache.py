"""What an unfinished run has done already: tables with their facts, found again by a key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import Rows
from pogson.core.errors import FileError
from pogson.io.files import remove
from pogson.io.stored import StoredTable, store_table


def make_key(*parts: Any) -> str:
    """A short name of everything that a result depends on."""
    text = json.dumps(to_plain(parts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def to_plain(value: Any) -> Any:
    """Dataclasses, arrays and tuples as plain mappings and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


class Cache:
    """A folder of tables, each with its facts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[str] = set()

    def get(self, key: str) -> StoredTable | None:
        """The table kept under a key; None where there is none, or a damaged one."""
        path = self._path(key)
        self.used.add(key)
        try:
            return StoredTable(path) if path.exists() else None
        except FileError:
            return None

    def put(self, key: str, table: Table, facts: dict[str, Any]) -> StoredTable:
        """Keep a table, with facts as its meta."""
        self.used.add(key)
        return store_table(self._path(key), table, {"facts": to_plain(facts)})

    def forget_unused(self) -> None:
        """Remove the tables that nobody asked for or put here: those of a field that was measured anew."""
        for path in self.folder.glob("*.table"):
            if path.stem not in self.used:
                remove(path)

    @staticmethod
    def facts(table: Rows) -> dict[str, Any]:
        """The facts kept with a table."""
        found: dict[str, Any] = table.meta["facts"]
        return found

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.table"
