"""A recipe as a commented TOML text: every setting, its unit, and what it is."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pogson.simulate.parse import Choice, Doc, Range
from pogson.simulate.recipe import Mover, Recipe, Variable

HEAD = """# A night for `pogson simulate`. What is taken out keeps its default.
# Numbers are in the unit in brackets; a range or the possible words follow.
"""


def print_recipe(recipe: Recipe) -> str:
    """Every setting of a recipe as TOML; reading it back gives the same recipe."""
    lines = [HEAD]
    sections: list[str] = []
    for item in fields(recipe):
        value = getattr(recipe, item.name)
        if is_dataclass(value):
            sections += _section(item.name, value)
        elif isinstance(value, dict):
            for band, numbers in value.items():
                sections += _section(f"{item.name}.{band}", numbers)
        else:
            lines.append(_line(item.name, value, get_type_hints(Recipe, include_extras=True)[item.name]))
    return "\n".join(lines + sections) + "\n"


def _section(name: str, section: Any) -> list[str]:
    hints = get_type_hints(type(section), include_extras=True)
    lines = ["", f"[{name}]", f"# {(type(section).__doc__ or '').splitlines()[0]}"]
    tables: list[str] = []
    for item in fields(section):
        value = getattr(section, item.name)
        blank = {"variables": Variable, "movers": Mover}.get(item.name)
        if blank is None:
            lines.append(_line(item.name, value, hints[item.name]))
            continue
        for one in value:
            tables += ["", *_section(f"[{name}.{item.name}]", one)[1:]]
        if not value:
            empty = _section(f"[{name}.{item.name}]", blank())[1:]
            tables += ["", *("# " + line.removeprefix("# ") for line in empty)]
    return lines + tables


def _line(name: str, value: Any, hint: Any) -> str:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    unit = next((f"[{m}]" for m in marks if isinstance(m, str)), "")
    about = next((m.text for m in marks if isinstance(m, Doc)), "")
    limits = next((str(m) for m in marks if isinstance(m, Range | Choice) and str(m) != "finite"), "")
    comment = " ".join(part for part in (unit, about, f"({limits})" if limits else "") if part)
    return f"{name} = {_toml(value)}" + (f"  # {comment}" if comment else "")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
