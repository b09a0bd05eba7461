"""Where the stars of a catalogue are, however it writes that down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FileError
from pogson.io.catalog_words import find_column, list_names
from pogson.io.rows import Columns

Values = NDArray[np.float64]


def read_positions(path: Path, found: Columns, given: Mapping[str, str]) -> tuple[Values, Values, str]:
    """Right ascensions and declinations in degree, and the name of the first, letters and digits only.

    Raises
    ------
    FileError
        If they are not there, or their unit cannot be known.
    """
    names = {key: find_column(found, given, key) for key in ("ra", "dec")}
    for key, name in names.items():
        if not name:
            raise FileError(
                f"{path}: no column for {key} recognised among: {list_names(found)}; "
                f"set [catalog.columns] {key}"
            )
    ra, ra_unit = found[names["ra"]]
    dec, dec_unit = found[names["dec"]]
    if dec.dtype.kind == "U":
        dec, dec_unit = _sexagesimal(path, names["dec"], dec), "deg"
    if ra.dtype.kind == "U":
        ra, ra_unit = _sexagesimal(path, names["ra"], ra), given.get("unit", "hourangle")
    ra_unit = given.get("unit") or _known_unit(ra_unit) or _unit_in_name(names["ra"])
    dec_unit = _known_unit(dec_unit) or ("rad" if ra_unit == "rad" else "deg")
    if not ra_unit:
        ra_unit = _guess_unit(path, ra.astype(float), dec.astype(float))
    factor = {"deg": 1.0, "hourangle": 15.0, "rad": 180.0 / np.pi}
    if ra_unit not in factor:
        raise FileError(f"{path}: [catalog.columns] unit = '{ra_unit}' must be deg, hourangle or rad")
    ra = ra.astype(float) * factor[ra_unit] % 360.0
    dec = dec.astype(float) * factor[dec_unit]
    if not np.all(np.abs(dec[np.isfinite(dec)]) <= 90.0):
        raise FileError(
            f"{path}: column '{names['dec']}' holds declinations beyond 90 deg; set [catalog.columns] dec"
        )
    return ra, dec, re.sub(r"[^a-z0-9]", "", names["ra"].lower())


def _known_unit(unit: str) -> str:
    word = unit.strip().lower()
    for known, names in {
        "deg": ("deg", "degree", "degrees", "°", "d"),
        "hourangle": ("h", "hour", "hours", "hourangle", "hr", "h:m:s", '"h:m:s"'),
        "rad": ("rad", "radian", "radians"),
    }.items():
        if word in names:
            return known
    return ""


def _unit_in_name(name: str) -> str:
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    if word in ("rah", "rahour", "rahours"):
        return "hourangle"
    if word.endswith("rad"):
        return "rad"
    return "deg" if "deg" in word else ""


def _guess_unit(path: Path, ra: Values, dec: Values) -> str:
    """Degrees, unless the numbers could as well be hours or radians: then the user must say."""
    ra, dec = ra[np.isfinite(ra) & np.isfinite(dec)], dec[np.isfinite(ra) & np.isfinite(dec)]
    if len(ra) < 10:
        return "deg"
    if ra.max() <= 2 * np.pi and np.abs(dec).max() <= np.pi / 2:
        raise FileError(f"{path}: right ascensions could be degrees or radians; set [catalog.columns] unit")
    if ra.max() <= 24.0:
        wide, high = np.ptp(ra) * np.cos(np.radians(np.median(dec))), np.ptp(dec)
        # a patch of sky is about as wide as it is high
        if high > 6.0 * wide:
            raise FileError(
                f"{path}: right ascensions look like hours; set [catalog.columns] unit = 'hourangle' or 'deg'"
            )
    return "deg"


def _sexagesimal(path: Path, name: str, text: NDArray[Any]) -> Values:
    """Numbers of "12:34:56.7", "12 34 56.7", "12h34m56.7s" or "-01d02m03s"."""
    values = np.full(len(text), np.nan)
    for k, cell in enumerate(text):
        parts = re.findall(r"\d+(?:\.\d*)?", cell)
        if parts:
            size = sum(float(p) / 60.0**power for power, p in enumerate(parts[:3]))
            values[k] = -size if cell.lstrip().startswith(("-", "−")) else size
    if not np.isfinite(values).any():
        raise FileError(f"{path}: column '{name}' holds no positions; set [catalog.columns] ra and dec")
    return values
