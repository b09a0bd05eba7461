"""The data table of header dialects, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def vocabulary() -> dict[str, Any]:
    """The content of `headers.toml`: which cards may hold a quantity, in order of trust."""
    return tomllib.loads(files("pogson.io").joinpath("headers.toml").read_text("utf-8"))


def cards(quantity: str) -> list[Any]:
    """Cards that may hold a quantity, in order of trust."""
    return vocabulary()["cards"][quantity]
