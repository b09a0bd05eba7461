"""detect_stars finds the stars that are there, and few that are not."""

from dataclasses import replace

import numpy as np
import pytest
from detect_scene import NOISE, SKY, grid, nearest, scene

from pogson.core.columns import STARS
from pogson.core.errors import SettingError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Frame
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.peaks import filter_profile, noise_gain

NOWHERE = np.empty(0)


def found(stars, x, y, within=1.0):
    """Which of the places have a detection."""
    if len(stars) == 0:
        return np.zeros(len(x), bool)
    return nearest(x, y, stars["x"].data, stars["y"].data)[1] < within


def empty(shape=(800, 800), seed=1):
    return scene(shape, NOWHERE, NOWHERE, 0.0, seed=seed)


def test_every_bright_star_is_found_once_where_it_is():
    x, y = grid((600, 600), 30)
    stars = detect_stars(scene((600, 600), x, y, 2e4))
    STARS.check(stars)
    row, apart = nearest(x, y, stars["x"].data, stars["y"].data)
    assert len(stars) == len(x)
    assert len(set(row)) == len(x)
    assert apart.max() < 0.15
    assert np.median(stars["flux"]) == pytest.approx(2e4, rel=0.02)
    assert stars["flux"].data == pytest.approx(2e4, rel=0.06)
    assert list(stars["id"]) == list(range(1, len(x) + 1))
    assert (np.diff(stars["flux"]) <= 0).all()
    assert stars["sky"].data == pytest.approx(SKY, abs=3)
    assert stars.meta["fwhm"] == pytest.approx(3.5, rel=0.26)


def test_the_snr_is_that_of_the_filter():
    """A star of known height has an SNR of height over the noise of the filtered image (X58)."""
    x, y = grid((600, 600), 30)
    flux = 3000.0
    stars = detect_stars(scene((600, 600), np.rint(x), np.rint(y), flux, fwhm=3.5), fwhm=3.5)
    height = flux / (2 * np.pi * (3.5 / 2.355) ** 2)
    expected = height / (NOISE * noise_gain(3.5))
    assert np.median(stars["snr"]) == pytest.approx(expected, rel=0.06)
    # in units of the noise of one pixel, the wrong way, the same star seems half as significant
    assert height / NOISE < 0.6 * expected


def test_stars_of_snr_7_are_found_at_a_threshold_of_5():
    x, y = grid((900, 900), 25)
    height = 7 * NOISE * noise_gain(3.5)
    flux = height * 2 * np.pi * ((3.5 / 2.355) ** 2 + 1 / 12)  # pixels widen the star
    stars = detect_stars(scene((900, 900), np.rint(x), np.rint(y), flux), fwhm=3.5)
    assert found(stars, x, y, 1.7).mean() > 0.95
    assert len(stars) < len(x) + 3


@pytest.mark.parametrize("threshold", [3.5, 4.0])
def test_empty_sky_gives_as_many_false_stars_as_noise_must(threshold):
    """Peaks of smooth Gaussian noise: area lambda2 / (2 pi)^1.5 u exp(-u^2 / 2) (Adler 1981), where
    -lambda2 is the curvature of the noise's correlation at zero.
    """
    n = [len(detect_stars(empty(seed=s), threshold=threshold, fwhm=3.5)) for s in range(4)]

    g = filter_profile(3.5).astype(float)
    kernel = np.outer(g, g)
    kernel -= kernel.mean()
    slope = np.gradient(np.pad(kernel, 2), axis=1)
    lambda2 = (slope**2).sum() / (kernel**2).sum()
    expected = 800**2 * lambda2 / (2 * np.pi) ** 1.5 * threshold * np.exp(-(threshold**2) / 2)
    assert np.mean(n) == pytest.approx(expected, rel=0.25, abs=4 * np.sqrt(expected / 4))


def test_a_frame_of_noise_is_no_error():
    stars = detect_stars(empty())
    assert len(stars) <= 1
    assert np.isnan(stars.meta["psf"].fwhm)
    assert stars.meta["sky"].median_noise == pytest.approx(NOISE, rel=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (12, 300), (33, 20)])
def test_no_frame_is_too_small(shape):
    assert len(detect_stars(empty(shape))) <= 1


def test_a_frame_without_a_usable_pixel_has_no_stars():
    frame = empty((100, 100))
    stars = detect_stars(replace(frame, mask=np.ones(frame.shape, np.uint16)))
    assert len(stars) == 0


def test_a_frame_without_noise_finds_its_stars():
    x, y = grid((200, 200), 50)
    stars = detect_stars(scene((200, 200), x, y, 1e4, seed=None))
    assert found(stars, x, y, 0.05).all()


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 3.0, 6.0, 10.0, 15.0])
def test_the_width_of_the_stars_is_found_from_any_start(fwhm):
    x, y = grid((600, 600), int(60 + 4 * fwhm))
    stars = detect_stars(scene((600, 600), x, y, 4e4 * fwhm, fwhm=fwhm, beta=3.5))
    assert stars.meta["psf"].fwhm == pytest.approx(fwhm, rel=0.05)
    assert len(stars) == pytest.approx(len(x), abs=2)


def test_three_stars_are_enough():
    x, y = np.array([50.2, 150.7, 300.1]), np.array([60.4, 220.9, 111.5])
    stars = detect_stars(scene((300, 400), x, y, 3e4, fwhm=5.0))
    assert len(stars) == 3
    assert stars.meta["psf"].fwhm == pytest.approx(5.0, rel=0.05)


def test_close_pairs_are_resolved_in_a_crowded_field():
    rng = np.random.default_rng(8)
    x, y = grid((500, 500), 25)
    turn = rng.uniform(0, 2 * np.pi, len(x))
    x2, y2 = ((at + 1.6 * 3.2 * way(turn))[::2] for at, way in ((x, np.cos), (y, np.sin)))
    frame = scene((500, 500), np.append(x, x2), np.append(y, y2), 2e4, fwhm=3.2)
    stars = detect_stars(frame)
    assert found(stars, x, y).mean() > 0.95
    assert found(stars, x2, y2).mean() > 0.95
    assert len(stars) <= len(x) + len(x2)
    assert ((stars["flags"] & Star.NEIGHBOR) > 0).sum() > 1.9 * len(x2)


def test_where_the_field_is_known_close_pairs_are_not_resolved_and_the_count_stays_comparable():
    x, y = grid((500, 500), 25)
    frame = scene((500, 500), np.append(x, x + 5.0), np.append(y, y), 2e4, fwhm=3.2)
    resolved = detect_stars(frame)
    known = detect_stars(frame, resolve=False, brightest=100)
    assert len(resolved) > 1.5 * len(x)
    assert len(known) == 100
    assert known.meta["n_stars"] == resolved.meta["n_stars"] < len(resolved)
    assert known.meta["psf"].fwhm == pytest.approx(resolved.meta["psf"].fwhm, rel=0.05)


def test_in_a_sparse_field_all_that_is_found_is_counted():
    x, y = grid((500, 500), 100)
    stars = detect_stars(scene((500, 500), x, y, 2e4), brightest=5)
    assert (len(stars), stars.meta["n_stars"]) == (5, len(x))


def test_hot_pixels_and_columns_are_counted_as_rejected():
    x, y = grid((500, 500), 50)
    frame = scene((500, 500), x, y, 2e4)
    rng = np.random.default_rng(6)
    data = frame.data.copy()
    hot_x, hot_y = rng.integers(10, 490, (2, 60))
    data[hot_y, hot_x] += rng.uniform(400, 20000, 60)
    data[:, 275] += 600
    stars = detect_stars(replace(frame, data=data), fwhm=3.5)
    assert found(stars, x, y).mean() > 0.97
    assert len(stars) <= len(x) + 1
    assert stars.meta["n_rejected"]["sharpness"] >= 50
    assert sum(stars.meta["n_rejected"].values()) > 60


def saturate(frame, level):
    """Cut at `level`; every second row of what is above bleeds along its column."""
    full = frame.data >= level
    mask = frame.mask | (full * np.uint16(Pixel.SATURATED))
    return replace(frame, data=np.minimum(frame.data, np.float32(level)), mask=mask.astype(np.uint16))


@pytest.mark.parametrize("flux", [1e5, 1e6, 1e7, 1e8])
def test_a_plateau_is_one_star(flux):
    x, y = np.array([60.3, 240.0, 240.6]), np.array([150.2, 60.7, 240.4])
    frame = saturate(scene((300, 300), x, y, [flux, 2e4, 3e4], fwhm=3.5, beta=4.0), 4000.0)
    stars = detect_stars(frame, fwhm=3.5)
    full = stars[(stars["flags"] & Star.SATURATED) > 0]
    assert len(full) == 1
    assert np.hypot(full["x"][0] - x[0], full["y"][0] - y[0]) < 0.25 + 0.02 * np.sqrt((frame.mask > 0).sum())
    assert stars["flags"][0] & Star.SATURATED
    assert found(stars, x, y, 3).all()
    assert np.isfinite(stars["x_err"]).all()


def test_a_star_that_bleeds_is_one_star_and_its_trail_none():
    x, y = np.array([150.2, 60.0]), np.array([120.4, 250.0])
    frame = saturate(scene((400, 300), x, y, [2e6, 2e4], fwhm=3.5), 4000.0)
    data, mask = frame.data.copy(), frame.mask.copy()
    data[40:330, 149:152], mask[40:330, 149:152] = 4000.0, mask[40:330, 149:152] | Pixel.BLEED
    data[90:140:3, 149:152] = 0.0  # the camera's numbers wrapped around
    stars = detect_stars(replace(frame, data=data, mask=mask), fwhm=3.5)
    assert len(stars) == 2
    assert found(stars, x, y, 1.5).all()


def test_a_saturated_hot_pixel_is_no_star():
    frame = empty((200, 200))
    data, mask = frame.data.copy(), frame.mask.copy()
    data[100, 80], mask[100, 80] = 65535, Pixel.SATURATED
    stars = detect_stars(replace(frame, data=data, mask=mask))
    assert len(stars) == 0
    assert stars.meta["n_rejected"]["saturated without wings"] == 1


def test_flags_say_what_is_near():
    x = np.array([100.0, 100.0, 103.6, 200.0, 206.0, 1.5, 150.0])
    y = np.array([50.0, 100.0, 100.0, 100.0, 100.0, 200.0, 200.0])
    frame = scene((300, 300), x, y, 5e4, fwhm=2.8)
    mask = frame.mask.copy()
    mask[201, 150] = Pixel.BAD
    stars = detect_stars(replace(frame, mask=mask), fwhm=2.8)
    row = nearest(x, y, stars["x"].data, stars["y"].data)[0]
    flags = stars["flags"].data[row]
    assert flags[0] == 0
    assert list(flags[[3, 4]]) == [Star.NEIGHBOR] * 2
    assert flags[5] == Star.EDGE
    assert flags[6] == Star.BAD_PIXEL
    close = detect_stars(scene((200, 200), [100.0, 102.8], [100.0, 102.8], 5e4, fwhm=2.8), fwhm=2.8)
    assert list(close["flags"]) == [Star.NEIGHBOR | Star.BLENDED] * 2


def test_only_the_brightest_are_kept_where_asked_for():
    x, y = grid((400, 400), 40)
    flux = np.linspace(1e4, 1e5, len(x))
    stars = detect_stars(scene((400, 400), x, y, flux), brightest=10)
    row = nearest(stars["x"].data, stars["y"].data, x, y)[0]
    assert sorted(row) == list(range(len(x) - 10, len(x)))


def test_parts_of_the_frame_can_be_left_out():
    x, y = grid((400, 400), 40)
    stars = detect_stars(scene((400, 400), x, y, 2e4), left_out=("100:210,0:400",))
    assert not ((stars["x"] > 100.5) & (stars["x"] < 209.5)).any()
    assert stars.meta["n_rejected"]["left out"] == ((x >= 100) & (x < 210)).sum()


def test_inputs_stay_as_they_are():
    x, y = grid((200, 200), 40)
    frame = scene((200, 200), x, y, 2e4)
    copies = frame.data.copy(), frame.variance.copy(), frame.mask.copy()
    detect_stars(frame)
    for now, before in zip((frame.data, frame.variance, frame.mask), copies, strict=True):
        assert np.array_equal(now, before)


def test_adu_frames_are_searched_like_any_other():
    x, y = grid((300, 300), 40)
    frame = scene((300, 300), x, y, 2e4)
    adu = Frame.from_array(frame.data / 2.5, variance=np.nan, unit="adu")
    assert found(detect_stars(adu), x, y).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "threshold = 0 sigma must be above 0"),
        ({"fwhm": -1.0}, "fwhm = -1 px must be above 0.5"),
        ({"left_out": ("10-20,5:6",)}, "left_out = '10-20,5:6' cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(SettingError, match=message):
        detect_stars(empty((50, 50)), **settings)


@pytest.mark.parametrize("start", [3.0, 5.0, 9.0, 20.0])
def test_where_the_search_for_the_width_begins_does_not_matter(start):
    rng = np.random.default_rng(8)
    x, y = grid((300, 300), 50)
    frame = scene((300, 300), x, y, rng.uniform(5e4, 2e5, len(x)), fwhm=5.2)
    stars = detect_stars(frame, start=start)
    assert len(stars) == len(x)
    assert stars.meta["psf"].fwhm == pytest.approx(5.2, rel=0.03)
