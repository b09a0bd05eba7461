"""Colours of the field's stars, where the catalogue knows them."""

from __future__ import annotations

from math import nan

import numpy as np
from astropy.table import Table

from pogson.steps.match.crossmatch import crossmatch

#: colours from which second-order extinction is told, the best first
COLORS = (("B", "V"), ("g", "r"), ("BP", "RP"), ("V", "I"), ("V", "R"), ("g", "i"), ("r", "i"), ("R", "I"))

#: stars that a colour must be known for
LEAST = 10


def add_colors(field: Table, catalog: Table | None, epoch: float = nan) -> tuple[Table, list[str]]:
    """The field with a column `color`, and which it is; as it was where too few stars have one.

    Parameters
    ----------
    field : Table
        FIELD, with coordinates.
    catalog : Table or None
        CATALOG.
    epoch : float
        Julian year of the night.
    """
    if catalog is None:
        return field, []
    pairs = crossmatch(field["ra"], field["dec"], catalog, epoch=epoch)
    best: tuple[int, str, np.ndarray] = (LEAST - 1, "", np.empty(0))
    for blue, red in COLORS:
        names = f"mag_{blue}", f"mag_{red}"
        if not set(names) <= set(catalog.colnames):
            continue
        mags = [np.ma.filled(np.ma.asarray(catalog[name]).astype(float), np.nan) for name in names]
        color = (mags[0] - mags[1])[np.asarray(pairs["row"])]
        if (known := int(np.isfinite(color).sum())) > best[0]:
            best = known, f"{blue}-{red}", color
    known, name, color = best
    if not name:
        return field, []
    found = field.copy(copy_data=False)
    found["color"] = np.full(len(field), np.nan)
    found["color"][np.asarray(pairs["star"])] = color
    return found, [f"colours of {known} stars: {name} of the catalogue"]
