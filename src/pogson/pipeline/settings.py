"""The settings of a run: read from a TOML file, checked against the steps' signatures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pogson.core.errors import FileError, SettingError
from pogson.io.files import read_text
from pogson.pipeline.facts import FACTS
from pogson.pipeline.step import Setting, nearest
from pogson.pipeline.steps import STEPS

#: What [catalog.columns] may name, beside mag_<band> and mag_<band>_err.
CATALOG_COLUMNS = ("id", "ra", "dec", "pmra", "pmdec", "unit", "epoch")

#: What [catalog] may say: whose bands the user's catalogue has, and whose magnitudes are wanted.
CATALOG = {"system": ("gaia", "ps1", "sdss", "johnson"), "magnitudes": ("sdss",)}

#: Sections whose keys the user chooses.
FREE = {
    "bands": ("What a filter name stands for.", ['"Luminance Pro" = "L"']),
    "catalog": (
        "Whose bands your catalogue has (gaia, ps1, sdss, johnson), and whose g, r, i, z you want (sdss).",
        ['system = "ps1"', 'magnitudes = "sdss"'],
    ),
    "catalog.columns": (
        "Which column of the catalogue is what.",
        ['mag_V = "my V"', 'mag_V_err = "my sigma V"'],
    ),
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
    catalog : mapping
        `system` (whose bands the user's catalogue has) and `magnitudes` (whose are wanted).
    """

    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    catalog_columns: Mapping[str, str] = field(default_factory=dict)
    catalog: Mapping[str, str] = field(default_factory=dict)

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
    catalog: dict[str, str] = {}
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
            columns, catalog = _check_catalog(values)
    return Settings(steps, facts, columns, catalog)


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
        return FACTS[section][name].setting.parse(text, f"[{section}] {name}")
    return text


def _check_facts(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for name, value in values.items():
        if name not in FACTS[section]:
            raise SettingError(f"[{section}] has no setting '{name}'{nearest(name, FACTS[section])}")
        checked[name] = FACTS[section][name].check(value, f"[{section}] {name}")
    return checked


def _check_catalog(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    own = {name: value for name, value in values.items() if name != "columns"}
    for name, value in own.items():
        if name not in CATALOG:
            raise SettingError(f"[catalog] has no setting '{name}'{nearest(name, ['columns', *CATALOG])}")
        if value not in CATALOG[name]:
            raise SettingError(f"[catalog] {name} must be one of {', '.join(CATALOG[name])}, got {value!r}")
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
    return {name: str(column) for name, column in columns.items()}, own


def default_toml() -> str:
    """A commented settings file: every setting at its default, every fact with an example."""
    lines = [
        "# Settings of pogson. In the first sections each line shows a default, in the last ones an example:",
        "# take the '#' away and change the value. What is not here keeps its default.",
        "",
    ]
    for name, step in STEPS.items():
        lines += [f"[{name}]", f"# {step.summary}"]
        lines += [_line(s, _toml(s.default)) for s in step.settings.values()] + [""]
    for section, facts in FACTS.items():
        lines += [f"[{section}]", "# These win over the header; without a line here the header is asked."]
        lines += [_line(fact.setting, fact.example) for fact in facts.values()] + [""]
    for section, (about, examples) in FREE.items():
        lines += [f"[{section}]", f"# {about}", *(f"# {example}" for example in examples), ""]
    return "\n".join(lines)


def _line(setting: Setting, value: str) -> str:
    unit = f"[{setting.unit}] " if setting.unit else ""
    return f"# {setting.name} = {value}  # {unit}{setting.about}".rstrip(" #")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
