"""When an exposure began, from whatever cards tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, isfinite, nan
from typing import Any

from pogson.core.time import to_utc
from pogson.io.cards import Header
from pogson.io.values import clock, day, number, zone
from pogson.io.vocabulary import vocabulary

_DISAGREE = 180 / 86400  # days: coarser than the rounding of MJD cards with three decimals
_LOCAL = re.compile(r"\blocal\b|\bLT\b")
_MIDDLE = re.compile(r"\bmid(?!night)|\bcent(er|re)\b|\baverage\b", re.IGNORECASE)
_END = re.compile(r"\bend\b|\bstop\b|\bfinish", re.IGNORECASE)


@dataclass(frozen=True)
class Moment:
    """Start and middle of an exposure, JD UTC, with the card that told it."""

    start: float = nan
    middle: float = nan
    source: str = "unknown"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stamp:
    jd: float
    source: str
    reference: str  # start, mid, end


def read_moment(header: Header, exptime: float, settings: Mapping[str, Any]) -> Moment:
    """Start and middle of the exposure.

    The date cards of the FITS standard tell the start, in UTC, unless their comment, TIMEPIXR or the
    `settings` ([time] reference, utc_offset_hours) say otherwise. DATE is never used: it is the
    date of the file.
    """
    notes: list[str] = []
    stamp = _from_dates(header, settings, notes) or _from_days(header)
    average = next(
        ((jd, key) for key in vocabulary()["times"]["middle"] if isfinite(jd := _whole(header, key)[0])), None
    )
    if stamp is None and average is None:
        looked = ", ".join(vocabulary()["times"]["start"][:4] + vocabulary()["times"]["start_days"][:4])
        notes.append(f"no time of observation (looked for {looked}, ...)")
        return Moment(notes=tuple(notes))
    half = exptime / 2 / 86400
    length = half if isfinite(half) else 0.0
    if stamp is None:
        assert average is not None
        return Moment(average[0] - length, average[0], f"{average[1]} card", tuple(notes))
    stamp = _other_scale(header, stamp, notes)
    stamp = _checked(header, stamp, 2 * length, notes)
    back = {"start": 0.0, "mid": length, "end": 2 * length}[stamp.reference]
    start = stamp.jd - back
    middle = start + half
    if average and "reference" not in settings:
        if abs(average[0] - start - length) * 86400 > 2 + 0.1 * 86400 * length:
            notes.append(f"{average[1]} is not half an exposure after {stamp.source}: {average[1]} is used")
        middle = average[0]
    if not isfinite(half) and stamp.reference == "mid":
        middle = stamp.jd
    return Moment(start, middle, stamp.source, tuple(notes))


def span(header: Header) -> tuple[float, str]:
    """Seconds from the start to the end of the exposure, and the cards that told it."""
    times = vocabulary()["times"]
    for start, end in (("UTSTART", "UTSTOP"), ("UT-START", "UT-END"), ("TM-START", "TM-END")):
        seconds = (clock(header.get(end)) - clock(header.get(start))) * 86400
        if isfinite(seconds):
            return seconds % 86400, f"{end} - {start} cards"
    for start in times["start"]:
        for end in times["end"]:
            seconds = (_whole(header, end)[0] - _whole(header, start)[0]) * 86400
            if 0 <= seconds < 86400:
                return round(seconds, 3), f"{end} - {start} cards"
    return nan, ""


def iso(jd: float) -> str:
    """A Julian date as ``2024-03-01T22:15:03.125000`` (microseconds; a double holds about 40)."""
    from datetime import datetime, timedelta

    whole = floor(jd - 1721424.5)
    rest = timedelta(microseconds=round((jd - 1721424.5 - whole) * 86400e6))
    return (datetime.fromordinal(whole) + rest).isoformat(timespec="microseconds")


def _from_dates(header: Header, settings: Mapping[str, Any], notes: list[str]) -> _Stamp | None:
    times = vocabulary()["times"]
    offset = settings.get("utc_offset_hours")
    local = ""
    for key in times["start"]:
        jd, hours, has_clock = _whole(header, key)
        source = f"{key} card"
        if not isfinite(jd):
            continue
        if not has_clock:
            jd, source = _with_clock(header, key, jd)
        if not isfinite(jd):
            continue
        comment = header.comment(key)
        if hours is None and isinstance(offset, int | float):
            jd, source = jd - offset / 24, f"{source}, [time] utc_offset_hours in the settings"
        elif hours is None and _LOCAL.search(comment) and not re.search(r"UTC?\b", comment):
            local = local or key
            continue
        return _Stamp(jd, source, _reference(header, comment, settings))
    if local and _from_days(header) is None:
        notes.append(f"{local} is local time: give [time] utc_offset_hours")
    return None


def _whole(header: Header, key: str) -> tuple[float, float | None, bool]:
    """Date and time in one card, in UTC where it tells its zone: JD, hours ahead, has a time of day."""
    value = header.get(key)
    if not isinstance(value, str):
        return nan, None, False
    midnight = day(value)
    if not isfinite(midnight):
        return nan, None, False
    rest = re.split(r"[T ]", value.strip(), maxsplit=1)
    fraction = clock(rest[1]) if len(rest) == 2 else nan
    if not isfinite(fraction):
        return midnight, None, False
    hours = zone(rest[1])
    return midnight + (fraction - (hours or 0.0) / 24), hours, True


def _with_clock(header: Header, key: str, midnight: float) -> tuple[float, str]:
    for name in vocabulary()["times"]["clock"]:
        value = header.get(name)
        if name == key or value is None:
            continue
        words = str(value)
        if "T" in words and isfinite(full := _whole(header, name)[0]):
            return full, f"{name} card"
        # a bare number may be hours or seconds: only TM-START is known to be seconds
        fraction = clock(value) if isinstance(value, str) or name.startswith("TM-") else nan
        if isfinite(fraction):
            return midnight + fraction, f"{key} and {name} cards"
    return nan, ""


def _from_days(header: Header) -> _Stamp | None:
    times = vocabulary()["times"]
    for keys, reference in ((times["middle_days"], "mid"), (times["start_days"], "start")):
        for key in keys:
            jd = _julian(key, number(header.get(key)))
            if isfinite(jd) and (jd + 0.5) % 1:
                comment = header.comment(key)
                return _Stamp(jd, f"{key} card", "mid" if _MIDDLE.search(comment) else reference)
    return None


def _julian(key: str, value: float) -> float:
    """A Julian date, from a card that may hold a modified one."""
    if 2400000 < value < 2500000:
        return value
    if "MJD" in key and 15000 < value < 100000:
        return value + 2400000.5
    return nan


def _reference(header: Header, comment: str, settings: Mapping[str, Any]) -> str:
    chosen = str(settings.get("reference", ""))
    if chosen in ("start", "mid", "end"):
        return chosen
    place = number(header.get("TIMEPIXR"))
    if isfinite(place):
        return "mid" if place == 0.5 else "end" if place == 1 else "start"
    if _MIDDLE.search(comment):
        return "mid"
    return "end" if _END.search(comment) and "start" not in comment.lower() else "start"


def _other_scale(header: Header, stamp: _Stamp, notes: list[str]) -> _Stamp:
    scale = str(header.get("TIMESYS", "UTC")).strip().upper()
    if scale in ("UTC", "UT") or "UTC" in header.comment(stamp.source.split()[0]):
        return stamp
    try:
        jd = to_utc(stamp.jd, scale)
    except KeyError:
        notes.append(f"TIMESYS = {scale} is no known time scale: UTC is assumed")
        return stamp
    return _Stamp(jd, f"{stamp.source}, {scale} turned into UTC", stamp.reference)


def _checked(header: Header, stamp: _Stamp, length: float, notes: list[str]) -> _Stamp:
    """Compare with the Julian dates in the header; a date that is a whole day off is put right."""
    told = stamp.source.split()[0]
    for key in vocabulary()["times"]["start_days"]:
        jd = _julian(key, number(header.get(key)))
        if key == told or not isfinite(jd) or (jd + 0.5) % 1 == 0:
            continue
        difference = jd - stamp.jd
        if -_DISAGREE <= difference <= length + _DISAGREE:
            return stamp
        if " and " in stamp.source and abs(abs(difference) - 1) < _DISAGREE:
            notes.append(f"the date is that of the evening: moved by a day as {key} says")
            return _Stamp(stamp.jd + round(difference), stamp.source, stamp.reference)
        notes.append(f"{key} differs from {stamp.source} by {difference * 24:+.2f} h: {stamp.source} is used")
        return stamp
    return stamp
