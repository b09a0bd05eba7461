"""`pogson measure`: the fluxes of stars."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options, step_options
from pogson.apps.cli.tables import print_table

COLUMNS = ("frame", "star", "x", "y", "flux", "flux_err", "err_source", "err_sky", "err_annulus", "err_read",
           "sky", "mag", "mag_err", "flags")  # fmt: skip


@click.command("measure")
@click.argument("files", nargs=-1, required=True)
@click.option("--at", "positions", metavar="FILE", help="Table with columns x, y (0-based): measured there.")
@click.option("--out", metavar="FILE", help="Write the whole table: .ecsv, .csv or .parquet.")
@click.option("--rows", default=30, show_default=True, help="Rows printed; 0 prints all.")
@step_options("detect", "measure")
@config_options
def command(
    files: tuple[str, ...],
    positions: str | None,
    out: str | None,
    rows: int,
    config: str | None,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Measure the stars of FILES in apertures, with the whole error budget.

    The stars are those found in each file, or those of a table given with --at. Magnitudes are
    instrumental.
    """
    from pogson.io.tables import write_table
    from pogson.pipeline.api import measure_files

    table, failures = measure_files(files, positions, settings=read_options(config, words, given))
    for failure in failures:
        click.echo(f"failed: {failure.reason}", err=True)
    if len(failures) == len(files):
        return 1
    if out:
        write_table(out, table)
        click.echo(f"{out}: {len(table)} measurements")
    else:
        print_table(table, COLUMNS, rows=rows)
    return 3 if failures else 0
