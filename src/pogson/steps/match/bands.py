"""Magnitudes of a catalogue in bands that it does not have, by published transformations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from pogson.core.errors import SettingError


@dataclass(frozen=True)
class Transformation:
    """``band = base + polynomial(color)`` for colours within `low` and `high`."""

    system: str
    band: str
    base: str
    color: str
    terms: tuple[float, ...]  # constant first
    low: float
    high: float
    scatter: float  # mag, of the stars about the relation
    source: str


_RIELLO = "Riello et al. 2021, A&A, 649, A3"
_TONRY = "Tonry et al. 2012, ApJ, 750, 99"
_JESTER = "Jester et al. 2005, AJ, 130, 873"

# the signs of the Gaia relations are those of band - G
TRANSFORMATIONS = (
    Transformation(
        "gaia", "V", "G", "BP-RP", (0.02704, -0.01424, 0.2156, -0.01426), -0.5, 5.0, 0.030, _RIELLO
    ),
    Transformation(
        "gaia", "R", "G", "BP-RP", (0.02275, -0.3961, 0.1243, 0.01396, -0.003775), 0.0, 4.0, 0.032, _RIELLO
    ),
    Transformation("gaia", "I", "G", "BP-RP", (-0.01753, -0.76, 0.0991), -0.5, 4.5, 0.038, _RIELLO),
    Transformation("gaia", "g", "G", "BP-RP", (-0.2199, 0.6365, 0.1548, -0.0064), 0.3, 3.0, 0.075, _RIELLO),
    Transformation(
        "gaia", "r", "G", "BP-RP", (0.09837, -0.08592, -0.1907, 0.1701, -0.02263), 0.0, 3.0, 0.038, _RIELLO
    ),
    Transformation("gaia", "i", "G", "BP-RP", (0.293, -0.6404, 0.09609, 0.002104), 0.5, 2.0, 0.041, _RIELLO),
    Transformation("ps1", "B", "g", "g-r", (0.212, 0.556, 0.034), -0.2, 1.8, 0.032, _TONRY),
    Transformation("ps1", "V", "r", "g-r", (0.005, 0.462, 0.013), -0.2, 1.8, 0.012, _TONRY),
    Transformation("ps1", "R", "r", "g-r", (-0.137, -0.108, -0.029), -0.2, 1.8, 0.015, _TONRY),
    Transformation("ps1", "I", "i", "g-r", (-0.366, -0.136, -0.018), -0.2, 1.8, 0.017, _TONRY),
    Transformation("sdss", "B", "g", "g-r", (0.21, 0.39), -0.2, 1.5, 0.03, _JESTER),
    Transformation("sdss", "V", "g", "g-r", (-0.01, -0.59), -0.2, 1.5, 0.01, _JESTER),
)


def add_bands(catalog: Table, wanted: Sequence[str], *, system: str = "gaia") -> Table:
    """A copy of a catalogue with magnitudes in more bands, where a published relation leads there.

    A band that the catalogue has itself is left alone. Outside the range of a relation the magnitude is
    NaN: nothing is extrapolated. The error holds that of both magnitudes and the scatter of the relation.

    Parameters
    ----------
    catalog : Table
        CATALOG.
    wanted : sequence of str
        Bands.
    system : str
        Whose bands the catalogue has: gaia (G, BP, RP), ps1 (Pan-STARRS, ATLAS-REFCAT2) or sdss. The g
        of ps1 and the g of sdss differ, so it must be said.

    Returns
    -------
    Table
        CATALOG; `meta["derived"]` says which band came from what.

    Raises
    ------
    SettingError
        If there is no such system.
    """
    systems = sorted({t.system for t in TRANSFORMATIONS})
    if system not in systems:
        raise SettingError(f"[catalog] system must be one of {', '.join(systems)}, got '{system}'")
    found = catalog.copy()
    said = [str(found.meta["derived"])] if found.meta.get("derived") else []
    for relation in TRANSFORMATIONS:
        blue, _, red = relation.color.partition("-")
        needs = [f"mag_{band}" for band in (relation.base, blue, red)]
        there = f"mag_{relation.band}" in catalog.colnames
        if relation.system != system or relation.band not in wanted or there:
            continue
        if all(name in catalog.colnames for name in needs):
            _add(found, catalog, relation, blue, red)
            said.append(f"{relation.band} from {relation.base} and {relation.color} ({relation.source})")
    has = [name[4:] for name in found.colnames if name.startswith("mag_") and not name.endswith("_err")]
    found.meta["bands"], found.meta["derived"] = ",".join(has), "; ".join(said)
    return found


def _add(found: Table, catalog: Table, relation: Transformation, blue: str, red: str) -> None:
    def error(band: str) -> np.ndarray:
        name = f"mag_{band}_err"
        return (
            np.nan_to_num(np.asarray(catalog[name], float))
            if name in catalog.colnames
            else np.zeros(len(catalog))
        )

    base = np.asarray(catalog[f"mag_{relation.base}"], float)
    color = np.asarray(catalog[f"mag_{blue}"], float) - np.asarray(catalog[f"mag_{red}"], float)
    curve = np.polynomial.Polynomial(relation.terms)
    with np.errstate(invalid="ignore"):
        inside = (color >= relation.low) & (color <= relation.high)
    slope = curve.deriv()(color)
    # how each magnitude enters: once by itself, once through the colour
    share = {band: np.zeros(len(catalog)) for band in (relation.base, blue, red)}
    share[relation.base] += 1.0
    share[blue] += slope
    share[red] -= slope
    err = np.sqrt(sum((share[band] * error(band)) ** 2 for band in share) + relation.scatter**2)
    found[f"mag_{relation.band}"] = np.where(inside, base + curve(color), np.nan)
    found[f"mag_{relation.band}_err"] = np.where(inside, err, np.nan)
    for name in (f"mag_{relation.band}", f"mag_{relation.band}_err"):
        found[name].unit = "mag"
        found[name].description = f"from {relation.base} and {relation.color}: {relation.source}"
