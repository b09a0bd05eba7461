"""The settings of a run: read from a TOML file, checked against the steps' signatures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    try:
        return check_settings(read_toml(path))
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None


def read_toml(path: str | None) -> dict[str, Any]:
    """The nested mapping in a TOML file; no path gives an empty one."""
    if path is None:
        return {}
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: not valid TOML: {error}; `pogson new` writes a good one") from None


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
            facts["bands"] = {str(k): str(v) for k, v in values.items()}
        else:
            columns = _check_catalog(values)
    return Settings(steps, facts, columns)


def merge_words(given: Mapping[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    """Add ``section.name=value`` words of the command line to a nested mapping of settings."""
    merged = {section: dict(values) for section, values in given.items()}
    for word in words:
        key, equals, text = word.partition("=")
        section, dot, name = key.partition(".")
        if not (equals and dot):
            raise SettingError(f"--set wants section.name=value, got '{word}'")
        merged.setdefault(section, {})[name] = _parse_word(section, name, text)
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
        if name in ("gain", "read_noise", "saturation", "pixel_scale", "diameter") and not checked[name] > 0:
            raise SettingError(f"[{section}] {name} must be positive, got {value!r}")
    return checked


def _check_catalog(values: Mapping[str, Any]) -> dict[str, str]:
    for name in values:
        if name != "columns":
            raise SettingError(f"[catalog] has no setting '{name}'{nearest(name, ['columns'])}")
    return {str(k): str(v) for k, v in values.get("columns", {}).items()}


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
