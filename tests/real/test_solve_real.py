"""Real frames are found by the stars that come with the package."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from pogson.core.errors import MatchError
from pogson.io.catalogs import read_catalog
from pogson.io.tycho2 import tycho2_stars
from pogson.io.wcs import read_wcs
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings
from pogson.pipeline.solve import hints_of, solve_by
from pogson.steps.detect.find import detect_stars


def solved(path):
    frame = open_frame(str(path), Settings())
    return frame, solve_by(detect_stars(frame), frame.exposure, hints_of(frame.exposure))


@pytest.mark.parametrize(
    ("name", "scale", "least", "rms"),
    [
        ("hatp32_transit/HATP-32171220013343.FITS.gz", 5.164, 30, 0.8),  # no WCS, pointing 0.2 deg off
        ("oddities/neossat_toi2248.fits", 2.993, 7, 0.8),  # a WCS that must be refused
        ("oddities/unsolved.fits", 10.31, 100, 1.7),
    ],
)
def test_a_frame_without_a_wcs_is_found(real_data, name, scale, least, rms):
    _, found = solved(real_data / name)
    assert abs(found.pixel_scale / scale - 1) < 0.002
    assert found.n >= least and found.rms < rms and found.chance < 1e-6


@pytest.mark.parametrize(
    ("name", "least", "off"),
    [
        ("lco_reduced/ogg0m404-kb82-20170816-0333-e91.fits.fz", 6, 0.7),
        ("detection_reference/NGC6819-DSS-r.fits", 10, 0.5),
        ("oddities/solved.fits.fz", 100, 1.3),
        ("oddities/neossat_toi2248.fits", 7, 0.8),
    ],
)
def test_a_solution_fits_the_catalogue_better_than_the_header_does(real_data, name, least, off):
    frame = open_frame(str(real_data / name), Settings())
    stars = detect_stars(frame)
    found = solve_by(stars, frame.exposure, hints_of(frame.exposure))
    assert found.n >= least and found.rms < off
    xy = np.column_stack([stars["x"], stars["y"]])
    ra, dec = found.wcs.wcs.crval
    a, d, _ = tycho2_stars(ra, dec, np.hypot(*frame.shape) / 2 * found.pixel_scale / 3600)
    away, nearest = cKDTree(xy).query(np.column_stack(found.wcs.all_world2pix(a, d, 0)))
    pairs = away * found.pixel_scale < 4
    header = read_wcs(frame.exposure.cards)
    there = np.column_stack(header.all_world2pix(a[pairs], d[pairs], 0))
    theirs = np.hypot(*(there - xy[nearest[pairs]]).T)
    assert pairs.sum() >= least and np.median(away[pairs]) < np.median(theirs)


@pytest.mark.parametrize("name", ["coj*0385", "coj*0388", "coj*0391", "ogg*0336", "ogg*0339", "ogg*0342"])
def test_a_solution_by_a_few_stars_agrees_with_that_of_the_observatory(real_data, name):
    """Theirs comes from a deep catalogue, ours from 6 to 8 stars with places of J2000.0."""
    frame, found = solved(next((real_data / "lco_reduced").glob(f"{name}*")))
    header = read_wcs(frame.exposure.cards)
    ny, nx = frame.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1], [nx / 2, ny / 2]])
    there = np.column_stack(found.wcs.all_world2pix(*header.all_pix2world(corners, 0).T, 0))
    off = np.hypot(*(there - corners).T) * found.pixel_scale
    assert off.max() < 1.3 and off[4] < 0.8 and found.rms < 0.7


@pytest.mark.parametrize("number", range(8))
def test_a_cluster_is_found_by_a_catalogue_of_half_of_it(real_data, number):
    path = sorted((real_data / "m13_raw").glob("M13_*"))[number]
    catalog = read_catalog(str(real_data / "catalogs" / "m13_sdss_griz_reference.csv"))
    frame = open_frame(str(path), Settings())
    found = solve_by(detect_stars(frame), frame.exposure, hints_of(frame.exposure), catalog)
    assert found.n > 300 and found.rms < 0.35 and abs(found.pixel_scale / 0.6674 - 1) < 3e-4
    centre = found.wcs.all_pix2world(511.5, 511.5, 0)
    theirs = read_wcs(frame.exposure.cards).all_pix2world(511.5, 511.5, 0)
    off = np.hypot((centre[0] - theirs[0]) * np.cos(np.radians(centre[1])), centre[1] - theirs[1])
    assert off * 3600 < 0.5


def test_what_no_catalogue_shows_is_refused(real_data):
    frame = open_frame(str(real_data / "oddities" / "m13real.fits"), Settings())
    with pytest.raises(MatchError, match="match the catalogue nowhere"):
        solve_by(detect_stars(frame), frame.exposure, hints_of(frame.exposure), far=False)
