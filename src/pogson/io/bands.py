"""Filter names as people write them, turned into canonical bands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pogson.io.cards import Header
from pogson.io.vocabulary import vocabulary

_DROP = re.compile(r"[\s._\-()\[\]/]+|[Ff]ilter$")
_MOSAIC = re.compile(r"(RGGB|BGGR|GRBG|GBRG)$")


@cache
def canonical_band(name: str) -> tuple[str, str]:
    """The canonical name of a filter, and what to know about it.

    Johnson ``U B V``, Cousins ``R I`` and Sloan ``u g r i z`` differ only in their case, so the case
    of a single letter counts; words like "Bessell" or "SDSS" settle it.

    Returns
    -------
    band, note : str
        An unknown name is kept as it is, with a note; no filter at all is "".
    """
    rules = vocabulary()["band_rules"]
    word = _DROP.sub("", name.replace("'", "p").replace("′", "p").replace("’", "p"))
    if word.lower() in rules["nothing"]:
        return "", ""
    exact, loose = _spellings()
    if word in exact:
        note = 'filter "G" is taken for the green of a colour set' if word == "G" else ""
        return exact[word], note
    for system, change in (("johnson", str.upper), ("sloan", str.lower)):
        for mark in rules[system]:
            if mark in word.lower():
                bare = re.sub(mark, "", word, flags=re.IGNORECASE)
                # a trailing p is the prime of Sloan; a trailing c that of Cousins
                letter = re.sub(r"^([A-Za-z])[pc\d]?$", r"\1", bare)
                if len(letter) == 1 and change(letter) in ("UBVRI" if system == "johnson" else "ugrizy"):
                    return change(letter), ""
    if len(word) > 1 and word.lower() in loose:
        return loose[word.lower()], ""
    for mark in ("halpha", "ha", "oiii", "sii"):
        if re.match(rf"{mark}\d+(nm)?$|{mark}bandpass", word.lower()):
            return loose[mark], ""
    if word in ("b", "v"):
        return word.upper(), f'filter "{name}" is taken for {word.upper()}'
    return (
        name.strip(),
        f'filter "{name.strip()}" is no known band; give [bands] "{name.strip()}" = "V" (or another)',
    )


@cache
def _spellings() -> tuple[dict[str, str], dict[str, str]]:
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    for band, names in vocabulary()["bands"].items():
        for name in (band, *names):
            exact.setdefault(name, band)
            if len(name) > 1:
                loose.setdefault(name.lower(), band)
    # two letters that are bands of their own in either case: "SU" is Sloan u, "Su" nothing
    return exact, loose


def read_band(header: Header, names: Mapping[str, Any]) -> tuple[str, str, list[str], str]:
    """The band of an exposure: name, source, notes, and the colour mosaic that hid in the filter's name."""
    rules = vocabulary()["band_rules"]
    key, word = next(((k, str(v)) for k in rules["names"] if (v := header.get(k)) is not None), ("", ""))
    if not key:
        key, word = _wheels(header, rules["wheels"])
    if word in names:
        return str(names[word]), "[bands] in the settings", [], ""
    if not key:
        return "", "unknown", [], ""
    if _MOSAIC.match(word):
        return "", "unknown", [f'filter "{word}" is a colour mosaic, not a band'], word
    band, note = canonical_band(word)
    if band in names:
        return str(names[band]), "[bands] in the settings", [], ""
    return band, f"{key} card", [note] if note else [], ""


def _wheels(header: Header, wheels: list[str]) -> tuple[str, str]:
    """Several filter wheels: those that hold something."""
    there = {k: str(v) for k in wheels if (v := header.get(k)) is not None}
    there = {k: v for k, v in there.items() if canonical_band(v)[0]}
    used = {
        k: v for k, v in there.items() if canonical_band(v)[0] != "C" and not v.lower().startswith("open")
    }
    chosen = used or dict(list(there.items())[:1])
    return ", ".join(chosen), "+".join(chosen.values())
