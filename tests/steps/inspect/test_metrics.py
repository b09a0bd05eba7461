"""Frames are judged against their own night: one hot pixel is no cloud, and moonlight is no fault."""

import time

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.steps.inspect.coverage import map_transparency, patchiness
from pogson.steps.inspect.metrics import measure_metrics, measure_trail
from pogson.steps.inspect.scores import score_frames


def frame_of(image, mask=None):
    return Frame.from_array(image, variance=np.full(image.shape, 500.0), mask=mask)


def field(stars=200, sky=500.0, light=1.0, seed=1, shape=(300, 400)):
    rng = np.random.default_rng(seed)
    image = rng.normal(sky, np.sqrt(sky), shape)
    y, x = rng.integers(5, shape[0] - 5, stars), rng.integers(5, shape[1] - 5, stars)
    peak = light * 10 ** rng.uniform(1.5, 4.0, stars)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            image[y + dy, x + dx] += peak * np.exp(-0.4 * (dx**2 + dy**2))
    return image


def test_one_hot_pixel_makes_the_maximum_and_not_the_range():
    """Maximum minus minimum, with a limit of 7000, would keep a frame of thick cloud for its hot pixel."""
    clear, cloud = field(), field(light=0.05, seed=2)
    cloud[150, 200] = 60000.0
    good, bad = (measure_metrics(frame_of(image)) for image in (clear, cloud))
    assert bad.maximum - bad.minimum > 7000
    assert bad.range < 0.2 * good.range


def test_the_range_of_a_region_is_that_region_alone():
    image = field()
    image[10:20, 10:20] += 5000
    whole, part = (
        measure_metrics(frame_of(image)),
        measure_metrics(frame_of(image), region=(0, 30, 0, 30)),
    )
    assert part.range > 4900
    assert part.sky == pytest.approx(500, rel=0.05)
    assert whole.maximum >= part.maximum
    with pytest.raises(SettingError, match="is not on a frame of 300 rows"):
        measure_metrics(frame_of(image), region=(0, 500, 0, 30))


def test_a_tree_in_a_corner_is_uneven_and_masked_pixels_are_not_looked_at():
    image = field()
    even = measure_metrics(frame_of(image))
    image[:100, :150] -= 80
    tree = measure_metrics(frame_of(image))
    assert even.uniformity < 6
    assert tree.uniformity > 50
    assert tree.gradient > 10 * even.gradient
    mask = np.zeros(image.shape, np.uint16)
    mask[:100, :150] = int(Pixel.BAD)
    assert measure_metrics(frame_of(image, mask=mask)).uniformity < 10
    nothing = measure_metrics(frame_of(image, mask=np.full(image.shape, int(Pixel.EMPTY), np.uint16)))
    assert np.isnan(nothing.range)


def test_stars_drawn_out_the_same_way_are_a_trail_and_random_shapes_are_none():
    rng = np.random.default_rng(3)
    n = 60
    stars = Table({"elongation": np.full(n, 1.4), "snr": np.full(n, 100.0), "flags": np.zeros(n, int)})
    assert measure_trail(stars) == pytest.approx(0.286, abs=0.01)
    stars["angle"] = rng.uniform(0, 180, n)
    assert measure_trail(stars) < 0.1
    stars["angle"] = 30.0 + 180.0 * rng.integers(0, 2, n)
    assert measure_trail(stars) == pytest.approx(0.286, abs=0.01)
    assert np.isnan(measure_trail(stars[:3]))


def test_half_a_frame_behind_a_tree_shows_in_the_map():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 900, 300), rng.uniform(0, 600, 300)
    err = np.full(300, 0.03)
    loss = 0.1 + rng.normal(0, 0.03, 300)
    even = map_transparency(x, y, loss, err, shape=(600, 900))
    tree = map_transparency(x, y, loss + 0.8 * (x < 300), err, shape=(600, 900))
    np.testing.assert_allclose(even[0], 10 ** (-0.04), rtol=0.03)
    assert patchiness(*even) < 0.02
    assert patchiness(*tree) > 0.4
    np.testing.assert_allclose(tree[0][:, 0], 10 ** (-0.36), rtol=0.05)
    few = map_transparency(x[:5], y[:5], loss[:5], err[:5], shape=(600, 900))
    assert np.isnan(patchiness(*few))


def test_a_moonlit_night_scores_nothing_and_a_veil_of_a_third_of_a_magnitude_is_seen():
    rng = np.random.default_rng(5)
    n = 100
    night = Table(
        {
            "band": ["V"] * n,
            "sky": 20000 * (1 + 0.002 * np.arange(n)) * rng.normal(1, 0.01, n),
            "fwhm": rng.normal(3, 0.1, n),
            "n_stars": rng.normal(500, 15, n),
            "transparency": rng.normal(0.98, 0.01, n),
        }
    )
    night["transparency"][40] *= 10 ** (-0.4 * 0.3)
    night["fwhm"][50] = 6.0
    scores = score_frames(night)
    assert np.flatnonzero(scores["why"] != "").tolist() == [40, 50]
    assert scores["why"][40] == "cloud"
    assert scores["why"][50] == "seeing or focus"
    assert scores["score_fwhm"][50] > 10


def test_a_very_steady_night_does_not_reject_its_own_noise():
    night = Table({"band": ["V"] * 50, "fwhm": 3.0 + 1e-3 * np.random.default_rng(1).normal(size=50)})
    night["fwhm"][7] = 3.05
    assert (score_frames(night)["why"] == "").all()
    assert len(score_frames(Table({"band": ["V"]}))) == 1


def test_a_frame_of_two_megapixels_takes_few_milliseconds():
    frame = frame_of(field(shape=(1266, 1676)))
    measure_metrics(frame)
    start = time.process_time()
    measure_metrics(frame)
    assert time.process_time() - start < 0.15
