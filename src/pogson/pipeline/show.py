"""What is in a frame, a table or the folder of a run, in words."""

from __future__ import annotations

import json
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FileError
from pogson.core.flags import Pixel
from pogson.core.frame import Site
from pogson.io.catalogs import read_catalog
from pogson.io.files import read_text
from pogson.io.fits import read_raw
from pogson.io.tables import read_table
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings

#: fields of an exposure that are not shown one by one
HIDDEN = ("cards", "sources", "notes", "path")


def describe_frame(path: Path, settings: Settings) -> list[str]:
    """Every value of a frame's exposure with its source, and the statistics of its pixels."""
    raw = read_raw(path, overrides=settings.facts)
    exposure = raw.exposure
    lines = [str(path)]
    for field in fields(exposure):
        words = _words(getattr(exposure, field.name))
        if field.name not in HIDDEN and words:
            lines.append(f"  {field.name:<16} {words:<28} {exposure.sources.get(field.name, '')}".rstrip())
    unit = "electron" if exposure.sources.get("gain", "").startswith("BUNIT") else "ADU"
    adu = raw.adu()
    low, middle, high = np.nanpercentile(adu, [1, 50, 99])
    lines.append(
        f"  pixels           {adu.shape[1]} x {adu.shape[0]}, {unit}: min {np.nanmin(adu):g}, 1 % {low:g}, "
        f"median {middle:g}, 99 % {high:g}, max {np.nanmax(adu):g}"
    )
    if exposure.kind == "light" or exposure.reduced:
        frame = open_frame(str(path), settings)
        bits = [f"{p.name.lower()} {n}" for p in Pixel if p.name and (n := int(np.sum(frame.mask & p > 0)))]
        lines.append(f"  flagged pixels   {', '.join(bits) or 'none'}")
        lines.append(f"  median error     {float(np.sqrt(np.nanmedian(frame.variance))):.2f} {frame.unit}")
    lines += [f"  note             {note}" for note in exposure.notes]
    return lines


def _words(value: Any) -> str:
    """A value of an exposure in words; empty where it is not known."""
    if isinstance(value, Site):
        known = ((n, getattr(value, n)) for n in ("name", "latitude", "longitude", "height"))
        return ", ".join(f"{n} {_words(v)}" for n, v in known if _words(v))
    if isinstance(value, float):
        return f"{value:.12g}" if isfinite(value) else ""
    if isinstance(value, tuple):
        return ", ".join(_words(v) for v in value)
    return "" if value is None else str(value)


def describe_run(folder: Path) -> list[str]:
    """The summary of a finished run."""
    path = folder / "run.json"
    if not path.exists():
        raise FileError(
            f"{folder}: holds no run.json: not the folder of a finished run; try `pogson scan {folder}`"
        )
    try:
        facts = json.loads(read_text(path))
        return [*facts["summary"], f"started {facts['started']} with pogson {facts['versions']['pogson']}"]
    except (ValueError, KeyError) as error:
        raise FileError(f"{path}: damaged ({error}); run the night again") from None


def read_any_table(path: Path) -> Table:
    """A table that pogson wrote, or a catalogue."""
    try:
        return read_table(path)
    except FileError:
        return read_catalog(path)
