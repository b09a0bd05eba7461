"""Values of cards in the dialects that cameras write: numbers, angles, sections, dates."""

from __future__ import annotations

import re
from datetime import date
from math import isfinite, nan

from pogson.core.frame import Section
from pogson.io.cards import Value

_NUMBER = re.compile(r"\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[EeDd][+-]?\d+)?)\s*[^\d:,.]*$")
_SECTION = re.compile(r"\[\s*(-?\d+)\s*:\s*(-?\d+)\s*,\s*(-?\d+)\s*:\s*(-?\d+)\s*\]")
_PARTS = re.compile(r"[+-]?\d+(?:[.,]\d*)?")
_ZONE = re.compile(r"(?:(Z)|([+-]\d\d):?(\d\d)?)$")
_CLOCK = re.compile(
    r"(\d{1,2})[: ](\d{1,2})(?:[: ](\d{1,2}(?:[.,]\d*)?))?\s*(?:([ap])\.?m\.?)?", re.IGNORECASE
)


def number(value: Value) -> float:
    """A finite number: also as a word, with a decimal comma, or with its unit behind it; else NaN."""
    if isinstance(value, bool) or value is None:
        return nan
    if isinstance(value, int | float):
        return float(value) if isfinite(value) else nan
    match = _NUMBER.match(value)
    if not match:
        return nan
    found = float(match[1].replace(",", ".").upper().replace("D", "E"))
    return found if isfinite(found) else nan


def angle(value: Value) -> tuple[float, bool]:
    """An angle in the card's own unit, and whether it is sexagesimal: ``-105 49 13``, ``14:19:32.0``.

    A letter tells the hemisphere: ``105 49 13 W`` is negative.
    """
    found = number(value)
    if isfinite(found) and not (isinstance(value, str) and re.search(r"[NSEWnsew]\s*$|^\s*[NSEW]", value)):
        return found, False
    if not isinstance(value, str):
        return nan, False
    parts = _PARTS.findall(value)
    if not 1 <= len(parts) <= 3 or re.search(r"[A-DF-MO-RT-VX-Z]{2}|/", value.upper()):
        return nan, False
    total = sum(abs(float(part.replace(",", "."))) / 60**n for n, part in enumerate(parts))
    # a small s may be that of seconds
    negative = value.strip().startswith("-") or bool(re.search(r"[SW]\s*$|\s[sw]\s*$|^\s*[SW]", value))
    return (-total if negative else total), len(parts) > 1


def section(value: Value) -> Section | None:
    """A part of the detector, ``[x1:x2,y1:y2]`` counted from 1, ends included; as rows and columns from 0."""
    match = _SECTION.search(value) if isinstance(value, str) else None
    if not match:
        return None
    x0, x1, y0, y1 = (int(n) for n in match.groups())
    if x0 > x1:
        x0, x1 = x1, x0
    if y0 > y1:
        y0, y1 = y1, y0
    return y0 - 1, y1, x0 - 1, x1


def day(text: str) -> float:
    """Julian date of the midnight that begins a calendar date; NaN where there is none.

    Understands ``2024-03-01``, ``2024/03/01``, ``20240301`` and the old ``01/03/24`` (day first; the
    FITS standard means 19xx, but programs wrote it long after 1999: years up to 59 are 20xx).
    """
    match = re.match(r"\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", text) or re.match(
        r"\s*(\d{4})(\d\d)(\d\d)(?!\d)", text
    )
    if match:
        year, month, of_month = (int(n) for n in match.groups())
    else:
        match = re.match(r"\s*(\d{1,2})[/-](\d{1,2})[/-](\d{2}|\d{4})(?!\d)", text)
        if not match:
            return nan
        of_month, month, year = (int(n) for n in match.groups())
        if len(match[3]) == 2:
            year += 2000 if year < 60 else 1900
        if month > 12 >= of_month:
            of_month, month = month, of_month
    if not 1900 <= year < 2100:
        return nan
    try:
        return date(year, month, of_month).toordinal() + 1721424.5
    except ValueError:
        return nan


def clock(value: Value) -> float:
    """Time of day as a fraction of a day, from ``03:18:12.281``, ``03 18 12`` or seconds; else NaN."""
    if not isinstance(value, str):
        seconds = number(value)
        return seconds / 86400 if 0 <= seconds < 86400 else nan
    match = _CLOCK.search(value)
    if not match:
        return nan
    hours, minutes = int(match[1]), int(match[2])
    seconds = float((match[3] or "0").replace(",", "."))
    if match[4]:
        hours = hours % 12 + (12 if match[4].lower() == "p" else 0)
    if hours > 24 or minutes > 60 or seconds >= 62:
        return nan
    return (hours * 3600 + minutes * 60 + seconds) / 86400


def zone(text: str) -> float | None:
    """Hours that the text says it is ahead of UTC: ``...-0700`` is -7; None where it does not say."""
    match = _ZONE.search(text.strip())
    if not match or not re.search(r"\d:\d", text):
        return None
    if match[1]:
        return 0.0
    hours = int(match[2])
    return hours + (int(match[3] or 0) / 60) * (-1 if match[2].startswith("-") else 1)
