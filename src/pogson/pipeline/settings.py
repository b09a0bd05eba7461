"""The settings of a run: read from a TOML file, checked against the steps' signatures."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pogson.core.errors import FileError, SettingError
from pogson.io.files import read_text
from pogson.pipeline.step import Setting, nearest
from pogson.pipeline.steps import STEPS

#: Facts about the telescope that win over the header, by section: name -> (type, unit, what it is).
FACTS: dict[str, dict[str, tuple[type, str, str]]] = {
    "camera": {
        "gain": (float, "electron/ADU", "gain"),
        "gain_err": (float, "electron/ADU", "error of the gain, 1 sigma"),
        "read_noise": (float, "electron", "read noise"),
        "read_noise_err": (float, "electron", "error of the read noise, 1 sigma"),
        "saturation": (float, "ADU", "raw level at which a pixel is saturated"),
        "linearity": (float, "ADU", "raw level above which the camera is not linear"),
        "pixel_scale": (float, "arcsec/px", "size of a pixel on the sky"),
        "bayer": (str, "", "colour mosaic, such as RGGB"),
    },
    "site": {
        "latitude": (float, "deg", "north positive"),
        "longitude": (float, "deg", "east positive"),
        "height": (float, "m", "above sea level"),
        "name": (str, "", "name of the site"),
        "diameter": (float, "m", "aperture of the telescope (for scintillation)"),
    },
    "time": {
        "reference": (str, "", "what the header's time marks: start, mid or end"),
        "utc_offset_hours": (float, "h", "local time minus UTC, where the header's time is local"),
    },
}

#: What [catalog.columns] may name, beside mag_<band> and mag_<band>_err.
CATALOG_COLUMNS = ("id", "ra", "dec", "pmra", "pmdec", "unit", "epoch")

#: Sections whose keys the user chooses.
FREE = {
    "bands": 'what a filter name stands for: "Luminance Pro" = "L"',
    "catalog.columns": 'which column is what: mag_V = "my V", mag_V_err = "my sigma V"',
}


@dataclass(frozen=True)
class Settings:
    """Everything a user has said.

    Attributes
    ----------
    steps : mapping of section to mapping
        Only what differs from the defaults, checked.
    facts : mapping of section to mapping
        `camera`, `site`, `time` and `bands`: they win over the header.
    catalog_columns : mapping
        Names of columns of the user's catalogue.
    """

    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    catalog_columns: Mapping[str, str] = field(default_factory=dict)

    def of(self, step: str) -> dict[str, Any]:
        """Keyword arguments for a step's function."""
        return dict(self.steps.get(step, {}))


def read_settings(path: str | None) -> Settings:
    """Read and check a settings file; no path gives the defaults.

    Raises
    ------
    FileError, SettingError
        In one line that names the file.
    """
    return check_settings(read_toml(path))


def read_toml(path: str | None) -> dict[str, Any]:
    """The nested mapping in a settings file, checked; no path gives an empty one.

    Raises
    ------
    SettingError
        In one line that names the file.
    """
    given = parse_toml(path)
    try:
        check_settings(given)
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None
    return given


def parse_toml(path: str | None) -> dict[str, Any]:
    """The nested mapping in any TOML file; no path gives an empty one."""
    if path is None:
        return {}
    try:
        return tomllib.loads(read_text(path))
    except FileError as error:
        raise SettingError(str(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path}: not valid TOML: {error}; correct that line") from None


def check_settings(given: Mapping[str, Any]) -> Settings:
    """Check a nested mapping of settings, as from a TOML file."""
    known = [*STEPS, *FACTS, "bands", "catalog"]
    steps: dict[str, dict[str, Any]] = {}
    facts: dict[str, dict[str, Any]] = {}
    columns: dict[str, str] = {}
    for section, values in given.items():
        if section not in known:
            raise SettingError(f"there is no section [{section}]{nearest(section, known)}")
        if not isinstance(values, Mapping):
            raise SettingError(f"[{section}] must be a section of settings, got {values!r}")
        if section in STEPS:
            steps[section] = STEPS[section].check(values)
        elif section in FACTS:
            facts[section] = _check_facts(section, values)
        elif section == "bands":
            for name, band in values.items():
                if not isinstance(band, str) or not band:
                    raise SettingError(f'[bands] "{name}" must be the name of a band, got {band!r}')
            facts["bands"] = dict(values)
        else:
            columns = _check_catalog(values)
    return Settings(steps, facts, columns)


def merge_words(given: Mapping[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    """Add ``section.name=value`` words of the command line to a nested mapping of settings."""
    merged = {section: dict(values) for section, values in given.items()}
    for word in words:
        key, equals, text = word.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot):
            raise SettingError(f"--set wants section.name=value, got '{word}'")
        place = merged.setdefault(section, {})
        if section == "catalog" and name.startswith("columns."):
            place, name = place.setdefault("columns", {}), name.removeprefix("columns.")
        place[name] = _parse_word(section, name, text)
    return merged


def _parse_word(section: str, name: str, text: str) -> Any:
    if section in STEPS:
        settings = STEPS[section].settings
        if name not in settings:
            raise SettingError(f"[{section}] has no setting '{name}'{nearest(name, settings)}")
        return settings[name].parse(text, f"[{section}] {name}")
    if section in FACTS and name in FACTS[section]:
        kind = FACTS[section][name][0]
        return Setting(name, kind, "", None, "").parse(text, f"[{section}] {name}")
    return text


def _check_facts(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for name, value in values.items():
        if name not in FACTS[section]:
            raise SettingError(f"[{section}] has no setting '{name}'{nearest(name, FACTS[section])}")
        kind, unit, about = FACTS[section][name]
        checked[name] = Setting(name, kind, unit, None, about).check(value, f"[{section}] {name}")
        possible, words = _POSSIBLE.get(name, (None, ""))
        if possible is not None and not possible(checked[name]):
            raise SettingError(f"[{section}] {name} must be {words}, got {value!r}")
    return checked


_POSITIVE = (lambda v: 0 < v < inf, "above 0")
_NOT_NEGATIVE = (lambda v: 0 <= v < inf, "0 or more")

#: what a fact may be: name -> (test, words)
_POSSIBLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("gain", "saturation", "linearity", "pixel_scale", "diameter"), _POSITIVE),
    **dict.fromkeys(("gain_err", "read_noise", "read_noise_err"), _NOT_NEGATIVE),
    "bayer": (lambda v: v.upper() in ("", "RGGB", "BGGR", "GRBG", "GBRG"), "RGGB, BGGR, GRBG or GBRG"),
    "latitude": (lambda v: -90 <= v <= 90, "from -90 to 90, north positive"),
    "longitude": (lambda v: -180 <= v <= 360, "from -180 to 360, east positive"),
    "reference": (lambda v: v in ("start", "mid", "end"), "start, mid or end"),
    "utc_offset_hours": (lambda v: -14 <= v <= 14, "from -14 to 14"),
}


def _check_catalog(values: Mapping[str, Any]) -> dict[str, str]:
    for name in values:
        if name != "columns":
            raise SettingError(f"[catalog] has no setting '{name}'{nearest(name, ['columns'])}")
    columns = values.get("columns", {})
    if not isinstance(columns, Mapping):
        raise SettingError(f'[catalog.columns] must be a section, as mag_V = "my V", got {columns!r}')
    for name, column in columns.items():
        if name not in CATALOG_COLUMNS and not name.startswith("mag_"):
            raise SettingError(
                f"[catalog.columns] has no setting '{name}'{nearest(name, (*CATALOG_COLUMNS, 'mag_<band>'))}"
            )
        if not isinstance(column, str) and name != "epoch":
            raise SettingError(f"[catalog.columns] {name} must be a text, got {column!r}")
    return {name: str(column) for name, column in columns.items()}


def default_toml() -> str:
    """A commented settings file in which every setting stands at its default."""
    lines = [
        "# Settings of pogson. Every line that starts with '#' and a name shows a default:",
        "# take the '#' away and change the value. What is not here keeps its default.",
        "",
    ]
    for name, step in STEPS.items():
        lines += [f"[{name}]", f"# {step.summary}"]
        for setting in step.settings.values():
            unit = f" [{setting.unit}]" if setting.unit else ""
            lines += [f"# {setting.name} = {_toml(setting.default)}  #{unit} {setting.about}".rstrip()]
        lines.append("")
    for section, facts in FACTS.items():
        lines += [
            f"[{section}]",
            "# Facts that win over the header; without a line here the header is asked.",
        ]
        for name, (kind, unit, about) in facts.items():
            example = '""' if kind is str else ""
            lines.append(f"# {name} = {example}  # {f'[{unit}] ' if unit else ''}{about}")
        lines.append("")
    for section, about in FREE.items():
        lines += [f"[{section}]", f"# {about}", ""]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
