"""A night of frames whose every star, photon and fault is known."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.frame import Image
from pogson.simulate.cluster import make_catalog, make_stars
from pogson.simulate.detector import Camera, make_camera
from pogson.simulate.dice import dice_for
from pogson.simulate.headers import Card, check_words, write_cards
from pogson.simulate.light import add_stars, flat_light, sky_light
from pogson.simulate.pointing import wcs_cards
from pogson.simulate.recipe import Recipe
from pogson.simulate.schedule import Shot, make_schedule
from pogson.simulate.sky import Conditions, make_conditions


@dataclass(frozen=True)
class SimulatedFile:
    """One file of the night: ADU as the camera writes them, and its header."""

    name: str
    pixels: NDArray[np.uint16]
    cards: list[Card]


@dataclass(frozen=True)
class Night:
    """Files to be, and the truth about them.

    Attributes
    ----------
    recipe : Recipe
    shots : tuple of Shot
        What was exposed when, in order.
    stars : Table
        id, ra, dec, x, y (in the first light frame), mag_<band>, color, variable, kind.
    catalog : Table
        What a reference catalogue lists of them: id, ra, dec, <band>, <band>_err.
    conditions : Conditions
        The air and the pointing of each light frame.
    """

    recipe: Recipe
    shots: tuple[Shot, ...]
    stars: Table
    catalog: Table
    conditions: Conditions
    camera: Camera

    @property
    def names(self) -> list[str]:
        """Names of the files, in order of exposure."""
        return [shot.name for shot in self.shots]

    def frames(self, workers: int = 1) -> Iterator[SimulatedFile]:
        """Every file, in order of exposure; more workers change the speed and nothing else."""
        if workers <= 1:
            yield from map(self._make, self.shots)
            return
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(self.shots), 2 * workers):
                yield from pool.map(self._make, self.shots[start : start + 2 * workers])

    def frame(self, name: str) -> SimulatedFile:
        """One file by its name."""
        return self._make(self.shots[self.names.index(name)])

    def light(self, shot: Shot) -> Image:
        """Electrons expected from stars and sky, without the detector; float32 (ny, nx)."""
        image = sky_light(self.recipe, shot, self._at(shot, "sky"))
        add_stars(image, self.recipe, self.stars, shot, self._all_at(shot))
        return image

    @cached_property
    def frame_truth(self) -> Table:
        """One row per file: name, kind, band, exptime, jd_utc (middle), and `Conditions` for light frames."""
        shots = self.shots
        columns: dict[str, Any] = {
            n: [getattr(s, n) for s in shots] for n in ("name", "kind", "band", "exptime")
        }
        columns["jd_utc"] = [s.jd_utc for s in shots]
        for what in ("color_term", "extinction"):
            columns[what] = [
                getattr(self.recipe.bands[s.band], what) if s.kind == "light" else np.nan for s in shots
            ]
        for what, values in asdict(self.conditions).items():
            columns[what] = np.full(len(shots), np.nan)
            columns[what][[s.kind == "light" for s in shots]] = values
        return Table(columns)

    def _make(self, shot: Shot) -> SimulatedFile:
        recipe = self.recipe
        dice = dice_for(recipe.seed, f"{shot.name} header")
        temperature = (
            recipe.detector.temperature + recipe.detector.temperature_spread * dice.standard_normal()
        )
        if shot.kind == "light":
            light = self.light(shot)
        elif shot.kind == "flat":
            light = flat_light(recipe, dice)
        else:
            light = np.zeros((recipe.detector.ny, recipe.detector.nx), np.float32)
        pixels = self.camera.expose(
            light, name=shot.name, band=shot.band, exptime=shot.exptime, temperature=temperature
        )
        facts = asdict(shot) | {
            "temperature": round(float(temperature), 3),
            "target": recipe.field.name,
            "airmass": round(self._at(shot, "airmass"), 4) if shot.kind == "light" else None,
        }
        return SimulatedFile(shot.name, pixels, write_cards(recipe, facts, self._header_wcs(shot)))

    def _at(self, shot: Shot, what: str) -> float:
        return float(getattr(self.conditions, what)[shot.light]) if shot.light >= 0 else np.nan

    def _all_at(self, shot: Shot) -> dict[str, float]:
        return {what: float(values[shot.light]) for what, values in vars(self.conditions).items()}

    def _header_wcs(self, shot: Shot) -> dict[str, Any]:
        """Where the mount believes to point: the same for all frames, and a little wrong."""
        if shot.kind != "light":
            return {}
        t = self.recipe.telescope
        east, north = t.pointing_error * dice_for(self.recipe.seed, "mount").standard_normal(2)
        return wcs_cards(self.recipe, east, north, t.angle_error)


def simulate_night(recipe: Recipe | None = None) -> Night:
    """Prepare a night; its frames are made one by one as they are asked for.

    Parameters
    ----------
    recipe : Recipe, optional
        The default is an old star cluster in g and r, with all calibration frames.

    Raises
    ------
    SettingError
        For a header dialect that does not exist, or a start that is no time.
    """
    recipe = recipe or Recipe()
    check_words(recipe)
    shots = make_schedule(recipe)
    lights = [s for s in shots if s.kind == "light"]
    exptime, middle = (np.array([getattr(s, n) for s in lights]) for n in ("exptime", "jd_utc"))
    stars = make_stars(recipe)
    return Night(
        recipe,
        shots,
        stars,
        make_catalog(recipe, stars),
        make_conditions(recipe, [s.band for s in lights], exptime, middle),
        make_camera(recipe),
    )
