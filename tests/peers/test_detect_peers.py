"""Detection beside photutils and sep, which were written by others."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from pogson.core.frame import Frame
from pogson.kernels.profiles import add_gaussians
from pogson.steps.detect.centroid import measure_centroids
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.peaks import peaks_above, search_frame
from pogson.steps.detect.sky import estimate_sky

photutils_detection = pytest.importorskip("photutils.detection")
photutils_background = pytest.importorskip("photutils.background")
sep = pytest.importorskip("sep")

FWHM, NOISE = 3.2, 15.0


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(11)
    shape, n = (700, 800), 400
    image = np.zeros(shape, np.float32)
    x, y = rng.uniform(10, 790, n), rng.uniform(10, 690, n)
    add_gaussians(image, x, y, 10 ** rng.uniform(3.3, 5.3, n), np.full(n, FWHM))
    image += 200
    variance = image + 25
    return Frame.from_array(image + rng.normal(size=shape) * np.sqrt(variance), variance=variance)


def daofind(data, threshold, fwhm):
    """DAOStarFinder without limits, with its threshold turned into one of the pixel noise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finder = photutils_detection.DAOStarFinder(
            threshold=threshold,
            fwhm=fwhm,
            sharpness_range=(-99, 99),
            roundness_range=(-99, 99),
            min_separation=0,
        )
        return finder(data), finder


def matched(from_x, from_y, to_x, to_y, within):
    """Rows of the nearest places, and whether they are near enough."""
    apart, row = cKDTree(np.column_stack([to_x, to_y])).query(np.column_stack([from_x, from_y]))
    return row, apart < within


def test_contrast_and_roundness_are_those_of_daofind(frame):
    sky = estimate_sky(frame)
    peaks = peaks_above(frame, sky, 5.0, search_frame(frame, sky, 5.0, FWHM))
    theirs, finder = daofind(frame.data - sky.level, 40.0, FWHM)
    row, near = matched(theirs["x_centroid"], theirs["y_centroid"], peaks.x, peaks.y, 1.0)
    theirs, row = theirs[near], row[near]
    assert len(row) > 200
    height = finder.threshold * finder.kernel.rel_err * 10 ** (-0.4 * theirs["daofind_mag"])
    pixel = frame.data[peaks.y[row].astype(int), peaks.x[row].astype(int)] - peaks.level[row]
    same = np.abs(theirs["peak"] - pixel) < 1e-2  # both stand on the same pixel
    assert same.mean() > 0.85
    np.testing.assert_allclose(peaks.roundness[row][same], theirs["roundness2"][same], atol=2e-3)
    np.testing.assert_allclose(
        peaks.contrast[row][same], (theirs["sharpness"] * height)[same], rtol=1e-3, atol=0.05
    )
    # The height is fitted to a wider square here. It would be the same for a Gaussian of the filter's
    # width; pixels widen the star by 2 %, and the narrow square calls most of its light a constant.
    bright = same & (height > 1000)
    assert np.median(peaks.sharpness[row][bright] / theirs["sharpness"][bright]) == pytest.approx(1, abs=0.08)


def test_daofind_finds_nothing_that_is_not_found_here(frame):
    stars = detect_stars(frame)
    theirs, _ = daofind(frame.data - estimate_sky(frame).level, 5 * NOISE, FWHM)
    row, near = matched(theirs["x_centroid"], theirs["y_centroid"], stars["x"], stars["y"], 1.5)
    # DAOFIND's smaller kernel resolves pairs that are closer than 2 FWHM
    apart = cKDTree(np.column_stack([theirs["x_centroid"], theirs["y_centroid"]]))
    alone = apart.query(np.column_stack([theirs["x_centroid"], theirs["y_centroid"]]), 2)[0][:, 1] > 2 * FWHM
    assert near[alone].mean() > 0.99
    assert near.mean() > 0.97
    bright = near & (theirs["peak"] > 500) & (stars["flags"][row] == 0)
    shift = np.hypot(stars["x"][row] - theirs["x_centroid"], stars["y"][row] - theirs["y_centroid"])
    assert np.median(shift[bright]) < 0.05


def test_centres_are_those_of_sep(frame):
    stars = detect_stars(frame, fwhm=FWHM)
    bright = stars[(stars["snr"] > 50) & (stars["flags"] == 0)]
    x, y, _ = sep.winpos(
        frame.data - bright.meta["sky"].level, bright["x"].data, bright["y"].data, FWHM / 2.3548
    )
    own = measure_centroids(frame, bright["x"].data, bright["y"].data, bright["sky"].data, fwhm=FWHM)
    assert np.abs(own.x - x).max() < 0.01
    assert np.abs(own.y - y).max() < 0.01


def test_the_maps_of_a_simulated_sky_are_those_of_sep_and_photutils(frame):
    own, theirs = estimate_sky(frame), sep.Background(frame.data)
    assert np.std(own.level - theirs.back()) < 0.05 * NOISE
    assert abs(np.mean(own.level - theirs.back())) < 0.02 * NOISE
    assert np.median(own.noise / theirs.rms()) == pytest.approx(1, abs=0.03)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = photutils_background.Background2D(frame.data, 64)
    assert abs(np.mean(own.level - other.background)) < 0.03 * NOISE
    assert np.median(own.noise / other.background_rms) == pytest.approx(1, abs=0.05)


@pytest.mark.filterwarnings("ignore")  # the header has cards that no reader likes
def test_the_sky_of_a_real_image_is_that_of_sep(real_data):
    """The image, the background and the noise that sep ships for its own tests."""
    folder = real_data / "detection_reference"
    data, back, rms = (
        fits.getdata(folder / f"{name}.fits").astype(np.float32) for name in ("image", "back", "rms")
    )
    sky = estimate_sky(Frame.from_array(data, variance=data))
    assert np.abs(sky.level - back).max() < 0.5 * np.median(rms)
    assert np.median(sky.noise / rms) == pytest.approx(1, abs=0.03)


def test_a_real_globular_cluster_has_the_stars_of_daofind(real_data):
    """Outside the core, on a raw light of M13. Its hot pixels pass DAOFIND's limit of 1 (there they
    have 0.8 to 1, stars have 0.6); the wider filter here gives them 2 to 4, so that they are not stars.
    """
    lights = sorted((real_data / "m13_raw").glob("*sdss_r*.fits"))
    lights = [path for path in lights if "flat" not in path.name.lower()]
    if not lights:
        pytest.skip(f"no r light of M13 in {real_data / 'm13_raw'}")
    data = fits.getdata(lights[0]).astype(np.float32)
    frame = Frame.from_array(data, variance=data / 1.5 + 100)
    stars = detect_stars(frame)
    sky = stars.meta["sky"]
    fwhm = stars.meta["psf"].fwhm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = photutils_detection.DAOStarFinder(6 * sky.median_noise, fwhm, min_separation=0)(
            data - sky.level
        )
    ny, nx = frame.shape
    x, y = theirs["x_centroid"], theirs["y_centroid"]
    inside = (np.minimum.reduce([x, y, nx - x, ny - y]) > 20) & (np.hypot(x - nx / 2, y - ny / 2) > 350)
    inside &= theirs["sharpness"] < 0.75
    near = matched(x, y, stars["x"], stars["y"], fwhm)[1]
    assert inside.sum() > 100
    assert near[inside].mean() > 0.97


def test_an_observatory_s_own_list_is_found(real_data):
    """Reduced frames of a 0.4 m telescope, with the pipeline's list of sources (positions from 1)."""
    path = sorted((real_data / "lco_reduced").glob("*.fits.fz"))[2]
    with fits.open(path) as hdus:
        data, catalog = hdus["SCI"].data.astype(np.float32), hdus["CAT"].data
        bad = hdus["BPM"].data != 0
    stars = detect_stars(Frame.from_array(data, variance=np.maximum(data, 0) + 200, mask=bad))
    x, y = catalog["xwin"] - 1.0, catalog["ywin"] - 1.0
    row, near = matched(x, y, stars["x"], stars["y"], 1.5)
    bright = catalog["flux"] > np.median(catalog["flux"])
    assert near[bright].mean() > 0.95
    clean = near & bright & (stars["flags"][row] == 0)
    assert np.median(np.hypot(stars["x"][row] - x, stars["y"][row] - y)[clean]) < 0.1
