"""Colour against magnitude, with errors."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from pogson.core.errors import ColumnError
from pogson.core.flags import SPOILED, Star


def make_diagram(stars: Table, *, color: str, mag: str, spoiled: bool = False) -> Table:
    """The table of a colour-magnitude diagram.

    Parameters
    ----------
    stars : Table
        Per star: id, mag_<band>, mag_<band>_err, flags; inst_<band> is taken for all bands where one of
        them has no calibrated magnitudes at all.
    color : str
        Two bands, "g-r".
    mag : str
        The band of the magnitude.
    spoiled : bool
        Whether stars with a flag that spoils a measurement stay in.

    Returns
    -------
    Table
        id, color, color_err, mag, mag_err, flags; brightest first. Meta: color, mag, calibrated.

    Raises
    ------
    ColumnError
        If a band is not among the columns.
    """
    blue, _, red = color.partition("-")
    kind = "mag"
    if any(_empty(stars, f"mag_{band}") for band in (blue, red, mag)):
        kind = "inst"
    for band in (blue, red, mag):
        if f"{kind}_{band}" not in stars.colnames:
            raise ColumnError(
                f"no magnitudes in '{band}' for the diagram {color} against {mag}; bands: {_bands(stars)}"
            )
    x = _column(stars, f"{kind}_{blue}") - _column(stars, f"{kind}_{red}")
    y = _column(stars, f"{kind}_{mag}")
    flags = np.asarray(stars["flags"], np.int64)
    good = np.isfinite(x) & np.isfinite(y)
    if not spoiled:
        good &= (flags & (SPOILED | int(Star.NEGATIVE))) == 0
    order = np.flatnonzero(good)[np.argsort(y[good], kind="stable")]
    x_err = np.hypot(_column(stars, f"{kind}_{blue}_err"), _column(stars, f"{kind}_{red}_err"))
    table = Table(
        {
            "id": np.asarray(stars["id"])[order],
            "color": x[order],
            "color_err": x_err[order],
            "mag": y[order],
            "mag_err": _column(stars, f"{kind}_{mag}_err")[order],
            "flags": flags[order],
        },
        meta={"color": color, "mag": mag, "calibrated": kind == "mag"},
    )
    for name in ("color", "color_err", "mag", "mag_err"):
        table[name].unit = "mag"
    return table


def _column(stars: Table, name: str) -> np.ndarray:
    return np.asarray(stars[name], float)


def _empty(stars: Table, name: str) -> bool:
    return name not in stars.colnames or not np.isfinite(_column(stars, name)).any()


def _bands(stars: Table) -> str:
    return (
        ", ".join(n[5:] for n in stars.colnames if n.startswith("inst_") and not n.endswith("_err")) or "none"
    )
