"""`pogson run`: a whole night."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pogson.apps.cli.options import config_options, read_options, workers_option
from pogson.apps.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from pogson.pipeline.run import RunResult


@click.command("run")
@click.argument("night")
@click.option(
    "--out", required=True, metavar="DIR", help="Folder for the products; made where it is not there."
)
@click.option(
    "--catalog", metavar="FILE", help="Catalogue of standard magnitudes: CSV, FITS, VOTable, Parquet ..."
)
@workers_option("Frames worked on at a time.")
@click.option(
    "--memory",
    type=click.FloatRange(0.0, min_open=True),
    default=0.25,
    show_default=True,
    metavar="GB",
    help="Gigabytes that pixels may fill: with more, fewer frames are read twice.",
)
@click.option(
    "--recipe",
    type=click.Choice(["auto", "cluster", "series"]),
    default="auto",
    show_default=True,
    help="series: light curves; auto: light curves of each band with 20 frames or more.",
)
@click.option(
    "--target",
    default="",
    metavar='"X,Y"|"RA DEC"',
    help="Star whose light curve is wanted: 0-based pixels of the earliest light frame, or coordinates.",
)
@click.option(
    "--stars",
    "brightest",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Measure only the N brightest stars, and the target. Default: all.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Go on while frames arrive in NIGHT, until Ctrl-C or an hour without one; report.html keeps up.",
)
@click.option(
    "--online", is_flag=True, help="Fetch catalogues of the field that are not at hand. Default: no network."
)
@click.option("--overwrite", is_flag=True, help="Replace the products of an earlier run in --out.")
@click.option("--quiet", is_flag=True, help="No progress; the summary is still printed.")
@config_options
def command(
    night: str,
    out: str,
    catalog: str | None,
    workers: int,
    memory: float,
    recipe: str,
    target: str,
    brightest: int,
    follow: bool,
    online: bool,
    overwrite: bool,
    quiet: bool,
    config: str | None,
    words: tuple[str, ...],
) -> int:
    """Reduce the folder NIGHT: raw frames in, calibrated magnitudes and a report out.

    NIGHT holds the frames of a night in any order: lights, and whatever bias, dark and flat frames there
    are. Kinds, bands, times and the camera are read from the headers, else measured from the frames; what
    cannot be known is said. With a catalogue the magnitudes are on its system, else instrumental.

    \b
    Written to DIR:
      report.html          everything at a glance: open this first
      stars.ecsv           one row per star: position, magnitudes with errors
      photometry.parquet   one row per star and frame: flux with its error budget
      frames.ecsv          one row per file: what it is, how good, used or not and why
      zeropoints.ecsv      one row per frame: zero point, sky brightness, limiting magnitude
      lightcurves.parquet  of a series: differential magnitudes, one row per star and frame
      variability.ecsv     of a series: noise, quality, rank and period of each star
      periods.ecsv         of the first variables: periods, and what each may be mistaken for
      target/              of a target: its light curve, what it shows, and reports for others
      stacks/              with `make = true` in [stack]: one deep image of each band
      plots/, masters/, run.json

    A run that was stopped is picked up again by the same command. Exit code 3 means: finished, but some
    frames failed; the summary names them.
    """  # noqa: D301 (click wants the real character \b)
    settings = read_options(config, words)
    with TerminalProgress(quiet) as progress:
        with lasting():
            from pogson.pipeline.follow import follow as follow_night
            from pogson.pipeline.run import run

        reduce: Callable[..., RunResult] = follow_night if follow else run
        result = reduce(
            night,
            out=out,
            catalog=catalog,
            settings=settings,
            workers=workers,
            memory=memory,
            recipe=recipe,
            target=target,
            brightest=brightest,
            online=online,
            overwrite=overwrite,
            progress=progress,
        )
    click.echo("\n".join(result.summary))
    return result.exit_code


@contextmanager
def lasting() -> Iterator[None]:
    """What is made in the block stays to the end: no garbage is looked for in it, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
