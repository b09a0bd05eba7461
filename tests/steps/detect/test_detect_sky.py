"""The sky that was put in comes back, whatever lies on it."""

from dataclasses import replace

import numpy as np
import pytest
from detect_scene import NOISE, SKY, grid, scene

from pogson.core.errors import SettingError
from pogson.core.frame import Frame
from pogson.steps.detect.sky import Boxes, estimate_sky

NOWHERE = np.empty(0)


def empty(shape, seed=1):
    return scene(shape, NOWHERE, NOWHERE, 0.0, seed=seed)


def test_an_empty_sky_keeps_its_level_and_noise():
    sky = estimate_sky(empty((500, 700)))
    assert sky.level.shape == (500, 700)
    assert sky.level.dtype == np.float32
    assert np.abs(sky.level - SKY).max() < 0.15 * NOISE
    assert sky.median_level == pytest.approx(SKY, abs=0.02 * NOISE)
    assert sky.median_noise == pytest.approx(NOISE, rel=0.01)


def test_a_gradient_is_followed_where_one_number_for_the_frame_is_wrong():
    frame = empty((512, 640))
    y, x = np.indices(frame.shape)
    slope = (0.25 * x + 0.1 * y).astype(np.float32)
    sky = estimate_sky(replace(frame, data=frame.data + slope))
    assert np.abs(sky.level - SKY - slope).max() < 0.25 * NOISE
    # the mean of the frame misses the corners by six times the noise, and the deviation calls that noise
    wrong = (frame.data + slope).mean()
    assert np.abs(wrong - SKY - slope).max() > 6 * NOISE
    assert (frame.data + slope).std() > 3 * NOISE
    assert sky.median_noise == pytest.approx(NOISE, rel=0.1)


def test_stars_raise_the_deviation_of_the_frame_but_not_the_noise():
    x, y = grid((512, 512), 24)
    frame = scene((512, 512), x, y, np.random.default_rng(3).exponential(2e4, len(x)))
    sky = estimate_sky(frame)
    assert frame.data.std() > 5 * NOISE
    assert sky.median_noise == pytest.approx(NOISE, rel=0.07)
    assert sky.median_level == pytest.approx(SKY, abs=0.15 * NOISE)


def test_a_second_look_without_the_stars_is_better():
    x, y = grid((512, 512), 24)
    frame = scene((512, 512), x, y, 3e4)
    boxes = Boxes(frame, 64)
    first = boxes.sky
    second = boxes.take_out(x, y, np.full(len(x), 8.0))
    assert second.median_noise == pytest.approx(NOISE, rel=0.015)
    assert second.median_level == pytest.approx(SKY, abs=0.05 * NOISE)
    assert abs(second.median_noise - NOISE) < abs(first.median_noise - NOISE)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 30), (65, 63), (129, 500)])
def test_no_shape_is_too_odd(shape):
    sky = estimate_sky(empty(shape))
    assert sky.level.shape == sky.noise.shape == shape
    assert np.isfinite(sky.level).all()


def test_masked_pixels_do_not_count_and_masked_boxes_take_their_neighbours():
    frame = empty((512, 512))
    data, mask = frame.data.copy(), frame.mask.copy()
    data[100:300, 100:300], mask[100:300, 100:300] = 60000, 4
    data[400], mask[400] = np.nan, 1
    sky = estimate_sky(Frame(data, frame.variance, mask))
    assert np.abs(sky.level - SKY).max() < 0.2 * NOISE
    assert sky.noise.max() < 1.1 * NOISE


def test_a_frame_without_a_usable_pixel_has_an_unknown_sky():
    frame = empty((200, 200))
    sky = estimate_sky(replace(frame, mask=np.ones(frame.shape, np.uint16)))
    assert np.isnan(sky.level).all()
    assert np.isnan(sky.median_noise)


def test_values_at_places_are_those_of_the_map():
    sky = estimate_sky(empty((300, 400)))
    x, y = np.array([0.0, 17, 399, 200]), np.array([0.0, 299, 3, 150])
    at = y.astype(int), x.astype(int)
    np.testing.assert_allclose(sky.level_at(x, y), sky.level[at], rtol=1e-6)
    np.testing.assert_allclose(sky.noise_at(x, y), sky.noise[at], rtol=1e-5)


def test_a_box_that_is_too_small_is_named():
    with pytest.raises(SettingError, match="box = 2 px is too small"):
        estimate_sky(empty((20, 20)), box=2)
