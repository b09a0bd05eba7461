"""Aperture sums against photutils and sep, and where their errors are wrong."""

import numpy as np
import pytest
from astropy.stats import SigmaClip
from astropy.table import Table

from pogson.core.frame import Exposure, Frame
from pogson.kernels.aperture import sum_apertures
from pogson.kernels.profiles import add_moffats
from pogson.steps.measure.aperture import measure_aperture

sep = pytest.importorskip("sep")
photutils = pytest.importorskip("photutils.aperture")

NONE = np.empty((0, 0), np.float32)


def sums(data, variance, x, y, radii):
    mask = np.zeros(data.shape, np.uint16)
    planes = (NONE, NONE, NONE, NONE, 0.0, 0.0)
    order = np.argsort(y)
    return sum_apertures(data, variance, mask, 0, 0, x, y, order, np.array(radii), 0.0, *planes)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(40.0, 360.0, (2, 150))
    data = np.zeros((400, 400), np.float32)
    one = np.ones(150)
    add_moffats(data, x, y, 1e4 * one, 3.0 * one, 3.0 * one, one, 0.0 * one)
    return data + rng.normal(100.0, 10.0, data.shape).astype(np.float32), x, y


@pytest.mark.parametrize("radius", [0.4, 1.5, 4.7, 12.0])
def test_exact_sums_agree_with_photutils_and_sep(scene, radius):
    data, x, y = scene
    ours = sums(data, np.ones_like(data), x, y, [radius])[0][:, 0]
    theirs = photutils.aperture_photometry(
        data.astype(float), photutils.CircularAperture(np.transpose([x, y]), radius), method="exact"
    )["aperture_sum"]
    assert np.allclose(ours, theirs, rtol=1e-9)
    assert np.allclose(ours, sep.sum_circle(data, x, y, radius, subpix=0)[0], rtol=1e-6)


def test_the_sky_agrees_with_photutils_clipped_median(scene):
    data, x, y = scene
    # no star is painted out on either side: the frame's stars lie in each other's annuli
    frame = Frame.from_array(data, variance=100.0, exposure=Exposure(exptime=1.0), unit="adu")
    annulus = photutils.CircularAnnulus(np.transpose([x, y]), 12.0, 20.0)
    clip = SigmaClip(3.0, maxiters=10)
    theirs = photutils.ApertureStats(data, annulus, sigma_clip=clip, sum_method="center").median
    for s in range(0, 150, 10):
        alone = Table({"id": [1], "x": x[s : s + 1], "y": y[s : s + 1]})
        ours = measure_aperture(frame, alone, fwhm=3.0, annulus_inner_pixels=12.0, annulus_outer_pixels=20.0)
        # two ways to clip the same light: they differ by less than the error of either
        assert abs(ours["sky"][0] - theirs[s]) < 0.5


@pytest.mark.parametrize("radius, excess", [(2.0, 1.10), (3.0, 1.06), (5.0, 1.03)])
def test_errors_of_the_others_are_too_large_because_cut_pixels_count_in_full(radius, excess):
    rng = np.random.default_rng(2)
    pitch = 2.0 * radius + 1.0
    where = np.arange(radius + 1.0, 900.0 - radius, pitch)
    x, y = (a.ravel() for a in np.meshgrid(where + rng.uniform(-0.01, 0.01), where))
    data = rng.normal(0.0, 1.0, (900, 900)).astype(np.float32)
    one = np.ones_like(data)
    measured = np.concatenate(
        [sums(data, one, x + dx, y + dy, [radius])[0][:, 0] for dx, dy in [(0.1, 0.2), (0.4, 0.35)]]
    ).std()
    ours = np.sqrt(sums(data, one, x + 0.1, y + 0.2, [radius])[1].mean())
    of_sep = sep.sum_circle(data, x + 0.1, y + 0.2, radius, err=1.0, subpix=0)[1].mean()
    assert ours == pytest.approx(measured, rel=0.025)
    assert of_sep / ours == pytest.approx(excess, abs=0.015)
    if _photutils_version() < (3, 1):
        aperture = photutils.CircularAperture(np.transpose([x + 0.1, y + 0.2]), radius)
        table = photutils.aperture_photometry(data, aperture, error=one, method="exact")
        assert table["aperture_sum_err"].mean() / ours == pytest.approx(excess, abs=0.015)


def _photutils_version():
    import photutils as package

    return tuple(int(part) for part in package.__version__.split(".")[:2])
