"""The best catalogue is chosen by what it is worth to the night, and it is said why."""

import numpy as np
import pytest

from pogson.core.columns import CATALOG
from pogson.core.errors import SettingError
from pogson.io.store import list_catalogs, read_stored
from pogson.io.store_write import About, add_catalog, append_cells, split_cells
from pogson.pipeline.choose import Wishes, choose_catalog, complete_bands, say_bands

HERE = {"ra": (10.0, 10.5), "dec": (20.0, 20.5)}
PLACE = (10.2, 20.2, 0.2)


def stars(n=300, bands=("V",), ra=(10.0, 10.5), dec=(20.0, 20.5), err=0.02, seed=1):
    rng = np.random.default_rng(seed)
    nothing = np.full(n, np.nan)
    mags = {}
    for band in bands:
        mags[f"mag_{band}"], mags[f"mag_{band}_err"] = rng.uniform(14, 14.5, n), np.full(n, err)
    return CATALOG.table(
        {"name": "x", "epoch": 2016.0, "bands": ",".join(bands)},
        id=np.arange(n).astype(str), ra=rng.uniform(*ra, n), dec=rng.uniform(*dec, n),
        pmra=nothing, pmdec=nothing.copy(), flags=np.zeros(n, int), **mags,
    )  # fmt: skip


def fetched(store, name, table, *, accuracy, system="sdss"):
    bands = tuple(table.meta["bands"].split(","))
    about = About(name, system, accuracy, "stars", 2016.0, bands)
    return append_cells(
        split_cells(table, 6), name, about, order=6, store=store, asked={"when": "", "from": ""}
    )


def choose(store, *bands, **words):
    return choose_catalog(list_catalogs(store), bands, *PLACE, **words)


def test_the_catalogue_that_serves_most_bands_is_chosen_and_the_reason_said(tmp_path):
    add_catalog(stars(900), "deep", store=tmp_path)
    add_catalog(stars(300, bands=("g", "V")), "both", store=tmp_path)
    add_catalog(stars(5000, bands=("g", "V"), ra=(100, 110)), "elsewhere", store=tmp_path)
    table, words = choose(tmp_path, "V", "g")
    assert table.meta["name"] == "both" and "has V, g for at least" in words[0]
    assert choose(tmp_path, "V")[0].meta["name"] == "deep"
    assert choose(tmp_path, "I") == (None, [])
    assert choose_catalog(list_catalogs(tmp_path), ["V"], 300.0, -20.2, 0.2) == (None, [])


def test_the_more_accurate_catalogue_wins_over_the_one_with_more_stars(tmp_path):
    fetched(tmp_path, "many", stars(2000, err=0.05), accuracy=0.05)
    fetched(tmp_path, "good", stars(200, err=0.01), accuracy=0.01)
    table, words = choose(tmp_path, "V")
    assert table.meta["name"] == "good" and "as a whole good to about 0.010 mag" in words[0]
    # but not where it has hardly a star
    fetched(tmp_path, "rare", stars(20, err=0.05), accuracy=0.003)
    assert choose(tmp_path, "V")[0].meta["name"] == "good"
    add_catalog(stars(400, err=0.01), "mine", store=tmp_path)
    table, words = choose(tmp_path, "V")
    assert table.meta["name"] == "mine" and "good to" not in words[0]


def test_a_damaged_cell_is_named_and_the_next_catalogue_is_taken(tmp_path):
    add_catalog(stars(500), "good", store=tmp_path)
    broken = add_catalog(stars(900), "broken", store=tmp_path)
    for path in broken.folder.rglob("Npix=*.parquet"):
        path.write_bytes(path.read_bytes()[:200])
    table, words = choose(tmp_path, "V")
    assert table.meta["name"] == "good"
    assert "cell passed over" in words[1] and "of catalogue 'broken' cannot be read" in words[1]
    assert "\n" not in words[1]


def test_a_band_that_no_catalogue_has_comes_from_a_relation_and_that_is_said(tmp_path):
    fetched(tmp_path, "refcat2", stars(300, bands=("g", "r", "i")), accuracy=0.005, system="ps1")
    table, words = choose(tmp_path, "V", "g")
    assert "has V, g" in words[0] and "V from r and g-r (Tonry et al. 2012" in words[1]
    inside = np.isfinite(table["mag_V"])
    color = table["mag_g"] - table["mag_r"]
    assert np.array_equal(inside, (color >= -0.2) & (color <= 1.8))
    expected = table["mag_r"] + 0.005 + 0.462 * color + 0.013 * color**2
    assert np.allclose(table["mag_V"][inside], expected[inside])
    assert (table["mag_V_err"][inside] > 0.012).all()


def test_a_band_of_its_own_wins_over_a_relation(tmp_path):
    fetched(tmp_path, "refcat2", stars(2000, bands=("g", "r")), accuracy=0.005, system="ps1")
    fetched(tmp_path, "apass", stars(100, err=0.05), accuracy=0.03)
    table, words = choose(tmp_path, "V")
    assert table.meta["name"] == "apass" and len(words) == 1


def test_the_g_of_pan_starrs_is_not_that_of_sdss(tmp_path):
    fetched(tmp_path, "refcat2", stars(300, bands=("g", "r")), accuracy=0.005, system="ps1")
    table, words = choose(tmp_path, "g", "r")
    assert (
        "g, r are magnitudes of Pan-STARRS, not of SDSS (g of SDSS is +0.09 mag off at g-r = 0.5)" in words[1]
    )
    sdss, words = choose(tmp_path, "g", "r", wishes=Wishes(magnitudes="sdss"))
    color = table["mag_g"] - table["mag_r"]
    inside = (color >= -0.2) & (color <= 1.8)
    assert np.allclose(
        (sdss["mag_g"] - table["mag_g"])[inside], (0.013 + 0.145 * color + 0.019 * color**2)[inside]
    )
    assert "g from g and g-r (Tonry" in words[1] and "not of SDSS" not in " ".join(words)


def test_your_own_catalogue_is_completed_where_its_system_is_known():
    gaia = stars(50, bands=("G", "BP", "RP"))
    assert np.isfinite(complete_bands(gaia, ["V"], Wishes())["mag_V"]).any()
    unknown = stars(50, bands=("g", "r"))
    assert "mag_V" not in complete_bands(unknown, ["V"], Wishes()).colnames
    assert say_bands(complete_bands(unknown, ["V"], Wishes()), ["V"])[0].endswith("system = ps1 or sdss")
    told = complete_bands(unknown, ["V"], Wishes("sdss"))
    assert "V from g and g-r (Jester" in say_bands(told, ["V"])[0]
    with pytest.raises(SettingError, match="system must be one of gaia, johnson, ps1, sdss, got 'vega'"):
        complete_bands(unknown, ["V"], Wishes("vega"))


def test_lists_of_variables_and_names_never_calibrate(tmp_path):
    one = fetched(tmp_path, "x", stars(300), accuracy=0.01)
    path = one.folder / "pogson.json"
    path.write_text(path.read_text().replace('"kind": "stars"', '"kind": "variables"'))
    assert read_stored(one.folder).kind == "variables"
    assert choose(tmp_path, "V") == (None, [])
