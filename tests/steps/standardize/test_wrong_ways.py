"""Ways to a zero point that look right and are not: the number that they give, and ours."""

import numpy as np
import pytest
from known_night import Night

from pogson.steps.standardize.sky_brightness import sky_brightness
from pogson.steps.standardize.zeropoint import fit_zero_points


def fit(night, catalog=None, **settings):
    return fit_zero_points(night.photometry, night.matches, catalog or night.catalog, **settings)


def test_the_fluxes_of_another_band_give_a_zero_point_off_by_the_stars_colour():
    """Magnitudes of g with the fluxes of r: half a magnitude off, with a scatter of a third."""
    night = Night(frames=1)
    by_band = {str(t["band"][0]): t for t in night.photometry}
    good = np.asarray(by_band["r"]["flux"]) > 5000.0
    wrong = (np.asarray(night.catalog["mag_g"]) - np.asarray(by_band["r"]["mag"]))[good]
    assert np.median(wrong) - night.zeros[0] > 0.5
    assert np.std(wrong) > 0.3
    table = fit(night).table
    assert np.all(np.abs(np.asarray(table["zero_point"]) - night.zeros) < 4.0 * table["zero_point_err"])


def test_the_zero_point_of_another_night_is_nowhere_remembered():
    """A magnitude less light on the second night: the first one's zero point is wrong by all of it."""
    first, second = Night(seed=1, frames=1), Night(seed=2, frames=1, zero=21.0)
    before = fit(second).table["zero_point"]
    remembered = fit(first).table["zero_point"]
    after = fit(second).table["zero_point"]
    assert np.abs(np.asarray(remembered) - second.zeros).min() > 0.9
    np.testing.assert_array_equal(before, after)
    assert np.abs(np.asarray(after) - second.zeros).max() < 0.02


def test_the_mean_of_the_image_with_its_dark_and_its_stars_is_no_sky():
    """Stars of 60 and a dark of 200 electrons on a sky of 500, and a guessed pixel scale."""
    night = Night(frames=1, bands="g")
    zero = night.zeros[0]
    true = zero - 2.5 * np.log10(500.0 / 60.0 / 0.5**2)
    wrong = zero - 2.5 * np.log10((500.0 + 200.0 + 60.0) / 60.0 / 0.55**2)
    assert wrong - true < -0.2
    brightness, err, _ = sky_brightness(night.photometry[0], zero_point=zero, zero_point_err=0.01)
    assert brightness == pytest.approx(true, abs=4.0 * err)
    assert 0.01 <= err < 0.012


def test_a_catalogue_of_mixed_sources_shows_as_scatter_and_costs_error():
    """Five lists, up to 0.1 mag apart, each of which says 0.01."""
    pulls, naive = [], []
    for seed in range(60):
        night = Night(seed=seed, n=80, frames=1, bands="g", cat_err=0.01)
        lists = np.array([-0.1, -0.05, 0.0, 0.05, 0.1])[night.rng.integers(0, 5, night.n)]
        night.catalog["mag_g"] = np.asarray(night.catalog["mag_g"]) + lists
        found = fit(night, color_term="none")
        row, used = found.table[0], np.asarray(found.residuals["used"])
        off = row["zero_point"] - night.zeros[0]
        pulls.append(off / row["zero_point_err"])
        naive.append(off / (1.0 / np.sqrt(np.sum(1.0 / np.asarray(night.catalog["mag_g_err"])[used] ** 2))))
        assert row["scatter"] > 0.03
    assert np.std(naive) > 2.5
    assert np.std(pulls) < 1.3


def test_the_standard_deviation_of_three_stars_is_too_small_and_of_many_far_too_large():
    few, many = (Night(n=n, hidden=0.03, frames=1, bands="g", sky=1.0) for n in (5, 400))
    for night, right, wrong in ((few, 0.03 / np.sqrt(5), 1.0), (many, 0.03 / np.sqrt(400), 10.0)):
        found = fit(night, color_term="none")
        used = np.asarray(found.residuals["used"])
        deviation = np.std(np.asarray(found.residuals["residual"])[used])
        assert found.table["zero_point_err"][0] == pytest.approx(right, rel=1.2)
        assert deviation > wrong * found.table["zero_point_err"][0]
