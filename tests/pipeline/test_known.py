"""Known variables and doubles serve neither zero points nor comparisons."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import CATALOG, FIELD
from pogson.core.flags import Star
from pogson.io.store import list_catalogs
from pogson.io.store_write import About, append_cells, split_cells
from pogson.pipeline.cone import cone_of
from pogson.pipeline.known import known_bits, leave_alone, mark_known

V, D = int(Star.VARIABLE), int(Star.BLENDED)


@pytest.fixture
def field():
    rng = np.random.default_rng(1)
    n = 40
    zero = np.zeros(n)
    return FIELD.table(
        id=np.arange(1, n + 1), x=zero, y=zero, x_err=zero, y_err=zero, ra=rng.uniform(10, 10.3, n),
        dec=rng.uniform(20, 20.3, n), flux=zero + 1e4, snr=zero + 99, n_detected=zero + 3, flags=zero,
    )  # fmt: skip


def catalog(field, rows, flags, *, off=0.0, pm=0.0, epoch=2000.0):
    n = len(rows)
    return CATALOG.table(
        {"name": "cat", "epoch": epoch, "bands": "V"},
        id=np.arange(n).astype(str), ra=field["ra"][rows], dec=field["dec"][rows] + off / 3600.0,
        pmra=np.zeros(n), pmdec=np.full(n, pm), flags=flags, mag_V=np.full(n, 12.0),
        mag_V_err=np.full(n, 0.01),
    )  # fmt: skip


def test_variables_of_the_store_and_of_the_catalogue_are_flagged_and_counted(field, tmp_path):
    vsx = catalog(field, [3, 7], [V, V], off=2.0)
    vsx.remove_columns(["mag_V", "mag_V_err"])
    about = About("VSX", kind="variables", epoch=2000.0)
    append_cells(split_cells(vsx, 6), "vsx", about, order=6, store=tmp_path, asked={"when": "", "from": ""})
    used = catalog(field, [7, 9, 11], [V, D, 0])
    marked, words = mark_known(field, used, list_catalogs(tmp_path), cone_of(field), 2026.0)
    assert list(np.flatnonzero(marked["flags"])) == [3, 7] and leave_alone(marked) == (4, 8, 10)
    assert words[0] == "2 known variables (cat 1, vsx 1) are kept out of zero points and comparison stars"
    assert words[1] == "1 stars that catalogues call double are kept out as well"
    assert not np.any(field["flags"]) and leave_alone(field) == ()
    assert list(known_bits(marked, [4, 5, 8])) == [V, 0, V]


def test_a_variable_that_moves_is_found_where_it_is_tonight(field):
    fast = catalog(field, [5], [V], off=-26.0, pm=1000.0)
    assert leave_alone(mark_known(field, fast, [], None, 2026.0)[0]) == (6,)
    assert leave_alone(mark_known(field, fast, [], None)[0]) == ()


def test_a_field_without_variables_is_the_field_itself(field):
    same, words = mark_known(field, catalog(field, [1, 2], [0, 0]), [], cone_of(field))
    assert same is field and words == []


def test_known_variables_do_not_vote_for_a_zero_point(field):
    from pogson.core.frame import Exposure
    from pogson.steps.match.crossmatch import crossmatch
    from pogson.steps.standardize.zeropoint import fit_zero_points

    rows = np.arange(40)
    used = catalog(field, rows, np.zeros(40, int))
    marked, _ = mark_known(field, catalog(field, [0], [V]), [], None)
    flux = np.full(40, 1e4)
    flux[0] *= 1.03  # brighter tonight
    photometry = Table({
        "star": np.asarray(field["id"]), "frame": ["a"] * 40, "band": ["V"] * 40, "x": np.zeros(40),
        "y": np.zeros(40), "flux": flux, "flux_err": flux * 0.003, "err_source": flux * 0.002,
        "flags": np.zeros(40, int), "sky": np.zeros(40), "sky_err": np.zeros(40), "n_sky": np.full(40, 99),
    })  # fmt: skip
    photometry.meta["exposure"] = Exposure(path="a", band="V", exptime=1.0)
    matches = crossmatch(field["ra"], field["dec"], used, ids=np.asarray(field["id"]))
    matches["flags"] |= known_bits(marked, matches["star"])
    residuals = fit_zero_points([photometry], matches, used).residuals
    one = residuals[np.asarray(residuals["star"]) == 1]
    assert not one["used"][0] and "variable" in one["reason"][0]
    assert residuals["used"].sum() == 39


def test_known_variables_and_doubles_are_no_comparison_stars(field, monkeypatch):
    from types import SimpleNamespace

    from pogson.core.errors import NightError
    from pogson.pipeline import series

    marked, _ = mark_known(field, catalog(field, [0, 4, 6], [V, D, V]), [], None)
    frames = [Table({"star": [1]}, meta={"exposure": SimpleNamespace(band="V")})] * 2
    curves = SimpleNamespace(stars=field[:6])  # star 7 was not measured in the band
    asked = []

    def compare(curves, *, target, exclude=()):
        asked.append([int(n) for n in exclude])
        raise NightError("enough")

    monkeypatch.setattr(series, "choose_aperture", lambda *_, **__: (curves, ""))
    monkeypatch.setattr(series, "compare_ensemble", compare)
    series.make_series(frames, marked, asked=True)
    series.make_series(frames, marked, asked=True, target=5)
    series.make_series(frames, field, asked=True)
    assert asked == [[1, 5], [1], []]
