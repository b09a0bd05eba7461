"""The aperture correction brings every aperture to the total light, or says that it cannot."""

import numpy as np
import pytest
from measured_scene import grid, light, moffat, observe, table

from pogson.core.flags import Pixel
from pogson.kernels.overlap import circle_pixel_overlap
from pogson.steps.measure.annulus import lay_out
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth
from pogson.steps.measure.profile import (
    PIXEL_SHARES,
    displaced_light,
    enclosed_light,
    pixel_circles,
    surface_radius,
)


def scene(seed, fwhm, beta, n=8):
    rng = np.random.default_rng(seed)
    x, y, side = grid(rng, n, pitch=70.0)
    flux = 10.0 ** rng.uniform(3.5, 5.5, len(x))
    image = light((side, side), x, y, flux, fwhm, beta)
    return rng, image, table(x, y, flux)


def true_correction(fwhm, *profiles):
    """Of an aperture of 1.5 fwhm; profiles: share of the light, width over fwhm, beta."""
    radii = fwhm * np.array([1.5, 4.0, 7.0])
    inside, inner, outer = sum(
        share * enclosed_light(pixel_circles(radii), width * fwhm, beta) @ PIXEL_SHARES
        for share, width, beta in profiles
    )
    return 2.5 * np.log10(inside - (outer - inner) * 1.5**2 / (7.0**2 - 4.0**2))


def spread_stars(seed, fwhm, *profiles, n=6):
    rng = np.random.default_rng(seed)
    x, y, side = grid(rng, n, pitch=48.0)
    flux = 10.0 ** rng.uniform(3.5, 5.2, len(x))
    image = sum(light((side, side), x, y, flux * s, fwhm * w, beta) for s, w, beta in profiles)
    return observe(image, rng, sky=200.0), table(x, y, flux)


@pytest.mark.parametrize("fwhm, beta", [(2.0, 3.0), (3.0, 3.2), (3.0, np.nan)])
def test_the_error_of_the_correction_is_the_mistake_that_is_made(fwhm, beta):
    truth, pulls = true_correction(fwhm, (1.0, 1.0, beta)), []
    for seed in range(40):
        growth = fit_growth(*spread_stars(seed, fwhm, (1.0, 1.0, beta)), fwhm=fwhm)
        assert growth.n >= 5 and growth.reason == ""
        pulls.append((growth.correction - truth) / growth.correction_err)
    assert 0.75 < np.std(pulls) < 1.25  # 40 pulls: two errors of their width
    assert abs(np.mean(pulls)) < 0.4


@pytest.mark.parametrize(
    "profiles",
    [
        [(0.9, 1.0, np.nan), (0.1, 2.2, np.nan)],
        [(0.85, 1.0, np.nan), (0.15, 1.6, np.nan)],
        [(0.95, 1.0, 3.5), (0.05, 3.0, 2.5)],
    ],
)
def test_the_error_covers_profiles_that_are_no_moffat_profile(profiles):
    truth, pulls = true_correction(3.0, *profiles), []
    for seed in range(10):
        growth = fit_growth(*spread_stars(seed, 3.0, *profiles, n=8), fwhm=3.0)
        pulls.append((growth.correction - truth) / growth.correction_err)
    assert np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_a_moffat_profile_fitted_to_whole_circles_is_too_steep():
    # light in circles against light in pixels: what the fit took for the profile's own slope
    radii = 1.5 * np.arange(1.0, 4.1, 0.5)
    summed = enclosed_light(pixel_circles(radii), 1.5, 3.2) @ PIXEL_SHARES
    assert enclosed_light(radii, 1.5, 3.2)[0] - summed[0] > 0.05
    growth = fit_growth(*spread_stars(1, 1.5, (1.0, 1.0, 3.2), n=10), fwhm=1.5)
    assert growth.beta == pytest.approx(3.2, abs=0.15) and growth.fwhm == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("fwhm, beta", [(1.5, 2.5), (1.5, np.nan), (2.0, 3.2), (3.0, 5.0)])
def test_pixel_circles_hold_the_light_that_pixels_hold(fwhm, beta):
    radii = fwhm * np.array([1.0, 1.5, 2.0, 3.0])
    half = int(radii[-1]) + 2
    sums = []
    for u, v in np.stack(np.meshgrid(*[(np.arange(8) - 3.5) / 8.0] * 2), -1).reshape(-1, 2):
        image = light((2 * half + 1,) * 2, half + u, half + v, 1e6, fwhm, beta) / 1e6
        pixels = [(j - half - v, i - half - u, image[j, i]) for j, i in np.ndindex(image.shape)]
        sums.append([sum(circle_pixel_overlap(dx, dy, r) * p for dy, dx, p in pixels) for r in radii])
    assert enclosed_light(pixel_circles(radii), fwhm, beta) @ PIXEL_SHARES == pytest.approx(
        np.mean(sums, axis=0), abs=2e-4
    )


def test_the_light_beyond_the_reference_is_that_of_the_profile():
    rng, image, field = scene(3, 3.5, 2.5)
    growth = fit_growth(observe(image, rng), field, fwhm=3.5)
    assert growth.beta == pytest.approx(2.5, abs=0.05)
    inner, outer = enclosed_light(np.array([4.0, 7.0]), 1.0, 2.5)
    taken_for_sky = (outer - inner) * 4.0**2 / (7.0**2 - 4.0**2)
    assert growth.beyond == pytest.approx(1.0 - inner + taken_for_sky, abs=0.001)
    assert growth.reference_radius == pytest.approx(14.0)
    assert np.all(np.diff(growth.fraction) > 0.0)


def test_a_profile_that_varies_over_the_field_is_told_and_counts_in_the_error():
    steady, varied = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y, side = grid(rng, 7, pitch=48.0)
        flux = 10.0 ** rng.uniform(4.3, 5.2, len(x))
        for spread, found in ((0.0, steady), (0.04, varied)):
            image = np.zeros((side, side), np.float32)
            for k, width in enumerate(3.0 * (1.0 + spread * (2.0 * x / side - 1.0))):
                image += light(image.shape, x[k], y[k], flux[k], width, 3.2)
            found.append(fit_growth(observe(image, rng, sky=200.0), table(x, y, flux), fwhm=3.0))
    widths = 3.0 * (1.0 + 0.04 * (2.0 * x / side - 1.0))
    inside, reference = np.array(
        [enclosed_light(pixel_circles(np.array([4.5, 12.0])), w, 3.2) @ PIXEL_SHARES for w in widths]
    ).T
    expected = np.std(2.5 * np.log10(inside / reference))
    assert np.median([g.scatter for g in varied]) == pytest.approx(expected, rel=0.25)
    assert np.median([g.scatter for g in steady]) < 0.001
    # weights differ, so that it averages down less than over n equal stars
    assert all(g.correction_err > g.scatter / np.sqrt(g.n) for g in varied)


def test_one_radius_for_two_seeings_shifts_magnitudes_until_both_are_corrected():
    corrected, raw = [], []
    for fwhm in (3.0, 4.2):  # two filters, the aperture of the first for both
        rng, image, field = scene(4, fwhm, 3.0)
        frame = observe(image, rng)
        stars = measure_aperture(frame, field, radius_pixels=4.5, fwhm=fwhm)
        growth = fit_growth(frame, field, radius_pixels=4.5, fwhm=fwhm)
        mag = -2.5 * np.log10(stars["flux"] / field["flux"])
        bright = np.asarray(field["flux"]) > 3e4
        raw.append(np.median(mag[bright]))
        corrected.append(raw[-1] + growth.correction)
    assert raw[1] - raw[0] > 0.1
    assert corrected[1] - corrected[0] == pytest.approx(0.0, abs=0.006)
    assert corrected[0] == pytest.approx(0.0, abs=0.006)


@pytest.mark.parametrize("n", [400, 1500, 3000, 8000])
def test_a_crowd_gives_a_true_correction_or_none(n):
    rng = np.random.default_rng(n)
    x, y = rng.uniform(0, 500, (2, n))
    flux = 10.0 ** rng.uniform(2.5, 5.5, n)
    image = light((500, 500), x, y, flux, 3.0, 3.0)
    known = flux > 1500.0  # the fainter half is not in the list
    field = table(x[known], y[known], flux[known], moffat(3.0))
    growth = fit_growth(observe(image, rng), field)
    if growth.n:
        truth = 2.5 * np.log10(displaced_light(np.zeros(1), 4.5, 3.06, 3.0)[0])
        assert abs(growth.correction - truth) < 3.0 * np.hypot(growth.correction_err, 0.002)
    else:
        assert n > 1500
        assert np.isnan(growth.correction) and "needed: no aperture correction" in growth.reason


def test_spoiled_and_deviant_stars_do_not_enter():
    rng, image, field = scene(5, 3.0, 3.0)
    frame = observe(image, rng)
    before = fit_growth(frame, field, fwhm=3.0)
    brightest = np.argsort(field["flux"])[-6:]
    for s in brightest[:3]:
        frame.mask[round(field["y"][s]), round(field["x"][s])] = Pixel.SATURATED
    for s in brightest[3:]:  # an unknown neighbour
        frame.data[round(field["y"][s]) + 8, round(field["x"][s])] += 0.2 * field["flux"][s]
    after = fit_growth(frame, field, fwhm=3.0)
    assert after.n >= 8
    assert after.correction == pytest.approx(before.correction, abs=3.0 * before.correction_err)


def test_light_of_unseen_stars_does_not_pass_for_the_wings_of_the_bright():
    rng, image, field = scene(8, 3.0, 3.0)
    side = image.shape[0]
    crowd = rng.uniform(0, side, (2, side * side // 60))
    image += light(image.shape, *crowd, 10.0 ** rng.uniform(1.0, 3.6, crowd.shape[1]), 3.0, 3.0)
    truth = 2.5 * np.log10(displaced_light(np.zeros(1), 4.5, 3.06, 3.0)[0])
    growth = fit_growth(observe(image, rng), field, fwhm=3.0)
    assert abs(growth.correction - truth) < 2.5 * growth.correction_err
    assert growth.correction_err < 0.03


def test_a_field_without_fluxes_serves_as_well():
    rng, image, field = scene(5, 3.0, 3.0)
    frame = observe(image, rng)
    known = fit_growth(frame, field, fwhm=3.0)
    field["flux"] = np.nan
    unknown = fit_growth(frame, field, fwhm=3.0)
    assert unknown.correction == pytest.approx(known.correction, abs=known.correction_err)


def test_too_few_stars_are_told():
    rng, image, field = scene(6, 3.0, 3.0, n=2)
    field["flux"][:] = 100.0
    growth = fit_growth(observe(np.zeros_like(image), rng), field, fwhm=3.0)
    assert np.isnan(growth.correction) and growth.n == 0
    assert growth.reason == "0 isolated bright stars, 3 needed: no aperture correction"


@pytest.mark.parametrize("beta", [2.5, 4.0, np.nan])
def test_profiles_agree_with_themselves(beta):
    assert enclosed_light(1e4, 3.0, beta) == pytest.approx(1.0, abs=1e-4)
    assert displaced_light(np.zeros(1), 4.0, 3.0, beta)[0] == pytest.approx(
        enclosed_light(4.0, 3.0, beta), abs=0.003
    )
    image = light((201, 201), 100.0, 100.0, 1e6, 6.0, beta) / 1e6
    for distance in (5.0, 14.0):
        window = [(j, i) for j in range(90, 111) for i in range(int(90 + distance), int(112 + distance))]
        inside = sum(circle_pixel_overlap(i - 100 - distance, j - 100, 9.0) * image[j, i] for j, i in window)
        assert displaced_light(np.array([distance]), 9.0, 6.0, beta)[0] == pytest.approx(inside, abs=0.004)
    radius = float(surface_radius(image[100, 110], 6.0, beta))
    assert radius == pytest.approx(10.0, abs=0.1)


def test_the_layout_may_be_known_before():
    rng, image, stars = scene(3, 3.0, 3.2)
    frame = observe(image, rng, sky=200.0)
    layout = lay_out(frame, stars, fwhm=3.0)
    alone, shared = fit_growth(frame, stars, fwhm=3.0), fit_growth(frame, stars, fwhm=3.0, layout=layout)
    assert (alone.correction, alone.n) == (shared.correction, shared.n)
    one = measure_aperture(frame, stars, fwhm=3.0)
    other = measure_aperture(frame, stars, fwhm=3.0, layout=layout)
    for name in one.colnames:
        np.testing.assert_array_equal(one[name].data, other[name].data)
