"""`pogson standardize`: a finished run on another catalogue."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options, step_options


@click.command("standardize")
@click.argument("run")
@click.option("--catalog", required=True, metavar="FILE", help="Catalogue of standard magnitudes.")
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    help="Folder for stars.ecsv, photometry.parquet and zeropoints.ecsv.",
)
@step_options("standardize")
@config_options
def command(
    run: str, catalog: str, out: str, config: str | None, words: tuple[str, ...], **given: object
) -> int:
    """Fit zero points to the fluxes of the finished run in the folder RUN, without touching a pixel.

    For a second catalogue, another colour term, other limits. The products of RUN stay as they are.
    """
    from pogson.pipeline.restandardize import standardize_again

    lines = standardize_again(run, catalog, out, settings=read_options(config, words, given))
    click.echo("\n".join(lines))
    return 0
