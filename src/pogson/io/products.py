"""The cards of our own files: exposures and masters told in FITS words, and read back."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure, Master
from pogson.io.cards import Header
from pogson.io.dates import iso
from pogson.io.values import number


def card_of(header: Any) -> Header:
    """Another library's header as ours."""
    return Header.of(header)


def frame_cards(exposure: Exposure, unit: str) -> dict[str, Any]:
    """Cards of a calibrated frame; those without a value are left out."""
    e = exposure
    cards: dict[str, Any] = {
        "EXTNAME": "SCI",
        "BUNIT": (unit, "unit of the pixels"),
        "CALIBRAT": (True, "calibrated by pogson"),
        "IMAGETYP": (e.kind, "kind of frame"),
        "OBJECT": e.target or None,
        "INSTRUME": e.camera or None,
        "FILTER": (e.band, "canonical band") if e.band else None,
        "TIMESYS": "UTC",
        "DATE-OBS": (iso(e.jd_start), "[UTC] start of exposure") if isfinite(e.jd_start) else None,
        "DATE-AVG": (iso(e.jd_utc), "[UTC] middle of exposure") if isfinite(e.jd_utc) else None,
        "BJD_TDB": (e.bjd_tdb, "[d] barycentric Julian date of mid-exposure"),
        "EXPTIME": (e.exptime, "[s] exposure time"),
        "AIRMASS": (e.airmass, "airmass at mid-exposure"),
        "RA": (e.ra, "[deg] pointing, ICRS"),
        "DEC": (e.dec, "[deg] pointing, ICRS"),
        "EGAIN": (e.gain, "[electron/adu] gain of the raw frame"),
        "EGAINERR": (e.gain_err, "[electron/adu] its error"),
        "RDNOISE": (e.read_noise, "[electron] read noise"),
        "RDNOIERR": (e.read_noise_err, "[electron] its error"),
        "SATURATE": (e.saturation, "[adu] saturation of the raw frame"),
        "MAXLIN": (e.linearity, "[adu] end of linearity of the raw frame"),
        "CCD-TEMP": (e.temperature, "[deg C] detector"),
        "XBINNING": e.binning[0],
        "YBINNING": e.binning[1],
        "PIXSCALE": (e.pixel_scale, "[arcsec/pix]"),
        "APTDIA": (e.diameter * 1000, "[mm] aperture of the telescope"),
        "BAYERPAT": e.bayer or None,
    }
    if e.site is not None:
        cards["SITELAT"] = (e.site.latitude, "[deg] north positive")
        cards["SITELONG"] = (e.site.longitude, "[deg] east positive")
        cards["SITEELEV"] = (e.site.height, "[m] above the sea")
        cards["OBSERVAT"] = e.site.name or None
    return _known(cards)


def restored(exposure: Exposure, header: Header) -> Exposure:
    """The exposure of a frame that we wrote: the camera's own gain and limits, our barycentric time."""
    names = {
        "gain": "EGAIN",
        "gain_err": "EGAINERR",
        "read_noise": "RDNOISE",
        "read_noise_err": "RDNOIERR",
        "saturation": "SATURATE",
        "linearity": "MAXLIN",
        "bjd_tdb": "BJD_TDB",
        "airmass": "AIRMASS",
    }
    for field, key in names.items():
        value = number(header.get(key))
        source = f"{key} card" if isfinite(value) else "unknown"
        exposure = exposure.with_values(source, **{field: value})
    return replace(exposure, trim=None, overscan=None, notes=())


def master_cards(master: Master) -> dict[str, Any]:
    """Cards of a master; sources and notes as HISTORY lines."""
    history = [f"source: {name}" for name in master.sources] + [f"note: {note}" for note in master.notes]
    cards: dict[str, Any] = {
        "EXTNAME": "SCI",
        "BUNIT": "" if master.kind == "flat" else "adu",
        "IMAGETYP": (f"Master {master.kind}", "kind of frame"),
        "NCOMBINE": (master.n, "frames combined"),
        "FILTER": master.band or None,
        "EXPTIME": (master.exptime, "[s] exposure time"),
        "CCD-TEMP": (master.temperature, "[deg C] detector"),
        "XBINNING": master.binning[0],
        "YBINNING": master.binning[1],
        "HASBIAS": (master.has_bias, "the bias is still in it"),
        "MASTER": (master.name, "name") if master.name else None,
    }
    return {**_known(cards), "HISTORY": history}


def master_of(
    header: Header,
    name: str,
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    mask: NDArray[np.uint16],
) -> Master:
    """The master that cards and planes make up."""
    lines = header.history.splitlines()
    return Master(
        kind=str(header.get("IMAGETYP", "")).split()[-1].lower() if header.get("IMAGETYP") else "unknown",
        data=data,
        variance=variance,
        mask=mask,
        n=int(number(header.get("NCOMBINE", 1))),
        band=str(header.get("FILTER", "")),
        exptime=_or_nan(header, "EXPTIME"),
        temperature=_or_nan(header, "CCD-TEMP"),
        binning=(int(number(header.get("XBINNING", 1))), int(number(header.get("YBINNING", 1)))),
        has_bias=header.get("HASBIAS") is True,
        sources=tuple(line[8:] for line in lines if line.startswith("source: ")),
        notes=tuple(line[6:] for line in lines if line.startswith("note: ")),
        name=str(header.get("MASTER", name)),
    )


def _or_nan(header: Header, key: str) -> float:
    value = number(header.get(key))
    return value if isfinite(value) else nan


def _known(cards: dict[str, Any]) -> dict[str, Any]:
    """Without what is unknown: FITS has no card for NaN."""
    out = {}
    for key, value in cards.items():
        plain = value[0] if isinstance(value, tuple) else value
        if plain is not None and not (isinstance(plain, float) and not isfinite(plain)):
            out[key] = value
    return out
