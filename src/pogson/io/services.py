"""Which catalogues can be fetched, and how each service is asked for them: `services.toml`, read."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import nan

from pogson.core.errors import SettingError
from pogson.io.store_write import About


@dataclass(frozen=True)
class Service:
    """One way to a catalogue: where to ask, and in which words."""

    addresses: tuple[str, ...]
    table: str
    columns: Mapping[str, str]
    where: str = ""

    def query(self, ra: float, dec: float, radius: float) -> str:
        """The ADQL for a circle; our columns come back as c0, c1 ... in the order of `columns`."""
        select = ", ".join(f"{text} AS c{k}" for k, text in enumerate(self.columns.values()))
        limits = f" AND {self.where}" if self.where else ""
        return (
            f"SELECT {select} FROM {self.table} WHERE 1 = CONTAINS("
            f"POINT('ICRS', {self.columns['ra']}, {self.columns['dec']}), "
            f"CIRCLE('ICRS', {ra:.8f}, {dec:.8f}, {radius:.8f})){limits}"
        )


@dataclass(frozen=True)
class Source:
    """A catalogue that can be fetched."""

    name: str
    title: str
    cite: str
    about: About
    services: tuple[Service, ...]


@cache
def known_sources() -> Mapping[str, Source]:
    """All catalogues that can be fetched, by name."""
    words = tomllib.loads(files("pogson.io").joinpath("services.toml").read_text("utf-8"))
    return {name: _source(name, given, words["services"]) for name, given in words["catalogs"].items()}


def _source(name: str, given: Mapping[str, object], addresses: Mapping[str, list[str]]) -> Source:
    ways: list[Mapping[str, object]] = given["from"]  # type: ignore[assignment]
    services = tuple(
        Service(
            tuple(addresses[str(way["service"])]),
            str(way["table"]),
            way["columns"],  # type: ignore[arg-type]
            str(way.get("where", "")),
        )
        for way in ways
    )
    bands = tuple(c[4:] for c in services[0].columns if c.startswith("mag_") and not c.endswith("_err"))
    about = About(
        str(given["title"]),
        str(given.get("system", "")),
        float(str(given.get("accuracy", nan))),
        str(given.get("kind", "stars")),
        float(str(given["epoch"])),
        bands,
    )
    return Source(name, str(given["title"]), str(given["cite"]), about, services)


def find_sources(names: Sequence[str]) -> list[Source]:
    """The sources of these names.

    Raises
    ------
    SettingError
        If there is none of a name.
    """
    known = known_sources()
    for name in names:
        if name not in known:
            raise SettingError(f"--catalogs {name}: cannot be fetched; there is {', '.join(known)}")
    return [known[name] for name in names]


def own_addresses() -> tuple[str, ...]:
    """Addresses in $POGSON_TAP, blanks between: a mirror of your own, asked instead of all others.

    Raises
    ------
    SettingError
        If one is no http address.
    """
    found = tuple(os.environ.get("POGSON_TAP", "").split())
    for address in found:
        if not address.startswith(("http://", "https://")):
            raise SettingError(f"$POGSON_TAP: '{address}' must begin with https:// or http://")
    return found
