"""What a reference catalogue lists of the stars."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from pogson.simulate.dice import dice_for
from pogson.simulate.recipe import Recipe


def make_catalog(recipe: Recipe, stars: Table, year: float = 2024.5) -> Table:
    """The stars that a reference catalogue lists: the brighter share, with its errors.

    Positions are those of the catalogue's epoch, where stars move; nothing that moves like an asteroid
    is listed.
    """
    f, dice = recipe.field, dice_for(recipe.seed, "catalog")
    listed = stars[: round(f.catalog_share * len(stars))]
    n = len(listed)
    places = f.catalog_position_error / 3600.0 * dice.standard_normal((2, n))
    back = np.zeros((2, n))
    if "pmra" in stars.colnames:
        back = np.stack([listed["pmra"], listed["pmdec"]]) * (year - f.catalog_epoch) / 3.6e6
    columns = {
        "id": [f"P1-{i:05d}" for i in listed["id"]],
        "ra": listed["ra"] + (places[0] - back[0]) / np.cos(np.radians(listed["dec"])),
        "dec": listed["dec"] + (places[1] - back[1]),
    }
    if "pmra" in stars.colnames:
        columns |= {"pmra": listed["pmra"], "pmdec": listed["pmdec"]}
    for band in recipe.exposed:
        mag = np.asarray(listed[f"mag_{band}"])
        error = np.hypot(f.catalog_error, 0.1 * 10.0 ** (0.4 * (mag - 21.5)))
        columns[band] = np.round(mag + error * dice.standard_normal(n), 4)
        columns[f"{band}_err"] = np.round(error, 4)
    return Table(columns)
