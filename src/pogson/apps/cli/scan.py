"""`pogson scan`: what is in a folder."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options
from pogson.apps.cli.tables import print_table

COLUMNS = (
    "path",
    "kind",
    "kind_source",
    "band",
    "exptime",
    "jd_utc",
    "time_source",
    "airmass",
    "gain",
    "gain_source",
)


@click.command("scan")
@click.argument("night")
@click.option("--out", metavar="FILE", help="Write the whole table: .ecsv, .csv or .parquet.")
@config_options
def command(night: str, out: str | None, config: str | None, words: tuple[str, ...]) -> int:
    """List the frames of the folder NIGHT, without touching their pixels.

    Shows what each file is and which header card, name or setting said so. Files that cannot be read
    are listed with the reason, and the exit code is 3.
    """
    from pogson.io.tables import write_table
    from pogson.pipeline.api import scan_frames

    settings = read_options(config, words)
    frames = scan_frames(night, settings=settings)
    if out:
        write_table(out, frames)
        click.echo(f"{out}: {len(frames)} frames")
    else:
        print_table(frames, COLUMNS)
    for note in frames.meta["notes"]:
        click.echo(f"note: {note}")
    for reason in frames.meta["others"]:
        click.echo(f"note: {reason}")
    for path, reason in frames.meta["skipped"]:
        click.echo(f"not read: {path}: {reason}", err=True)
    return 3 if frames.meta["skipped"] else 0
