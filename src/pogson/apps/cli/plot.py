"""`pogson plot`: pictures."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options


@click.command("plot")
@click.argument("what", nargs=-1, required=True)
@click.option("--out", required=True, metavar="FILE", help="Picture to write (.png).")
@click.option("--color", metavar="B-V", help="Colour of the diagram, for the folder of a run.")
@click.option("--mag", metavar="V", help="Magnitude of the diagram; the bluer band where it is not given.")
@click.option("--stars", is_flag=True, help="Mark the stars found, for a frame.")
@click.option("--finder", is_flag=True, help="A finder chart, beside the catalogue's stars.")
@click.option("--catalog", metavar="FILE", help="Catalogue of the finder chart; Tycho-2 where not given.")
@click.option("--online", is_flag=True, help="Fetch the picture of a survey for the finder chart.")
@click.option("--survey", metavar="NAME", help="Which one. [default: CDS/P/DSS2/red]")
@config_options
def command(
    what: tuple[str, ...],
    out: str,
    color: str | None,
    mag: str | None,
    stars: bool,
    finder: bool,
    catalog: str | None,
    online: bool,
    survey: str | None,
    config: str | None,
    words: tuple[str, ...],
) -> int:
    """Draw WHAT: a frame, its finder chart, or the colour-magnitude diagram of the run in a folder.

    \b
    pogson plot frame.fits --stars --out frame.png
    pogson plot finder frame.fits --out chart.png
    pogson plot OUT --color g-r --mag g --out cmd.png
    """  # noqa: D301 (click wants the real character \b)
    from pathlib import Path

    from pogson.pipeline.draw import draw_diagram, draw_frame

    if what[0] == "finder" and len(what) == 2:
        what, finder = what[1:], True
    if len(what) != 1:
        raise click.UsageError("one picture at a time: give one frame, or one folder of a run")
    if (catalog or online or survey) and not finder:
        raise click.UsageError("--catalog, --online and --survey belong to a finder chart: --finder")
    if survey and not online:
        raise click.UsageError("--survey fetches a picture over the network: give --online, too")
    path = what[0]
    if finder:
        from pogson.io.hips import SURVEY
        from pogson.pipeline.finder import draw_finder

        draw_finder(
            path,
            out,
            settings=read_options(config, words),
            catalog=catalog,
            survey=(survey or SURVEY) if online else None,
        )
    elif Path(path).is_dir():
        draw_diagram(path, out, color=color, mag=mag)
    else:
        draw_frame(path, out, stars=stars, settings=read_options(config, words))
    click.echo(out)
    return 0
