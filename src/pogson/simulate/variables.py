"""Stars that vary: their light curves, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from pogson.core.errors import SettingError
from pogson.core.frame import Site
from pogson.core.time import bjd_tdb
from pogson.simulate.occult import light_loss
from pogson.simulate.pointing import center_of
from pogson.simulate.recipe import Recipe
from pogson.simulate.scene import Variable
from pogson.simulate.schedule import Shot

Array = NDArray[np.float64]

# Amplitudes and phases (to the first, in sine) of an RRab star in V, near the middle of the ranges of
# Jurcsik & Kovacs 1996 (A&A 312, 111) and Simon & Teays 1982 (ApJ 261, 586).
RR_AMPLITUDE = np.array([1.0, 0.48, 0.33, 0.22, 0.13])
RR_PHASE = np.array([0.0, 2.40, 5.08, 1.60, 4.50])

# an exposure is averaged over these moments
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)


@dataclass(frozen=True)
class Activity:
    """What varies: rows of the star table, and flux over mean flux in each light frame (star, frame)."""

    rows: NDArray[np.int64]
    factor: Array


def flux_factor(star: Variable, hours: ArrayLike) -> Array:
    """Flux over the flux that the table's magnitude means, at hours after the first light.

    That magnitude is the mean of a sinusoid or pulsation, and the full light of a pair out of eclipse.
    """
    cycle = (np.asarray(hours, np.float64) - star.epoch) / star.period
    if star.kind == "sinusoid":
        return np.asarray(10.0 ** (0.2 * star.amplitude * np.cos(2.0 * np.pi * cycle)))
    if star.kind == "rrlyrae":
        return np.asarray(10.0 ** (-0.4 * star.amplitude * _pulse(cycle)))
    surface = star.surface if star.kind == "eclipsing" else 0.0
    phase = 2.0 * np.pi * cycle
    z = np.hypot(star.distance * np.sin(phase), star.impact * np.cos(phase))
    before = np.cos(phase) > 0.0
    companion = surface * star.ratio**2
    primary = 1.0 - np.where(before, light_loss(z, star.ratio, star.u1, star.u2), 0.0)
    hidden = (
        light_loss(z / star.ratio, 1.0 / star.ratio, star.u1, star.u2) if companion else np.zeros(z.shape)
    )
    secondary = companion * (1.0 - np.where(before, 0.0, hidden))
    return np.asarray((primary + secondary) / (1.0 + companion))


def pick_variables(recipe: Recipe, stars: Table) -> NDArray[np.int64]:
    """Row of the star that each variable of the recipe is.

    Raises
    ------
    SettingError
        If there is no such star, or none that is isolated near that magnitude.
    """
    rows: list[int] = []
    for i, variable in enumerate(recipe.field.variables):
        rows.append(_find(recipe, stars, variable, rows, f"field.variables[{i}]"))
    return np.array(rows, np.int64)


def make_activity(recipe: Recipe, rows: NDArray[np.int64], shots: list[Shot]) -> Activity:
    """The factor of each variable in each light frame, averaged over the exposure."""
    start = np.array([24.0 * (s.jd_start - shots[0].jd_start) for s in shots])
    length = np.array([s.exptime / 3600.0 for s in shots])
    moments = start[:, None] + length[:, None] * 0.5 * (1.0 + NODES)
    factor = [flux_factor(v, moments) @ (0.5 * WEIGHTS) for v in recipe.field.variables]
    return Activity(rows, np.array(factor).reshape(len(rows), len(shots)))


def mark_variables(recipe: Recipe, stars: Table, rows: NDArray[np.int64]) -> Table:
    """The stars with their variables told by the columns `variable` and `kind`."""
    marked = stars.copy()
    kinds = np.asarray(stars["kind"]).astype("U12")
    kinds[rows] = [v.kind for v in recipe.field.variables]
    if len(rows):
        marked["kind"] = kinds
        marked["variable"][rows] = True
    return marked


def list_variables(recipe: Recipe, stars: Table, rows: NDArray[np.int64], jd_first: float) -> Table:
    """The truth about what varies: star, kind, period (days), epoch (BJD TDB) and the shape's numbers."""
    variables = recipe.field.variables
    jd = np.array([jd_first + v.epoch / 24.0 for v in variables])
    ra, dec = (np.asarray(stars[name], float)[rows] for name in ("ra", "dec"))
    columns = {
        "star": np.asarray(stars["id"])[rows],
        "kind": np.array([v.kind for v in variables], "U12"),
        "period": np.array([v.period / 24.0 for v in variables]),
        "epoch_bjd_tdb": bjd_tdb(jd, ra, dec, site_of(recipe)),
    }
    for name in ("amplitude", "ratio", "distance", "impact", "surface", "u1", "u2"):
        columns[name] = np.array([float(getattr(v, name)) for v in variables])
    return Table(columns)


def list_light_curves(recipe: Recipe, stars: Table, activity: Activity, shots: list[Shot]) -> Table:
    """One row per variable and light frame: its true magnitude, the mean over the exposure."""
    n = len(shots)
    rows = np.repeat(activity.rows, n)
    jd = np.tile([s.jd_utc for s in shots], len(activity.rows))
    bands = np.tile([s.band for s in shots], len(activity.rows)).astype("U8")
    mag = np.full(len(rows), np.nan)
    for band in set(bands):
        here = bands == band
        mag[here] = np.asarray(stars[f"mag_{band}"], float)[rows[here]]
    ra, dec = (np.asarray(stars[name], float)[rows] for name in ("ra", "dec"))
    columns = {
        "star": np.asarray(stars["id"])[rows],
        "frame": np.tile([s.name for s in shots], len(activity.rows)).astype("U64"),
        "band": bands,
        "jd_utc": jd,
        "bjd_tdb": bjd_tdb(jd, ra, dec, site_of(recipe)),
        "mag": mag - 2.5 * np.log10(activity.factor.ravel()),
    }
    return Table(columns)


def site_of(recipe: Recipe) -> Site:
    """The site as the other rooms know it."""
    s = recipe.site
    return Site(s.latitude, s.longitude, s.height, s.name)


def _pulse(cycle: Array) -> Array:
    """Magnitudes of the pulsation: mean 0, faintest less brightest 1, brightest at cycle 0."""
    grid = np.linspace(0.0, 1.0, 2001)
    shape = _series(grid)
    bottom = grid[np.argmin(shape)]
    return (_series(cycle + bottom) - np.mean(shape[:-1])) / (shape.max() - shape.min())


def _series(cycle: Array) -> Array:
    k = np.arange(1, len(RR_AMPLITUDE) + 1)
    return np.sin(2.0 * np.pi * np.asarray(cycle)[..., None] * k + RR_PHASE) @ RR_AMPLITUDE


def _find(recipe: Recipe, stars: Table, variable: Variable, taken: list[int], where: str) -> int:
    """The star asked for, or the isolated one nearest to the magnitude."""
    if variable.star:
        rows = np.flatnonzero(np.asarray(stars["id"]) == variable.star)
        if len(rows) == 0:
            raise SettingError(f"{where}.star: there is no star {variable.star}")
        if int(rows[0]) in taken:
            raise SettingError(f"{where}.star: star {variable.star} varies already; name another")
        return int(rows[0])
    band = recipe.exposed[0]
    mag = np.asarray(stars[f"mag_{band}"])
    x, y = np.asarray(stars["x"]), np.asarray(stars["y"])
    x0, y0 = center_of(recipe)
    free = (np.abs(x - x0) < 0.4 * recipe.detector.nx) & (np.abs(y - y0) < 0.4 * recipe.detector.ny)
    far = 6.0 * recipe.sky.seeing / recipe.telescope.pixel_scale
    free[taken] = False
    order = np.argsort(np.where(free, np.abs(mag - variable.mag), np.inf), kind="stable")
    for row in order[: min(200, np.count_nonzero(free))]:
        near = np.hypot(x - x[row], y - y[row]) < far
        near[row] = False
        if not (near & (mag < mag[row] + 3.0)).any():
            return int(row)
    raise SettingError(f"{where}: no isolated star near magnitude {variable.mag:g}; name one by its number")
