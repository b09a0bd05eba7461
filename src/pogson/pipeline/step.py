"""One step of the pipeline, and its settings: the keyword-only arguments of its function.

The same names, units and defaults serve the notebook, the settings file, the command line
and the documentation, because all of them read the one signature.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pogson.core.errors import SettingError


@dataclass(frozen=True)
class Setting:
    """One keyword-only argument of a step function."""

    name: str
    type: type
    unit: str
    default: Any
    about: str
    many: bool = False  # a tuple of `type`

    def check(self, value: Any, where: str) -> Any:
        """Return `value` in the setting's type, or raise SettingError in one line."""
        if self.many:
            if not isinstance(value, (list, tuple)):
                raise SettingError(f"{where} must be a list of {self.type.__name__}, got {value!r}")
            return tuple(self._check_one(v, where) for v in value)
        return self._check_one(value, where)

    def _check_one(self, value: Any, where: str) -> Any:
        wanted: Any = (int, float) if self.type is float else self.type
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.type is not bool):
            raise SettingError(f"{where} must be {_WORDS[self.type]}, got {value!r}")
        if (self.type is int or self.unit in SIZES) and value < 0:
            raise SettingError(f"{where} must not be negative, got {value!r}")
        return self.type(value)

    def parse(self, text: str, where: str) -> Any:
        """Read the setting from a word of the command line."""
        if self.many:
            return tuple(self._parse_one(part, where) for part in text.split(",") if part.strip())
        return self._parse_one(text, where)

    def _parse_one(self, text: str, where: str) -> Any:
        word = text.strip()
        if self.type is bool:
            if word.lower() in ("true", "yes", "on", "1"):
                return True
            if word.lower() in ("false", "no", "off", "0"):
                return False
            raise SettingError(f"{where} must be true or false, got {text!r}")
        try:
            return self.type(word)
        except ValueError:
            raise SettingError(f"{where} must be {_WORDS[self.type]}, got {text!r}") from None


#: units of quantities that cannot be negative; whole numbers are counts, and cannot either
SIZES = ("px", "FWHM", "sigma", "fraction", "K")

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Step:
    """A named step; its function is imported only when it is needed."""

    name: str
    target: str  # "module:function"
    leave_out: tuple[str, ...] = ()  # keyword arguments that the pipeline itself fills
    around: str = ""  # "module:function" of the pipeline that calls it, whose settings come first

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The step's function."""
        return _load(self.target)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def settings(self) -> dict[str, Setting]:
        """The keyword-only arguments of the function that a user may set, in order."""
        own = self._settings_of(self.function)
        return {**self._settings_of(_load(self.around)), **own} if self.around else own

    def _settings_of(self, function: Callable[..., Any]) -> dict[str, Setting]:
        hints = get_type_hints(function, include_extras=True)
        about = parameter_docs(inspect.getdoc(function) or "")
        found = {}
        for p in inspect.signature(function).parameters.values():
            if p.kind is p.KEYWORD_ONLY and p.name not in self.leave_out:
                kind, unit, many = _read_hint(hints[p.name])
                found[p.name] = Setting(p.name, kind, unit, p.default, about.get(p.name, ""), many)
        return found

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the given settings in their types.

        Raises
        ------
        SettingError
            Naming the first wrong setting and the nearest right one.
        """
        checked = {}
        for name, value in given.items():
            if name not in self.settings:
                raise SettingError(f"[{self.name}] has no setting '{name}'{nearest(name, self.settings)}")
            checked[name] = self.settings[name].check(value, f"[{self.name}] {name}")
        return checked


def _load(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'threshold'?``, or the whole list where nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1, 0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; there is {', '.join(names)}"


def parameter_docs(doc: str) -> dict[str, str]:
    """What a numpydoc docstring says of each parameter, on one line each."""
    body = re.split(r"\n\n(?:Returns|Raises|Yields|Notes)\n", doc.partition("Parameters\n----------\n")[2])[0]
    found: dict[str, str] = {}
    for head, text in re.findall(
        r"^([\w, ]+?) ?:[^\n]*\n((?:[ ]{4}[^\n]*\n?|\n(?=[ ]{4}))+)", body + "\n", re.M
    ):
        for name in head.split(","):
            found[name.strip()] = " ".join(text.split())
    return found


def _read_hint(hint: Any) -> tuple[type, str, bool]:
    unit = ""
    if get_origin(hint) is Annotated:
        hint, unit = get_args(hint)[:2]
    if get_origin(hint) is tuple:
        kind, inner_unit, _ = _read_hint(get_args(hint)[0])
        return kind, unit or inner_unit, True
    return hint, unit, False
