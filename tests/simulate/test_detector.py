"""Frames have the statistics that the recipe promises."""

import numpy as np
import pytest

from pogson.simulate import simulate_night
from pogson.simulate.detector import make_camera
from pogson.simulate.recipe import Recipe

SIZE = {"nx": 512, "ny": 512}


def camera_with(**detector):
    quiet = {"cosmic_rays": 0.0, "bad_columns": 0, "bias_drift": 0.0} | SIZE | detector
    return make_camera(Recipe.from_dict({"detector": quiet, "telescope": {"dust": 2}}))


def dark_light(camera):
    return np.zeros(camera.dark.shape, np.float32)


def test_two_bias_frames_differ_by_the_read_noise_alone():
    camera = camera_with(read_noise=9.0, gain=1.5)
    one, two = (camera.expose(dark_light(camera), name=n).astype(float) for n in ("b1", "b2"))
    expected = np.sqrt(2 * ((9.0 / 1.5) ** 2 + 1 / 12))
    assert np.std(one - two) == pytest.approx(expected, rel=0.01)
    assert np.mean(one - camera.bias) == pytest.approx(0.0, abs=5 * expected / 512)


def test_a_dark_collects_dark_current_times_exptime_and_the_overscan_collects_none():
    camera = camera_with(dark_current=0.2)
    frame = camera.expose(dark_light(camera), name="d", exptime=300.0).astype(float)
    electrons = (frame - camera.bias) * 1.6
    assert np.mean(electrons[:, :512]) == pytest.approx(300.0 * np.mean(camera.dark), rel=0.005)
    assert np.median(camera.dark) == pytest.approx(0.2, rel=0.01)
    assert np.mean(electrons[:, 512:]) == pytest.approx(0.0, abs=0.3)


def test_dark_current_doubles_every_six_kelvins():
    camera = camera_with(dark_current=0.2, hot_pixels=0.0)
    level = [
        camera.expose(dark_light(camera), name="d", exptime=300.0, temperature=t)[:, :512].mean()
        for t in (-20.0, -14.0)
    ]
    cold, warm = (x - camera.bias[:, :512].mean() for x in level)
    assert warm / cold == pytest.approx(2.0, rel=0.01)


def test_hot_pixels_are_as_many_as_the_recipe_says():
    camera = camera_with(hot_pixels=0.01, hot_factor=100.0)
    assert np.mean(camera.dark > 0.3) == pytest.approx(0.01, rel=0.1)


def test_photon_transfer_gives_the_gain_back_within_a_percent():
    camera = camera_with(nx=1024, ny=1024, gain=1.6)
    lamp = np.full(camera.dark.shape, 45000.0, np.float32)
    flats = [camera.expose(lamp, name=f"f{i}", band="g", exptime=4.0)[:, :1024].astype(float) for i in (1, 2)]
    biases = [camera.expose(dark_light(camera), name=f"b{i}")[:, :1024].astype(float) for i in (1, 2)]
    signal = sum(flats).mean() - sum(biases).mean()
    noise = np.var(flats[0] - flats[1]) - np.var(biases[0] - biases[1])
    assert signal / noise == pytest.approx(1.6, rel=0.01)


def test_a_flat_shows_the_response_whose_median_is_one():
    camera = camera_with()
    response = camera.response["g"]
    assert np.median(response) == pytest.approx(1.0, abs=1e-6)
    lamp = np.full(camera.dark.shape, 45000.0, np.float32)
    stack = np.mean(
        [camera.expose(lamp, name=f"f{i}", band="g", exptime=4.0)[:, :512] for i in range(6)], axis=0
    )
    seen = (stack - camera.bias[:, :512]) * 1.6 / 45000.0
    assert np.std(seen - response) == pytest.approx(1 / np.sqrt(6 * 45000), rel=0.05)
    corner, middle = np.median(response[:20, :20]), np.median(response[240:270, 240:270])
    assert corner / middle == pytest.approx(1 - 0.15, abs=0.02)


def test_a_light_frame_scatters_about_its_truth_as_the_ccd_equation_says():
    camera = camera_with(dark_current=0.3)
    y, x = np.indices(camera.dark.shape)
    light = (40.0 + 0.3 * x + 0.2 * y).astype(np.float32)
    frame = camera.expose(light, name="l", band="g", exptime=60.0)[:, :512].astype(float)
    mean = light * camera.response["g"] + 60.0 * camera.dark
    electrons = (frame - camera.bias[:, :512]) * 1.6
    pull = (electrons - mean) / np.sqrt(mean + 8.0**2 + 1.6**2 / 12)
    assert np.mean(pull) == pytest.approx(0.0, abs=5 / 512)
    assert np.std(pull) == pytest.approx(1.0, rel=0.01)


def test_a_saturated_star_is_flat_at_the_full_well_and_bleeds_along_its_column():
    camera = camera_with(full_well=94400.0)
    light = np.full(camera.dark.shape, 50.0, np.float32)
    light[200, 300] = 2e6
    frame = camera.expose(light, name="s", band="g", exptime=10.0)
    assert frame[195:206, 300].min() > 59950 and frame.max() < 60050
    assert frame[200, 290] < 1200


def test_the_converter_never_wraps_round():
    camera = camera_with(full_well=3e5, bits=14)
    light = np.full(camera.dark.shape, 2e5, np.float32)
    assert camera.expose(light, name="s", band="g", exptime=10.0)[:, :512].min() == 2**14 - 1


def test_nonlinearity_takes_its_share_at_full_well():
    camera = camera_with(nonlinearity=0.04)
    assert camera.recipe.detector.full_well == 94400.0
    light = np.full(camera.dark.shape, 94400.0 / 2, np.float32)
    frame = camera.expose(light, name="n", band="g", exptime=1.0)[:, :512].astype(float)
    lost = 1 - np.mean((frame - camera.bias[:, :512]) * 1.6 / camera.response["g"]) / (94400.0 / 2)
    assert lost == pytest.approx(0.02, abs=0.001)


def test_cosmic_rays_are_as_many_as_the_recipe_says_and_spare_the_bias():
    camera = camera_with(cosmic_rays=60.0, hot_pixels=0.0)
    frame = camera.expose(dark_light(camera), name="c", exptime=120.0)[:, :512].astype(float)
    hit = (frame - camera.bias[:, :512]) * 1.6 > 100.0
    assert 120 < hit.sum() < 2000
    assert camera.expose(dark_light(camera), name="c").max() < 1100


def test_the_level_of_the_bias_drifts_with_the_overscan():
    camera = camera_with(bias_drift=20.0)
    frames = [camera.expose(dark_light(camera), name=f"b{i}").astype(float) for i in range(12)]
    shift = [np.mean(f - camera.bias) for f in frames]
    seen = [np.mean((f - camera.bias)[:, 512:]) for f in frames]
    assert 8.0 < np.std(shift) < 35.0
    np.testing.assert_allclose(shift, seen, atol=0.3)


def test_without_overscan_a_frame_is_as_wide_as_the_detector():
    camera = camera_with(overscan=0)
    assert camera.expose(dark_light(camera), name="b").shape == (512, 512)


def test_the_amplifier_glows_in_its_corner_however_cold_it_is():
    camera = camera_with(amp_glow=2.0, amp_glow_size=0.1, hot_pixels=0.0, dark_current=0.001)
    level = {}
    for t in (-20.0, -50.0):
        frame = camera.expose(dark_light(camera), name="d", exptime=300.0, temperature=t).astype(float)
        level[t] = (frame - camera.bias)[:, :512] * 1.6
    # half an e-folding away from the corner
    ring = np.hypot(*np.ogrid[:512, 511:-1:-1])
    near = np.abs(ring - 0.5 * 51.2) < 3
    for electrons in level.values():
        assert electrons[near].mean() == pytest.approx(600.0 * np.exp(-0.5), rel=0.02)
        assert electrons[400:, :100].mean() == pytest.approx(0.3, abs=1.0)


def test_a_converter_of_twelve_bits_in_sixteen_writes_multiples_and_adds_its_own_noise():
    camera = camera_with(bits=12, adu_step=16, read_noise=1.0, gain=0.5, full_well=1e6, bias_columns=0.0)
    light = np.full(camera.dark.shape, 400.0, np.float32)
    frame = camera.expose(light, name="l", band="g", exptime=1.0)
    assert (frame % 16 == 0).all()
    signal = (frame[:, :512] - camera.bias[:, :512].astype(float)) * 0.5
    assert np.mean(signal / camera.response["g"]) == pytest.approx(400.0, rel=0.005)
    bright = camera.expose(light * 1000, name="s", band="g", exptime=1.0)
    assert bright[:, :512].min() == 4095 * 16


def test_counts_at_low_light_are_poisson_and_not_gaussian():
    """At 0.3 electrons per pixel, the shares of 0, 1, 2, 3 electrons are those of Poisson."""
    camera = camera_with(
        read_noise=0.0, gain=1.0, dark_current=0.0, pixel_response=0.0, bias_rows=0.0, bias_columns=0.0,
        bias_ramp=0.0, bad_columns=0,
    )  # fmt: skip
    light = np.full(camera.dark.shape, 0.3, np.float32) / camera.response["g"]
    counts = camera.expose(light, name="l", band="g", exptime=1.0)[:, :512].astype(int) - 1000
    expected = np.exp(-0.3) * np.array([1.0, 0.3, 0.045, 0.0045])
    share = np.array([np.mean(counts == k) for k in range(4)])
    np.testing.assert_allclose(share, expected, atol=5 * np.sqrt(0.25 / 512**2))


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
def test_each_pixel_of_a_mosaic_sees_the_sky_of_its_own_band(pattern):
    recipe = Recipe.from_dict(
        {
            "detector": {"nx": 64, "ny": 64, "overscan": 0, "bayer": pattern},
            "field": {"cluster_stars": 0, "field_stars": 0},
            "sky": {"gradient": 0.0},
            "night": {"exposures": [["TG", 60.0, 1]]},
        }
    )
    night = simulate_night(recipe)
    image = night.light(night.shots[-1])
    for letter, part in zip(
        pattern, (image[::2, ::2], image[::2, 1::2], image[1::2, ::2], image[1::2, 1::2]), strict=True
    ):
        band = recipe.bands["T" + letter]
        rate = 10 ** (0.4 * (band.zero_point - band.sky)) * 0.75**2
        np.testing.assert_allclose(part, 60.0 * rate, rtol=1e-5)
    flat = night.frame("flat_TG_001.fits").pixels
    assert np.median(flat[pattern.index("G") // 2 :: 2, pattern.index("G") % 2 :: 2]) > 27000
    assert np.median(flat[pattern.index("B") // 2 :: 2, pattern.index("B") % 2 :: 2]) < 20000
    assert {"mag_TR", "mag_TG", "mag_TB"} <= set(night.stars.colnames)
