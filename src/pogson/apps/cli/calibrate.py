"""`pogson calibrate`: calibrated frames on disk."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options, step_options, workers_option
from pogson.apps.cli.progress import TerminalProgress


@click.command("calibrate")
@click.argument("night")
@click.option("--out", required=True, metavar="DIR", help="Folder for the calibrated frames and the masters.")
@workers_option("Frames worked on at a time.")
@click.option("--overwrite", is_flag=True, help="Replace calibrated frames of the same names in --out.")
@step_options("calibrate")
@config_options
def command(
    night: str,
    out: str,
    workers: int,
    overwrite: bool,
    config: str | None,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Calibrate the light frames of NIGHT and write them to DIR, with variance and mask.

    Each file has three images: SCI in electrons, VAR (its variance) and MASK (bits, 0 is good). `pogson run`
    does not need this: it calibrates on the way, without intermediate files.
    """
    from pogson.pipeline.api import calibrate_night

    settings = read_options(config, words, given)
    with TerminalProgress() as progress:
        outcomes = calibrate_night(
            night, out, settings=settings, workers=workers, overwrite=overwrite, progress=progress
        )
    for outcome in outcomes:
        if outcome.failure:
            click.echo(f"failed: {outcome.failure.reason}", err=True)
        else:
            click.echo(outcome.result)
    done = sum(o.failure is None for o in outcomes)
    return 0 if done == len(outcomes) else 3 if done else 1
