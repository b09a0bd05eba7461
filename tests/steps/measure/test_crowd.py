"""separate_fluxes shares out the light that stars in each other's way send into an aperture."""

import numpy as np
import pytest
from measured_scene import grid, light, moffat, observe, table

from pogson.core.flags import Pixel
from pogson.steps.measure.crowd import separate_fluxes
from pogson.steps.measure.stars import contamination, locate_stars

FWHM = 4.0
SEEN = np.sqrt(FWHM**2 + 8.0 * np.log(2.0) / 12.0)  # once each pixel has taken its mean: as a fit finds it


def pairs(rng, n=8, ratio=0.07, apart=1.6 * FWHM):
    """Stars on a grid, each with a fainter one beside it."""
    x, y, side = grid(rng, n)
    turn = rng.uniform(0.0, 2.0 * np.pi, n * n)
    x, y = np.append(x, x + apart * np.cos(turn)), np.append(y, y + apart * np.sin(turn))
    flux = 2e5 * rng.uniform(0.5, 2.0, n * n)
    flux = np.append(flux, ratio * flux)
    return x, y, flux, observe(light((side, side), x, y, flux, FWHM, 3.0), rng)


def test_a_faint_star_on_the_slope_of_a_bright_one_gets_its_own_light_whatever_it_was_taken_for():
    x, y, flux, frame = pairs(np.random.default_rng(1))
    quick = flux.copy()
    quick[64:] /= 4.0
    found = separate_fluxes(frame, table(x, y, quick, moffat(SEEN)))
    ratio = found / flux
    assert np.median(ratio[64:]) == pytest.approx(1.0, abs=0.02)
    assert np.std(ratio[64:]) < 0.05
    assert np.median(ratio[:64]) == pytest.approx(1.0, abs=0.005)


def test_places_that_are_off_by_a_pixel_do_little_harm():
    """As they are for stars on the slope of another: drawn away from it."""
    x, y, flux, frame = pairs(np.random.default_rng(2))
    away = np.append(x[64:] - x[:64], y[64:] - y[:64]).reshape(2, 64) / (1.6 * FWHM)
    field = table(
        np.append(x[:64], x[64:] + away[0]), np.append(y[:64], y[64:] + away[1]), flux, moffat(SEEN)
    )
    ratio = separate_fluxes(frame, field) / flux
    assert np.median(ratio[64:] / ratio[:64]) == pytest.approx(1.0, abs=0.2)


def test_the_contamination_that_follows_is_the_true_one():
    x, y, flux, frame = pairs(np.random.default_rng(3))
    field = table(x, y, flux, moffat(SEEN))
    true, _ = contamination(locate_stars(field, None, SEEN), 1.5 * FWHM)
    field["flux"] = np.append(flux[:64], flux[64:] / 4.0)
    field["flux"] = separate_fluxes(frame, field)
    found, _ = contamination(locate_stars(field, None, SEEN), 1.5 * FWHM)
    assert found[:64] == pytest.approx(true[:64], rel=0.25)
    assert np.median(found[:64] / true[:64]) == pytest.approx(1.0, abs=0.05)


def test_stars_that_cannot_be_measured_keep_the_quick_flux_on_the_scale_of_the_others():
    rng = np.random.default_rng(4)
    x, y, side = grid(rng, 5)
    flux = np.full(25, 1e5)
    frame = observe(light((side, side), x, y, flux, FWHM, 3.0), rng)
    frame.mask[int(y[3]), int(x[3])] |= int(Pixel.SATURATED)
    x[7] = -100.0  # off the frame
    field = table(np.append(x, 70.0), np.append(y, 70.0), 0.8 * np.append(flux, 50.0), moffat(SEEN))
    found = separate_fluxes(frame, field)
    assert found[[3, 7, 25]] == pytest.approx([1e5, 1e5, 50.0], rel=0.02)


def test_without_a_star_that_is_sure_nothing_changes():
    rng = np.random.default_rng(5)
    frame = observe(np.zeros((200, 200)), rng)
    field = table([50.0, 150.0], [60.0, 90.0], [10.0, 20.0], moffat(SEEN))
    assert separate_fluxes(frame, field).tolist() == [10.0, 20.0]
