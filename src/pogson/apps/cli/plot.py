"""`pogson plot`: pictures."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options


@click.command("plot")
@click.argument("what")
@click.option("--out", required=True, metavar="FILE", help="Picture to write (.png).")
@click.option("--color", metavar="B-V", help="Colour of the diagram, for the folder of a run.")
@click.option("--mag", metavar="V", help="Magnitude of the diagram; the bluer band where it is not given.")
@click.option("--stars", is_flag=True, help="Mark the stars found, for a frame.")
@click.option("--finder", is_flag=True, help="A finder chart, beside the catalogue's stars.")
@config_options
def command(
    what: str,
    out: str,
    color: str | None,
    mag: str | None,
    stars: bool,
    finder: bool,
    config: str | None,
    words: tuple[str, ...],
) -> int:
    """Draw WHAT: a frame, or the colour-magnitude diagram of the run in a folder.

    \b
    pogson plot frame.fits --stars --out frame.png
    pogson plot frame.fits --finder --out chart.png
    pogson plot OUT --color g-r --mag g --out cmd.png
    """  # noqa: D301 (click wants the real character \b)
    from pathlib import Path

    from pogson.pipeline.draw import draw_diagram, draw_frame

    if Path(what).is_dir():
        draw_diagram(what, out, color=color, mag=mag)
    elif finder:
        from pogson.pipeline.finder import draw_finder

        draw_finder(what, out, settings=read_options(config, words))
    else:
        draw_frame(what, out, stars=stars, settings=read_options(config, words))
    click.echo(out)
    return 0
