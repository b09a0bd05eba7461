"""Magnitudes of a catalogue in bands that it does not have, by published relations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.relation import Relation

Values = NDArray[np.float64]


def add_bands(
    catalog: Table, wanted: Sequence[str], relations: Sequence[Relation], *, system: str, to: str = ""
) -> Table:
    """A copy of a catalogue with magnitudes in more bands, where a published relation leads there.

    A band that the catalogue has itself is left alone, unless `to` asks for that of another system. Outside
    the range of a relation the magnitude is NaN: nothing is extrapolated. The error holds those of both
    magnitudes, also where they enter through the colour, and the scatter of the relation.

    Parameters
    ----------
    catalog : Table
        CATALOG.
    wanted : sequence of str
        Bands.
    relations : sequence of Relation
        The first that leads to a band is taken.
    system : str
        Whose bands the catalogue has: gaia, ps1, sdss, johnson. The g of ps1 and the g of sdss differ, so it
        must be said.
    to : str
        Take relations to this system only, and replace bands of the same name.

    Returns
    -------
    Table
        CATALOG; `meta["derived"]` says which band came from what, `meta["scatter"]` how far stars scatter.

    Raises
    ------
    SettingError
        If no relation starts from, or leads to, such a system.
    """
    for given, systems, name in (
        (system, {r.start for r in relations}, "system"),
        (to, {"", *(r.to for r in relations)}, "magnitudes"),
    ):
        if given not in systems:
            there = ", ".join(sorted(systems - {""}))
            raise SettingError(f"[catalog] {name} must be one of {there}, got '{given}'")
    found = catalog.copy()
    said = [str(found.meta["derived"])] if found.meta.get("derived") else []
    scatter: dict[str, float] = dict(found.meta.get("scatter", {}))
    done: set[str] = set()
    for relation in relations:
        if relation.start != system or relation.band not in wanted or relation.band in done:
            continue
        # from one system to another with bands of the same names only where that was asked for
        if to != relation.to and (to or relation.band in _bands(catalog)):
            continue
        if not _bands(catalog) >= relation.needs:
            continue
        _add(found, catalog, relation)
        done.add(relation.band)
        scatter[relation.band] = relation.scatter
        said.append(relation.words)
    found.meta["bands"], found.meta["derived"] = ",".join(_in_order(found)), "; ".join(said)
    found.meta["scatter"] = scatter
    return found


def _in_order(catalog: Table) -> list[str]:
    return [n[4:] for n in catalog.colnames if n.startswith("mag_") and not n.endswith("_err")]


def _bands(catalog: Table) -> set[str]:
    return set(_in_order(catalog))


def _add(found: Table, catalog: Table, relation: Relation) -> None:
    blue, _, red = relation.color.partition("-")
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
    err = np.sqrt(sum((share[band] * _error(catalog, band)) ** 2 for band in share) + relation.scatter**2)
    found[f"mag_{relation.band}"] = np.where(inside, base + curve(color), np.nan)
    found[f"mag_{relation.band}_err"] = np.where(inside, err, np.nan)
    for name in (f"mag_{relation.band}", f"mag_{relation.band}_err"):
        found[name].unit = "mag"
        found[name].description = f"from {relation.base} and {relation.color}: {relation.source}"


def _error(catalog: Table, band: str) -> Values:
    """Errors of a band; 0 where the catalogue tells none at all, NaN where it does not for this star."""
    name = f"mag_{band}_err"
    err = np.asarray(catalog[name], float) if name in catalog.colnames else np.full(len(catalog), np.nan)
    return err if np.isfinite(err).any() else np.zeros(len(catalog))
