"""What the camera's program writes into a header: facts in the words of a dialect.

A dialect is data: how it calls the kinds of frames and the bands, and which fact stands under which
keyword. A fact that a frame does not have leaves its card out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import erfa  # type: ignore[import-untyped]
import numpy as np

from pogson.core.errors import SettingError
from pogson.simulate.parse import hint_for
from pogson.simulate.recipe import Recipe

#: keyword, value, comment
Card = tuple[str, Any, str]


@dataclass(frozen=True)
class Dialect:
    """The words of one program: `cards` holds keyword, name of the fact, comment."""

    kinds: Mapping[str, str]
    band: str  # with {band} in it
    cards: tuple[tuple[str, str, str], ...]


DIALECTS = {
    "maxim": Dialect(
        {"light": "Light Frame", "bias": "Bias Frame", "dark": "Dark Frame", "flat": "Flat Field"},
        "sdss_{band}",
        (
            ("DATE-OBS", "start", "YYYY-MM-DDThh:mm:ss observation start, UT"),
            ("EXPTIME", "exptime", "Exposure time in seconds"),
            ("EXPOSURE", "exptime", "Exposure time in seconds"),
            ("SET-TEMP", "set_temperature", "CCD temperature setpoint in C"),
            ("CCD-TEMP", "temperature", "CCD temperature at start of exposure in C"),
            ("XPIXSZ", "pixel_size", "Pixel Width in microns (after binning)"),
            ("YPIXSZ", "pixel_size", "Pixel Height in microns (after binning)"),
            ("XBINNING", "binning", "Binning factor in width"),
            ("YBINNING", "binning", "Binning factor in height"),
            ("READOUTM", "readout", "Readout mode of image"),
            ("FILTER", "band", "Filter name"),
            ("IMAGETYP", "kind", "Type of image"),
            ("FOCALLEN", "focal_length_mm", "Focal length of telescope in mm"),
            ("APTDIA", "diameter_mm", "Aperture diameter of telescope in mm"),
            ("SITELAT", "latitude_dms", "Latitude of the imaging location"),
            ("SITELONG", "longitude_dms", "Longitude of the imaging location"),
            ("JD", "jd_start", "Julian Date at start of exposure"),
            ("OBJECT", "target", "Target object name"),
            ("OBJCTRA", "ra_hms", "Nominal Right Ascension of center of image"),
            ("OBJCTDEC", "dec_dms", "Nominal Declination of center of image"),
            ("AIRMASS", "airmass", "Relative optical path length through atmosphere"),
            ("INSTRUME", "camera", "Detector instrument name"),
            ("BIASSEC", "overscan", "Overscan columns"),
            ("TRIMSEC", "trim", "Useful part of the detector"),
            ("EGAIN", "gain", "Electronic gain in e-/ADU"),
            ("RDNOISE", "read_noise", "Read noise in e-"),
            ("SATURATE", "saturation", "Saturation level in ADU"),
        ),
    ),
    "plain": Dialect(
        {"light": "object", "bias": "zero", "dark": "dark", "flat": "flat"},
        "{band}",
        (
            ("DATE-OBS", "start", "[UTC] start of exposure"),
            ("TIMESYS", "time_scale", "time scale"),
            ("EXPTIME", "exptime", "[s] exposure time"),
            ("IMAGETYP", "kind", "type of observation"),
            ("FILTER", "band", "filter"),
            ("OBJECT", "target", "target"),
            ("RA", "ra", "[deg] right ascension"),
            ("DEC", "dec", "[deg] declination"),
            ("LATITUDE", "latitude", "[deg] north"),
            ("LONGITUD", "longitude", "[deg] east"),
            ("HEIGHT", "height", "[m] above sea level"),
            ("CCDTEMP", "temperature", "[deg C] detector"),
            ("CCDSUM", "binning_words", "binning"),
            ("PIXSCALE", "pixel_scale", "[arcsec] per pixel"),
            ("AIRMASS", "airmass", "airmass"),
            ("BIASSEC", "overscan", "overscan"),
            ("TRIMSEC", "trim", "useful part"),
            ("GAIN", "gain", "[electron/adu]"),
            ("RDNOISE", "read_noise", "[electron]"),
            ("SATURATE", "saturation", "[adu]"),
        ),
    ),
}


#: Facts of the detector that a header tells only when the recipe asks for it.
PRIVATE = ("gain", "read_noise", "saturation")


def check_words(recipe: Recipe) -> None:
    """Raise SettingError if there is no such dialect, or no such fact to tell."""
    name = recipe.night.dialect
    if name not in DIALECTS:
        raise SettingError(f"night.dialect: no dialect '{name}'{hint_for(name, DIALECTS)}")
    for fact in recipe.night.tells:
        if fact not in PRIVATE:
            raise SettingError(f"night.tells: a header cannot tell '{fact}'{hint_for(fact, PRIVATE)}")


def write_cards(recipe: Recipe, shot: Mapping[str, Any], wcs: Mapping[str, Any]) -> list[Card]:
    """Header cards of one exposure.

    Parameters
    ----------
    recipe : Recipe
        Detector, telescope, site and target of the night.
    shot : mapping
        What is true of this exposure: kind, band, exptime, jd_start, temperature, airmass, target.
    wcs : mapping
        WCS cards as they are to be written.
    """
    dialect = DIALECTS[recipe.night.dialect]
    facts = {**_standing_facts(recipe), **shot, "start": _iso(shot["jd_start"])}
    facts["kind"] = dialect.kinds[shot["kind"]]
    facts["band"] = dialect.band.format(band=shot["band"]) if shot["band"] else None
    if shot["kind"] != "light":
        facts.update(dict.fromkeys(("target", "ra", "dec", "ra_hms", "dec_dms", "airmass")))
    cards: list[Card] = []
    for keyword, fact, comment in dialect.cards:
        value = facts[fact]
        if value is not None and not (isinstance(value, float) and not isfinite(value)):
            cards.append((keyword, value, comment))
    return cards + [(keyword, value, "") for keyword, value in wcs.items()]


def _standing_facts(recipe: Recipe) -> dict[str, Any]:
    """Facts that hold for the whole night; None where the header is not to tell."""
    d, t, s, f = recipe.detector, recipe.telescope, recipe.site, recipe.field
    level = round(min(d.bias_level + d.full_well / d.gain, 2.0**d.bits - 1.0), 1)
    private = dict(zip(PRIVATE, (d.gain, d.read_noise, level), strict=True))
    told = {name: value if name in recipe.night.tells else None for name, value in private.items()}
    wide = d.nx + d.overscan
    return told | {
        "set_temperature": d.temperature,
        "pixel_size": d.pixel_size,
        "pixel_scale": t.pixel_scale,
        "binning": 1,
        "binning_words": "1 1",
        "readout": "Monochrome",
        "time_scale": "UTC",
        "focal_length_mm": round(206.264806 * d.pixel_size / t.pixel_scale, 1),
        "diameter_mm": 1000.0 * t.diameter,
        "latitude": s.latitude,
        "longitude": s.longitude,
        "height": s.height,
        "latitude_dms": sexagesimal(s.latitude),
        "longitude_dms": sexagesimal(s.longitude),
        "ra": f.ra,
        "dec": f.dec,
        "ra_hms": sexagesimal(f.ra / 15.0, 2).lstrip("+"),
        "dec_dms": sexagesimal(f.dec, 1),
        "camera": "Simulated CCD",
        "overscan": f"[{d.nx + 1}:{wide},1:{d.ny}]" if d.overscan else None,
        "trim": f"[1:{d.nx},1:{d.ny}]" if d.overscan else None,
    }


def sexagesimal(value: float, digits: int = 0) -> str:
    """Degrees (or hours), minutes and seconds, parted by blanks: ``+36 27 35.0``."""
    ticks = round(abs(value) * 3600.0 * 10**digits)
    seconds, fraction = divmod(ticks, 10**digits)
    end = f".{fraction:0{digits}d}" if digits else ""
    words = f"{seconds // 3600:02d} {seconds // 60 % 60:02d} {seconds % 60:02d}{end}"
    return f"{'-' if value < 0 else '+'}{words}"


def _iso(jd_utc: float) -> str:
    year, month, day, clock = erfa.d2dtf("UTC", 3, np.floor(jd_utc), jd_utc - np.floor(jd_utc))
    h, m, s, f = (int(clock[name]) for name in "hmsf")
    return f"{int(year):04d}-{int(month):02d}-{int(day):02d}T{h:02d}:{m:02d}:{s:02d}.{f:03d}"
