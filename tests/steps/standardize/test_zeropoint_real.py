"""Zero points from real photometry, matched to ATLAS-REFCAT2 by somebody else."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import PHOTOMETRY
from pogson.core.frame import Exposure
from pogson.io.catalogs import read_catalog
from pogson.steps.standardize.zeropoint import fit_zero_points


@pytest.fixture(scope="module")
def matched(real_data):
    path = real_data / "catalogs" / "matched_instrumental_vs_refcat2.fits"
    return Table.read(path), read_catalog(path)


def shoot(table, band, rows):
    table = table[rows]
    n = len(table)
    values = {c.name: np.zeros(n) for c in PHOTOMETRY.columns}
    values |= {
        "star": rows,
        "frame": np.full(n, "a.fits"),
        "band": np.full(n, band),
        "x": table["x"],
        "y": table["y"],
        "flux": table["fluxaper4"],
        "flux_err": table["fluxerr4"],
        "flags": np.where(table["flag"] > 0, 4, 0),
    }
    return PHOTOMETRY.table({"exposure": Exposure(band=band, exptime=1.0)}, **values)


def fit(matched, band, rows, **settings):
    table, catalog = matched
    every = np.arange(len(table))
    matches = Table({"star": every, "row": every, "flags": np.zeros(len(table), int)})
    return fit_zero_points([shoot(table, band, rows)], matches, catalog, **settings)


def test_the_frame_is_in_i_as_its_small_colour_term_tells(matched):
    every = np.arange(len(matched[0]))
    found = {band: fit(matched, band, every) for band in "griz"}
    assert min("griz", key=lambda band: abs(found[band].colors[band].value)) == "i"
    assert abs(found["i"].colors["i"].value) < 0.06
    assert found["i"].table["scatter"][0] < 0.02
    assert found["i"].table["zero_point_err"][0] < 0.003


def test_eighths_of_the_stars_agree_within_their_errors(matched):
    every = np.random.default_rng(1).permutation(len(matched[0]))
    color = f"{fit(matched, 'i', every).colors['i'].value}"
    parts = [fit(matched, "i", np.sort(part), color_term=color).table[0] for part in np.array_split(every, 8)]
    zero = np.array([p["zero_point"] for p in parts])
    err = np.array([p["zero_point_err"] for p in parts])
    chi2 = np.sum(((zero - np.average(zero, weights=err**-2)) / err) ** 2)
    assert 1.2 < chi2 < 18.5, "7 degrees of freedom: 1 % on either side"
