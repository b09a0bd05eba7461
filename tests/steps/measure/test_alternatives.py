"""Sums by hand: what they lose, and the wrong errors that go with them."""

import numpy as np
import pytest
from measured_scene import READ_NOISE, SKY, grid, light, observe, table

from pogson.core.flags import Pixel, Star
from pogson.steps.measure.alternatives import measure_box
from pogson.steps.measure.aperture import measure_aperture

FWHM = 4.0


@pytest.fixture(scope="module")
def night():
    """144 stars in four steps of brightness."""
    rng = np.random.default_rng(1)
    x, y, side = grid(rng, 12)
    flux = np.tile([4e3, 1.5e4, 6e4, 2.5e5], 36)
    return observe(light((side, side), x, y, flux, FWHM), rng), table(x, y, flux)


def mean_loss(table_, field, flux):
    chosen = np.asarray(field["flux"]) == flux
    return 1.0 - np.mean(np.asarray(table_["flux"])[chosen]) / flux


def test_a_threshold_mask_loses_light_and_more_of_it_from_fainter_stars(night):
    frame, field = night
    lost = [
        mean_loss(measure_box(frame, field, threshold=2.0, fwhm=FWHM), field, f)
        for f in (4e3, 1.5e4, 6e4, 2.5e5)
    ]
    at_five = mean_loss(measure_box(frame, field, threshold=5.0, fwhm=FWHM), field, 4e3)
    assert at_five > 0.10  # tenth of a magnitude, from the stars that matter
    assert at_five - mean_loss(measure_box(frame, field, threshold=5.0, fwhm=FWHM), field, 2.5e5) > 0.09
    # at 2 sigma the noise peaks that stand out of a large box hide part of the loss
    assert max(lost) - min(lost) > 0.01
    aperture = [mean_loss(measure_aperture(frame, field, fwhm=FWHM), field, f) for f in (1.5e4, 6e4, 2.5e5)]
    assert np.ptp(aperture) < 0.005  # the same for all: one correction serves


def test_a_box_has_the_flux_and_pays_with_noise(night):
    frame, field = night
    box = measure_box(frame, field, fwhm=FWHM)
    pull = (box["flux"] - field["flux"]) / box["flux_err"]
    assert np.std(pull) == pytest.approx(1.0, abs=0.13) and abs(np.mean(pull)) < 0.25
    aperture = measure_aperture(frame, field, fwhm=FWHM)
    faint = np.asarray(field["flux"]) == 4e3
    assert np.median(box["flux_err"][faint]) > 1.7 * np.median(aperture["flux_err"][faint])


def test_the_scatter_of_an_image_with_stars_is_not_the_noise_of_its_sky(night):
    frame, field = night
    wrong = np.std(frame.data)
    right = np.sqrt(SKY + READ_NOISE**2)
    measured = measure_aperture(frame, field, fwhm=FWHM)
    area = np.pi * (1.5 * FWHM) ** 2
    sigma = measured["err_annulus"] / area * np.sqrt(measured["n_sky"] / (np.pi / 2.0))
    assert wrong > 5.0 * right
    assert np.median(sigma) == pytest.approx(right, rel=0.02)


def test_adding_the_sky_noise_to_a_variance_that_holds_it_counts_it_twice():
    rng = np.random.default_rng(3)
    x, y, side = grid(rng, 24, pitch=44.0)
    box = measure_box(observe(np.zeros((side, side)), rng), table(x, y, np.nan), fwhm=FWHM)
    twice = np.sqrt(box["flux_err"] ** 2 + box["n_pixels"] * (SKY + READ_NOISE**2))
    assert np.std(box["flux"] / box["flux_err"]) == pytest.approx(1.0, abs=0.07)
    assert np.std(box["flux"] / twice) < 0.85


def test_leaving_out_the_error_of_the_sky_level_is_too_good(night):
    frame, field = night
    box = measure_box(frame, field, fwhm=FWHM)
    # 441 pixels share one sky level: its error counts 441 times, not sqrt(441) times
    n, sigma = 441, np.sqrt(SKY + READ_NOISE**2)
    alone = np.sqrt(np.asarray(field["flux"]) + n * sigma**2)
    faint = np.asarray(field["flux"]) == 4e3
    assert np.median(box["flux_err"][faint]) > 1.15 * alone[faint][0]
    # and a residual of 20 per pixel would be, in such a box, more than two of these stars
    assert n * 20.0 > 2 * 4e3


def test_a_sum_that_holds_the_sky_has_a_bogus_signal_to_noise_ratio(night):
    frame, field = night
    s = int(np.flatnonzero(np.asarray(field["flux"]) == 4e3)[0])
    i, j = round(field["x"][s]), round(field["y"][s])
    raw = frame.data[j - 10 : j + 11, i - 10 : i + 11].sum(dtype=float)
    star = measure_box(frame, field, fwhm=FWHM)[s]
    assert raw > 8.0 * 4e3  # nearly all of it is sky
    assert raw / np.sqrt(raw) > 8.0 * star["flux"] / star["flux_err"]


def test_every_star_gets_its_own_numbers(night):
    frame, field = night
    together = measure_box(frame, field, threshold=2.0, fwhm=FWHM)
    for s in (0, 1, 2):
        alone = measure_box(frame, field[s : s + 1], threshold=2.0, fwhm=FWHM)
        assert alone["flux"][0] == together["flux"][s] and alone["flux_err"][0] == together["flux_err"][s]
    assert len(np.unique(together["flux_err"])) == len(together)


def test_counts_are_their_own_variance_in_electrons_only():
    rng = np.random.default_rng(2)
    gain = 4.0  # electrons per ADU
    adu = rng.poisson(40000.0, 20000) / gain
    assert np.std(adu) == pytest.approx(np.sqrt(np.mean(adu)) / np.sqrt(gain), rel=0.03)
    assert np.std(adu * gain) == pytest.approx(np.sqrt(np.mean(adu * gain)), rel=0.03)


def test_a_box_with_a_bad_pixel_or_over_the_edge_gives_no_number(night):
    frame, field = night
    frame.mask[round(field["y"][5]), round(field["x"][5]) + 9] |= Pixel.BAD
    moved = field.copy()
    moved["x"][6] = 4.0
    box = measure_box(frame, moved, fwhm=FWHM)
    frame.mask[:] = 0
    assert np.isnan(box["flux"][5]) and box["flags"][5] == Star.INCOMPLETE
    assert np.isnan(box["flux"][6]) and box["flags"][6] & Star.EDGE
