"""`pogson prove`: whether the error bars are right for a camera like yours."""

from __future__ import annotations

from pathlib import Path

import click

from pogson.apps.cli.options import workers_option


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
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the first night.")
@click.option("--out", metavar="DIR", help="Folder for the picture pulls.png and the table pulls.ecsv.")
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
    seed: int,
    out: str | None,
    workers: int,
) -> int:
    """Simulate nights of your camera, reduce them, and compare each error bar with the mistake that was made.

    The sky is kind: single stars, no cloud, no gradient, no cosmic ray. What is proven is that pogson knows
    the noise of your camera; what clouds and crowds do is seen in the report of a real night.
    """
    from pogson.io.files import make_folder
    from pogson.io.tables import write_table
    from pogson.pipeline.prove import Proof, describe_proof, draw_proof, prove
    from pogson.pipeline.prove_night import ProofNight

    given = ProofNight(gain, read_noise, fwhm, sky, calibrations, without, frames)
    if out is not None:
        make_folder(Path(out))
    proof = Proof.join([prove(given, seed=seed + k, workers=workers) for k in range(nights)])
    click.echo("\n".join(describe_proof(proof)))
    if out is not None:
        draw_proof(proof, Path(out) / "pulls.png")
        write_table(Path(out) / "pulls.ecsv", proof.pulls)
        click.echo(f"the picture: {Path(out) / 'pulls.png'}")
    return 0
