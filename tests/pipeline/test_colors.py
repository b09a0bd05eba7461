"""Colours come from the catalogue, where it has them for stars enough."""

import numpy as np
from astropy.table import Table

from pogson.pipeline.colors import add_colors


def tables(n=30, **bands):
    rng = np.random.default_rng(1)
    ra, dec = 150.0 + rng.uniform(0, 0.2, n), 20.0 + rng.uniform(0, 0.2, n)
    field = Table({"id": np.arange(1, n + 1), "ra": ra, "dec": dec})
    catalog = Table(
        {"id": np.arange(n).astype(str), "ra": ra[::-1], "dec": dec[::-1], "flags": np.zeros(n, int)}
    )
    catalog["pmra"] = catalog["pmdec"] = np.zeros(n)
    for band, mags in bands.items():
        catalog[f"mag_{band}"] = np.asarray(mags, float)[::-1]
    return field, catalog


def test_each_star_gets_the_colour_of_its_own_partner():
    b, v = np.linspace(13, 15, 30), np.full(30, 12.5)
    field, words = add_colors(*tables(B=b, V=v))
    np.testing.assert_allclose(field["color"], b - v)
    assert words == ["colours of 30 stars: B-V of the catalogue"]


def test_the_colour_that_most_stars_have_is_taken():
    b = np.where(np.arange(30) < 12, 13.0, np.nan)
    field, words = add_colors(*tables(B=b, V=np.full(30, 12.5), g=np.full(30, 13.5), r=np.full(30, 12.0)))
    np.testing.assert_allclose(field["color"], 1.5)
    assert "g-r" in words[0]


def test_a_catalogue_of_one_band_or_none_gives_no_colour():
    field, catalog = tables(r=np.full(30, 14.0))
    assert add_colors(field, catalog) == (field, [])
    assert add_colors(field, None) == (field, [])
    assert "color" not in field.colnames


def test_a_star_that_moves_keeps_its_colour():
    b, v = np.linspace(12.4, 14.0, 30), np.full(30, 12.0)
    field, catalog = tables(B=b, V=v)
    catalog["dec"] -= 26.0 / 3600.0
    catalog["pmra"], catalog["pmdec"] = 0.0, 1000.0
    catalog.meta["epoch"] = 2000.0
    moved, words = add_colors(field, catalog, 2026.0)
    assert "colours of 30 stars" in words[0] and np.isfinite(moved["color"]).all()
    assert add_colors(field, catalog) == (field, [])
