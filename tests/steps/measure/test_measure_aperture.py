"""Fluxes come back as they were put in, with errors that are true."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from measured_scene import EXPTIME, READ_NOISE, SKY, clean, grid, light, observe, table

from pogson.core.columns import PHOTOMETRY
from pogson.core.errors import ColumnError, FrameError, SettingError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Calibration, Exposure, Frame
from pogson.core.transform import Transform
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.budget import expected_noise

FWHM = 3.2
TERMS = ["source", "sky", "annulus", "dark", "read", "flat", "quantisation", "scintillation"]


@pytest.mark.parametrize("flux", [1000.0, 3000.0, 20000.0, 1e6])  # SNR 10, 30, 120, 1000
def test_pulls_are_those_of_a_unit_normal_distribution(flux):
    rng = np.random.default_rng(int(flux))
    x, y, side = grid(rng, 24)
    image = light((side, side), x, y, flux, FWHM)
    field = table(x, y, flux)
    truth = measure_aperture(clean(image), field, fwhm=FWHM)["flux"]
    pulls = []
    for _ in range(4):
        stars = measure_aperture(observe(image, rng), field, fwhm=FWHM)
        pulls.append((stars["flux"] - truth) / stars["flux_err"])
    assert 0.95 < np.std(pulls) < 1.05
    assert abs(np.mean(pulls)) < 0.1
    assert not stars["flags"].any()


def test_errors_agree_with_the_ccd_equation():
    rng = np.random.default_rng(5)
    x, y, side = grid(rng, 12)
    flux = 5000.0
    stars = measure_aperture(
        observe(light((side, side), x, y, flux, FWHM), rng), table(x, y, flux), fwhm=FWHM
    )
    expected = expected_noise(
        np.median(stars["flux"]),
        radius=1.5 * FWHM,
        sky=SKY,
        n_sky=np.median(stars["n_sky"]),
        read_noise=READ_NOISE,
    )
    # pixels that the circle cuts count with w^2 < w: the exact sum is a little below n pixels' worth
    assert np.median(stars["flux_err"]) == pytest.approx(expected, rel=0.04)
    assert np.median(stars["flux_err"]) < expected


def test_the_terms_add_up_to_the_error():
    rng = np.random.default_rng(6)
    x, y, side = grid(rng, 5)
    frame = observe(light((side, side), x, y, 9000.0, FWHM), rng, diameter=0.5, airmass=1.3)
    flat = rng.uniform(0.9, 1.1, frame.shape).astype(np.float32)
    dark = np.full(frame.shape, 2.0, np.float32)
    calibration = Calibration(flat, 1e-6 * flat, dark, 0.1 * dark, READ_NOISE**2, 0.3)
    stars = measure_aperture(replace(frame, calibration=calibration), table(x, y, 9000.0), fwhm=FWHM)
    squares = sum(np.asarray(stars[f"err_{name}"]) ** 2 for name in TERMS)
    assert np.allclose(squares, stars["flux_err"] ** 2)
    assert all(np.all(stars[f"err_{name}"] > 0.0) for name in TERMS)
    assert np.median(stars["err_source"]) == pytest.approx(np.sqrt(9000.0), rel=0.1)


def test_a_bright_star_does_not_enter_its_own_sky():
    image = light((201, 201), 100.2, 99.7, 2e6, FWHM, beta=3.0) + np.float32(SKY)
    stars = measure_aperture(clean(image), table(100.2, 99.7, 2e6), fwhm=FWHM)
    assert stars["sky"][0] < SKY + 50.0  # wings of a Moffat; the peak is 150000
    gaussian = light((201, 201), 100.2, 99.7, 2e6, FWHM) + np.float32(SKY)
    stars = measure_aperture(clean(gaussian), table(100.2, 99.7, 2e6), fwhm=FWHM)
    assert stars["sky"][0] == pytest.approx(SKY, abs=0.2)


def test_a_neighbour_in_the_annulus_is_painted_out():
    rng = np.random.default_rng(8)
    x = 100.0 + np.array([0.0, 17.0, -16.0, 2.0, 12.0])
    y = 100.0 + np.array([0.0, 3.0, 5.0, 18.0, -14.0])
    flux = np.array([5000.0, 4e5, 4e5, 4e5, 4e5])
    frame = observe(light((201, 201), x, y, flux, FWHM), rng)
    knows = measure_aperture(frame, table(x, y, flux), fwhm=FWHM)[0]
    assert knows["sky"] == pytest.approx(SKY, abs=4.0 * knows["err_annulus"] / (np.pi * (1.5 * FWHM) ** 2))


def test_flux_is_linear_and_keeps_to_its_unit():
    rng = np.random.default_rng(9)
    x, y, side = grid(rng, 4)
    # in ADU: electrons times 8 would be no electrons any more, whose skewness is known
    frame = replace(observe(light((side, side), x, y, 7000.0, FWHM), rng), unit="adu")
    field = table(x, y, 7000.0)
    one = measure_aperture(frame, field, fwhm=FWHM, sky_method="mean")
    frame = replace(frame, data=frame.data * 8, variance=frame.variance * 64, calibration=Calibration.none())
    eight = measure_aperture(frame, field, fwhm=FWHM, sky_method="mean")
    assert np.allclose(eight["flux"], 8.0 * one["flux"], rtol=1e-6)
    assert np.allclose(eight["flux_err"], 8.0 * one["flux_err"], rtol=1e-5)
    assert np.allclose(eight["mag"], one["mag"] - 2.5 * np.log10(8.0))
    assert np.allclose(eight["mag_err"], one["mag_err"], rtol=1e-5)


def test_positions_come_through_the_transform():
    rng = np.random.default_rng(10)
    x, y, side = grid(rng, 4)
    frame = observe(light((side, side), x, y, 7000.0, FWHM), rng)
    shift = Transform(np.array([[1.0, 0.0, 3.25], [0.0, 1.0, -1.5]]))
    there = measure_aperture(frame, table(x - 3.25, y + 1.5, 7000.0), at=shift, fwhm=FWHM)
    here = measure_aperture(frame, table(x, y, 7000.0), fwhm=FWHM)
    assert np.allclose(there["flux"], here["flux"])
    assert np.allclose(there["x"], x)


def test_forced_positions_on_empty_sky_scatter_about_zero():
    rng = np.random.default_rng(11)
    x, y, side = grid(rng, 20, pitch=30.0)
    frame = observe(np.zeros((side, side)), rng)
    stars = measure_aperture(frame, table(x, y, np.nan), fwhm=FWHM)
    pulls = stars["flux"] / stars["flux_err"]
    assert 0.92 < np.std(pulls) < 1.08
    assert abs(np.mean(pulls)) < 0.15
    negative = stars["flux"] <= 0.0
    assert 0.4 < negative.mean() < 0.6
    assert np.array_equal(negative, stars["flags"] & Star.NEGATIVE > 0)
    assert np.array_equal(negative, np.isnan(stars["mag"]))


def test_the_error_of_a_magnitude_is_not_the_relative_error_of_the_flux():
    rng = np.random.default_rng(12)
    star = measure_aperture(
        observe(light((90, 90), 45.0, 45.0, 5e3, FWHM), rng), table(45.0, 45.0, 5e3), fwhm=FWHM
    )[0]
    assert star["mag_err"] == pytest.approx(1.0857 * star["flux_err"] / star["flux"], rel=1e-4)
    assert star["mag"] == pytest.approx(-2.5 * np.log10(star["flux"] / EXPTIME))


def test_no_star_is_dropped_and_the_edge_gives_no_flux():
    rng = np.random.default_rng(13)
    x, y = np.array([45.0, 2.0, 300.0, np.nan]), np.array([45.0, 45.0, 45.0, 45.0])
    frame = observe(light((90, 90), x[:2], y[:2], 9000.0, FWHM), rng)
    stars = measure_aperture(frame, table(x, y, 9000.0), fwhm=FWHM)
    PHOTOMETRY.check(stars)
    assert list(stars["star"]) == [1, 2, 3, 4]
    assert np.isfinite(stars["flux"]).tolist() == [True, False, False, False]
    assert np.all(stars["flags"][1:] & (Star.EDGE | Star.INCOMPLETE) == Star.EDGE | Star.INCOMPLETE)
    assert 0.0 < stars["coverage"][1] < 1.0 and stars["coverage"][2] == 0.0
    assert np.isnan(stars["flux_err"][1]) and np.isnan(stars["mag"][1])


@pytest.mark.parametrize(
    "bit, flag, whole",
    [
        (Pixel.BAD, Star.BAD_PIXEL | Star.INCOMPLETE, False),
        (Pixel.HOT, Star.BAD_PIXEL | Star.INCOMPLETE, False),
        (Pixel.COSMIC, Star.COSMIC | Star.INCOMPLETE, False),
        (Pixel.EMPTY, Star.EDGE | Star.INCOMPLETE, False),
        (Pixel.SATURATED, Star.SATURATED, True),
        (Pixel.NONLINEAR, Star.NONLINEAR, True),
    ],
)
def test_flagged_pixels_in_the_core_are_told(bit, flag, whole):
    rng = np.random.default_rng(14)
    frame = observe(light((90, 90), 45.0, 45.0, 9000.0, FWHM), rng)
    frame.mask[45, 45] = bit
    star = measure_aperture(frame, table(45.0, 45.0, 9000.0), fwhm=FWHM)[0]
    assert star["flags"] == flag
    assert np.isfinite(star["flux"]) == whole


def test_a_cosmic_ray_off_the_core_is_filled_and_flagged():
    image = light((90, 90), 45.0, 45.0, 9000.0, FWHM) + np.float32(SKY)
    truth = measure_aperture(clean(image), table(45.0, 45.0, 9000.0), fwhm=FWHM)["flux"][0]
    image[48, 45] += 30000.0
    frame = clean(image)
    frame.mask[48, 45] = Pixel.COSMIC
    star = measure_aperture(frame, table(45.0, 45.0, 9000.0), fwhm=FWHM)[0]
    assert star["flux"] == pytest.approx(truth, rel=0.01)
    assert star["flags"] == Star.COSMIC | Star.INCOMPLETE
    assert 0.9 < star["coverage"] < 1.0


def test_neighbours_light_in_the_aperture_is_flagged():
    rng = np.random.default_rng(15)
    x, y = np.array([40.0, 48.0, 40.0, 120.0, 122.0]), np.array([40.0, 40.0, 120.0, 120.0, 120.0])
    frame = observe(light((160, 160), x, y, 9000.0, FWHM), rng)
    flags = measure_aperture(frame, table(x, y, 9000.0), fwhm=FWHM)["flags"]
    near = flags & (Star.NEIGHBOR | Star.BLENDED)
    assert near.tolist() == [Star.NEIGHBOR, Star.NEIGHBOR, 0, *[Star.NEIGHBOR | Star.BLENDED] * 2]


def test_a_field_without_fluxes_is_judged_by_the_measured_ones():
    x, y = np.array([40.0, 48.0, 40.0]), np.array([40.0, 40.0, 120.0])
    frame = observe(light((160, 160), x, y, 9000.0, FWHM), np.random.default_rng(15))
    stars = measure_aperture(frame, table(x, y, np.nan), fwhm=FWHM)
    assert (stars["flags"] & Star.NEIGHBOR > 0).tolist() == [True, True, False]
    field = Table(table(x, y, 9000.0), masked=True)
    field["flux"].mask = [False, True, False]  # a star of unknown flux beside a known one
    stars = measure_aperture(frame, field, fwhm=FWHM)
    assert (stars["flags"] & Star.NEIGHBOR > 0).tolist() == [False, True, False]


def test_without_a_gain_the_error_is_that_of_the_sky():
    rng = np.random.default_rng(16)
    data = rng.normal(500.0, 4.0, (90, 90)).astype(np.float32) + light((90, 90), 45.0, 45.0, 5e3, FWHM)
    frame = Frame.from_array(data, variance=16.0, exposure=Exposure(exptime=1.0), unit="adu")
    star = measure_aperture(frame, table(45.0, 45.0, 5e3), fwhm=FWHM)[0]
    assert star["flags"] == Star.EMPIRICAL
    assert star["flux_err"] == pytest.approx(np.hypot(star["err_sky"], star["err_annulus"]))
    assert all(star[f"err_{name}"] == 0.0 for name in TERMS if name not in ("sky", "annulus"))


def test_more_radii_and_radii_in_pixels_on_request():
    rng = np.random.default_rng(17)
    frame = observe(light((90, 90), 45.0, 45.0, 9000.0, FWHM), rng)
    stars = measure_aperture(
        frame,
        table(45.0, 45.0, 9000.0),
        radius_pixels=5.0,
        radii=(5.0, 8.0),
        fwhm=FWHM,
        annulus_inner_pixels=15.0,
        annulus_outer_pixels=25.0,
    )
    assert stars["flux_r1"][0] == stars["flux"][0]
    assert stars["flux_r1_err"][0] == pytest.approx(stars["flux_err"][0])
    assert stars["flux_r2_err"][0] > stars["flux_err"][0]
    assert stars.meta["radius"] == 5.0 and stars.meta["annulus"] == (15.0, 25.0)


def test_a_crowded_star_gets_a_sky_with_a_remark():
    x, y = (a.ravel() for a in np.meshgrid(np.arange(10.0, 190.0, 7.0), np.arange(10.0, 190.0, 7.0)))
    frame = observe(light((200, 200), x, y, 5e5, FWHM), np.random.default_rng(18))
    stars = measure_aperture(frame, table(x, y, 5e5), fwhm=FWHM)
    inside = (abs(x - 100.0) < 50.0) & (abs(y - 100.0) < 50.0)
    assert np.all(stars["flags"][inside] & Star.FEW_SKY)
    assert np.isfinite(stars["sky"]).all()


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"fwhm": np.nan}, SettingError, "fwhm of the stars is unknown; give fwhm"),
        ({"radius": 9.0}, SettingError, "radius .28.8 px. must be above 0 and not above"),
        ({"sky_method": "modal"}, SettingError, "sky_method must be one of mean, median, mode, got 'modal'"),
    ],
)
def test_a_wrong_setting_is_named(change, error, message):
    frame = clean(np.zeros((60, 60), np.float32))
    with pytest.raises(error, match=message):
        measure_aperture(frame, table(30.0, 30.0, 1.0), **{"fwhm": FWHM, **change})


def test_an_unknown_exposure_time_is_an_error():
    frame = Frame.from_array(np.zeros((60, 60)), variance=1.0, exposure=Exposure(path="m13.fits"))
    with pytest.raises(FrameError, match="m13.fits: exposure time unknown"):
        measure_aperture(frame, table(30.0, 30.0, 1.0), fwhm=FWHM)


def test_a_field_without_positions_is_an_error():
    with pytest.raises(ColumnError, match=r"a field needs column\(s\) x, y; it has id"):
        measure_aperture(clean(np.zeros((60, 60), np.float32)), Table({"id": [1]}), fwhm=FWHM)


def test_an_empty_field_gives_an_empty_table():
    stars = measure_aperture(clean(np.zeros((60, 60), np.float32)), table([], [], []), fwhm=FWHM)
    assert len(stars) == 0
    PHOTOMETRY.check(stars)
