"""Centres are where the stars were put, with errors that tell the truth."""

import numpy as np
import pytest
from detect_scene import NOISE, SKY, grid, nearest, scene

from pogson.core.psf import PSF
from pogson.steps.detect.centroid import measure_centroids, remove_pixel_bias
from pogson.steps.detect.find import detect_stars

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


@pytest.mark.parametrize(
    ("fwhm", "beta", "elongation", "wrong"),
    [
        (1.3, 3.0, 1.0, 8e-3),
        (1.5, 3.0, 1.0, 4e-3),
        (1.5, 0, 1.0, 2e-3),
        (1.5, 3.0, 1.2, 6e-3),
        (2.0, 3.0, 1.0, 8e-4),
    ],
)
def test_the_grid_of_the_pixels_draws_narrow_stars_by_a_known_part(fwhm, beta, elongation, wrong):
    x, y = grid((300, 300), 20)
    frame = scene((300, 300), x, y, 1e7, fwhm=fwhm, beta=beta, elongation=elongation, angle=90.0, seed=None)
    found = centre(frame, x, y, fwhm)
    psf = PSF("moffat", fwhm, beta=beta) if beta else PSF("gaussian", fwhm)
    assert np.abs(found.x - x).max() > wrong
    for axis, err, true, stretch in (
        (found.x, found.x_err, x, elongation**-0.5),
        (found.y, found.y_err, y, elongation**0.5),
    ):
        right, _ = remove_pixel_bias(axis, err, psf, fwhm=fwhm, stretch=stretch)
        assert np.abs(right - true).max() < 0.02 * wrong


def test_what_is_not_known_of_the_profile_is_in_the_error_of_a_centre():
    x = np.linspace(-0.5, 0.5, 200)
    psf = PSF("moffat", 1.5, fwhm_err=0.015, beta=3.0)
    right, err = remove_pixel_bias(x, np.zeros(200), psf, fwhm=1.5)
    wider, _ = remove_pixel_bias(x, np.zeros(200), PSF("moffat", 1.515, beta=3.0), fwhm=1.5)
    np.testing.assert_allclose(err, np.abs(wider - right), atol=1e-9)
    assert 1e-4 < err.max() < 3e-4


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 3.0])
def test_centres_of_bright_stars_scatter_as_they_say_wherever_in_a_pixel(fwhm):
    pulls, phases = [], []
    for seed in range(4):
        x, y = grid((720, 720), 36, seed)
        flux = np.random.default_rng(seed).uniform(1e5, 1e6, len(x))
        stars = detect_stars(scene((720, 720), x, y, flux, fwhm=fwhm, beta=3.2, seed=seed))
        row, apart = nearest(stars["x"].data, stars["y"].data, x, y)
        assert apart.max() < 0.1
        for name, true in (("x", x[row]), ("y", y[row])):
            pulls.append((stars[name].data - true) / stars[f"{name}_err"].data)
            phases.append(true - np.rint(true))
    pull, phase = np.concatenate(pulls), np.concatenate(phases)
    # two errors of the width from all, of the means from a fifth of them
    assert abs(pull.std() - 1.0) < 0.03
    for middle in (-0.4, -0.2, 0.0, 0.2, 0.4):
        assert abs(pull[np.abs(phase - middle) < 0.1].mean()) < 0.1 + 2.0 / np.sqrt(len(pull) / 5)
