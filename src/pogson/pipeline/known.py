"""What catalogues know against a star: that it varies, or that it is two."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from pogson.core.flags import Star
from pogson.io.store import Stored, read_cone
from pogson.pipeline.cone import Cone
from pogson.steps.match.crossmatch import crossmatch

#: arcsec: places of variable stars are often old
_FAR = 3.0


def leave_alone(field: Table) -> tuple[int, ...]:
    """Numbers of the stars that must not be compared with: known variables and duplicates."""
    return tuple(field.meta.get("leave_alone", ()))


def known_bits(field: Table, stars: ArrayLike) -> NDArray[np.int64]:
    """VARIABLE, of each of these stars of the field that is flagged so."""
    place = {int(star): k for k, star in enumerate(field["id"])}
    rows = np.array([place[int(star)] for star in np.asarray(stars)], np.int64)
    return np.asarray(field["flags"], np.int64)[rows] & int(Star.VARIABLE)


def mark_known(
    field: Table,
    catalog: Table | None,
    stored: Iterable[Stored],
    cone: Cone | None,
    epoch: float = nan,
) -> tuple[Table, list[str]]:
    """The field with its known variables flagged, those to leave alone in its meta; and what was found.

    Parameters
    ----------
    field : Table
        FIELD, with coordinates.
    catalog : Table or None
        CATALOG in use: its flags count.
    stored : iterable of Stored
        Of the store; those that list variables are asked, and the flags of all others.
    cone : Cone or None
        About the field.
    epoch : float
        Julian year of the night.
    """
    sources = [] if catalog is None else [(catalog, 1.5, str(catalog.meta.get("name", "the catalogue")))]
    for one in stored if cone is not None else ():
        listed = one.kind == "variables"
        if listed or one.kind == "stars":
            assert cone is not None
            sources.append((read_cone(one, *cone), _FAR if listed else 1.5, one.name))
    said: dict[str, int] = {}
    flags = np.zeros(len(field), np.int64)
    for table, radius, name in sources:
        found = _flags_there(field, table, radius, epoch)
        if new := int(np.sum((found & ~flags & int(Star.VARIABLE)) != 0)):
            said[name] = said.get(name, 0) + new
        flags |= found
    if not flags.any():
        return field, []
    marked = field.copy()
    marked["flags"] = np.asarray(field["flags"], np.int64) | (flags & int(Star.VARIABLE))
    alone = np.asarray(field["id"])[flags != 0]
    marked.meta["leave_alone"] = tuple(int(star) for star in alone)
    variables = int(np.sum((flags & int(Star.VARIABLE)) != 0))
    words = []
    if variables:
        origin = ", ".join(f"{name} {n}" for name, n in said.items())
        words.append(
            f"{variables} known variables ({origin}) are kept out of zero points and comparison stars"
        )
    if twice := int(np.sum((flags & int(Star.BLENDED)) != 0)):
        words.append(f"{twice} stars that catalogues call double are kept out as well")
    return marked, words


def _flags_there(field: Table, table: Table, radius: float, epoch: float) -> NDArray[np.int64]:
    """Bits VARIABLE and BLENDED of the catalogue's stars, at ours."""
    bits = int(Star.VARIABLE | Star.BLENDED)
    told = np.asarray(table["flags"], np.int64) & bits
    found = np.zeros(len(field), np.int64)
    if not told.any():
        return found
    pairs = crossmatch(
        field["ra"], field["dec"], table, ids=np.arange(len(field)), radius=radius, epoch=epoch
    )
    found[np.asarray(pairs["star"], np.int64)] = told[np.asarray(pairs["row"], np.int64)]
    return found
