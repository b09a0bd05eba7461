"""Read a photometric catalogue, whatever it calls its columns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import CATALOG
from pogson.core.errors import FileError
from pogson.core.flags import Star
from pogson.io.rows import Columns, read_columns

Values = NDArray[np.float64]


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("pogson.io").joinpath("catalogs.toml").read_text("utf-8"))


def read_catalog(path: str | Path, *, columns: Mapping[str, str] | None = None) -> Table:
    """Read a table of stars with known magnitudes.

    Parameters
    ----------
    path : path
        CSV, TSV, white-space table with a header, ECSV, FITS, VOTable or Parquet.
    columns : mapping, optional
        What the table calls its columns, where that is not recognised: ``id``, ``ra``, ``dec``,
        ``pmra``, ``pmdec``, ``mag_<band>`` and ``mag_<band>_err``. Two further keys hold values:
        ``unit`` ("deg", "hourangle" or "rad") of a numeric right ascension, and ``epoch``
        (Julian year) of the positions.

    Returns
    -------
    Table
        CATALOG, with `mag_<band>` and `mag_<band>_err` for each band found. Missing magnitudes
        are NaN; an error that is missing, zero or absurd is NaN. Meta: name, path, bands
        (comma between them), epoch (Julian year; NaN where unknown).

    Raises
    ------
    FileError
        If the table cannot be read, or holds no positions or no magnitudes.
    """
    path = Path(path)
    found = {
        _bare(name): (values, unit or _unit_of(name)) for name, (values, unit) in read_columns(path).items()
    }
    given = dict(columns or {})
    for key, name in given.items():
        if key not in ("unit", "epoch") and _bare(name) not in found:
            raise FileError(
                f"{path}: [catalog.columns] {key} = '{name}' is not among its columns: {_list(found)}"
            )
    ra, dec, where = _positions(path, found, given)
    bands = _magnitudes(found, given)
    if not bands:
        raise FileError(
            f"{path}: no magnitude column recognised among: {_list(found)}; set [catalog.columns] mag_<band>"
        )
    n = len(ra)
    star = _find(found, given, "id")
    values: dict[str, Any] = {
        "id": _text(found[star][0]) if star else np.arange(1, n + 1).astype(str),
        "ra": ra,
        "dec": dec,
        "pmra": _motion(found, _find(found, given, "pmra"), n),
        "pmdec": _motion(found, _find(found, given, "pmdec"), n),
        "flags": flags_of(found, n),
    }
    for band, (mag, err) in bands.items():
        values[f"mag_{band}"], values[f"mag_{band}_err"] = mag, err
    good = np.isfinite(ra) & np.isfinite(dec)
    table = CATALOG.table(
        {
            "name": path.name.split(".")[0],
            "path": str(path),
            "bands": ",".join(bands),
            "epoch": _epoch(found, given, where),
        },
        **{name: column[good] for name, column in values.items()},
    )
    for band in bands:
        table[f"mag_{band}"].unit = table[f"mag_{band}_err"].unit = "mag"
        table[f"mag_{band}"].description = f"magnitude in {band}; NaN where unknown"
        table[f"mag_{band}_err"].description = f"error of mag_{band}, 1 sigma; NaN where unknown"
    return table


def _bare(name: str) -> str:
    """Name without a unit in brackets."""
    return re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", name.strip())


def _unit_of(name: str) -> str:
    inside = re.search(r"[(\[]([^)\]]*)[)\]]\s*$", name)
    return inside.group(1) if inside else ""


def _list(found: Columns) -> str:
    names = list(found)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _text(values: NDArray[Any]) -> NDArray[np.str_]:
    if values.dtype.kind == "f" and np.all(np.isfinite(values)) and np.all(values == np.round(values)):
        values = values.astype(np.int64)
    return values.astype(str)


def _find(found: Columns, given: Mapping[str, str], key: str) -> str:
    """The table's own name of a position column; empty where there is none."""
    if key in given:
        return _bare(given[key])
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(list(found))}
    return next((plain[word] for word in _words()["position"][key] if word in plain), "")


def _positions(path: Path, found: Columns, given: Mapping[str, str]) -> tuple[Values, Values, str]:
    names = {key: _find(found, given, key) for key in ("ra", "dec")}
    for key, name in names.items():
        if not name:
            raise FileError(
                f"{path}: no column for {key} recognised among: {_list(found)}; set [catalog.columns] {key}"
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


def _magnitudes(found: Columns, given: Mapping[str, str]) -> dict[str, tuple[Values, Values]]:
    words = _words()
    numeric = {name: values.astype(float) for name, (values, _) in found.items() if values.dtype.kind in "fi"}
    position = {_find(found, given, key) for key in words["position"]}
    bands: dict[str, tuple[Values, Values]] = {}
    for band in dict.fromkeys([*words["magnitudes"]["bands"], *_given_bands(given)]):
        mag = _pick(numeric, given, f"mag_{band}", _spellings(words, band, "mag"))
        if not mag or mag in position:
            continue
        err = _pick(numeric, given, f"mag_{band}_err", _spellings(words, band, "err"))
        bands[band] = clean_magnitudes(numeric[mag], numeric.get(err))
    for rule in words["colors"]:
        if rule["to"] not in bands and rule["from"] in bands and rule["color"] in numeric:
            color, color_err = clean_magnitudes(numeric[rule["color"]], numeric.get(f"e_{rule['color']}"))
            base, base_err = bands[rule["from"]]
            bands[rule["to"]] = (base + rule["sign"] * color, np.hypot(base_err, color_err))
    return {band: pair for band, pair in bands.items() if np.isfinite(pair[0]).any()}


def _given_bands(given: Mapping[str, str]) -> list[str]:
    return [key[4:] for key in given if key.startswith("mag_") and not key.endswith("_err")]


def _pick(numeric: Mapping[str, Values], given: Mapping[str, str], key: str, spellings: list[str]) -> str:
    if key in given:
        return _bare(given[key])
    # y and z beside an x are coordinates
    taken = ("y", "z") if "x" in numeric else ()
    return next((name for name in spellings if name in numeric and name not in taken), "")


def _spellings(words: dict[str, Any], band: str, kind: str) -> list[str]:
    own = [pattern.format(band) for pattern in words["magnitudes"][kind]]
    other = [
        pattern.format(alias)
        for alias in words["aliases"].get(band, [])
        for pattern in words["magnitudes"][kind]
        # a lone short alias such as "sg" or "gp" could be anything
        if pattern != "{}" or len(alias) > 2
    ]
    return own + other + (words["names"].get(band, []) if kind == "mag" else [])


def clean_magnitudes(mag: Values, err: Values | None) -> tuple[Values, Values]:
    """Magnitudes and errors, NaN for the numbers that stand for "not measured"."""
    with np.errstate(invalid="ignore"):
        good = (mag > -5.0) & (mag < 40.0)
        mag = np.where(good, mag, np.nan)
        if err is None:
            return mag, np.full(len(mag), np.nan)
        return mag, np.where(good & (err > 0.0) & (err < 9.0), err, np.nan)


def _motion(found: Columns, name: str, n: int) -> Values:
    if not name or found[name][0].dtype.kind not in "fi":
        return np.full(n, np.nan)
    values, unit = found[name]
    word = unit.replace(" ", "").lower()
    factor = 1000.0 if word.startswith(("arcsec", "as/")) else 3.6e6 if word.startswith("deg") else 1.0
    values = values.astype(float) * factor
    return np.where(np.abs(values) < 2e4, values, np.nan)


def flags_of(found: Columns, n: int) -> NDArray[np.int64]:
    """Bits VARIABLE and BLENDED of each row, by the columns that say so."""
    flags = np.zeros(n, np.int64)
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in found}
    for key, bit in (("variable", Star.VARIABLE), ("duplicate", Star.BLENDED)):
        for word in _words()["position"][key]:
            if word not in plain:
                continue
            values = found[plain[word]][0]
            if word == "dupvar":  # 0 constant, 1 variable, 2 not available; plus 4 where duplicated
                code = np.nan_to_num(values.astype(float)).astype(np.int64)
                flags[(code & 3) == 1] |= int(Star.VARIABLE)
                flags[(code & 4) != 0] |= int(Star.BLENDED)
            elif values.dtype.kind == "U":
                yes = np.isin(np.char.upper(values), ["VARIABLE", "TRUE", "T", "YES", "Y", "V"])
                flags[yes] |= int(bit)
            else:
                flags[np.nan_to_num(values.astype(float)) > 0] |= int(bit)
    return flags


def _epoch(found: Columns, given: Mapping[str, str], where: str) -> float:
    if "epoch" in given:
        return float(given["epoch"])
    name = _find(found, {}, "epoch")
    if name and found[name][0].dtype.kind in "fi":
        year = float(np.nanmedian(found[name][0].astype(float)))
        if 1900.0 < year < 2100.0:
            return year
    return float(_words()["epochs"].get(where, np.nan))
