"""Each term of the error, against numbers that were drawn; and the wrong ways, with their wrong numbers."""

from dataclasses import replace

import numpy as np
import pytest
from measured_scene import READ_NOISE, SKY, grid, light, observe, table

from pogson.core.frame import Calibration, Exposure, Site
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.budget import POGSON, expected_noise, scintillation, split_variance

FWHM = 3.0
TERMS = ["source", "sky", "dark", "read", "flat", "quantisation"]


def test_the_parts_of_a_variance_add_up_to_it():
    rng = np.random.default_rng(1)
    total, sky = rng.uniform(2e3, 4e3, 50), rng.uniform(-20.0, 60.0, 50)
    terms = rng.uniform(10.0, 60.0, (50, 5))
    parts = split_variance(total, terms, sky)
    assert list(parts) == TERMS
    assert np.allclose(sum(parts.values()), total)
    assert all(np.all(part >= 0.0) for part in parts.values())


def test_terms_that_exceed_the_total_make_the_error_larger_not_smaller():
    parts = split_variance(np.array([10.0]), np.array([[5.0, 8.0, 0.0, 0.0, 4.0]]), np.array([3.0]))
    assert parts["source"][0] == parts["sky"][0] == 0.0
    assert sum(parts.values())[0] == 13.0


def test_scintillation_follows_young_and_osborn():
    exposure = Exposure(exptime=60.0, airmass=1.2, diameter=0.5, site=Site(50.0, 14.0, 600.0))
    # 10e-6 x 1.56^2 x 0.5^(-4/3) / 60 x 1.2^3 x exp(-0.15), by hand
    assert scintillation(exposure) == pytest.approx(1.2330e-3, rel=1e-3)
    assert np.isnan(scintillation(Exposure(exptime=60.0, airmass=1.2)))
    assert np.isnan(scintillation(Exposure(exptime=60.0, diameter=0.5)))
    assert np.isnan(scintillation(Exposure(airmass=1.2, diameter=0.5)))


def test_scintillation_of_a_bright_star_enters_the_error_and_is_said_to():
    rng = np.random.default_rng(2)
    image = light((90, 90), 45.0, 45.0, 4e6, FWHM)
    knows = observe(image, rng, diameter=0.15, airmass=1.5)
    star = measure_aperture(knows, table(45.0, 45.0, 4e6), fwhm=FWHM)
    photons = star["err_source"][0]
    assert star["err_scintillation"][0] == pytest.approx(star.meta["scintillation"] * star["flux"][0])
    assert star["flux_err"][0] > 2.0 * photons  # without it the error would be half as large
    lost = measure_aperture(observe(image, rng), table(45.0, 45.0, 4e6), fwhm=FWHM)
    assert lost["err_scintillation"][0] == 0.0 and np.isnan(lost.meta["scintillation"])


def test_a_signal_to_noise_ratio_of_40_is_27_millimagnitudes():
    # taking 1 / SNR says 25
    assert pytest.approx(0.0271, abs=5e-5) == POGSON / 40.0


def test_leaving_out_the_annulus_makes_errors_too_small():
    rng = np.random.default_rng(3)
    x, y, side = grid(rng, 30, pitch=36.0)
    frame = observe(np.zeros((side, side)), rng)
    stars = measure_aperture(
        frame, table(x, y, np.nan), radius=3.0, annulus_inner=3.0, annulus_outer=4.0, fwhm=FWHM
    )
    without = np.sqrt(stars["flux_err"] ** 2 - stars["err_annulus"] ** 2)
    assert np.std(stars["flux"] / stars["flux_err"]) == pytest.approx(1.0, abs=0.06)
    assert np.std(stars["flux"] / without) > 1.25


@pytest.mark.parametrize("method", ["median", "mean", "mode"])
def test_each_sky_method_knows_its_own_noise(method):
    rng = np.random.default_rng(4)
    x, y, side = grid(rng, 30, pitch=44.0)
    stars = measure_aperture(
        observe(np.zeros((side, side)), rng), table(x, y, np.nan), sky_method=method, fwhm=FWHM
    )
    area = np.pi * (1.5 * FWHM) ** 2
    pull = (stars["sky"] - SKY) / (stars["err_annulus"] / area)
    assert np.std(pull) == pytest.approx(1.0, abs=0.07)
    assert abs(np.mean(pull)) < 0.25


def test_photons_skew_the_sky_and_a_bare_median_reads_too_low():
    rng = np.random.default_rng(5)
    x, y, side = grid(rng, 30, pitch=44.0)
    frame = observe(np.zeros((side, side)), rng, sky=30.0, read_noise=3.0)
    stars = measure_aperture(frame, table(x, y, np.nan), fwhm=FWHM)
    assert np.mean(stars["sky"]) == pytest.approx(30.0, abs=0.03)
    assert np.median(frame.data) < 29.92  # 0.13 per pixel: 8 electrons in every star


def test_unseen_neighbours_pull_a_mean_more_than_the_default():
    rng = np.random.default_rng(6)
    x, y, side = grid(rng, 12)
    image = light((side, side), x, y, 5e3, FWHM)
    crowd = rng.uniform(0, side, (2, side * side // 100))
    image += light(image.shape, *crowd, 10.0 ** rng.uniform(1.5, 4.0, crowd.shape[1]), FWHM)
    frame, field = observe(image, rng), table(x, y, 5e3)
    methods = ("mean", "median", "mode")
    levels = [np.mean(measure_aperture(frame, field, sky_method=m, fwhm=FWHM)["sky"]) for m in methods]
    plain, default, mode = levels
    assert plain > default > mode > SKY - 1.0


def test_the_error_of_a_flat_fielded_value_has_two_terms():
    rng = np.random.default_rng(7)
    value, noise, flat, flat_noise = 900.0, 30.0, 0.8, 0.02
    drawn = rng.normal(value, noise, 200000) / rng.normal(flat, flat_noise, 200000)
    signal = value / flat
    right = np.hypot(noise / flat, signal * flat_noise / flat)
    wrong = np.hypot(noise / value, flat_noise)  # of the document: relative and absolute terms mixed
    assert np.std(drawn) == pytest.approx(right, rel=0.01)
    assert wrong < 0.1


def test_the_noise_of_the_flat_shows_in_its_term():
    rng = np.random.default_rng(8)
    frame = observe(light((90, 90), 45.0, 45.0, 1e6, FWHM), rng)
    none = np.empty((0, 0), np.float32)
    flat = np.ones(frame.shape, np.float32)
    made = Calibration(flat, flat * 1e-4, none, none, READ_NOISE**2)
    frame = replace(frame, calibration=made, variance=frame.variance + frame.data**2 * np.float32(1e-4))
    star = measure_aperture(frame, table(45.0, 45.0, 1e6), fwhm=FWHM)[0]
    peakish = np.sqrt(1e-4 * np.sum(light((90, 90), 45.0, 45.0, 1e6, FWHM).astype(float) ** 2))
    assert star["err_flat"] == pytest.approx(peakish, rel=0.02)
    assert star["err_source"] == pytest.approx(1e3, rel=0.05)


def test_the_ccd_equation_has_every_term():
    base = {"radius": 4.0, "sky": 100.0, "n_sky": 400.0, "read_noise": 5.0}
    n = np.pi * 16.0
    assert expected_noise(0.0, **base) == pytest.approx(np.sqrt(n * (1 + np.pi / 2 * n / 400.0) * 125.0))
    assert expected_noise(0.0, **base, sky_method="mean") < expected_noise(0.0, **base)
    for term in ({"dark": 9.0}, {"gain": 10.0}, {"flat_error": 0.01}, {"scintillation": 0.01}):
        assert expected_noise(1e5, **base, **term) > expected_noise(1e5, **base)


def test_an_unexplained_constant_and_the_sky_s_counts_do_not_make_an_error():
    """12 for the noise of the sky in whatever unit, and the star's sum with the sky in it as its counts."""
    rng = np.random.default_rng(21)
    x, y, side = grid(rng, 24, pitch=40.0)
    flux = 1000.0
    frame = observe(light((side, side), x, y, flux, FWHM), rng)
    stars = measure_aperture(frame, table(x, y, flux), fwhm=FWHM)
    scatter = np.std(stars["flux"])
    area = np.pi * (1.5 * FWHM) ** 2
    summed = flux + area * SKY
    unexplained = np.sqrt(area * 12.0**2 + summed)
    assert unexplained > 1.2 * scatter
    assert np.median(stars["flux_err"]) == pytest.approx(scatter, rel=0.08)
