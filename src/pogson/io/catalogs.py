"""Read a photometric catalogue, whatever it calls its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import CATALOG
from pogson.core.errors import FileError
from pogson.core.flags import Star
from pogson.io.catalog_places import read_positions
from pogson.io.catalog_words import bare_name, catalog_words, find_column, list_names, unit_of
from pogson.io.rows import Columns, read_columns

Values = NDArray[np.float64]


def read_catalog(
    path: str | Path, *, columns: Mapping[str, str] | None = None, variables: bool = False
) -> Table:
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
    variables : bool
        It lists variable stars: they are flagged so, and their magnitudes are not read.

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
        bare_name(name): (values, unit or unit_of(name))
        for name, (values, unit) in read_columns(path).items()
    }
    given = dict(columns or {})
    for key, name in given.items():
        if key not in ("unit", "epoch") and bare_name(name) not in found:
            raise FileError(
                f"{path}: [catalog.columns] {key} = '{name}' is not among its columns: {list_names(found)}"
            )
    ra, dec, where = read_positions(path, found, given)
    bands = {} if variables else _magnitudes(found, given)
    if not bands and not variables:
        raise FileError(
            f"{path}: no magnitude column recognised among: {list_names(found)}; "
            "set [catalog.columns] mag_<band>"
        )
    n = len(ra)
    star = find_column(found, given, "id")
    values: dict[str, Any] = {
        "id": _text(found[star][0]) if star else np.arange(1, n + 1).astype(str),
        "ra": ra,
        "dec": dec,
        "pmra": _motion(found, find_column(found, given, "pmra"), n),
        "pmdec": _motion(found, find_column(found, given, "pmdec"), n),
        "flags": flags_of(found, n) | (int(Star.VARIABLE) if variables else 0),
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


def _text(values: NDArray[Any]) -> NDArray[np.str_]:
    if values.dtype.kind == "f" and np.all(np.isfinite(values)) and np.all(values == np.round(values)):
        values = values.astype(np.int64)
    return values.astype(str)


def _magnitudes(found: Columns, given: Mapping[str, str]) -> dict[str, tuple[Values, Values]]:
    words = catalog_words()
    numeric = {name: values.astype(float) for name, (values, _) in found.items() if values.dtype.kind in "fi"}
    position = {find_column(found, given, key) for key in words["position"]}
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
        return bare_name(given[key])
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
        for word in catalog_words()["position"][key]:
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
    name = find_column(found, {}, "epoch")
    if name and found[name][0].dtype.kind in "fi":
        year = float(np.nanmedian(found[name][0].astype(float)))
        if 1900.0 < year < 2100.0:
            return year
    return float(catalog_words()["epochs"].get(where, np.nan))
