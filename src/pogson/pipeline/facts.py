"""Facts about camera, site and clock that a user may give: they win over the header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from pogson.core.errors import SettingError
from pogson.pipeline.step import Setting


@dataclass(frozen=True)
class Fact:
    """Something of the telescope that wins over the header."""

    setting: Setting
    example: str
    holds: Callable[[Any], bool] = lambda value: True
    words: str = ""

    def check(self, value: Any, where: str) -> Any:
        """Return `value` in the fact's type, or raise SettingError in one line."""
        checked = self.setting.check(value, where)
        if not self.holds(checked):
            raise SettingError(f"{where} must be {self.words}, got {value!r}")
        return checked


def _number(name: str, unit: str, about: str, example: str, low: float, high: float = inf) -> Fact:
    """A number from `low` to `high`; where there is no highest value `low` itself is excluded if 0."""
    setting = Setting(name, float, unit, None, about)
    if high < inf:
        return Fact(setting, example, lambda v: low <= v <= high, f"from {low:g} to {high:g}")
    return Fact(setting, example, lambda v: low < v < inf, f"a number above {low:g}")


def _error(name: str, unit: str, about: str, example: str) -> Fact:
    setting = Setting(name, float, unit, None, about)
    return Fact(setting, example, lambda v: 0 <= v < inf, "0 or more")


def _word(name: str, about: str, example: str, *choices: str) -> Fact:
    setting = Setting(name, str, "", None, about)
    return Fact(setting, example, lambda v: not choices or v in choices, f"one of {', '.join(choices)}")


def _section(*facts: Fact) -> dict[str, Fact]:
    return {fact.setting.name: fact for fact in facts}


#: Facts that win over the header, by section.
FACTS: dict[str, dict[str, Fact]] = {
    "camera": _section(
        _number("gain", "electron/ADU", "gain", "1.5", 0),
        _error("gain_err", "electron/ADU", "error of the gain, 1 sigma", "0.01"),
        _number("read_noise", "electron", "read noise", "8.0", 0),
        _error("read_noise_err", "electron", "error of the read noise, 1 sigma", "0.1"),
        _number("saturation", "ADU", "raw level at which a pixel is saturated", "60000.0", 0),
        _number("linearity", "ADU", "raw level above which the camera is not linear", "50000.0", 0),
        _number("pixel_scale", "arcsec/px", "size of a pixel on the sky", "0.7", 0),
        _word("bayer", "colour mosaic", '"RGGB"', "RGGB", "BGGR", "GRBG", "GBRG"),
    ),
    "site": _section(
        _number("latitude", "deg", "north positive", "37.0", -90, 90),
        _number("longitude", "deg", "east positive", "-3.5", -180, 360),
        _number("height", "m", "above sea level", "2000.0", -500, 9000),
        _word("name", "name of the site", '"my garden"'),
        _number("diameter", "m", "aperture of the telescope (for scintillation)", "0.2", 0),
    ),
    "time": _section(
        _word("reference", "what the header's time marks", '"start"', "start", "mid", "end"),
        _number("utc_offset_hours", "h", "local time minus UTC, where the header's is local", "0.0", -14, 14),
    ),
}
