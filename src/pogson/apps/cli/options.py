"""Options of the command line, made from the settings of the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pogson.pipeline.settings import Settings, check_settings, merge_words, read_toml
from pogson.pipeline.step import Setting
from pogson.pipeline.steps import STEPS

F = TypeVar("F", bound=Callable[..., Any])


def config_options(command: F) -> F:
    """Add ``--config`` and ``--set`` to a verb."""
    command = click.option(
        "--set",
        "words",
        multiple=True,
        metavar="SECTION.NAME=VALUE",
        help="One setting, as in the settings file: --set detect.threshold=4. May be given again.",
    )(command)
    return click.option(
        "--config", metavar="FILE", help="Settings file; `pogson new` writes one with every default."
    )(command)


def workers_option(what: str) -> Callable[[F], F]:
    """Add ``--workers`` to a verb."""
    return click.option(
        "--workers",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help=f"{what.rstrip('.')}; 0 takes all processors.",
    )


def step_options(*steps: str, without: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Add every setting of the steps as an option: ``--threshold 5``; but those named in `without`."""

    def decorate(command: F) -> F:
        for name in reversed(steps):
            for setting in reversed(list(STEPS[name].settings.values())):
                if setting.name not in without:
                    command = _option(name, setting)(command)
        return command

    return decorate


def read_options(config: str | None, words: tuple[str, ...], given: dict[str, Any] | None = None) -> Settings:
    """Settings from the file, then from ``--set``, then from the verb's own options."""
    nested = merge_words(read_toml(config), words)
    for key, value in (given or {}).items():
        if value is not None:
            step, _, name = key.partition("__")
            nested.setdefault(step, {})[name] = value
    return check_settings(nested)


def _option(step: str, setting: Setting) -> Callable[[F], F]:
    flag = "--" + setting.name.replace("_", "-")
    shown = "" if setting.default in ("", ()) else f" [default: {_shown(setting.default)}]"
    unit = f" In {setting.unit}." if setting.unit else ""

    def parse(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        return None if text is None else setting.parse(text, flag)

    return click.option(
        flag,
        f"{step}__{setting.name}",
        default=None,
        metavar=setting.type.__name__.upper() + (",..." if setting.many else ""),
        callback=parse,
        help=f"{setting.about}{unit}{shown}",
    )


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(str(v) for v in default)
    return str(default).lower() if isinstance(default, bool) else str(default)
