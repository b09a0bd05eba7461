"""Header cards as they stand in the file: fast, and tolerant of damage.

Only the cards that are asked for are understood; a card that cannot be understood never
stops the reading of the others (FITS standard 4.0, section 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CARD = 80
_INTEGER = re.compile(r"[+-]?\d+$")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([EeDd][+-]?\d+)?$")
_QUOTED = re.compile(r"\s*'((?:[^']|'')*)'?\s*(?:/(.*))?$")

Value = bool | int | float | str | None


class Header:
    """Cards by keyword: the first of duplicates counts, unreadable values are words.

    Parameters
    ----------
    text : str
        The cards, 80 characters each, without line ends.
    """

    def __init__(self, text: str = "") -> None:
        self._cards: dict[str, str] = {}
        self._continued: dict[str, list[str]] = {}
        self._known: dict[str, tuple[Value, str]] = {}
        history: list[str] = []
        last = ""
        for start in range(0, len(text), CARD):
            card = text[start : start + CARD]
            key = card[:8].rstrip().upper()
            if key == "CONTINUE":
                self._continued.setdefault(last, []).append(card[8:])
            elif key == "HISTORY":
                history.append(card[8:].strip())
            elif key == "HIERARCH" and "=" in card:
                name, _, rest = card[8:].partition("=")
                last = " ".join(name.split()).upper()
                self._cards.setdefault(last, rest)
            elif card[8:9] == "=" and key:
                last = key
                self._cards.setdefault(key, card[9:])
        self.history = "\n".join(history)

    @classmethod
    def of(cls, cards: Any) -> Header:
        """From another header: this class, `astropy.io.fits.Header`, or a mapping."""
        if isinstance(cards, Header):
            return cards
        header = cls()
        comments = getattr(cards, "comments", None)
        for key in dict.fromkeys(cards):
            if key in ("", "COMMENT", "HISTORY", "CONTINUE"):
                continue
            value = cards[key]
            comment = str(comments[key]) if comments is not None else ""
            if not isinstance(value, bool | int | float | str):
                value = None if value is None else str(value)
            header._known[key.upper()] = (value, comment)
            header._cards[key.upper()] = ""
        if "HISTORY" in cards:
            header.history = str(cards["HISTORY"])
        return header

    def merged(self, other: Header) -> Header:
        """These cards, and those of `other` that are not here."""
        header = Header()
        header._cards = {**other._cards, **self._cards}
        header._known = {**other._known, **self._known}
        header._continued = {**other._continued, **self._continued}
        for key in self._cards:
            if key not in self._known:
                header._known.pop(key, None)
        header.history = "\n".join(part for part in (self.history, other.history) if part)
        return header

    def __contains__(self, key: str) -> bool:
        return key in self._cards

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def get(self, key: str, default: Value = None) -> Value:
        """The value of a card; `default` where there is none or it is empty."""
        value = self._read(key)[0]
        return default if value is None or value == "" else value

    def comment(self, key: str) -> str:
        """What is written behind the slash."""
        return self._read(key)[1]

    def _read(self, key: str) -> tuple[Value, str]:
        if key not in self._cards:
            return None, ""
        if key not in self._known:
            value, comment = read_value(self._cards[key])
            for more in self._continued.get(key, ()):
                if isinstance(value, str) and value.endswith("&"):
                    piece, comment = read_value(more)
                    value = value[:-1] + str(piece or "")
            self._known[key] = value, comment
        return self._known[key]


def read_value(text: str) -> tuple[Value, str]:
    """Value and comment of a card from what stands behind the equals sign."""
    text = text.replace("\0", " ")
    quoted = _QUOTED.match(text)
    if quoted:
        return quoted[1].replace("''", "'").strip(), (quoted[2] or "").strip()
    word, _, comment = text.partition("/")
    return _understand(word.strip()), comment.strip()


def _understand(word: str) -> Value:
    if word in ("T", "F"):
        return word == "T"
    if _INTEGER.match(word) and len(word) < 19:
        return int(word)
    if _FLOAT.match(word):
        return float(word.replace("D", "E").replace("d", "e"))
    return word or None
