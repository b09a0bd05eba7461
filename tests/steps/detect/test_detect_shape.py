"""Widths, elongations and profiles that were put in come back."""

from dataclasses import replace

import numpy as np
import pytest
from detect_scene import grid, scene

from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.shape import fit_psf, measure_profile


@pytest.mark.parametrize("fwhm", [2.0, 3.1, 5.0, 8.0])
@pytest.mark.parametrize("beta", [0, 2.5, 4.0])
def test_the_width_of_the_profile_is_good_to_two_per_cent(fwhm, beta):
    x, y = grid((500, 500), int(8 * fwhm) + 8)
    flux = 10 ** np.random.default_rng(4).uniform(4.3, 5.5, len(x))
    stars = detect_stars(scene((500, 500), x, y, flux * fwhm / 2, fwhm=fwhm, beta=beta))
    psf = stars.meta["psf"]
    assert psf.fwhm == pytest.approx(fwhm, rel=0.02)
    assert 0 < psf.fwhm_err < 0.02 * fwhm
    assert abs(psf.fwhm - fwhm) < 4 * psf.fwhm_err
    if beta:
        assert psf.beta == pytest.approx(beta, rel=0.2)
    else:
        assert psf.profile == "gaussian" or psf.beta > 15
        assert np.median(stars["fwhm"]) == pytest.approx(fwhm, rel=0.02)


def test_the_direction_and_the_elongation_of_trailed_stars_are_measured():
    x, y = grid((500, 500), 40)
    stars = detect_stars(scene((500, 500), x, y, 1e5, fwhm=4.0, beta=4.0, elongation=1.5, angle=30.0))
    assert np.median(stars["angle"]) == pytest.approx(30, abs=2)
    assert stars.meta["psf"].elongation == pytest.approx(1.5, rel=0.05)
    assert np.median(stars["fwhm"]) == pytest.approx(
        4.0, rel=0.15
    )  # a Gaussian's moments, not the Moffat's width


def test_the_profile_falls_from_one_to_nothing():
    x, y = grid((500, 500), 50)
    frame = scene((500, 500), x, y, 1e5, fwhm=4.0)
    profile = measure_profile(frame, detect_stars(frame), fwhm=4.0)
    assert profile.value[0] == pytest.approx(1.0, abs=0.05)
    assert np.interp(2.0, profile.r, profile.value) == pytest.approx(0.5, abs=0.03)
    assert abs(profile.value[-1]) < 0.01
    assert (profile.err > 0).all()
    assert profile.n == 50


def test_neighbours_and_saturated_stars_do_not_widen_the_profile():
    x, y = grid((600, 600), 40)
    flux = 10 ** np.random.default_rng(5).uniform(4, 5, len(x))
    near = np.arange(0, len(x), 2)  # every second one gets a companion, every fifth one a plateau
    x, y = np.append(x, x[near] + 5), np.append(y, y[near] + 2)
    flux = np.append(flux, 0.5 * flux[near])
    flux[::5] = 2e6
    frame = scene((600, 600), x, y, flux, fwhm=3.5)
    full = frame.data > 5e4
    cut = replace(
        frame, data=np.minimum(frame.data, np.float32(5e4)), mask=full.astype(np.uint16) * np.uint16(4)
    )
    psf = detect_stars(cut).meta["psf"]
    assert psf.fwhm == pytest.approx(3.5, rel=0.02)


def test_without_stars_the_width_is_unknown():
    frame = scene((200, 200), np.empty(0), np.empty(0), 0.0)
    psf = fit_psf(measure_profile(frame, detect_stars(frame), fwhm=3.0), fwhm=3.0)
    assert np.isnan(psf.fwhm)
    assert psf.n == 0
