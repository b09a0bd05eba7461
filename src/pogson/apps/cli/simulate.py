"""`pogson simulate`: a night whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pogson.apps.cli.options import workers_option
from pogson.apps.cli.progress import TerminalProgress
from pogson.core.errors import SettingError


@click.command("simulate")
@click.argument("recipe", required=False)
@click.option("--out", metavar="DIR", help="New folder for the frames.")
@click.option(
    "--recipe",
    "base",
    default="cluster",
    show_default=True,
    metavar="NAME",
    help="cluster, field, series or transit: the night that RECIPE changes.",
)
@click.option("--frames", type=click.IntRange(1), metavar="N", help="Light frames of a series or transit.")
@click.option("--size", metavar="NXxNY", help="Columns and rows, such as 256x256.")
@click.option("--print", "shown", is_flag=True, help="Print the recipe with all its settings; make nothing.")
@workers_option("Frames made at a time.")
def command(
    recipe: str | None,
    out: str | None,
    base: str,
    frames: int | None,
    size: str | None,
    shown: bool,
    workers: int,
) -> int:
    """Write a simulated night to DIR: raw frames, a catalogue, and the truth in DIR/truth.

    RECIPE is a TOML file, or the name of a built-in recipe; without one, a star cluster is observed in g
    and r. `pogson simulate --print` writes a recipe with every setting, its unit and its meaning.
    """
    from pogson.pipeline.simulated import write_night
    from pogson.simulate import Recipe, print_recipe

    tables = _tables(recipe, base, frames or 0, _size(size))
    if shown:
        click.echo(print_recipe(Recipe.from_dict(tables)), nl=False)
        return 0
    if out is None:
        raise SettingError("pogson simulate: --out is missing; name a new folder for the frames")
    with TerminalProgress() as progress:
        night = write_night(tables, out, workers=workers, progress=progress)
    click.echo(f"{out}: {len(night.names)} frames of {len(night.stars)} stars; the truth is in {out}/truth")
    click.echo(f"reduce it: pogson run {out} --catalog {out}/catalog.csv --out OUT")
    return 0


def _tables(recipe: str | None, base: str, frames: int, size: tuple[int, int]) -> dict[str, Any]:
    """The built-in recipe with the values of the user's file."""
    from pogson.pipeline.settings import parse_toml
    from pogson.simulate import Recipe
    from pogson.simulate.recipes import RECIPES, merged, named_recipe

    if recipe in RECIPES and not Path(recipe).exists():
        base, recipe = recipe, None
    tables = merged(named_recipe(base, frames=frames, size=size), parse_toml(recipe))
    try:
        Recipe.from_dict(tables)
    except SettingError as error:
        raise SettingError(f"{recipe}: {error}" if recipe else str(error)) from None
    return tables


def _size(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 0
    nx, cross, ny = text.lower().partition("x")
    if not (cross and nx.isdigit() and ny.isdigit()):
        raise SettingError(f"--size must be like 256x256 (columns x rows), got '{text}'")
    return int(nx), int(ny)
