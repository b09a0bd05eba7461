"""`pogson prove`: whether the error bars are right for a camera like yours."""

from __future__ import annotations

from pathlib import Path

import click

from pogson.apps.cli.options import workers_option
from pogson.apps.cli.progress import TerminalProgress


@click.command("prove")
@click.option("--gain", type=float, default=1.5, show_default=True, help="[electron / ADU]")
@click.option("--read-noise", type=float, default=6.0, show_default=True, help="[electron]")
@click.option("--fwhm", type=float, default=3.0, show_default=True, help="Of your stars [px].")
@click.option("--sky", type=float, default=200.0, show_default=True, help="In a light frame [electron / px].")
@click.option(
    "--calibrations", type=int, default=10, show_default=True, help="Bias, dark and flat frames, of each."
)
@click.option(
    "--without", multiple=True, metavar="KIND", help="bias, dark or flat: you have none. May be given again."
)
@click.option("--frames", type=int, default=3, show_default=True, help="Light frames in each of two bands.")
@click.option("--nights", type=click.IntRange(1), default=3, show_default=True, help="More are more certain.")
@click.option("--crowded", is_flag=True, help="Stars at random, one in 25 square widths.")
@click.option("--measured", is_flag=True, help="Headers tell no gain and read noise: measure them.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the first night.")
@click.option("--out", metavar="DIR", help="Folder for the picture pulls.png and the table pulls.ecsv.")
@click.option("--quiet", is_flag=True, help="No progress.")
@workers_option("Frames worked on at a time.")
def command(
    gain: float,
    read_noise: float,
    fwhm: float,
    sky: float,
    calibrations: int,
    without: tuple[str, ...],
    frames: int,
    nights: int,
    crowded: bool,
    measured: bool,
    seed: int,
    quiet: bool,
    out: str | None,
    workers: int,
) -> int:
    """Simulate nights of your camera, reduce them, and compare each error bar with the mistake that was made.

    The sky is kind: no cloud, no gradient, no cosmic ray, single stars unless you ask for a crowd. It proves
    that pogson knows the noise of your camera; what clouds do is seen in the report of a real night.
    """
    from pogson.io.files import make_folder
    from pogson.io.tables import write_table
    from pogson.pipeline.prove.describe import describe_proof, draw_proof
    from pogson.pipeline.prove.night import prove
    from pogson.pipeline.prove.setup import ProofNight

    given = ProofNight(
        gain, read_noise, fwhm, sky, calibrations, without, frames, crowded=crowded, told=not measured
    )
    if out is not None:
        make_folder(Path(out))
    with TerminalProgress(quiet) as progress:
        proof = prove(given, seed=seed, nights=nights, workers=workers, progress=progress)
    click.echo("\n".join(describe_proof(proof)))
    if out is not None:
        draw_proof(proof, Path(out) / "pulls.png")
        write_table(Path(out) / "pulls.ecsv", proof.pulls)
        click.echo(f"the picture: {Path(out) / 'pulls.png'}")
    return 0
