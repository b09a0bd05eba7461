"""`make demo`: a simulated cluster night, reduced, and compared with the truth."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pogson.apps.cli.progress import TerminalProgress


@click.command("demo")
@click.option(
    "--out", default="demo", show_default=True, metavar="DIR", help="Folder for night and products."
)
def command(out: str) -> None:
    """Simulate a night, reduce it, and print what came back beside what was put in."""
    from pogson.io.files import remove
    from pogson.pipeline.run import run
    from pogson.pipeline.simulated import write_night
    from pogson.pipeline.truth import compare_with_truth, describe_recovery, draw_recovery

    night, products = Path(out) / "night", Path(out) / "out"
    remove(night)
    with TerminalProgress() as progress:
        write_night({}, night, progress=progress)
        result = run(night, out=products, catalog=night / "catalog.csv", overwrite=True, progress=progress)
        recovery = compare_with_truth(products, night)
        draw_recovery(recovery, products / "plots" / "truth.png")
    click.echo("\n".join(result.summary))
    click.echo("\n".join(describe_recovery(recovery)))
    click.echo(f"\nThe report: {products / 'report.html'}")


if __name__ == "__main__":
    from pogson.apps.cli.main import run_command

    run_command(command, sys.argv[1:])
