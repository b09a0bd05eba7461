"""The catalogue that is always there: 1.87 million stars of Tycho-2, all over the sky, to V_T about 12."""

from __future__ import annotations

import threading
from functools import lru_cache
from importlib.resources import as_file, files
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import CATALOG
from pogson.io.files import in_words
from pogson.io.healpix import cells_near

Values = NDArray[np.float64]

#: position (degree) and V_T of stars
Stars = tuple[Values, Values, Values]

NAME = "Tycho-2"
EPOCH = 2000.0  # of the positions; the packed stars carry no proper motion

_ORDER = 3  # one row group for each cell, brightest star first
_UNIT = 0.05 / 3600.0  # degree
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _open() -> Any:
    import pyarrow.parquet as pq

    with as_file(files("pogson.data").joinpath("tycho2.parquet")) as path:
        return pq.ParquetFile(Path(path), memory_map=True)


def _unpack(rows: Any) -> Stars:
    ra, dec, mag = (rows[name].to_numpy().astype(float) for name in ("ra", "dec", "mag_VT"))
    return ra * _UNIT, dec * _UNIT, mag * 0.01


@lru_cache(maxsize=64)
def _cell(number: int) -> tuple[Stars, Values]:
    # one reader, many threads
    with _lock, in_words(Path("pogson/data/tycho2.parquet"), "cannot be read"):
        stars = _unpack(_open().read_row_group(number, use_threads=False))
    return stars, _directions(stars[0], stars[1])


def _directions(ra: Values, dec: Values) -> Values:
    a, d = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def tycho2_stars(ra: float, dec: float, radius: float, faintest: float = inf) -> Stars:
    """Stars of Tycho-2 in a cone, brightest first: ra, dec (degree) and V_T.

    Parameters
    ----------
    ra, dec, radius : float
        Degree, ICRS.
    faintest : float
        Stars beyond this V_T are left out.
    """
    a, d = np.radians(ra), np.radians(dec)
    axis = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    # the square of the chord: a cosine is too coarse for small cones
    limit = 4.0 * np.sin(np.radians(min(radius, 180.0)) / 2.0) ** 2
    parts = []
    for number in cells_near(ra, dec, radius, _ORDER):
        stars, place = _cell(int(number))
        last = np.searchsorted(stars[2], faintest, side="right")
        inside = ((place[:last] - axis) ** 2).sum(1) <= limit
        parts.append([column[:last][inside] for column in stars])
    joined = [np.concatenate([part[k] for part in parts]) for k in range(3)]
    order = np.argsort(joined[2], kind="stable")
    return joined[0][order], joined[1][order], joined[2][order]


@lru_cache(maxsize=1)
def tycho2_sky() -> Stars:
    """All stars, cell by cell: ra, dec (degree) and V_T; 45 MB, read once."""
    with _lock, in_words(Path("pogson/data/tycho2.parquet"), "cannot be read"):
        return _unpack(_open().read(use_threads=False))


def read_tycho2(ra: float, dec: float, radius: float) -> Table:
    """Stars of Tycho-2 in a cone as CATALOG, brightest first, with `mag_VT`.

    V_T is no Johnson V (they differ by 0.09 (B-V)_T): the band has a name of its own, so that it is never
    taken for a standard magnitude. Stars are named by their place.

    Parameters
    ----------
    ra, dec, radius : float
        Degree, ICRS.
    """
    a, d, mag = tycho2_stars(ra, dec, radius)
    n = len(a)
    unknown = np.full(n, np.nan)
    table = CATALOG.table(
        {"name": NAME, "path": "", "bands": "VT", "epoch": EPOCH},
        id=np.array([f"T{x:.4f}{y:+.4f}" for x, y in zip(a, d, strict=True)], "U20"),
        ra=a,
        dec=d,
        pmra=unknown,
        pmdec=unknown.copy(),
        flags=np.zeros(n, np.int64),
        mag_VT=mag,
        mag_VT_err=unknown.copy(),
    )
    for name in ("mag_VT", "mag_VT_err"):
        table[name].unit = "mag"
    return table
