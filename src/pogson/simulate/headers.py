"""What the camera's program writes into a header: facts in the words of a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import erfa  # type: ignore[import-untyped]
import numpy as np

from pogson.core.errors import SettingError
from pogson.core.time import bjd_tdb
from pogson.simulate.dialects import DIALECTS
from pogson.simulate.parse import hint_for
from pogson.simulate.recipe import Recipe
from pogson.simulate.schedule import DAY
from pogson.simulate.variables import site_of

#: keyword, value, comment
Card = tuple[str, Any, str]


#: Facts of the detector that a header tells only when the recipe asks for it.
PRIVATE = ("gain", "read_noise", "saturation")

#: Facts that only a frame of the sky has.
SKY_FACTS = (
    "target",
    "ra",
    "dec",
    "ra_hours",
    "ra_hms",
    "dec_dms",
    "ra_colons",
    "dec_colons",
    "airmass",
    "altitude",
    "pier",
    "bjd_middle",
)


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
    facts = {**_standing_facts(recipe), **shot, **_times(recipe, shot)}
    facts["kind"] = dialect.kinds[shot["kind"]]
    band = shot["band"] if not recipe.detector.bayer else ""
    facts["band"] = dialect.bands.get(band, dialect.band.format(band=band)) if band else None
    if shot["kind"] != "light":
        facts.update(dict.fromkeys(SKY_FACTS))
    cards: list[Card] = []
    for keyword, fact, comment in dialect.cards:
        value = fact[1:] if fact.startswith("=") else facts[fact]
        if value is not None and not (isinstance(value, float) and not isfinite(value)):
            cards.append((keyword, value, comment))
    return cards + [(keyword, value, "") for keyword, value in wcs.items() if dialect.wcs]


def _times(recipe: Recipe, shot: Mapping[str, Any]) -> dict[str, Any]:
    """Start, middle and end of the exposure as programs write them."""
    start = shot["jd_start"]
    middle, end = start + 0.5 * shot["exptime"] / DAY, start + shot["exptime"] / DAY
    zone = round(recipe.site.longitude / 15.0) / 24.0
    barycentric = bjd_tdb(middle, recipe.field.ra, recipe.field.dec, site_of(recipe))
    return {
        "start": _iso(start),
        "start_long": _iso(start, 6),
        "middle": _iso(middle),
        "middle_long": _iso(middle, 6),
        "end_long": _iso(end, 6),
        "start_local": _iso(start + zone),
        "start_clock": _iso(start)[11:],
        "end_clock": _iso(end)[11:],
        "mjd_start": round(start - 2400000.5, 8),
        "jd_middle": middle,
        "jd_end": end,
        "bjd_middle": float(barycentric[0]),
    }


def _standing_facts(recipe: Recipe) -> dict[str, Any]:
    """Facts that hold for the whole night; None where the header is not to tell."""
    d, t, s, f = recipe.detector, recipe.telescope, recipe.site, recipe.field
    level = round(min(d.bias_level + d.full_well / d.gain, float(d.largest)), 1)
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
        "focal_ratio": round(206.264806e-3 * d.pixel_size / t.pixel_scale / t.diameter, 2),
        "telescope": "Simulated telescope",
        "site_name": s.name,
        "equinox": 2000.0,
        "gain_setting": 100,
        "offset_setting": 30,
        "bayer": d.bayer or None,
        "latitude": s.latitude,
        "longitude": s.longitude,
        "height": s.height,
        "latitude_dms": sexagesimal(s.latitude),
        "longitude_dms": sexagesimal(s.longitude),
        "ra": f.ra,
        "dec": f.dec,
        "ra_hours": round(f.ra / 15.0, 8),
        "ra_colons": sexagesimal(f.ra / 15.0, 3).lstrip("+").replace(" ", ":"),
        "dec_colons": sexagesimal(f.dec, 2).replace(" ", ":"),
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


def _iso(jd_utc: float, digits: int = 3) -> str:
    year, month, day, clock = erfa.d2dtf("UTC", digits, np.floor(jd_utc), jd_utc - np.floor(jd_utc))
    h, m, s, f = (int(clock[name]) for name in "hmsf")
    return f"{int(year):04d}-{int(month):02d}-{int(day):02d}T{h:02d}:{m:02d}:{s:02d}.{f:0{digits}d}"
