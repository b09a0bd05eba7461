"""`pogson new`: a commented settings file."""

from __future__ import annotations

from pathlib import Path

import click

from pogson.core.errors import SettingError
from pogson.io.files import write_atomic
from pogson.pipeline.settings import default_toml


@click.command("new")
@click.argument("file", default="pogson.toml")
def command(file: str) -> None:
    """Write FILE (pogson.toml): every setting at its default, with its unit and what it does.

    An existing file is kept.
    """
    if Path(file).exists():
        raise SettingError(f"{file}: exists and is kept; choose another name")
    write_atomic(file, default_toml().encode())
    click.echo(
        f"{file} written: take the '#' off the lines you change, then: pogson run NIGHT --config {file}"
    )
