"""Writing what keeps the rules of its format, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pogson.core.errors import SettingError
from pogson.io.files import write_atomic


def write_checked(path: str | Path, lines: Sequence[str], validate: Callable[[str], list[str]]) -> Path:
    """Write the lines, unless they break a rule.

    Raises
    ------
    SettingError
        Naming the rule.
    """
    text = "\n".join(lines) + "\n"
    problems = validate(text)
    if problems:
        raise SettingError(f"{path}: not written: {problems[0]}")
    write_atomic(path, text.encode("ascii", "replace"))
    return Path(path)
