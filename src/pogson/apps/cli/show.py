"""`pogson show`: what is in a file or a folder."""

from __future__ import annotations

from pathlib import Path

import click

from pogson.apps.cli.options import config_options, read_options
from pogson.apps.cli.tables import print_table


@click.command("show")
@click.argument("what")
@click.option("--rows", default=20, show_default=True, help="Rows of a table; 0 shows all.")
@config_options
def command(what: str, rows: int, config: str | None, words: tuple[str, ...]) -> int:
    """Tell what is in WHAT: a frame, a table, a catalogue, or the folder of a run.

    Of a frame: every value that pogson takes from the header, with the card or rule it came from, and the
    statistics of its pixels.
    """
    from pogson.pipeline.show import describe_frame, describe_run, read_any_table

    path = Path(what)
    if path.is_dir():
        click.echo("\n".join(describe_run(path)))
    elif path.suffix.lower() in (".ecsv", ".parquet", ".csv", ".vot", ".xml", ".dat", ".tsv"):
        print_table(read_any_table(path), rows=rows)
    else:
        click.echo("\n".join(describe_frame(path, read_options(config, words))))
    return 0
