"""Catalogues of the store as one file, for a computer without a network."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pogson.core.errors import FileError, SettingError
from pogson.io.files import hash_file, in_words, make_folder, read_text, remove, write_atomic
from pogson.io.store import check_name, list_catalogs, read_stored


def export_catalogs(store: Path, target: Path, names: Iterable[str] = ()) -> list[str]:
    """Pack catalogues of the store into one file, for a computer without a network.

    Raises
    ------
    FileError, SettingError
        If a name is not there, or the file cannot be written.
    """
    known = {one.name: one for one in list_catalogs(store)}
    chosen = list(names) or list(known)
    missing = [name for name in chosen if name not in known]
    if missing or not chosen:
        there = ", ".join(known) or "nothing"
        raise SettingError(f"the store has no catalogue {', '.join(missing) or 'at all'}; it has: {there}")

    def pack(file: Any) -> None:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name in chosen:
                archive.add(known[name].folder, arcname=name)

    write_atomic(target, pack)
    return chosen


def import_catalogs(source: Path, store: Path, *, overwrite: bool = False) -> list[str]:
    """Unpack catalogues into the store; every cell is checked against its hash.

    Raises
    ------
    FileError
        If the file is no export, or damaged; nothing is added then.
    SettingError
        If a catalogue of that name is there.
    """
    make_folder(store)
    part = store / f".import.{os.getpid()}.part"
    try:
        with in_words(source, "cannot be read as an export of catalogues"):
            remove(part)
            part.mkdir()
            with tarfile.open(source) as archive:
                # the filter refuses links, devices and paths that lead elsewhere
                archive.extractall(part, filter="data")
        found = [path.parent for path in sorted(part.glob("*/pogson.json"))]
        if not found:
            raise FileError(f"{source}: holds no catalogue; make it with `pogson catalog export`")
        for folder in found:
            check_name(folder.name)
            _verify(source, folder)
            if (store / folder.name).exists() and not overwrite:
                raise SettingError(f"catalogue '{folder.name}' is in the store already; use --overwrite")
        for folder in found:
            remove(store / folder.name)
            folder.replace(store / folder.name)
        return [folder.name for folder in found]
    finally:
        remove(part)


def _verify(source: Path, folder: Path) -> None:
    read_stored(folder)
    with in_words(source, "is damaged"):
        hashes = json.loads(read_text(folder / "pogson.json"))["sha256"]
        for name, expected in hashes.items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()) or hash_file(path) != expected:
                raise FileError(f"{source}: {folder.name}/{name} is damaged; export it again")
