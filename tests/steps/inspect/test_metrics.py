"""One hot pixel is no bright star, and what is masked is not looked at."""

import time

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pogson.core.errors import SettingError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Frame
from pogson.kernels.extremes import find_extremes
from pogson.steps.detect.find import detect_stars
from pogson.steps.inspect.coverage import map_transparency, patchiness
from pogson.steps.inspect.metrics import measure_metrics, measure_trail, measure_uniformity


def field(stars=150, sky=500.0, light=1.0, seed=1, shape=(300, 400), fwhm=3.0, long=1.0, turn=0.0):
    """Gaussian stars; `long` is the ratio of their axes, `turn` the angle of the major one in degrees."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, sky, float)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    y, x = np.mgrid[-12:13, -12:13]
    for row, column in zip(
        rng.integers(15, shape[0] - 15, stars), rng.integers(15, shape[1] - 15, stars), strict=True
    ):
        u, v = (c * x + s * y) / np.sqrt(long), (c * y - s * x) * np.sqrt(long)
        peak = light * 10 ** rng.uniform(1.8, 4.2) * (3.0 / fwhm) ** 2
        patch = peak * np.exp(-4 * np.log(2) * (u**2 + v**2) / fwhm**2)
        image[row - 12 : row + 13, column - 12 : column + 13] += patch
    return image + rng.normal(0, 1, shape) * np.sqrt(image)


def inspect(image, mask=None, region=""):
    frame = Frame.from_array(image, variance=np.full(image.shape, 500.0), mask=mask)
    stars = detect_stars(frame)
    return measure_metrics(frame, stars, stars.meta["sky"].level_mesh, region=region)


def naive_extremes(bits, mask, unusable, saturated):
    """The kernel's slow twin."""
    values = bits.view(np.float32)[(mask & unusable) == 0]
    edge = (values.min(), values.max()) if values.size else (np.nan, np.nan)
    return (*edge, np.count_nonzero(mask & saturated))


def turned(bits):
    word = np.int32(bits)
    return np.array(word if word >= 0 else word ^ np.int32(2**31 - 1), np.int32).view(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float32, (7, 5), elements=st.floats(-1e6, 1e6, width=32)),
    arrays(np.uint16, (7, 5), elements=st.integers(0, 255)),
)
def test_the_extremes_are_those_of_the_slow_way(data, mask):
    data = data + np.float32(0.0)  # -0 and 0 are the same number, and different bits
    unusable, saturated = np.uint16(3), np.uint16(4)
    low, high, full = find_extremes(data.view(np.int32), mask, unusable, saturated)
    slow = naive_extremes(data.view(np.int32), mask, unusable, saturated)
    assert full == slow[2]
    if low <= high:
        assert (turned(low), turned(high)) == slow[:2]
    else:
        assert np.isnan(slow[0])


def test_one_hot_pixel_makes_the_maximum_and_not_the_range():
    """Maximum minus minimum, with a limit of 7000, would keep a frame of thick cloud for its hot pixel."""
    clear, cloud = field(), field(light=0.05, seed=2)
    cloud[150, 200] = 60000.0
    good, bad = inspect(clear), inspect(cloud)
    assert bad.maximum - bad.minimum > 7000
    assert bad.dynamic_range < 0.2 * good.dynamic_range
    assert good.dynamic_range > 7000


def test_the_range_of_a_region_is_that_of_its_stars():
    image = field()
    image[:, :200] = field(light=0.02, seed=1)[:, :200]
    faint, bright = inspect(image, region="0:195,0:300"), inspect(image, region="205:400,0:300")
    assert faint.dynamic_range < 0.1 * bright.dynamic_range
    assert faint.maximum < bright.maximum
    assert inspect(image, region="205:9999,0:9999") == bright, "a region ends where the frame does"


def test_a_region_that_is_none_is_one_line():
    for region in ("everywhere", "10,20,30,40", "10:5,0:9"):
        with pytest.raises(SettingError, match=r"\[inspect\] region"):
            inspect(field(), region=region)
    with pytest.raises(SettingError, match="is not on a frame of 400 columns and 300 rows"):
        inspect(field(), region="500:600,0:30")


def test_saturated_stars_make_no_range_and_are_counted():
    image, mask = field(), np.zeros((300, 400), np.uint16)
    image[100:106, 100:106], mask[100:106, 100:106] = 60000.0, int(Pixel.SATURATED)
    found = inspect(image, mask)
    assert found.saturated == pytest.approx(36 / image.size)
    assert found.maximum == 60000.0, "a saturated pixel is a value"
    assert found.dynamic_range < 20000
    mask[100:106, 100:106] = int(Pixel.HOT)
    assert inspect(image, mask).maximum < 30000.0


def test_a_frame_of_twilight_is_full_and_one_without_a_pixel_is_nothing():
    full = inspect(np.full((300, 400), 65000.0), np.full((300, 400), int(Pixel.SATURATED), np.uint16))
    assert (full.saturated, full.dynamic_range) == (1.0, 0.0)
    empty = inspect(np.zeros((300, 400)), np.full((300, 400), int(Pixel.EMPTY), np.uint16))
    assert np.isnan(empty.minimum) and np.isnan(empty.maximum)


def test_a_tree_in_a_corner_is_uneven_and_stars_are_not():
    image = field()
    assert inspect(image).uniformity < 10
    image[:150, :150] -= 80
    assert inspect(image).uniformity > 50


def test_moonlight_from_one_side_shows_its_gradient():
    x = np.linspace(-1.0, 1.0, 400)
    assert inspect(field(sky=2500.0) + 100.0 * x).uniformity == pytest.approx(150.0, rel=0.15)


def test_a_sky_of_few_boxes_is_compared_as_far_as_it_goes():
    assert measure_uniformity([[5.0]]) == 0.0
    assert measure_uniformity([[5.0, 9.0]]) == 4.0


def test_a_trail_is_measured_with_its_direction():
    for turn in (30.0, -60.0, 88.0):
        found = inspect(field(long=1.6, turn=turn))
        assert found.trail == pytest.approx(1 - 1 / 1.6, abs=0.06)
        assert (found.trail_angle - turn + 90.0) % 180.0 - 90.0 == pytest.approx(0.0, abs=4.0)
    assert inspect(field()).trail < 0.05


def test_stars_that_point_everywhere_are_no_trail():
    rng = np.random.default_rng(3)
    n = 60
    stars = Table({"elongation": np.full(n, 1.4), "snr": np.full(n, 100.0), "flags": np.zeros(n, int)})
    stars["angle"] = rng.uniform(-90, 90, n)
    assert measure_trail(stars)[0] < 0.1
    assert np.isnan(measure_trail(stars[:3])[0])
    stars["flags"] = int(Star.SATURATED)
    assert np.isnan(measure_trail(stars)[0])


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
    last = map_transparency(x, y, loss + 4.0 * (x < 650), err, shape=(600, 900))
    assert 0.9 < patchiness(*last) < 1.0, "no more than all light, where only a corner is left as well"
    few = map_transparency(x[:5], y[:5], loss[:5], err[:5], shape=(600, 900))
    assert np.isnan(patchiness(*few))


def test_a_frame_of_two_megapixels_takes_few_milliseconds():
    frame = Frame.from_array(field(2000, shape=(1266, 1676)), variance=np.ones((1266, 1676)))
    stars = detect_stars(frame)
    levels = stars.meta["sky"].level_mesh
    measure_metrics(frame, stars, levels)
    taken = []
    for _ in range(9):
        start = time.thread_time()
        measure_metrics(frame, stars, levels)
        taken.append(time.thread_time() - start)
    assert min(taken) < 0.004
