"""What a service answered: checked before anything of it is believed, and made a catalogue.

An answer comes from the network: it may be cut, an error page, about another place, or made to do harm.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import CATALOG
from pogson.core.errors import ServiceError
from pogson.io.catalogs import clean_magnitudes, flags_of
from pogson.io.files import first_line
from pogson.io.rows import plain_column

#: what a VOTable of rows never needs, and what harm may be done with: entities that grow without limit or
#: read files, data that lie elsewhere, other formats inside, encodings that hide the rest
_HARM = {
    rb"<!(?:DOCTYPE|ENTITY)": "it declares entities",
    rb"<(?:[\w.-]+:)?STREAM\b[^>]*\bhref": "its data are said to lie elsewhere",
    rb"<(?:[\w.-]+:)?(?:FITS|PARQUET)\b": "it holds another file",
    rb"\0": "it holds bytes that are no text",
    rb"""<\?xml[^>]*encoding\s*=\s*["'](?!utf-8|us-ascii|iso-8859-1)""": "its encoding is not expected",
}
_LONGEST = 64  # characters of a text that are kept
_NEAR = 0.01  # degree: beyond the circle that was asked for
_DOUBTS = ("variable", "duplicate", "dupvar")
_BARE = {"id", "ra", "dec", "pmra", "pmdec", *_DOUBTS}


class TooManyRowsError(ServiceError):
    """The service had more rows than it may give: ask for a smaller part of the sky."""


def read_answer(
    answer: bytes, columns: Mapping[str, str], *, circle: tuple[float, float, float], most: int
) -> Table:
    """The stars in a VOTable that a service sent, as CATALOG.

    Parameters
    ----------
    answer : bytes
        As it came.
    columns : mapping
        Names of our columns, in the order in which c0, c1 ... hold them.
    circle : ra, dec, radius
        What was asked for, degree.
    most : int
        Rows that were allowed.

    Raises
    ------
    ServiceError
        If it is not what was asked for; the message says why.
    TooManyRowsError
        If the service stopped before it was done.
    """
    _refuse_harm(answer)
    table = _parse(answer, most)
    found: dict[str, tuple[NDArray[Any], str]] = {}
    names = {name.lower(): name for name in table.colnames}
    for k, ours in enumerate(columns):
        if f"c{k}" not in names:
            raise ServiceError(f"the answer has no column c{k} ({ours}); it has {', '.join(names)[:80]}")
        values = table[names[f"c{k}"]]
        if values.ndim != 1:
            raise ServiceError(f"the answer's column c{k} ({ours}) holds arrays, not numbers")
        found[ours] = plain_column(np.ma.asarray(values), "")
    return _as_catalog(found, circle)


def _refuse_harm(answer: bytes) -> None:
    head = answer[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith((b"<?xml", b"<VOTABLE")) or b"VOTABLE" not in head:
        raise ServiceError("the answer is no VOTable (a page for people?)")
    for pattern, why in _HARM.items():
        if re.search(pattern, answer, re.I):
            raise ServiceError(f"the answer is refused: {why}")
    if not re.search(rb"</(?:[\w.-]+:)?VOTABLE\s*>\s*\Z", answer[-200:]):
        raise ServiceError("the answer is cut off")


def _parse(answer: bytes, most: int) -> Table:
    from astropy.io.votable import parse

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parse(io.BytesIO(answer), verify="ignore")
            infos = [i for one in tree.resources for i in one.infos if i.name == "QUERY_STATUS"]
            for info in infos:
                if str(info.value).upper() == "ERROR":
                    raise ServiceError(f"the service says: {one_line(info.content or 'error')}")
                if str(info.value).upper() == "OVERFLOW":
                    raise TooManyRowsError(f"more than {most} rows")
            table = tree.get_first_table().to_table(use_names_over_ids=True)
    except ServiceError:
        raise
    except Exception as error:
        raise ServiceError(f"the answer cannot be read: {one_line(first_line(error))}") from None
    if len(table) >= most:
        raise TooManyRowsError(f"{most} rows or more")
    return table


def _as_catalog(found: Mapping[str, tuple[NDArray[Any], str]], circle: tuple[float, float, float]) -> Table:
    numbers = {name: _numbers(name, values) for name, (values, _) in found.items() if _is_number(name)}
    ra, dec = numbers["ra"], numbers["dec"]
    n = len(ra)
    _check_places(ra, dec, circle)
    unknown = np.full(n, np.nan)
    values: dict[str, Any] = {
        "id": _texts(found["id"][0]) if "id" in found else _names(ra, dec),
        "ra": ra % 360.0,
        "dec": dec,
        **{name: _motion(numbers.get(name, unknown)) for name in ("pmra", "pmdec")},
        "flags": flags_of(
            {name: found[name] for name in ("variable", "duplicate", "dupvar") if name in found}, n
        ),
    }
    for name in found:
        if name.startswith("mag_") and not name.endswith("_err"):
            mag, err = clean_magnitudes(numbers[name], numbers.get(f"{name}_err"))
            if (ok := numbers.get(f"ok_{name[4:]}")) is not None:
                mag, err = np.where(ok == 1, mag, np.nan), np.where(ok == 1, err, np.nan)
            values[name], values[f"{name}_err"] = mag, err
        elif not name.startswith(("mag_", "ok_")) and name not in _BARE:
            values[name] = numbers[name] if name in numbers else _texts(found[name][0])
    return CATALOG.table({}, **values)


def _is_number(name: str) -> bool:
    return name.startswith(("mag_", "ok_")) or name in ("ra", "dec", "pmra", "pmdec", "parallax", "period")


def _numbers(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    if len(values) and values.dtype.kind not in "fiub":
        raise ServiceError(f"the answer's {name} are no numbers, as '{one_line(str(values[0]))[:20]}'")
    return values.astype(float) if values.dtype.kind in "fiub" else np.empty(0)


def _check_places(
    ra: NDArray[np.float64], dec: NDArray[np.float64], circle: tuple[float, float, float]
) -> None:
    if not (np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0) & (np.abs(ra) <= 360.0)).all():
        raise ServiceError("the answer holds places that are not on the sky")
    a, d, a0, d0 = (np.radians(v) for v in (ra, dec, *circle[:2]))
    chord = np.sin((d - d0) / 2.0) ** 2 + np.cos(d) * np.cos(d0) * np.sin((a - a0) / 2.0) ** 2
    limit = np.sin(np.radians(min(circle[2] + _NEAR, 180.0)) / 2.0) ** 2
    if (chord > limit).any():
        raise ServiceError("the answer is about another place of the sky")


def _motion(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) < 2e4, values, np.nan)


def _texts(values: NDArray[Any]) -> NDArray[np.str_]:
    # what is printed on a terminal later must not command it
    words = [one_line(str(int(v)) if values.dtype.kind == "f" else str(v))[:_LONGEST] for v in values]
    return np.array(words, str) if words else np.empty(0, "U1")


def _names(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.str_]:
    words = [f"J{a:.5f}{d:+.5f}" for a, d in zip(ra, dec, strict=True)]
    return np.array(words, str) if words else np.empty(0, "U1")


def one_line(text: str) -> str:
    """Text of others, fit to be shown in one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
