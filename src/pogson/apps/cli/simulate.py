"""`pogson simulate`: a night whose truth is known."""

from __future__ import annotations

import click

from pogson.apps.cli.options import workers_option
from pogson.apps.cli.progress import TerminalProgress


@click.command("simulate")
@click.argument("recipe", required=False)
@click.option("--out", required=True, metavar="DIR", help="New folder for the frames.")
@workers_option("Frames made at a time.")
def command(recipe: str | None, out: str, workers: int) -> int:
    """Write a simulated night to DIR: raw frames, a catalogue, and the truth in DIR/truth.

    RECIPE is a TOML file with sections [detector], [telescope], [site], [sky], [bands], [field], [night]
    and [calibration]; without one, a star cluster is observed in g and r.
    """
    from pogson.pipeline.simulated import read_recipe, write_night

    with TerminalProgress() as progress:
        night = write_night(read_recipe(recipe), out, workers=workers, progress=progress)
    click.echo(f"{out}: {len(night.names)} frames of {len(night.stars)} stars; the truth is in {out}/truth")
    click.echo(f"reduce it: pogson run {out} --catalog {out}/catalog.csv --out OUT")
    return 0
