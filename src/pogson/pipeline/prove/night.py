"""Simulate nights as a camera sees them, reduce them, and compare every error with the mistake made."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.io.catalogs import read_catalog
from pogson.io.scan import scan_folder
from pogson.io.tables import write_table
from pogson.pipeline.cache import Cache
from pogson.pipeline.calibrated import calibrate_magnitudes
from pogson.pipeline.coordinates import Located, locate_field
from pogson.pipeline.night import Night as Ready
from pogson.pipeline.night import prepare_night
from pogson.pipeline.prove.compare import compare_camera, compare_night, compare_zero_points
from pogson.pipeline.prove.pulls import Proof, join_pulls
from pogson.pipeline.prove.setup import ProofNight
from pogson.pipeline.reduce import Reduced, reduce_lights
from pogson.pipeline.settings import Settings
from pogson.pipeline.simulated import write_night
from pogson.pipeline.workers import Progress, Silent
from pogson.simulate.catalog import make_catalog
from pogson.simulate.dice import dice_for
from pogson.simulate.night import Night

#: further catalogues for which the zero points of a night are found
REDRAWN = 9


class _Steps:
    """One bar for all nights: whoever works on them may say that a part is done, not what it is."""

    def __init__(self, shown: Progress) -> None:
        self.advance = shown.advance
        self.say = shown.say

    def stage(self, name: str, total: int) -> None:
        """Begin nothing: the bar is there already."""


def prove(
    given: ProofNight | None = None,
    *,
    seed: int = 1,
    nights: int = 1,
    workers: int = 0,
    progress: Progress | None = None,
) -> Proof:
    """Simulate nights of sparse fields as a camera sees them, reduce them, and compare.

    Parameters
    ----------
    given : ProofNight, optional
        Camera and sky.
    seed : int
        Of the first night; another one makes another night of the same kind.
    nights : int
        With the seeds that follow.
    workers : int
        Frames worked on at a time; 0 takes all processors.
    progress : Progress, optional
        Whoever shows how far things are.
    """
    chosen, shown = given or ProofNight(), progress or Silent()
    shown.stage("proving the errors", nights * chosen.parts)
    return Proof.join([_prove_night(chosen, seed + k, workers, _Steps(shown)) for k in range(nights)])


def prove_camera(given: ProofNight, *, seed: int = 1, nights: int = 1) -> Proof:
    """Gain and read noise as bias frames and flats tell them, for headers that do not."""
    silent = replace(given, told=False, stars=25, frames=1)
    parts = []
    for k in range(nights):
        with tempfile.TemporaryDirectory() as folder:
            night = _write(silent, seed + k, Path(folder), 1, Silent())
            (camera,) = prepare_night(scan_folder(Path(folder) / "night"), workers=1).cameras.values()
        parts += compare_camera(night, camera, str(seed + k))
    return Proof(join_pulls(parts))


def _prove_night(given: ProofNight, seed: int, workers: int, progress: Progress) -> Proof:
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        night = _write(given, seed, where, workers, progress)
        catalogs = [read_catalog(where / "night" / "catalog.csv")]
        for k in range(REDRAWN):
            write_table(where / f"{k}.csv", _another_catalog(night, seed, k))
            catalogs.append(read_catalog(where / f"{k}.csv"))
        ready = prepare_night(scan_folder(where / "night"), workers=workers)
        reduced, located = _reduce(ready, catalogs[0], where, settings, workers, progress)
        # the fluxes of each frame stay in the folder
        done, *again = (calibrate_magnitudes(reduced, located, catalog, settings) for catalog in catalogs)
        parts = [*compare_night(night, reduced, done)]
    for other in again:
        parts += compare_zero_points(night, other)
    if not given.told:
        (camera,) = ready.cameras.values()
        parts += compare_camera(night, camera)
    pulls = join_pulls(parts)
    pulls["group"] = [f"{seed} {group}" for group in pulls["group"]]
    return Proof(pulls)


def _write(given: ProofNight, seed: int, where: Path, workers: int, progress: Progress) -> Night:
    write_table(where / "stars.csv", given.star_table(seed))
    recipe = given.recipe(seed, str(where / "stars.csv"))
    return write_night(recipe, where / "night", workers=workers, progress=progress)


def _another_catalog(night: Night, seed: int, k: int) -> Table:
    """Another catalogue of the same sky, with errors of its own, of half of the stars."""
    dice = dice_for(seed, f"catalogue {k}")
    drawn = make_catalog(replace(night.recipe, seed=int(dice.integers(2**31))), night.stars)
    return drawn[np.sort(dice.permutation(len(drawn))[: len(drawn) // 2])]


def _reduce(
    ready: Ready, catalog: Table, where: Path, settings: Settings, workers: int, progress: Progress
) -> tuple[Reduced, Located]:
    """All steps of a run up to the fluxes, without its pictures."""
    located: list[Located] = []

    def locate(found: Table, exposure: Any, _: Any) -> Table:
        located.append(locate_field(found, catalog, exposure))
        return located[0].field

    (where / "cache").mkdir()
    cache = Cache(where / "cache")
    reduced = reduce_lights(ready, settings, locate=locate, cache=cache, workers=workers, progress=progress)
    return reduced, located[0]
