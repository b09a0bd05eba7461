"""The many names of a catalogue's columns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pogson.io.rows import Columns


@cache
def catalog_words() -> dict[str, Any]:
    """How catalogues call their columns: `catalogs.toml`, read."""
    return tomllib.loads(files("pogson.io").joinpath("catalogs.toml").read_text("utf-8"))


def bare_name(name: str) -> str:
    """Name without a unit in brackets."""
    return re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", name.strip())


def unit_of(name: str) -> str:
    """The unit in brackets behind a name."""
    inside = re.search(r"[(\[]([^)\]]*)[)\]]\s*$", name)
    return inside.group(1) if inside else ""


def list_names(found: Columns) -> str:
    """The names of the columns, for an error message."""
    names = list(found)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def find_column(found: Columns, given: Mapping[str, str], key: str) -> str:
    """The table's own name of a position column; empty where there is none."""
    if key in given:
        return bare_name(given[key])
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(list(found))}
    return next((plain[word] for word in catalog_words()["position"][key] if word in plain), "")
