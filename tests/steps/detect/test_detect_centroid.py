"""Centres are where the stars were put, with errors that tell the truth."""

import numpy as np
import pytest
from detect_scene import NOISE, SKY, grid, scene

from pogson.steps.detect.centroid import measure_centroids

SHAPE = (600, 600)


def centre(frame, x, y, fwhm):
    return measure_centroids(frame, np.rint(x), np.rint(y), np.full(len(x), SKY), fwhm=fwhm)


@pytest.mark.parametrize(("fwhm", "beta"), [(2.0, 0), (2.0, 3.0), (3.5, 3.0), (6.0, 0)])
def test_no_place_within_a_pixel_is_favoured(fwhm, beta):
    x, y = grid(SHAPE, 40)
    found = centre(scene(SHAPE, x, y, 1e6, fwhm=fwhm, beta=beta, seed=None), x, y, fwhm)
    assert np.abs(found.x - x).max() < 0.01
    assert np.abs(found.y - y).max() < 0.01


@pytest.mark.parametrize("snr", [20, 100])
@pytest.mark.parametrize(("fwhm", "beta"), [(2.0, 3.5), (3.5, 0), (3.5, 3.0), (5.0, 2.5)])
def test_errors_are_as_large_as_the_deviations(snr, fwhm, beta):
    x, y = grid((1200, 1200), int(9 * fwhm))
    flux = snr * NOISE * np.sqrt(4 * np.pi) * fwhm / 2.355
    found = centre(scene((1200, 1200), x, y, flux, fwhm=fwhm, beta=beta), x, y, fwhm)
    pulls = np.concatenate([(found.x - x) / found.x_err, (found.y - y) / found.y_err])
    assert 0.9 < pulls.std() < 1.1
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))


def test_a_window_of_the_wrong_width_is_unbiased_too():
    x, y = grid(SHAPE, 40)
    found = centre(scene(SHAPE, x, y, 1e6, fwhm=4.0, seed=None), x, y, 3.0)
    assert np.hypot(found.x - x, found.y - y).max() < 0.01


def test_the_centre_of_mass_of_a_box_with_the_sky_in_it_is_pulled_to_the_middle_of_the_box():
    frame = scene((60, 60), [30.45], [29.6], 2e4, fwhm=3.5, seed=None)
    box = frame.data[22:37, 23:38].astype(float)  # 15 px about (30, 29), sky not subtracted
    wrong = 23 + (box.sum(axis=0) * np.arange(15)).sum() / box.sum()
    assert abs(wrong - 30.45) > 0.25
    found = measure_centroids(frame, np.array([30.0]), np.array([30.0]), np.array([SKY]), fwhm=3.5)
    assert found.x[0] == pytest.approx(30.45, abs=0.001)
