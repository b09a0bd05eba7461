"""A night of frames whose every star, photon and fault is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.frame import Image
from pogson.core.time import bjd_tdb
from pogson.simulate.catalog import make_catalog
from pogson.simulate.detector import Camera, make_camera
from pogson.simulate.dice import dice_for
from pogson.simulate.faults import list_faults
from pogson.simulate.field import add_movers, make_stars
from pogson.simulate.headers import Card, check_words, write_cards
from pogson.simulate.light import add_stars, flat_light, mosaic_cells, places, shade_trees, sky_light
from pogson.simulate.pointing import wcs_cards
from pogson.simulate.recipe import MOSAIC_BANDS, Recipe
from pogson.simulate.schedule import Shot, make_schedule
from pogson.simulate.sky import Conditions, make_conditions
from pogson.simulate.variables import (
    Activity,
    list_light_curves,
    list_variables,
    make_activity,
    mark_variables,
    pick_variables,
    site_of,
)


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
    activity : Activity
        How bright each variable is in each light frame.
    """

    recipe: Recipe
    shots: tuple[Shot, ...]
    stars: Table
    catalog: Table
    conditions: Conditions
    camera: Camera
    activity: Activity

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
            ahead: deque[Future[SimulatedFile]] = deque()
            for shot in self.shots:
                ahead.append(pool.submit(self._make, shot))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def frame(self, name: str) -> SimulatedFile:
        """One file by its name."""
        return self._make(self.shots[self.names.index(name)])

    @property
    def lights(self) -> list[Shot]:
        """The exposures of the sky."""
        return [shot for shot in self.shots if shot.kind == "light"]

    def light(self, shot: Shot) -> Image:
        """Electrons expected from stars and sky, without the detector; float32 (ny, nx)."""
        now = self._all_at(shot)
        cells = mosaic_cells(self.recipe.detector.bayer)
        if not cells:
            return self._light_of_band(shot, now)
        colors = {letter: self._light_of_band(*self._behind(shot, now, letter)) for letter, _ in cells}
        image = colors["G"].copy()
        for letter, cell in cells:
            image[cell] = colors[letter][cell]
        return image

    @cached_property
    def frame_truth(self) -> Table:
        """One row per file: name, kind, band, exptime, jd_utc and bjd_tdb (middle), fault, `Conditions`.

        `fault` tells what spoils a light frame: trailed, cloud, trees, satellite, or several of them; what
        `Conditions` tell is NaN in other frames.
        """
        recipe, shots = self.recipe, self.shots
        light = np.array([s.kind == "light" for s in shots])
        columns: dict[str, Any] = {
            n: [getattr(s, n) for s in shots] for n in ("name", "kind", "band", "exptime", "jd_utc")
        }
        columns["bjd_tdb"] = bjd_tdb(columns["jd_utc"], recipe.field.ra, recipe.field.dec, site_of(recipe))
        columns["fault"] = np.full(len(shots), "", "U40")
        columns["fault"][light] = list_faults(recipe, self.conditions)
        columns["extinction"] = [recipe.bands[s.band].extinction if s.light >= 0 else np.nan for s in shots]
        for what, values in vars(self.conditions).items():
            columns[what] = np.full(len(shots), np.nan)
            columns[what][light] = values
        return Table(columns)

    @cached_property
    def light_curves(self) -> Table:
        """One row per variable and light frame: star, frame, band, jd_utc, bjd_tdb, mag (its true one)."""
        return list_light_curves(self.recipe, self.stars, self.activity, self.lights)

    @cached_property
    def variables(self) -> Table:
        """One row per variable: star, kind, period (days), epoch_bjd_tdb, and the numbers of its shape."""
        return list_variables(self.recipe, self.stars, self.activity.rows, self.lights[0].jd_start)

    @cached_property
    def tracks(self) -> Table:
        """One row per moving object and light frame: star, frame, jd_utc, x, y (true, at mid-exposure)."""
        first = len(self.stars) - len(self.recipe.field.movers)
        rows = [
            (self.stars["id"][row], shot.name, shot.jd_utc, float(x[row]), float(y[row]))
            for shot in self.lights
            for x, y in (self.positions(shot.name),)
            for row in range(first, len(self.stars))
        ]
        return Table(rows=rows, names=("star", "frame", "jd_utc", "x", "y")) if rows else Table()

    def positions(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """True x, y of all stars in a light frame, at the middle of its exposure."""
        shot = self.shots[self.names.index(name)]
        x, y, _, _ = places(self.recipe, self.stars, shot, self._all_at(shot))
        return x, y

    def _light_of_band(self, shot: Shot, now: dict[str, float]) -> Image:
        image = sky_light(self.recipe, shot, now["sky"], now["sky_x"], now["sky_y"])
        add_stars(image, self.recipe, self.stars, shot, now, self.activity)
        if now["trees"] > 0.0:
            shade_trees(image, self.recipe, now)
        return image

    def _behind(self, shot: Shot, now: dict[str, float], letter: str) -> tuple[Shot, dict[str, float]]:
        """The same exposure through the filter of another pixel of the mosaic."""
        bands = self.recipe.bands
        old, new = bands[shot.band], bands[MOSAIC_BANDS[letter]]
        air = (new.extinction - old.extinction) * now["airmass"]
        sky = 10.0 ** (0.4 * (new.zero_point - old.zero_point - new.sky + old.sky))
        zero = now["zero_point"] + new.zero_point - old.zero_point - air
        return replace(shot, band=MOSAIC_BANDS[letter]), now | {"zero_point": zero, "sky": sky * now["sky"]}

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
            "altitude": round(self._at(shot, "altitude"), 4) if shot.kind == "light" else None,
            "pier": ("WEST", "EAST")[self._turned(shot)] if recipe.telescope.flip else None,
        }
        return SimulatedFile(shot.name, pixels, write_cards(recipe, facts, self._header_wcs(shot)))

    def _at(self, shot: Shot, what: str) -> float:
        return float(getattr(self.conditions, what)[shot.light]) if shot.light >= 0 else np.nan

    def _all_at(self, shot: Shot) -> dict[str, float]:
        now = {what: float(values[shot.light]) for what, values in vars(self.conditions).items()}
        return now | {"hours": 24.0 * (shot.jd_utc - self.lights[0].jd_utc)}

    def _header_wcs(self, shot: Shot) -> dict[str, Any]:
        """Where the mount believes to point: the same for all frames, and a little wrong."""
        if shot.kind != "light":
            return {}
        t = self.recipe.telescope
        east, north = t.pointing_error * dice_for(self.recipe.seed, "mount").standard_normal(2)
        return wcs_cards(self.recipe, east, north, t.angle_error + 180.0 * self._turned(shot))

    def _turned(self, shot: Shot) -> bool:
        """Whether the exposure comes after the meridian flip."""
        return self.recipe.telescope.flip and bool(self._at(shot, "rotation") > 90.0)


def simulate_night(recipe: Recipe | None = None, table: Table | None = None) -> Night:
    """Prepare a night; its frames are made one by one as they are asked for.

    Parameters
    ----------
    recipe : Recipe, optional
        The default is an old star cluster in g and r, with all calibration frames.
    table : Table, optional
        The stars, instead of those that the recipe draws; see `field.stars_of_table`.

    Raises
    ------
    SettingError
        For a header dialect that does not exist, a start that is no time or at which the field has set, a
        table without a column, or a variable for which there is no star.
    """
    recipe = recipe or Recipe()
    check_words(recipe)
    shots = make_schedule(recipe)
    lights = [s for s in shots if s.kind == "light"]
    exptime, middle = (np.array([getattr(s, n) for s in lights]) for n in ("exptime", "jd_utc"))
    conditions = make_conditions(recipe, [s.band for s in lights], exptime, middle)
    low = np.count_nonzero(~np.isfinite(conditions.airmass))
    if low:
        raise SettingError(
            f"night.start: {low} of {len(lights)} light frames look below 5 degrees of altitude; "
            "choose another start, or another field.ra, field.dec"
        )
    year = 2000.0 + (middle[0] - 2451545.0) / 365.25
    stars = make_stars(recipe, table, year)
    rows = pick_variables(recipe, stars)
    catalog = make_catalog(recipe, stars, year)
    return Night(
        recipe,
        shots,
        add_movers(recipe, mark_variables(recipe, stars, rows)),
        catalog,
        conditions,
        make_camera(recipe),
        make_activity(recipe, rows, lights),
    )
