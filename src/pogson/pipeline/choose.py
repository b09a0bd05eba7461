"""Choose the catalogue that serves a night best, and complete it by published relations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot, isfinite

import numpy as np
from astropy.table import Table

from pogson.core.relation import Relation
from pogson.io.relations import known_relations
from pogson.io.store import Stored, read_cone
from pogson.steps.match.bands import add_bands

#: mag: of one star, where a catalogue tells no errors
_USUAL_ERR = 0.03
#: of the scatter of a relation, what all stars of a field may share: they are of one population
_SHARED_SCATTER = 0.5
#: bands that several systems call by the same name
_SHARED = ("g", "r", "i", "z")


@dataclass(frozen=True)
class Wishes:
    """What a user says of catalogues: ``[catalog]`` system and magnitudes."""

    system: str = ""
    magnitudes: str = ""


@dataclass(frozen=True)
class _Offer:
    """What a catalogue has to give."""

    name: str
    table: Table
    own: tuple[str, ...]
    derived: tuple[str, ...]
    least: int  # stars in the poorest of the bands
    zero_point_err: float  # mag, expected
    accuracy: float  # mag, what all its stars share; 0 where unknown

    @property
    def rank(self) -> tuple[int, int, float, int]:
        """Larger is better: bands served, bands of its own, expected error, stars."""
        return len(self.own) + len(self.derived), len(self.own), -self.zero_point_err, self.least


def choose_catalog(
    stored: Iterable[Stored],
    bands: Iterable[str],
    ra: float,
    dec: float,
    radius: float,
    *,
    wishes: Wishes | None = None,
    least: int = 5,
) -> tuple[Table | None, list[str]]:
    """The stars about a place from the catalogue that serves most bands best; and why.

    First counts how many of the bands a catalogue serves, by itself or by a published relation; then how
    many by itself; then the error that a zero point would have, from the accuracy of the catalogue (one of
    your own counts as exact) and of the relation, the errors of its stars there and their number; then the
    number of stars.

    Parameters
    ----------
    stored : iterable of Stored
        Catalogues of the store.
    bands : iterable of str
        Of the night.
    ra, dec, radius : float
        Degree.
    wishes : Wishes, optional
        What the user says of catalogues.
    least : int
        A band with fewer stars is not served.

    Returns
    -------
    table : Table or None
        CATALOG; None where no catalogue has stars enough there.
    words : list of str
        What was chosen, and what was passed over.
    """
    wanted, words = list(dict.fromkeys(bands)), []
    wishes = wishes or Wishes()
    best: _Offer | None = None
    for one in stored:
        if one.kind != "stars":
            continue
        table = read_cone(one, ra, dec, radius)
        words += [f"cell passed over: {trouble}" for trouble in table.meta["damaged"]]
        offer = _offer(one, table, wanted, wishes, least)
        if offer.own + offer.derived and (best is None or offer.rank > best.rank):
            best = offer
    if best is None:
        return None, words
    have = ", ".join(band for band in wanted if band in best.own + best.derived)
    good = f", as a whole good to about {best.accuracy:.3f} mag" if best.accuracy else ""
    chosen = (
        f"catalogue '{best.name}' of the store: has {have} for at least {best.least} stars within "
        f"{radius:.2f} deg{good}"
    )
    return best.table, [chosen, *_say(best.table, wanted, best.derived), *words]


def _offer(one: Stored, table: Table, wanted: Sequence[str], wishes: Wishes, least: int) -> _Offer:
    full = complete_bands(table, wanted, Wishes(one.system or wishes.system, wishes.magnitudes))
    counts, errors, shared = {}, [], []
    for band in wanted:
        if f"mag_{band}" not in full.colnames:
            continue
        good = np.isfinite(np.asarray(full[f"mag_{band}"], float))
        if (n := int(good.sum())) < least:
            continue
        counts[band] = n
        err = np.asarray(full[f"mag_{band}_err"], float)[good]
        typical = float(np.nanmedian(err)) if np.isfinite(err).any() else _USUAL_ERR
        accuracy = one.accuracy if isfinite(one.accuracy) else 0.0
        common = _SHARED_SCATTER * full.meta.get("scatter", {}).get(band, 0.0)
        shared.append(hypot(accuracy, common))
        errors.append(hypot(shared[-1], typical / np.sqrt(n)))
    made = set(full.meta.get("made", ()))
    return _Offer(
        one.name,
        full,
        tuple(band for band in counts if band not in made),
        tuple(band for band in counts if band in made),
        min(counts.values(), default=0),
        max(errors, default=0.0),
        max(shared, default=0.0),
    )


def complete_bands(table: Table, wanted: Sequence[str], wishes: Wishes) -> Table:
    """A catalogue with the bands of a night that a published relation can give; `meta["made"]` names them.

    Whose bands g and r are cannot be seen: without a system only those of Gaia are known by their names.
    """
    has = _bands(table)
    system = wishes.system or ("gaia" if {"G", "BP", "RP"} <= has else "")
    relations = known_relations()
    if not system or (not wishes.system and system not in {r.start for r in relations}):
        return table
    if wishes.system and system not in {r.start for r in relations} and _is_known(system):
        return table
    full = add_bands(table, wanted, relations, system=system)
    if wishes.magnitudes and wishes.magnitudes != system:
        shared = [band for band in wanted if band in has and band in _SHARED]
        full = add_bands(full, shared, relations, system=system, to=wishes.magnitudes)
    made = tuple(
        b for b in wanted if f"mag_{b}" in full.colnames and (b not in has or _changed(table, full, b))
    )
    full.meta |= {"made": made, "system": system}
    return full


def _is_known(system: str) -> bool:
    """Systems that catalogues have, but no relation starts from."""
    return system in ("skymapper", "tycho")


def _changed(before: Table, after: Table, band: str) -> bool:
    a, b = (np.asarray(t[f"mag_{band}"], float) for t in (before, after))
    return not np.array_equal(a, b, equal_nan=True)


def _bands(table: Table) -> set[str]:
    return {n[4:] for n in table.colnames if n.startswith("mag_") and not n.endswith("_err")}


def say_bands(table: Table, wanted: Sequence[str]) -> list[str]:
    """What a reader must know of a catalogue's bands: which came from others, and whose they are."""
    said = _say(table, wanted, table.meta.get("made", ()))
    has = _bands(table)
    ways = [r for r in known_relations() if r.band in set(wanted) - has and r.needs <= has]
    if ways and not table.meta.get("system"):
        lacking = ", ".join(dict.fromkeys(r.band for r in ways))
        systems = " or ".join(dict.fromkeys(r.start for r in ways))
        said.append(
            f"a published relation leads to {lacking}: say whose bands the catalogue has, "
            f"[catalog] system = {systems}"
        )
    return said


def _say(table: Table, wanted: Sequence[str], derived: Sequence[str]) -> list[str]:
    system = str(table.meta.get("system", ""))
    said = []
    if derived:
        parts = [p for p in str(table.meta.get("derived", "")).split("; ") if p.split(" ")[0] in derived]
        said.append(f"not in the catalogue, by a published relation with its scatter: {'; '.join(parts)}")
    same = [band for band in wanted if band in _SHARED and band in _bands(table) and band not in derived]
    if same and system in ("ps1", "skymapper"):
        text = f"{', '.join(same)} are magnitudes of {_NAMES[system]}, not of SDSS"
        to_sdss = _relation(system, "g")
        if to_sdss is not None and "g" in same:
            off = float(np.polynomial.Polynomial(to_sdss.terms)(0.5))
            text += (
                f" (g of SDSS is {off:+.2f} mag off at g-r = 0.5); [catalog] magnitudes = sdss converts them"
            )
        said.append(text)
    return said


_NAMES = {"ps1": "Pan-STARRS", "skymapper": "SkyMapper"}


def _relation(system: str, band: str) -> Relation | None:
    found = (r for r in known_relations() if (r.start, r.to, r.band) == (system, "sdss", band))
    return next(found, None)
