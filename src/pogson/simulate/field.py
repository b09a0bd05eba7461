"""The stars of the field: a cluster and field stars, or those of a table; blends, movers."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.simulate.cluster import cluster_light, cluster_places
from pogson.simulate.dice import dice_for
from pogson.simulate.pointing import center_of, half_sides, pixels_of, plane_of, sky_of
from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]


def make_stars(recipe: Recipe, table: Table | None = None, year: float = 2024.5) -> Table:
    """All stars of the field, brightest first: the truth.

    Parameters
    ----------
    recipe : Recipe
        Its section `field`.
    table : Table, optional
        Stars instead of those that the recipe draws: see `stars_of_table`.
    year : float
        Of the night, for proper motions.

    Returns
    -------
    Table
        id, ra, dec (degrees), x, y (pixels of the reference frame), mag_<band>, color (g-r), variable,
        kind ("cluster", "field", "table" or "blend"); pmra, pmdec (mas/yr) where stars move.
        A margin of 5 % around the frame is filled too.
    """
    if table is not None:
        stars = stars_of_table(recipe, table, year)
    elif recipe.field.table:
        raise SettingError(
            "field.table: read the table first, and give it to simulate_night(recipe, table=...)"
        )
    else:
        stars = _drawn(recipe)
    if recipe.field.blends:
        stars = _add_blends(recipe, stars)
    return stars


def stars_of_table(recipe: Recipe, table: Table, year: float) -> Table:
    """Stars of a user's table: ra, dec (degrees) or x, y (pixels), mag_<band> of each band exposed.

    Optional: color (g-r; else 0), id (whole numbers; else by brightness), pmra, pmdec (mas/yr, from
    `field.catalog_epoch` to the night; pmra holds the cosine of the declination).

    Raises
    ------
    SettingError
        If a column is missing, or a number is not finite.
    """
    names = table.colnames
    sky = {"ra", "dec"} <= set(names)
    needed = (["ra", "dec"] if sky else ["x", "y"]) + [f"mag_{band}" for band in recipe.exposed]
    for name in needed:
        if name not in names:
            raise SettingError(f"field.table: no column '{name}'; it needs {', '.join(needed)}")
    number = {n: np.asarray(table[n], np.float64) for n in (*needed, "color", "pmra", "pmdec") if n in names}
    for name, values in number.items():
        if not np.isfinite(values).all():
            raise SettingError(f"field.table: column '{name}' has no number in row {_first_bad(values)}")
    still = np.zeros(len(table))
    motion = np.stack([number.get("pmra", still), number.get("pmdec", still)])
    if sky:
        east, north = motion * (year - recipe.field.catalog_epoch) / 3.6e6
        ra, dec = number["ra"] + east / np.cos(np.radians(number["dec"])), number["dec"] + north
        x, y = pixels_of(recipe, ra, dec)
    else:
        x, y = number["x"], number["y"]
        ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    mags = {name: values for name, values in number.items() if name.startswith("mag_")}
    stars = _table_of(recipe, x, y, ra, dec, mags, number.get("color", still), np.repeat("table", len(table)))
    if motion.any():
        stars["pmra"], stars["pmdec"] = motion
    if "id" in names and np.issubdtype(np.asarray(table["id"]).dtype, np.integer):
        stars["id"] = np.asarray(table["id"], np.int64)
    else:
        stars = _numbered(recipe, stars)
    wide, high = half_sides(recipe)
    x0, y0 = center_of(recipe)
    return stars[(np.abs(stars["x"] - x0) < 2.0 * wide) & (np.abs(stars["y"] - y0) < 2.0 * high)]


def add_movers(recipe: Recipe, stars: Table) -> Table:
    """The stars, and after them what moves, at its place in the first light frame."""
    movers = recipe.field.movers
    if not movers:
        return stars
    x, y, mag, color = (np.array([getattr(m, n) for m in movers]) for n in ("x", "y", "mag", "color"))
    ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    mags = {f"mag_{band}": mag for band in recipe.exposed}
    more = _table_of(recipe, x, y, ra, dec, mags, color, np.repeat("mover", len(movers)))
    more["id"] = np.arange(len(movers)) + (stars["id"].max() + 1 if len(stars) else 1)
    for name in ("pmra", "pmdec"):
        if name in stars.colnames:
            more[name] = 0.0
    return vstack([stars, more])


def _drawn(recipe: Recipe) -> Table:
    """The cluster and the field stars of the recipe."""
    f, dice = recipe.field, dice_for(recipe.seed, "field")
    r, color = cluster_light(recipe, dice)
    r_field, color_field = field_light(f.field_stars, f.brightest, f.faintest, dice)
    x, y = cluster_places(recipe, dice)
    wide, high = half_sides(recipe)
    x0, y0 = center_of(recipe)
    x = x0 + np.append(x, dice.uniform(-wide, wide, f.field_stars))
    y = y0 + np.append(y, dice.uniform(-high, high, f.field_stars))
    r, color = np.append(r, r_field), np.append(color, color_field)
    kind = np.repeat(["cluster", "field"], [f.cluster_stars, f.field_stars])
    mags = {f"mag_{band}": r + recipe.bands[band].slope * color for band in recipe.exposed}
    ra, dec = sky_of(recipe, *plane_of(recipe, x, y))
    stars = _table_of(recipe, x, y, ra, dec, mags, color, kind)
    if f.proper_motion:
        moving = f.proper_motion * dice_for(recipe.seed, "motion").standard_normal((2, len(r)))
        stars["pmra"], stars["pmdec"] = moving * (kind == "field")
    order = np.argsort(r)
    stars = stars[order]
    stars["id"] = np.arange(1, len(r) + 1)
    return stars


def _table_of(
    recipe: Recipe, x: Array, y: Array, ra: Array, dec: Array, mags: dict[str, Array], color: Array, kind: Any
) -> Table:
    columns = {"id": np.arange(1, len(x) + 1), "ra": ra, "dec": dec, "x": x, "y": y}
    columns |= {f"mag_{band}": mags[f"mag_{band}"] for band in recipe.exposed}
    return Table({**columns, "color": color, "variable": np.zeros(len(x), bool), "kind": kind})


def _numbered(recipe: Recipe, stars: Table) -> Table:
    """The stars by brightness in the first band, numbered from 1."""
    stars = stars[np.argsort(np.asarray(stars[f"mag_{recipe.exposed[0]}"]), kind="stable")]
    stars["id"] = np.arange(1, len(stars) + 1)
    return stars


def _add_blends(recipe: Recipe, stars: Table) -> Table:
    """Give some of the brighter half a companion within two FWHM, up to two magnitudes fainter."""
    dice = dice_for(recipe.seed, "blends")
    bright = max(1, len(stars) // 2)
    rows = dice.permutation(bright)[: recipe.field.blends]
    more = stars[rows]
    fwhm = recipe.sky.seeing / recipe.telescope.pixel_scale
    angle, far = dice.uniform(0.0, 2.0 * np.pi, len(rows)), fwhm * dice.uniform(0.5, 2.0, len(rows))
    more["x"] += far * np.cos(angle)
    more["y"] += far * np.sin(angle)
    more["ra"], more["dec"] = sky_of(recipe, *plane_of(recipe, np.asarray(more["x"]), np.asarray(more["y"])))
    fainter = dice.uniform(0.0, 2.0, len(rows))
    for band in recipe.exposed:
        more[f"mag_{band}"] += fainter
    more["kind"] = "blend"
    return _numbered(recipe, vstack([stars, more]))


def _first_bad(values: Array) -> int:
    return int(np.flatnonzero(~np.isfinite(values))[0])


def field_light(n: int, brightest: float, faintest: float, dice: np.random.Generator) -> tuple[Array, Array]:
    """Magnitudes r and colours g-r of field stars: counts rise by 0.27 dex a magnitude."""
    brightest = min(brightest, faintest - 1.0)
    share = dice.uniform(10.0 ** (0.27 * (brightest - faintest)), 1.0, n)
    red = faintest + np.log10(share) / 0.27
    cool = dice.uniform(size=n) < np.clip(0.10 + 0.06 * (red - 15.0), 0.05, 0.45)
    warm_color = 0.30 + dice.gamma(2.0, 0.13, n)
    return red, np.where(cool, dice.normal(1.38, 0.09, n), np.minimum(warm_color, 1.4))
