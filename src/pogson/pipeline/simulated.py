"""Write a simulated night to disk, with the truth beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pogson.core.errors import FileError, SettingError
from pogson.io.files import make_folder
from pogson.io.fits import write_raw
from pogson.io.tables import read_table, write_table
from pogson.pipeline.workers import Progress, Silent, count_workers
from pogson.simulate.night import Night, simulate_night
from pogson.simulate.recipe import Recipe


def write_night(
    recipe: Mapping[str, Any],
    folder: str | Path,
    *,
    workers: int = 0,
    progress: Progress | None = None,
) -> Night:
    """Simulate a night and write it: raw frames, `catalog.csv` and the true tables in `truth/`.

    The tables are stars, frames and, where something varies or moves, variables, light_curves, movers.

    Parameters
    ----------
    recipe : mapping
        Sections of the recipe; what is not there keeps its default. `field.table` names a file of stars.
    folder : str or Path
        New or empty folder.
    workers : int
        0 takes all processors; the files do not depend on it.
    progress : Progress, optional
        Whoever shows how far things are.

    Raises
    ------
    SettingError
        If the recipe is wrong, or the folder holds something.
    FileError
        If the folder cannot be written.
    """
    checked = Recipe.from_dict(recipe)
    table = read_table(checked.field.table) if checked.field.table else None
    night = simulate_night(checked, table)
    out = Path(folder)
    if out.is_file():
        raise FileError(f"{out}: is a file; choose a folder for --out")
    if out.is_dir() and any(out.iterdir()):
        raise SettingError(f"{out}: is not empty, and is kept; choose another --out")
    make_folder(out / "truth")
    shown = progress or Silent()
    shown.stage("simulating frames", len(night.names))
    for file in night.frames(count_workers(workers)):
        cards = {key: (value, comment) for key, value, comment in file.cards}
        write_raw(out / file.name, file.pixels, cards)
        shown.advance()
    write_table(out / "catalog.csv", night.catalog)
    write_table(out / "truth" / "stars.ecsv", night.stars)
    write_table(out / "truth" / "frames.ecsv", night.frame_truth)
    if len(night.variables):
        write_table(out / "truth" / "variables.ecsv", night.variables)
        write_table(out / "truth" / "light_curves.ecsv", night.light_curves)
    if night.recipe.field.movers:
        write_table(out / "truth" / "movers.ecsv", night.tracks)
    return night
