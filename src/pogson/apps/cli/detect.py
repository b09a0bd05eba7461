"""`pogson detect`: the stars of frames."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options, step_options
from pogson.apps.cli.tables import print_table

COLUMNS = ("frame", "id", "x", "y", "flux", "snr", "fwhm", "elongation", "sharpness", "roundness", "flags")


@click.command("detect")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--out", metavar="FILE", help="Write the table (.ecsv, .csv, .parquet), or a DS9 region file (.reg)."
)
@click.option("--rows", default=30, show_default=True, help="Rows printed; 0 prints all.")
@step_options("detect")
@config_options
def command(
    files: tuple[str, ...],
    out: str | None,
    rows: int,
    config: str | None,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Find the stars of FILES, brightest first.

    FILES are calibrated frames, or raw ones (then used as they are: no bias, dark or flat is applied).
    """
    from pogson.pipeline.api import detect_files, write_stars

    stars, failures = detect_files(files, settings=read_options(config, words, given))
    for failure in failures:
        click.echo(f"failed: {failure.reason}", err=True)
    if len(failures) == len(files):
        return 1
    if out:
        write_stars(out, stars)
        click.echo(f"{out}: {len(stars)} stars")
    else:
        print_table(stars, COLUMNS, rows=rows)
    return 3 if failures else 0
