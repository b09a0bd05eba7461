"""Cosmic rays are found, stars are spared."""

import numpy as np
import pytest
from scipy.special import erf

from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.steps.calibrate.cosmics import flag_cosmics

READ = 8.0


def starfield(rng, fwhm, shape=(400, 400), stars=200, sky=200.0):
    image = np.full(shape, sky)
    sigma = fwhm / 2.3548
    for x, y, flux in zip(
        *rng.uniform(10, shape[0] - 10, (2, stars)), 10 ** rng.uniform(2.5, 5.3, stars), strict=True
    ):
        profiles = []
        for center, n in ((y, shape[0]), (x, shape[1])):
            edge = (np.arange(n + 1) - 0.5 - center) / sigma / np.sqrt(2.0)
            profiles.append(np.diff(erf(edge)) / 2.0)
        near = [slice(max(int(c) - 15, 0), int(c) + 16) for c in (y, x)]
        image[near[0], near[1]] += flux * np.outer(profiles[0][near[0]], profiles[1][near[1]])
    return image


def frame_of(rng, image, hits=0.0):
    data = rng.poisson(image) + rng.normal(0, READ, image.shape) + hits
    return Frame.from_array(data, variance=np.maximum(data, 0) + READ**2)


def tracks(rng, shape, n=60):
    hits = np.zeros(shape)
    for _ in range(n):
        x, y, angle = *rng.uniform(12, shape[0] - 12, 2), rng.uniform(0, np.pi)
        energy = 10 ** rng.uniform(2.5, 4)
        for k in range(rng.integers(1, 9)):
            hits[round(y + k * np.sin(angle)), round(x + k * np.cos(angle))] = energy * rng.uniform(0.6, 1.4)
    return hits


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 3.0, 4.0])
def test_bright_hits_are_found_and_stars_are_spared(fwhm):
    rng = np.random.default_rng(int(fwhm * 10))
    image = starfield(rng, fwhm)
    hits = tracks(rng, image.shape)
    found = (flag_cosmics(frame_of(rng, image, hits), fwhm=fwhm).mask & Pixel.COSMIC) > 0
    bright = hits > 10 * np.sqrt(image + READ**2)
    assert found[bright].mean() > 0.95
    clean = flag_cosmics(frame_of(rng, image), fwhm=fwhm).mask & Pixel.COSMIC
    # 200 stars, 6000 of their pixels well above the sky
    assert np.count_nonzero(clean) <= 6
    assert np.count_nonzero(clean[image > 1000]) <= 3


def test_the_default_spares_stars_of_any_width():
    for fwhm in (1.5, 2.0, 3.0):
        rng = np.random.default_rng(int(fwhm * 10) + 1)
        clean = flag_cosmics(frame_of(rng, starfield(rng, fwhm))).mask
        assert np.count_nonzero(clean) <= 4


def test_known_bad_and_saturated_pixels_are_not_hits():
    rng = np.random.default_rng(3)
    frame = frame_of(rng, np.full((100, 100), 200.0))
    frame.data[50, 50] = frame.data[20, 20] = 60000.0
    frame.mask[50, 50], frame.mask[20, 20] = Pixel.SATURATED, Pixel.HOT
    mask = flag_cosmics(frame).mask
    assert mask[50, 50] == Pixel.SATURATED and mask[20, 20] == Pixel.HOT
    assert np.count_nonzero(mask) == 2


def test_the_frame_that_went_in_is_as_it_was():
    rng = np.random.default_rng(4)
    frame = frame_of(rng, np.full((60, 60), 200.0), tracks(rng, (60, 60), 5))
    before = frame.data.copy()
    out = flag_cosmics(frame)
    assert np.array_equal(frame.data, before) and frame.mask.sum() == 0 < out.mask.sum()
    assert out.data is frame.data
