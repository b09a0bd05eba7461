"""From a dictionary to frozen sections: keys, types and ranges are checked, the message names the setting."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from math import inf, isfinite
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from pogson.core.errors import SettingError

T = TypeVar("T")
WORDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


@dataclass(frozen=True)
class Range:
    """Values that a number may have: from `low` to `high`; `low` itself only where `closed`."""

    low: float = -inf
    high: float = inf
    closed: bool = True

    def holds(self, value: float) -> bool:
        """True where the value is possible."""
        inside = self.low <= value <= self.high
        return isfinite(value) and inside and (self.closed or value > self.low)

    def __str__(self) -> str:
        low = "" if self.low == -inf else f"{'at least' if self.closed else 'above'} {self.low:g}"
        high = "" if self.high == inf else f"at most {self.high:g}"
        return " and ".join(part for part in (low, high) if part) or "finite"


@dataclass(frozen=True)
class Choice:
    """Words that a setting may be."""

    words: tuple[str, ...]

    def holds(self, value: str) -> bool:
        """True where the word is known."""
        return value in self.words

    def __str__(self) -> str:
        return "one of " + ", ".join(f"'{word}'" for word in self.words)


class Doc(NamedTuple):
    """What a setting is, in a few words: shown where a recipe is printed."""

    text: str


POSITIVE = Range(0.0, closed=False)
NOT_NEGATIVE = Range(0.0)
SHARE = Range(0.0, 1.0)


class Section:
    """Base of the frozen dataclasses of a recipe: a number outside its range cannot be made."""

    section: ClassVar[str] = ""

    def __init_subclass__(cls, section: str = "") -> None:
        cls.section = section or cls.__name__.lower()

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, name)
            for mark in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
                if isinstance(mark, Range | Choice) and not mark.holds(value):
                    raise SettingError(f"{self.section}.{name} must be {mark}, got {value!r}")


def update(section: T, given: Mapping[str, Any], where: str = "") -> T:
    """A copy of `section` with the values of `given`, nested sections included.

    Raises
    ------
    SettingError
        For a key that does not exist (the nearest one is named) or a value of the wrong type.
    """
    hints = get_type_hints(type(section), include_extras=True)
    names = {f.name for f in fields(section)}  # type: ignore[arg-type]
    values = {}
    for key, value in given.items():
        if key not in names:
            raise SettingError(f"the recipe has no setting '{where}{key}'{hint_for(key, names)}")
        values[key] = _convert(hints[key], getattr(section, key), value, f"{where}{key}")
    return replace(section, **values)  # type: ignore[type-var]


def hint_for(key: str, names: Any) -> str:
    """The end of a sentence about an unknown key."""
    near = difflib.get_close_matches(key, names, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(sorted(names))}"


def _convert(hint: Any, old: Any, value: Any, where: str) -> Any:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if is_dataclass(old):
        if not isinstance(value, Mapping):
            raise SettingError(f"{where} is a section of the recipe, got {value!r}")
        return update(old, value, f"{where}.")
    if get_origin(kind) is dict:
        blank = get_args(kind)[1]
        _need(value, Mapping, where, "a table of sections")
        return {**old, **{k: update(old.get(k, blank()), v, f"{where}.{k}.") for k, v in value.items()}}
    if get_origin(kind) is tuple:
        _need(value, list | tuple, where, "a list")
        item = get_args(kind)[0]
        return tuple(_item(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    return _item(kind, value, where)


def _item(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        _need(value, Mapping, where, "a table of settings")
        try:
            return update(kind(), value, f"{where}.")  # type: ignore[operator]
        except SettingError as error:
            # a number out of range names the section, not the place in the list
            section = getattr(kind, "section", "")
            raise SettingError(str(error).replace(f"{section}.", f"{where}.", 1)) from None
    if hasattr(kind, "_fields"):
        _need(value, list | tuple, where, f"a list of {', '.join(kind._fields)}")
        hints = get_type_hints(kind)
        if len(value) != len(hints):
            raise SettingError(f"{where} must hold {', '.join(hints)}, got {value!r}")
        return kind(*(_item(h, v, f"{where}.{n}") for (n, h), v in zip(hints.items(), value, strict=True)))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SettingError(f"{where} must be {WORDS[kind]}, got {value!r}")
    return value


def _need(value: Any, kind: Any, where: str, what: str) -> None:
    if not isinstance(value, kind):
        raise SettingError(f"{where} must be {what}, got {value!r}")
