"""`pogson stack`: one deep image from many frames."""

from __future__ import annotations

import click

from pogson.apps.cli.options import config_options, read_options, step_options, workers_option
from pogson.apps.cli.progress import TerminalProgress


@click.command("stack")
@click.argument("frames", nargs=-1, required=True)
@click.option("--out", required=True, metavar="FILE", help="FITS file for the stack.")
@click.option("--band", default="", metavar="NAME", help="Only frames of this band.")
@click.option("--mix", is_flag=True, help="Combine frames of several bands, nights or sizes.")
@click.option("--aligned", is_flag=True, help="The pixels lie on each other already: move and scale nothing.")
@click.option("--no-scale", "unscaled", is_flag=True, help="Leave the flux scales as they are.")
@click.option(
    "--rate", type=float, default=0.0, metavar="ARCSEC", help="Follow a target: arcsec per hour ..."
)
@click.option(
    "--angle", type=float, default=0.0, metavar="DEG", help="... at this position angle, north through east."
)
@click.option(
    "--in-pixels", is_flag=True, help="The rate is in pixels per hour, the angle counts from x towards y."
)
@click.option(
    "--pictures", metavar="DIR", help="Folder for a picture of frame and stack, and a blink of frames."
)
@click.option(
    "--memory",
    type=click.FloatRange(0.0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="GB",
    help="Gigabytes that the frames' pixels may fill, whatever their number.",
)
@workers_option("Frames, or parts of the stack, worked on at a time.")
@click.option("--quiet", is_flag=True, help="No progress.")
@step_options("stack", without=("make",))
@config_options
def command(
    frames: tuple[str, ...],
    out: str,
    band: str,
    mix: bool,
    aligned: bool,
    unscaled: bool,
    rate: float,
    angle: float,
    in_pixels: bool,
    pictures: str | None,
    memory: float,
    workers: int,
    quiet: bool,
    config: str | None,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Align, scale and combine FRAMES: a folder (a night), or the files.

    A raw night is calibrated with its own masters first. The stack is a frame: `pogson detect` and
    `pogson measure` work on it, and its error bars are right. The file holds the image, VAR, MASK, COVERAGE
    (frames at each pixel) and REJECTED (how many of them were outliers); its header tells the effective
    exposure, time, gain and read noise, and each input with its weight.
    """
    settings = read_options(config, words, given)
    with TerminalProgress(quiet) as progress:
        from pogson.pipeline.stack.make import stack

        result = stack(
            frames,
            out,
            settings=settings,
            band=band,
            mix=mix,
            aligned=aligned,
            scaled=not unscaled,
            rate=rate,
            angle=angle,
            in_pixels=in_pixels,
            memory=memory,
            workers=workers,
            looks=0 if pictures is None else 12,
            progress=progress,
        )
        if pictures is not None:
            from pogson.pipeline.stack.report import draw_stack

            draw_stack(result, pictures)
    from pogson.pipeline.stack.report import describe_stack

    click.echo("\n".join(describe_stack(result, out)))
    return result.exit_code
