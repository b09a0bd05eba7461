"""World coordinates: only cards of a known kind and a sound value go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite, nan, sqrt
from typing import Any

from pogson.io.cards import Header
from pogson.io.values import number

_NUMBERS = re.compile(
    r"(CRVAL|CRPIX|CDELT|CROTA)[12]$|(CD|PC)[12]_[12]$|LONPOLE$|LATPOLE$|EQUINOX$|PV[12]_\d\d?$"
)
_SIP = re.compile(r"(AP?|BP?)_(ORDER|\d_\d)$")
_CELESTIAL = re.compile(r"(RA--|DEC-)-?-?(TAN|SIN|ARC|STG|ZEA|ZPN|TPV|TAN-SIP|NCP)$")
_NEEDED = ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")


def wcs_cards(header: Header) -> tuple[dict[str, Any], list[str]]:
    """The cards that make a celestial coordinate system, as numbers; empty where they do not.

    Returns
    -------
    cards : dict
    notes : list of str
        What was dropped, and why.
    """
    types = [str(header.get(f"CTYPE{n}", "")).strip() for n in (1, 2)]
    if not any(_CELESTIAL.match(kind) for kind in types):
        return {}, []
    if not all(_CELESTIAL.match(kind) for kind in types) or types[0][:2] == types[1][:2]:
        return {}, [f"the coordinates {types[0]}, {types[1]} are no pair: WCS cards ignored"]
    out: dict[str, Any] = {"CTYPE1": types[0], "CTYPE2": types[1], "CUNIT1": "deg", "CUNIT2": "deg"}
    sip: dict[str, Any] = {}
    for key in header:
        if _NUMBERS.match(key):
            value = number(header.get(key))
            if isfinite(value):
                out[key] = value
        elif _SIP.match(key):
            sip[key] = number(header.get(key))
    if "EQUINOX" not in out and isfinite(epoch := number(header.get("EPOCH"))):
        out["EQUINOX"] = epoch
    frame = str(header.get("RADESYS", header.get("RADECSYS", ""))).strip().upper()
    if frame in ("ICRS", "FK5", "FK4", "FK4-NO-E"):
        out["RADESYS"] = frame
    _one_matrix(out)
    scale = pixel_scale(out)
    if not all(key in out for key in _NEEDED) or not isfinite(scale) or not -90 <= out["CRVAL2"] <= 90:
        return {}, ["the WCS cards are incomplete or damaged: ignored"]
    return _with_sip(out, sip)


def pixel_scale(cards: Mapping[str, Any]) -> float:
    """Arcseconds per pixel from the linear part of a WCS; NaN where there is none."""
    if "CD1_1" in cards:
        a, b, c, d = (float(cards.get(f"CD{key}", 0.0)) for key in ("1_1", "1_2", "2_1", "2_2"))
    elif "CDELT1" in cards and "CDELT2" in cards:
        x, y = float(cards["CDELT1"]), float(cards["CDELT2"])
        a, b, c, d = (
            x * float(cards.get("PC1_1", 1.0)),
            x * float(cards.get("PC1_2", 0.0)),
            y * float(cards.get("PC2_1", 0.0)),
            y * float(cards.get("PC2_2", 1.0)),
        )
    else:
        return nan
    scale = 3600 * sqrt(abs(a * d - b * c))
    return scale if 1e-3 < scale < 3600 else nan


def read_wcs(cards: Mapping[str, Any]) -> Any:
    """An `astropy.wcs.WCS` from whitelisted cards; None where there are none, or they are refused."""
    if not cards:
        return None
    import warnings

    from astropy.io import fits
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return WCS(fits.Header(dict(cards)), naxis=2)
        except Exception:
            return None


def _one_matrix(out: dict[str, Any]) -> None:
    """CD wins over PC and CDELT, PC over CROTA: they must not stand side by side."""
    cd = [key for key in out if key.startswith("CD") and "_" in key]
    if cd and any(out[key] for key in cd):
        drop: tuple[str, ...] = ("PC", "CDELT", "CROTA")
    else:
        for key in cd:
            del out[key]
        drop = ("CROTA",) if any(key.startswith("PC") for key in out) else ()
    for key in [key for key in out if drop and key.startswith(drop)]:
        del out[key]


def _with_sip(out: dict[str, Any], sip: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Add the distortion if it is whole: orders 2 to 9, each term a number within its order."""
    notes: list[str] = []
    if sip:
        good = {"A", "B"} <= {key[0] for key in sip}
        for key, value in sip.items():
            name, _, term = key.partition("_")
            order = sip.get(f"{name}_ORDER", nan)
            powers = sum(int(n) for n in term.split("_")) if term != "ORDER" else 0
            good = good and isfinite(value) and 0 <= order <= 9 and powers <= order
        if good:
            whole = {k: int(v) if k.endswith("ORDER") else v for k, v in sip.items()}
            out.update(whole)
        else:
            notes.append("the SIP distortion is damaged: ignored")
    if "A_ORDER" not in out:
        for n in ("1", "2"):
            out[f"CTYPE{n}"] = out[f"CTYPE{n}"].removesuffix("-SIP")
    return out, notes
