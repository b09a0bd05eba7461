"""A series of constant stars, from the pixels: colour and air come back, and the errors are right."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED
from pogson.core.lightcurves import LightCurves
from pogson.io.tables import read_table
from pogson.pipeline.run import run
from pogson.pipeline.simulated import write_night
from pogson.steps.timeseries.comparison import usable_points
from pogson.steps.timeseries.ensemble import compare_ensemble

SECOND_EXTINCTION = -0.06

#: from airmass 1.1 to 1.7, with a veil for an hour; the g frame gives the catalogue its colours. The headers
#: do not tell the height of the site, and the budget has the scintillation at the sea then: it is there
NIGHT = {
    "seed": 1,
    "site": {"height": 0.0},
    "detector": {"nx": 480, "ny": 480, "overscan": 0, "gain": 1.4, "full_well": 85000.0},
    "telescope": {"diameter": 0.25, "pixel_scale": 1.2, "drift": 0.4, "field_rotation": 0.0},
    "sky": {
        "seeing": 3.4,
        "cloudy": [],
        "transparency_spread": 0.03,
        "veils": [[1.0, 2.0, 0.3]],
        "veil_size": 100.0,
    },
    "bands": {"r": {"zero_point": 20.9, "second_extinction": SECOND_EXTINCTION}},
    "field": {
        "dec": 10.0,
        "cluster_stars": 0,
        "field_stars": 190,
        "brightest": 11.0,
        "faintest": 15.8,
        "catalog_share": 1.0,
    },
    "night": {
        "start": "2024-06-11T23:40:00",
        "exposures": [["g", 60.0, 1], ["r", 60.0, 64]],
        "overhead": 200.0,
    },
    "calibration": {"bias": 8, "dark": 6, "dark_exptime": 60.0, "flat": 8},
}

#: signal-to-noise ratios
EDGES = ((20, 50), (50, 100), (100, 1000))

#: pixels, and the part of a star's light: a brighter neighbour comes and goes with the seeing
ALONE = 12.0, 0.004


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("air")
    write_night(NIGHT, folder / "night")
    catalog = folder / "night" / "catalog.csv"
    return folder, run(folder / "night", out=folder / "out", catalog=catalog, recipe="series")


@pytest.fixture(scope="module")
def curves(folders):
    """Fluxes of the stars that stand alone, as they were measured in r."""
    folder, _ = folders
    photometry = read_table(folder / "out" / "photometry.parquet")
    mine = photometry[np.asarray(photometry["band"], str) == "r"]
    stars = read_table(folder / "out" / "stars.ecsv")
    alone = np.isin(np.asarray(stars["id"]), lonely(folder, stars))
    frames, number = np.unique(np.asarray(mine["frame"], str), return_inverse=True)
    place = np.searchsorted(np.asarray(stars["id"]), np.asarray(mine["star"]))
    flux, err = np.full((2, len(stars), len(frames)), np.nan)
    flags = np.zeros(flux.shape, np.int64)
    for values, name in ((flux, "flux"), (err, "flux_err"), (flags, "flags")):
        values[place, number] = mine[name]
    table = stars["id", "x", "y"][alone]
    table["color"] = (stars["mag_g"] - stars["mag_r"])[alone]
    kept = (values[alone] for values in (flux, err, flags))
    known = read_table(folder / "out" / "frames.ecsv")
    air = dict(zip(known["path"], known["airmass"], strict=True))
    moments = Table({"frame": frames, "airmass": [air[frame] for frame in frames]})
    return LightCurves(np.arange(len(frames)) / 400.0, *kept, table, moments, unit="electron")


def lonely(folder, stars):
    """Numbers of the stars without neighbours, by the truth."""
    truth = read_table(folder / "night" / "truth" / "stars.ecsv")
    far = np.cos(np.radians(truth["dec"].mean()))
    tree = cKDTree(np.column_stack([truth["ra"] * far, truth["dec"]]))
    apart, row = tree.query(np.column_stack([stars["ra"] * far, stars["dec"]]))
    light = np.zeros(len(truth))
    for a, b in tree.query_pairs(ALONE[0] * 1.2 / 3600.0):
        ratio = 10.0 ** (0.4 * (truth["mag_r"][a] - truth["mag_r"][b]))
        light[a], light[b] = light[a] + ratio, light[b] + 1.0 / ratio
    return np.asarray(stars["id"])[(apart < 1.0 / 3600.0) & (light[row] < ALONE[1])]


def test_extinction_by_colour_comes_back_within_its_error(folders):
    _, result = folders
    line = next(line for line in result.summary if "extinction by colour" in line)
    term, error = (float(word) for word in re.findall(r"[-+]?0\.\d+", line)[:2])
    assert error < 0.012
    assert abs(term - SECOND_EXTINCTION) < 2.0 * error


def test_the_pulls_of_differential_magnitudes_are_one_wide_at_every_brightness(folders):
    folder, _ = folders
    curves = read_table(folder / "out" / "lightcurves.parquet")
    stars = read_table(folder / "out" / "stars.ecsv")
    clean = np.isin(np.asarray(curves["star"]), lonely(folder, stars))
    clean &= (np.asarray(curves["flags"]) & SPOILED) == 0
    n = len(np.unique(curves["frame"]))
    mag, err = (np.where(clean, curves[name], np.nan).reshape(-1, n) for name in ("mag", "mag_err"))
    seen = np.isfinite(mag).sum(1) > n // 2
    mag, err = mag[seen], err[seen]
    w = 1.0 / err**2
    total = np.nansum(w, 1, keepdims=True)
    pulls = (mag - np.nansum(w * mag, 1, keepdims=True) / total) / np.sqrt(err**2 - 1.0 / total)
    snr = 1.0857 / np.nanmedian(err, 1)
    widths = {}
    for low, high in EDGES:
        part = pulls[(snr >= low) & (snr < high)]
        part = part[np.isfinite(part)]
        widths[low] = (len(part), 0.5 * np.diff(np.percentile(part, [15.87, 84.13]))[0])
    print({low: f"{n} points, {width:.3f}" for low, (n, width) in widths.items()})
    told = (1.02, 1.03, 0.97)  # docs/theory/ensemble.md
    np.testing.assert_allclose([width for _, width in widths.values()], told, atol=0.015)
    assert all(n > 400 for n, _ in widths.values())
    assert all(0.95 < width < 1.05 for _, width in widths.values()), widths


@pytest.mark.parametrize("every", [1, 2, 4])
def test_our_ensemble_keeps_to_the_budget_where_equal_weights_do_not(curves, every):
    """Of all stars and of a part of them: AsPyLib's rule needs forty that are bright."""
    found = compare(curves, every)
    page = (Path(__file__).parents[2] / "docs" / "theory" / "ensemble.md").read_text()
    for low, (n, *ratios) in found.items():
        assert ratios[0] < 1.05, low
        told = re.search(rf"\| {len(curves.stars[::every])} \| {low} \| {n} \|(.*)\|", page)
        assert told, "docs/theory/ensemble.md lacks the row"
        np.testing.assert_allclose([float(v) for v in told[1].split("|")], ratios, atol=0.015)


def compare(curves, every):
    """By SNR: number of stars; scatter over the budget, over the stars' own errors, and so with AsPyLib's."""
    some = slice(None, None, every)
    cut = replace(
        curves,
        flux=curves.flux[some],
        flux_err=curves.flux_err[some],
        flags=curves.flags[some],
        stars=curves.stars[some],
    )
    ours, theirs = compare_ensemble(cut), compare_ensemble(cut, method="best 20 of 40")
    good = usable_points(cut) & np.isfinite(ours.mag) & np.isfinite(theirs.mag)
    seen = good.mean(1) > 0.7
    errors = (ours.mag_err, 1.0857 * cut.flux_err / cut.flux, 1.0857 * cut.flux_err / cut.flux)
    ratios = []
    for found, err in zip((ours, ours, theirs), errors, strict=True):
        mag, limit = (np.where(good, v, np.nan)[seen] for v in (found.mag, err))
        ratios.append(np.nanstd(mag, axis=1, ddof=1) / np.sqrt(np.nanmean(limit**2, 1)))
    snr = 1.0857 / np.sqrt(np.nanmean(limit**2, 1))
    parts = {low: (snr >= low) & (snr < high) for low, high in EDGES}
    table = {low: (int(p.sum()), *(float(np.median(r[p])) for r in ratios)) for low, p in parts.items()}
    for low, row in table.items():
        print(f"| {len(cut.stars)} | {low} | {row[0]} | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} |")
    return table
