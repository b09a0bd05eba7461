"""A night is the same night whoever makes it, and in whatever order."""

import numpy as np
import pytest
from astropy.time import Time

from pogson.simulate import Recipe, simulate_night

SMALL = {"detector": {"nx": 120, "ny": 100}, "field": {"cluster_stars": 40, "field_stars": 20}}


def night(**given):
    return simulate_night(Recipe.from_dict(SMALL | given))


def test_the_default_night_holds_all_kinds_of_frames():
    names = simulate_night().names
    assert names[0] == "bias_001.fits"
    assert names[-1] == "cluster_r_0014.fits"
    assert sum("_g_" in n and n.startswith("cluster") for n in names) == 7
    assert len(names) == len(set(names)) == 5 + 5 + 10 + 14


def test_order_and_workers_change_nothing():
    one, two = list(night().frames()), list(night().frames(workers=2))
    assert [f.name for f in one] == [f.name for f in two] == night().names
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert a.cards == b.cards
    assert np.array_equal(night().frame("cluster_g_0005.fits").pixels, one[24].pixels)


def test_another_seed_is_another_night():
    name = "cluster_g_0005.fits"
    assert not np.array_equal(night().frame(name).pixels, night(seed=7).frame(name).pixels)


def test_more_darks_do_not_change_the_lights():
    name = "cluster_g_0005.fits"
    more = night(calibration={"dark": 9})
    assert np.array_equal(night().frame(name).pixels, more.frame(name).pixels)


def test_pixels_are_16_bit_with_overscan():
    pixels = night().frame("flat_g_001.fits").pixels
    assert pixels.dtype == np.uint16
    assert pixels.shape == (100, 152)


def test_the_truth_of_a_frame_is_at_the_middle_of_its_exposure():
    made = night()
    truth = made.frame_truth
    assert list(truth["name"]) == made.names
    row = truth[truth["name"] == "cluster_g_0005.fits"][0]
    cards = {keyword: value for keyword, value, _ in made.frame("cluster_g_0005.fits").cards}
    middle = Time(cards["DATE-OBS"], scale="utc").jd + 30.0 / 86400
    assert row["jd_utc"] == pytest.approx(middle, abs=1e-8)
    assert row["airmass"] == pytest.approx(cards["AIRMASS"], abs=1e-4)
    assert np.isnan(truth["zero_point"][0])
    assert truth["kind"][0] == "bias"


def test_lights_follow_one_another_by_exposure_and_overhead():
    jd = np.array([s.jd_start for s in night(night={"overhead": 10.0}).shots])[-5:]
    np.testing.assert_allclose(np.diff(jd) * 86400, 70.0, atol=1e-4)


def test_airmass_is_that_of_the_altitude():
    from pogson.simulate.sky import airmass_of

    recipe = Recipe.from_dict({"site": {"latitude": 90.0, "longitude": 0.0}, "field": {"dec": 30.0}})
    assert airmass_of(recipe, np.array([2460473.0]))[0] == pytest.approx(2.0, abs=0.01)
    below = Recipe.from_dict({"site": {"latitude": 90.0, "longitude": 0.0}, "field": {"dec": -30.0}})
    assert np.isnan(airmass_of(below, np.array([2460473.0]))[0])
