"""Where the telescope stands, and where it points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, degrees, hypot, isfinite, nan, sqrt
from typing import Any

from pogson.core.frame import Site
from pogson.io.cards import Header
from pogson.io.values import angle, number
from pogson.io.vocabulary import cards

_HOURS = re.compile(r"\bhours?\b|\bhms\b|\[h\]|\bh:m:s\b|hh[: ]mm|\(h\)|hrs", re.IGNORECASE)
_DEGREES = re.compile(r"deg|°", re.IGNORECASE)
_WEST = re.compile(r"\bwest\b|\+\s*w\b|\(w\)|west positive", re.IGNORECASE)
_EAST = re.compile(r"\beast\b|\+\s*e\b|\+-e", re.IGNORECASE)


@dataclass(frozen=True)
class Pointing:
    """ICRS direction of the telescope, degrees."""

    ra: float = nan
    dec: float = nan
    source: str = "unknown"
    notes: tuple[str, ...] = ()


def read_pointing(header: Header) -> Pointing:
    """Right ascension and declination, from the first pair of cards that gives both."""
    for ra_key, dec_key in zip(cards("ra"), cards("dec"), strict=True):
        if ra_key == "CRVAL1" and not str(header.get("CTYPE1", "")).startswith("RA"):
            continue
        ra, sexagesimal = angle(header.get(ra_key))
        dec, _ = angle(header.get(dec_key))
        if not isfinite(ra) or not -90 <= dec <= 90 or (ra == 0 and dec == 0):
            continue
        comment = header.comment(ra_key)
        notes: tuple[str, ...] = ()
        in_hours = sexagesimal or bool(_HOURS.search(comment))
        says_degrees = re.match(r"\[?deg", comment) if sexagesimal else _DEGREES.search(comment)
        if says_degrees or (sexagesimal and ra >= 24):
            in_hours = False
        elif not sexagesimal and not in_hours and 0 < ra < 24 and ra_key != "CRVAL1":
            in_hours = abs(ra * 15 - number(header.get("CRVAL1"))) < 5
            notes = () if in_hours else (f"{ra_key} = {ra:g} is read as degrees; it may be hours",)
        ra = ra * 15 if in_hours else ra
        if -180 <= ra <= 360:
            return Pointing(ra % 360, dec, f"{ra_key}, {dec_key} cards", notes)
    return Pointing()


def read_site(header: Header, settings: Mapping[str, Any]) -> tuple[Site | None, str]:
    """Where the telescope stands, east positive, and which cards told it."""
    if "latitude" in settings and "longitude" in settings:
        site = Site(
            angle(settings["latitude"])[0],
            angle(settings["longitude"])[0],
            number(settings.get("height")),
            str(settings.get("name", "")),
        )
        return site, "[site] in the settings"
    name = next((str(v) for key in cards("site_name") if (v := header.get(key)) is not None), "")
    for lat_key, lon_key, height_key in cards("site"):
        latitude, _ = angle(header.get(lat_key))
        longitude, _ = angle(header.get(lon_key))
        if not -90 <= latitude <= 90 or not -360 <= longitude <= 360 or (latitude == 0 and longitude == 0):
            continue
        comment = header.comment(lon_key)
        if _WEST.search(comment) and not _EAST.search(comment) and longitude > 0:
            longitude = -longitude
        longitude = (longitude + 180) % 360 - 180
        height = number(settings["height"]) if "height" in settings else _height(header, height_key)
        return Site(latitude, longitude, height, name), f"{lat_key}, {lon_key} cards"
    x, y, z = (number(header.get(f"OBSGEO-{axis}")) for axis in "XYZ")
    if 6.3e6 < sqrt(x * x + y * y + z * z) < 6.4e6:
        return _geodetic(x, y, z, name), "OBSGEO-X, -Y, -Z cards"
    return None, "unknown"


def _height(header: Header, first: str) -> float:
    """Metres above the sea; NaN where unknown."""
    for key in (first, *cards("height")):
        value = number(header.get(key))
        # ALTITUDE may be that of the target: only a comment that says metres is trusted
        if key == "ALTITUDE" and not re.search(r"met(er|re)|\[m\]", header.comment(key), re.IGNORECASE):
            continue
        if isfinite(value) and -500 < value < 9000:
            return value
    return nan


def _geodetic(x: float, y: float, z: float, name: str) -> Site:
    """Bowring's formula on WGS84 (Bowring 1976, Survey Review 23, 323); good to a millimetre on Earth."""
    a, flattening = 6378137.0, 1 / 298.257223563
    b = a * (1 - flattening)
    square = flattening * (2 - flattening)
    radius = hypot(x, y)
    t = atan2(z * a, radius * b)
    sine, cosine = _sine_cosine(t)
    latitude = atan2(z + square * a * a / b * sine**3, radius - square * a * cosine**3)
    sine, cosine = _sine_cosine(latitude)
    height = radius * cosine + z * sine - a * sqrt(1 - square * sine * sine)
    return Site(degrees(latitude), degrees(atan2(y, x)), height, name)


def _sine_cosine(value: float) -> tuple[float, float]:
    from math import cos, sin

    return sin(value), cos(value)
