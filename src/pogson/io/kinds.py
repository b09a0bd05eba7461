"""What an exposure is: light, bias, dark or flat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePath

from pogson.io.cards import Header
from pogson.io.vocabulary import vocabulary

_FILLER = re.compile(r"master|super|combined|frames?|fields?$|image|exposures?$|[^a-z0-9]+")
_WORDS = re.compile(r"[a-z]+")
# "domeflat", "AutoFlat", "masterdark", "flats" and the like
_ENDS = {
    "bias": ("bias", "biases", "zero", "zeros", "offset", "offsets"),
    "dark": ("dark", "darks", "darkflat", "darkflats"),
    "flat": ("flat", "flats", "flatfield", "flatfields", "twilight"),
}
_LIGHTS = ("light", "lights", "science")
_BLINK = 1e-3  # seconds: shorter than any exposure of the sky


@dataclass(frozen=True)
class Kind:
    """A kind of exposure, and what told it."""

    name: str = "unknown"
    source: str = "unknown"
    master: bool = False
    notes: tuple[str, ...] = ()


def read_kind(header: Header, path: str, exptime: float, pointed: bool) -> Kind:
    """The kind of an exposure: by its cards, its object, its file and folder name, or its length.

    Parameters
    ----------
    header : Header
        The cards.
    path : str
        The file.
    exptime : float
        Seconds; NaN where unknown.
    pointed : bool
        The header tells where the telescope pointed, or at what.
    """
    by_name = _by_path(path)
    for key in vocabulary()["kind"]["cards"]:
        value = header.get(key)
        # elsewhere a number is a count of frames, not a kind
        if value is None or isinstance(value, bool) or (str(value).isdigit() and key != "PICTTYPE"):
            continue
        kind = kind_word(str(value))
        if kind:
            notes = []
            if by_name[0] not in ("", kind) and kind == "light":
                notes.append(f"{key} says light, the {by_name[1]} {by_name[0]}: {key} is believed")
            if "darkflat" in _squeeze(str(value)) or "flatdark" in _squeeze(str(value)):
                notes.append("a dark for the flats")
            master = "master" in str(value).lower() or "super" in str(value).lower()
            return Kind(kind, f"{key} card", master, tuple(notes))
    for key in vocabulary()["cards"]["target"]:
        kind = _by_words(str(header.get(key, "")))
        if kind and kind != "light":
            return Kind(kind, f"{key} card")
    if by_name[0]:
        return Kind(by_name[0], by_name[1], "master" in path.lower().rsplit("/", 1)[-1])
    if exptime == 0 or (exptime < _BLINK and not pointed):
        return Kind("bias", "exposure time 0")
    if pointed and (exptime > 0 or not isfinite(exptime)):
        return Kind("light", "has a target, and no other kind is told")
    return Kind(notes=("no card and no name tells what kind of frame this is",))


def kind_word(value: str) -> str:
    """The kind that a card's value names; "" where it names none."""
    word = _squeeze(value)
    table = vocabulary()["kind"]
    for kind in ("light", "bias", "dark", "flat"):
        if word in table[kind]:
            return kind
    return "flat" if word.endswith("flat") else ""


def _squeeze(value: str) -> str:
    word = value.strip().lower()
    bare = _FILLER.sub("", word)
    return bare or re.sub(r"[^a-z0-9]+", "", word)


def _by_words(text: str) -> str:
    words = _WORDS.findall(text.lower())
    # a flat's dark is a dark: "dark" is asked before "flat"
    for kind, ends in _ENDS.items():
        if any(word.endswith(ends) for word in words):
            return kind
    return "light" if any(word in _LIGHTS for word in words) else ""


def _by_path(path: str) -> tuple[str, str]:
    pure = PurePath(path)
    kind = _by_words(pure.name)
    if kind:
        return kind, "file name"
    kind = _by_words(pure.parent.name)
    return (kind, "folder name") if kind else ("", "")
