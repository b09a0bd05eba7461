"""What the header tells about the camera and the optics, and what it only seems to tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

from pogson.core.frame import Section
from pogson.io.cards import Header
from pogson.io.values import number, section
from pogson.io.vocabulary import cards, vocabulary

_PER_ADU = re.compile(r"(e-?|electrons?|photo-?electrons?)\s*(/|per)\s*(adu|dn|counts?|ct)\b", re.IGNORECASE)
_PER_ELECTRON = re.compile(r"\b(adu|dn|counts?|ct)s?\s*(/|per)\s*(e-?|electrons?)", re.IGNORECASE)
_SETTING = re.compile(r"setting|output\s*/\s*input|\bdB\b|\biso\b|camera gain|sensor gain", re.IGNORECASE)
_ELECTRONS = re.compile(r"\be-?\b|electron", re.IGNORECASE)
_MOSAIC = re.compile(r"(RGGB|BGGR|GRBG|GBRG)$")


@dataclass
class Found:
    """Values of an exposure as they are found, with their sources and what to know."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def set(self, name: str, value: Any, source: str) -> None:
        """Keep a value and where it came from."""
        self.values[name] = value
        self.sources[name] = source


def read_camera(header: Header, found: Found, shape: tuple[int, int], reduced: bool) -> None:
    """Gain, read noise, limits, pedestal, temperature, binning, optics and sections of the detector."""
    _gain(header, found)
    gain = found.values.get("gain", nan)
    _positive(header, found, "read_noise", "read_noise")
    key = found.sources.get("read_noise", "").split(" ")[0]
    if key and re.search(r"\badu\b|\bdn\b|count", header.comment(key), re.IGNORECASE) and isfinite(gain):
        found.set("read_noise", found.values["read_noise"] * gain, f"{key} card [ADU] times gain")
    _limits(header, found, gain)
    _pedestal(header, found)
    _temperature(header, found)
    _binning(header, found)
    _optics(header, found)
    _sections(header, found, shape, reduced)
    for key in ("BAYERPAT", "COLORTYP"):
        word = str(header.get(key, "")).strip().upper()
        if _MOSAIC.match(word):
            found.set("bayer", _shifted(word, header), f"{key} card")
            break


def first_number(header: Header, names: list[str]) -> tuple[float, str]:
    """The first of some cards that holds a number, and its keyword."""
    for key in names:
        value = number(header.get(key))
        if isfinite(value):
            return value, key
    return nan, ""


def _positive(header: Header, found: Found, name: str, quantity: str) -> None:
    for key in cards(quantity):
        value = number(header.get(key))
        if value > 0:
            found.set(name, value, f"{key} card")
            return


def _gain(header: Header, found: Found) -> None:
    _positive(header, found, "gain", "gain")
    if "gain" in found.values:
        return
    for key in cards("unsure_gain"):
        value = number(header.get(key))
        if not isfinite(value):
            continue
        comment = header.comment(key)
        if value > 0 and _PER_ADU.search(comment):
            found.set("gain", value, f"{key} card")
            return
        if value > 0 and _PER_ELECTRON.search(comment):
            found.set("gain", 1 / value, f"{key} card, ADU per electron")
            return
        if value > 0 and not _SETTING.search(comment) and _trusted(header, value):
            found.set("gain", value, f"{key} card (no unit; taken for electron/ADU)")
            found.notes.append(
                f"{key} = {value:g} has no unit: taken for electron/ADU; [camera] gain overrides it"
            )
            return
        found.notes.append(f"{key} = {value:g} is not used: nothing says that it is electron/ADU")
        return


def _trusted(header: Header, value: float) -> bool:
    """An unlabelled GAIN: believed of observatories, not of camera programs, else if it looks like one."""
    names = ("SWCREATE", "CREATOR", "PROGRAM", "SOFTWARE", "ORIGIN", "OBSERVAT", "INSTRUME", "SWOWNER")
    words = " ".join(str(header.get(key, "")) for key in names).lower()
    origins = vocabulary()["origins"]
    if any(re.search(rf"\b{re.escape(name)}", words) for name in origins["setting"]):
        return False
    if any(re.search(rf"\b{re.escape(name)}\b", words) for name in origins["electrons"]):
        return 0.05 < value < 50
    return 0.05 < value < 20 and value != round(value)


def _limits(header: Header, found: Found, gain: float) -> None:
    for name in ("saturation", "linearity"):
        for key in cards(name):
            value = number(header.get(key))
            if not value > 0:
                continue
            comment = header.comment(key)
            if (key == "ESATUR" or _ELECTRONS.search(comment)) and "adu" not in comment.lower():
                if not isfinite(gain):
                    continue
                value, comment = value / gain, ""
            found.set(name, value, f"{key} card")
            break
    for key in cards("unsure_saturation"):
        # in most files DATAMAX is the brightest pixel of this image; IRAF means the highest good value
        if "saturation" not in found.values and re.search(
            r"satur|good|linear|valid", header.comment(key), re.I
        ):
            value = number(header.get(key))
            if value > 0:
                found.set("saturation", value, f"{key} card")


def _pedestal(header: Header, found: Found) -> None:
    for key in cards("pedestal"):
        value = number(header.get(key))
        if isfinite(value) and value != 0:
            # SBFITSEXT: to be added to get back to zero, so usually negative; others write what was added
            to_add = value < 0 or "to add" in header.comment(key).lower()
            found.set("offset", -value if to_add else value, f"{key} card")
            return


def _temperature(header: Header, found: Found) -> None:
    for key in cards("temperature"):
        value = number(header.get(key))
        if not isfinite(value):
            continue
        kelvin = bool(re.search(r"kelvin|\[K\]", header.comment(key), re.IGNORECASE)) or value > 150
        if kelvin and value <= 0:
            continue
        found.set("temperature", value - 273.15 if kelvin else value, f"{key} card")
        return


def _binning(header: Header, found: Found) -> None:
    for x_key, y_key in cards("binning"):
        x, y = number(header.get(x_key)), number(header.get(y_key))
        if 1 <= x <= 64:
            found.set("binning", (int(x), int(y) if 1 <= y <= 64 else int(x)), f"{x_key} card")
            return
    for key in cards("both_binnings"):
        numbers = [int(n) for n in re.findall(r"\d+", str(header.get(key, "")))]
        if numbers and all(1 <= n <= 64 for n in numbers[:2]):
            found.set("binning", (numbers[0], numbers[min(1, len(numbers) - 1)]), f"{key} card")
            return


def _optics(header: Header, found: Found) -> None:
    for key in cards("pixel_scale"):
        value = number(header.get(key))
        if 0.01 < value < 600:
            found.set("pixel_scale", value, f"{key} card")
            break
    else:
        _scale_of_optics(header, found)
    value, key = first_number(header, cards("diameter"))
    if value > 0:
        in_mm = value >= 20 or "mm" in header.comment(key).lower()
        found.set("diameter", value / 1000 if in_mm else value, f"{key} card")
        return
    focal, focal_key = _focal_length(header)
    ratio, ratio_key = first_number(header, cards("focal_ratio"))
    # a focal ratio of 0 or 1 is a default that nobody changed
    if focal > 0 and 1 < ratio < 50:
        found.set("diameter", focal / ratio / 1000, f"{focal_key} over {ratio_key} card")


def _scale_of_optics(header: Header, found: Found) -> None:
    """Arcseconds per pixel from pixel size and focal length, where their units are beyond doubt."""
    size, size_key = first_number(header, cards("pixel_size"))
    mm, focal_key = _focal_length(header)
    if not size > 0 or not focal_key:
        return
    if not mm > 0:
        given = f"{focal_key} = {number(header.get(focal_key)):g}"
        found.notes.append(f"{given} has no unit: no pixel scale from it; give [camera] pixel_scale")
        return
    micron = size * (1e6 if size < 1e-4 else 1e3 if size < 0.1 else 1.0)
    source = f"{size_key} and {focal_key} cards"
    binning = found.values.get("binning", (1, 1))[0]
    if binning > 1 and size_key in cards("unbinned_pixel_size"):
        micron *= binning
        source += ", times binning"
    scale = 206.264806 * micron / mm
    if 0.01 < scale < 600 and 0.5 < micron < 200:
        found.set("pixel_scale", scale, source)
        if binning > 1 and "after binning" not in header.comment(size_key).lower() and "times" not in source:
            found.notes.append(f"{size_key} is taken to be the size of the binned pixel")


def _focal_length(header: Header) -> tuple[float, str]:
    """Millimetres, and the card; NaN where the unit is in doubt, no card where there is none."""
    focal, key = first_number(header, cards("focal_length"))
    if not focal > 0:
        return nan, ""
    comment = header.comment(key).lower()
    if re.search(r"\bcm\b", comment):
        return focal * 10, key
    if re.search(r"\bm\b|met(er|re)s?\b", comment) and "mm" not in comment and "milli" not in comment:
        return focal * 1000, key
    plain = "mm" in comment or "milli" in comment or focal >= 100
    return (focal if plain else nan), key


def _sections(header: Header, found: Found, shape: tuple[int, int], reduced: bool) -> None:
    """Useful part and overscan, where they fit the image; those of a trimmed frame do not."""
    ny, nx = shape
    found.values["shape"] = shape
    trim: Section | None = None
    for key in ("TRIMSEC", "DATASEC"):
        part = section(header.get(key))
        if part is None:
            continue
        if _fits(part, ny, nx):
            trim = part
            if part != (0, ny, 0, nx):
                found.set("trim", part, f"{key} card")
                found.values["shape"] = (part[1] - part[0], part[3] - part[2])
            break
        found.notes.append(f"{key} = {header.get(key)} does not fit the image of {nx} x {ny}: ignored")
    part = section(header.get("BIASSEC"))
    if part is None or reduced:
        return
    if not _fits(part, ny, nx):
        found.notes.append(
            f"BIASSEC = {header.get('BIASSEC')} does not fit the image of {nx} x {ny}: ignored"
        )
    elif trim is None or _overlap(part, trim):
        found.notes.append("BIASSEC lies in the useful part of the image: ignored")
    else:
        found.set("overscan", part, "BIASSEC card")


def _fits(part: Section, ny: int, nx: int) -> bool:
    y0, y1, x0, x1 = part
    return 0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx


def _overlap(a: Section, b: Section) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _shifted(pattern: str, header: Header) -> str:
    """The colour mosaic as it begins at the first pixel, after an offset in x or y."""
    if number(header.get("XBAYROFF")) % 2 == 1:
        pattern = pattern[1] + pattern[0] + pattern[3] + pattern[2]
    if number(header.get("YBAYROFF")) % 2 == 1:
        pattern = pattern[2:] + pattern[:2]
    return pattern


def apply_settings(found: Found, settings: Mapping[str, Any]) -> None:
    """The [camera] table of the settings wins over the header."""
    for name in ("gain", "gain_err", "read_noise", "read_noise_err", "saturation", "linearity", "offset"):
        if name in settings:
            found.set(name, float(settings[name]), f"[camera] {name} in the settings")
    for name in ("pixel_scale", "diameter", "temperature"):
        if name in settings:
            found.set(name, float(settings[name]), f"[camera] {name} in the settings")
    if "bayer" in settings:
        found.set("bayer", str(settings["bayer"]), "[camera] bayer in the settings")
