"""One vocabulary for the headers of all cameras: cards in, an `Exposure` out.

No other room reads a FITS keyword. Which cards are asked is a data table (`headers.toml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite, nan
from typing import Any

from pogson.core.errors import SettingError
from pogson.core.frame import Exposure
from pogson.io.bands import read_band
from pogson.io.camera_cards import Found, apply_settings, first_number, read_camera
from pogson.io.cards import Header
from pogson.io.dates import read_moment, span
from pogson.io.kinds import read_kind
from pogson.io.places import read_pointing, read_site
from pogson.io.values import angle, number
from pogson.io.vocabulary import cards, vocabulary
from pogson.io.wcs import pixel_scale, wcs_cards

#: fields whose source is always told, "unknown" if nothing told them
_TOLD = (
    "kind", "target", "band", "exptime", "jd_start", "jd_utc", "bjd_tdb", "airmass", "ra", "gain",
    "read_noise", "saturation", "linearity", "temperature", "pixel_scale", "diameter", "site", "reduced",
)  # fmt: skip
_LONGEST = 1e6  # seconds: no exposure, nor stack of a night, is as long
_FIELDS = {f.name for f in fields(Exposure)}


def read_exposure(
    header: Any,
    *,
    path: str = "",
    shape: tuple[int, int] = (0, 0),
    overrides: Mapping[str, Any] | None = None,
) -> Exposure:
    """What a header tells about an exposure, and where each value came from.

    Parameters
    ----------
    header : Header, astropy.io.fits.Header or mapping
        The cards.
    path : str
        The file: its name tells the kind of the frame where no card does.
    shape : (int, int)
        Rows and columns of the stored image.
    overrides : mapping, optional
        Tables of the settings file: ``camera``, ``site``, ``bands``, ``time``. They win over the header.

    Returns
    -------
    Exposure
        Numbers that nobody told are NaN, with the source "unknown"; `bjd_tdb` and a computed
        airmass are left to `io.moments.complete`, for all files at once.

    Raises
    ------
    SettingError
        If a table of `overrides` holds an impossible value.
    """
    cards_ = Header.of(header)
    settings = overrides or {}
    _check(settings)
    found = Found()
    _exptime(cards_, found)
    moment = read_moment(cards_, found.values.get("exptime", nan), settings.get("time", {}))
    found.notes += moment.notes
    for name, value in (("jd_start", moment.start), ("jd_utc", moment.middle)):
        if isfinite(value):
            found.set(name, value, moment.source)
    pointing = read_pointing(cards_)
    if isfinite(pointing.ra):
        found.set("ra", pointing.ra, pointing.source)
        found.set("dec", pointing.dec, pointing.source)
        found.notes += pointing.notes
    target, target_key = _word(cards_, cards("target"))
    kind = read_kind(cards_, path, found.values.get("exptime", nan), bool(target) or isfinite(pointing.ra))
    found.set("kind", kind.name, kind.source)
    found.notes += kind.notes
    found.set("target", target, f"{target_key} card" if target else "unknown")
    _reduced(cards_, found, kind.master)
    read_camera(cards_, found, shape, found.values.get("reduced", False))
    _band(cards_, found, settings.get("bands", {}))
    found.values["camera"] = _word(cards_, cards("camera"))[0]
    _world(cards_, found)
    site, source = read_site(cards_, settings.get("site", {}))
    if site is not None:
        found.set("site", site, source)
    airmass, key = first_number(cards_, cards("airmass"))
    if 1 <= airmass < 40:
        found.set("airmass", airmass, f"{key} card")
    _electrons(cards_, found)
    apply_settings(found, {**settings.get("camera", {}), **_of(settings.get("site", {}), "diameter")})
    sources = {**dict.fromkeys(_TOLD, "unknown"), "reduced": "nothing says so"}
    return Exposure(
        path=path,
        sources={**sources, **found.sources},
        notes=tuple(dict.fromkeys(found.notes)),
        **{name: value for name, value in found.values.items() if name in _FIELDS},
    )


def pointing_altitude(header: Any) -> float:
    """Altitude of the target that the header tells, degrees; NaN where it tells none.

    It serves to find out the sign of a longitude, never for an airmass.
    """
    cards_ = Header.of(header)
    for key in cards("altitude"):
        value = number(cards_.get(key))
        if 5 < value <= 90 and not re.search(r"met(er|re)|\[m\]", cards_.comment(key), re.IGNORECASE):
            return value
    return nan


def _exptime(header: Header, found: Found) -> None:
    rest: list[tuple[str, float]] = []
    for key in cards("exptime"):
        value = number(header.get(key))
        if not value >= 0:
            continue
        comment = header.comment(key).lower()
        if key == "EXPOINUS" or re.search(r"\[us\]|microsec|\bin us\b", comment):
            value *= 1e-6
        elif key == "EXPMS" or re.search(r"\[ms\]|\(ms\)|millisec|\bin ms\b", comment):
            value *= 1e-3
        elif re.search(r"\[d\]|\(d\)|\bin days\b", comment):
            value *= 86400
        elif re.search(r"\[min\]|\(min\)|\bin minutes\b", comment):
            value *= 60
        if value < _LONGEST:
            rest.append((key, value))
    if rest:
        key, value = rest[0]
        found.set("exptime", value, f"{key} card")
        other = next(
            ((k, v) for k, v in rest if k != "LIVETIME" and abs(v - value) > 0.01 + 0.02 * value), None
        )
        if other:
            found.notes.append(f"{other[0]} = {other[1]:g} s and {key} = {value:g} s differ: {key} is used")
        return
    value, source = span(header)
    if isfinite(value):
        found.set("exptime", value, source)
    else:
        found.notes.append(f"no exposure time (looked for {', '.join(cards('exptime')[:5])}, ...)")


def _word(header: Header, keys: list[str]) -> tuple[str, str]:
    for key in keys:
        value = header.get(key)
        if value is not None and str(value).strip():
            return str(value).strip(), key
    return "", ""


def _band(header: Header, found: Found, names: Mapping[str, Any]) -> None:
    band, source, notes, mosaic = read_band(header, names)
    found.set("band", band, source)
    # dark and bias frames are taken through whatever filter happens to be in place
    if found.values["kind"] not in ("bias", "dark"):
        found.notes += notes
    if mosaic and "bayer" not in found.values:
        found.set("bayer", mosaic, "FILTER card")


def _world(header: Header, found: Found) -> None:
    world, notes = wcs_cards(header)
    found.notes += notes
    trim = found.values.get("trim")
    if world and trim is not None:
        # from here on pixels are counted in the useful part
        world["CRPIX1"] -= trim[2]
        world["CRPIX2"] -= trim[0]
    found.values["cards"] = world
    scale = pixel_scale(world)
    if isfinite(scale):
        found.set("pixel_scale", scale, "WCS cards")


def _reduced(header: Header, found: Found, master: bool) -> None:
    """Whether somebody has calibrated this frame already, and how we know."""
    told = vocabulary()["reduced"]
    reason = "a master by its name" if master else ""
    status = str(header.get("CALSTAT", "")).upper()
    if any(letter in status for letter in "BDF"):
        reason = "CALSTAT card"
    unit = str(header.get("BUNIT", "")).strip().lower()
    if unit in ("electron", "electrons", "e-", "e", "electron/s", "electrons/s"):
        reason = "BUNIT card"
    for key in told["counts"]:
        if number(header.get(key)) > 1:
            reason = f"{key} card"
    text = header.history.lower()
    word = next((word for word in told["words"] if word in text), "")
    if word:
        reason = f'HISTORY card ("{word}")'
    for key in (*told["levels"], *told["statuses"]):
        if number(header.get(key)) > 0:
            reason = f"{key} card"
    for key in told["flags"]:
        value = header.get(key)
        if value is True or (isinstance(value, str) and value.strip().upper() not in ("F", "N", "NO", "")):
            reason = f"{key} card"
    if reason:
        found.set("reduced", True, reason)
    if master:
        found.notes.append("a master frame")


def _electrons(header: Header, found: Found) -> None:
    """A frame whose numbers are electrons has gain 1, whatever the camera's gain was."""
    unit = str(header.get("BUNIT", "")).strip().lower()
    if unit in ("electron", "electrons", "e-"):
        # limits in the raw number's ADU mean nothing here, unless the header's own gain is 1 as well
        for name in ("saturation", "linearity") if found.values.get("gain", 1.0) != 1 else ():
            if found.values.pop(name, None) is not None:
                found.sources.pop(name)
        found.set("gain", 1.0, "BUNIT card: the numbers are electrons")


def _check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that would be misread in silence."""
    reference = settings.get("time", {}).get("reference", "start")
    if reference not in ("start", "mid", "end"):
        raise SettingError(f'[time] reference = "{reference}": choose start, mid or end')
    for name, limit in (("latitude", 90), ("longitude", 360)):
        value = settings.get("site", {}).get(name, 0)
        if not abs(angle(value)[0]) <= limit:
            raise SettingError(f"[site] {name} = {value} is no {name}: give degrees, north and east positive")
    for name in ("gain", "saturation", "linearity", "pixel_scale"):
        value = settings.get("camera", {}).get(name, 1)
        if not isinstance(value, int | float) or not value > 0:
            raise SettingError(f"[camera] {name} = {value} is impossible: give a number above 0")


def _of(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: table[name]} if name in table else {}
