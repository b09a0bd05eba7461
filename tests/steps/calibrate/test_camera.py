"""Gain and read noise come back from simulated frames, with errors that are errors."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from calibration_night import Night, stored

from pogson.core.frame import Exposure
from pogson.steps.calibrate.camera import Camera, measure_camera
from pogson.steps.calibrate.saturation import estimate_saturation

UNKNOWN = {"gain": np.nan, "read_noise": np.nan, "saturation": np.nan}


def flats_of(night, n, electrons):
    return [night.raw("flat", electrons * (1 + 0.05 * i / n), 3.0, **UNKNOWN) for i in range(n)]


def biases_of(night, n):
    return [night.raw("bias", **UNKNOWN) for _ in range(n)]


def test_errors_of_gain_and_read_noise_are_their_errors():
    pulls = []
    for gain in (0.25, 1.0, 5.0):
        for read_noise in (2.0, 6.0, 15.0):
            for n in (2, 3, 10):
                seed = int(gain * 101 + read_noise * 1009 + n * 37)
                night = Night(seed=seed, shape=(160, 192), gain=gain, read_noise=read_noise, dark_rate=0.01)
                camera = measure_camera(biases_of(night, n), flats_of(night, n, min(20000 * gain, 50000)))
                pulls.append(
                    (
                        (camera.gain - gain) / camera.gain_err,
                        (camera.read_noise - read_noise) / camera.read_noise_err,
                    )
                )
    pulls = np.array(pulls)
    # 27 draws: the mean is known to 0.2, the width to 14 %
    assert np.all(np.abs(pulls.mean(axis=0)) < 0.6)
    assert np.all((pulls.std(axis=0) > 0.65) & (pulls.std(axis=0) < 1.4))


def test_the_read_noise_is_free_of_rounding_and_the_sum_is_right():
    night = Night(seed=5, shape=(256, 256), gain=2.0, read_noise=2.0)
    camera = measure_camera(biases_of(night, 6), flats_of(night, 3, 40000.0))
    assert camera.read_noise == pytest.approx(2.0, abs=0.03)
    assert camera.read_variance_adu == pytest.approx((2.0 / 2.0) ** 2 + 1 / 12, rel=0.02)


def test_a_read_noise_below_the_converters_step_says_so():
    night = Night(seed=6, gain=5.0, read_noise=1.0)
    camera = measure_camera(biases_of(night, 3), flats_of(night, 3, 100000.0))
    assert abs(camera.read_noise - 1.0) < camera.read_noise_err
    assert any("converter's step" in n for n in camera.notes)


def test_numbers_stretched_to_sixteen_bits_have_a_wider_step():
    night = Night(seed=7, gain=4.0, read_noise=6.0, bias_level=250.0)
    raws = [stored(4 * r.adu(), replace(r.exposure, **UNKNOWN)) for r in night.biases(3)]
    flats = [stored(4 * r.adu(), replace(r.exposure, **UNKNOWN)) for r in night.flats(3, 20000.0)]
    camera = measure_camera(raws, flats)
    assert camera.step == 4.0
    assert camera.gain == pytest.approx(1.0, abs=0.03)
    assert camera.read_noise == pytest.approx(6.0, abs=0.2)


def test_a_header_is_believed_before_a_measurement_but_a_contradiction_is_told():
    night = Night(seed=8)
    flats = flats_of(night, 3, 30000.0)
    flats[0] = replace(flats[0], exposure=flats[0].exposure.with_values("EGAIN", gain=3.0))
    camera = measure_camera(biases_of(night, 3), flats)
    assert (camera.gain, camera.gain_source) == (3.0, "EGAIN")
    assert any("but photon transfer, 3 flats and 3 biases gives 1.5" in n for n in camera.notes)
    assert camera.measured[0][1] == pytest.approx(1.5, rel=0.03)


def test_bands_agree_and_are_told_one_by_one():
    night = Night(seed=9)
    flats = flats_of(night, 3, 30000.0)
    green = [replace(f, exposure=replace(f.exposure, band="g")) for f in flats_of(night, 3, 20000.0)]
    camera = measure_camera(biases_of(night, 3), [*flats, *green])
    assert [band for band, *_ in camera.measured] == ["r", "g"]
    (_, a, a_err), (_, b, b_err) = camera.measured
    assert abs(a - b) < 4 * np.hypot(a_err, b_err)


def sky(night, level, **known):
    return night.raw("light", level, 30.0, **UNKNOWN, **known)


def test_pairs_of_lights_give_the_gain_where_nothing_else_does():
    night = Night(seed=10, shape=(256, 256), dark_rate=0.0, read_noise=4.0)
    lights = [sky(night, level) for level in (300, 310, 900, 910, 2000, 2100)]
    camera = measure_camera([], [], lights)
    assert camera.gain_source == "pairs of lights, without bias"
    assert abs(camera.gain - 1.5) < 2 * camera.gain_err < 0.4
    # noise without light is right: the offset contains the read noise
    level = camera.offset + (camera.read_noise / camera.gain) ** 2
    assert level == pytest.approx(1000.0 - 16.0 / 1.5, abs=60)


def test_lights_of_one_level_give_no_gain():
    night = Night(seed=11)
    night.flat[:] = 1.0
    camera = measure_camera([], [], [sky(night, 300) for _ in range(4)])
    assert np.isnan(camera.gain) and camera.gain_source == "unknown"
    assert camera.notes


def test_drifting_stars_give_no_gain():
    night = Night(seed=12, shape=(256, 256), dark_rate=0.0)
    rng = np.random.default_rng(1)
    lights = []
    for i in range(6):
        image = np.full((300, 300), 300.0 + 100 * i)
        image[rng.integers(0, 300, 9000), rng.integers(0, 300, 9000)] += rng.exponential(600, 9000)
        lights.append(sky(night, image[i * 5 : i * 5 + 256, :256]))
    camera = measure_camera([], [], lights)
    assert np.isnan(camera.gain)
    assert any("no gain" in n for n in camera.notes)


def test_nothing_gives_nothing():
    assert measure_camera() == Camera()
    assert measure_camera().gain_source == "unknown"


def test_saturation_shows_as_a_pile_up():
    rng = np.random.default_rng(1)
    adu = np.minimum(rng.exponential(500.0, (200, 200)), 4095).astype(int)
    value, source = estimate_saturation([stored(adu, Exposure())])
    assert value == 4095 and "pile up" in source

    faint = rng.normal(500, 10, (200, 200)).astype(int)
    assert estimate_saturation([stored(faint, Exposure())])[0] == 65535.0


def bright_stars(rng, fwhm, *, full=np.inf, tops=(1.0,) * 6, flat_top=False):
    """Frames of stars brighter and fainter than full pixels, noise after these."""
    y, x = np.mgrid[:25, :25] - 12.0
    radius = np.hypot(x, y)
    shape = np.exp(-4.0 * np.log(2.0) * (radius / fwhm) ** 2)
    if flat_top:
        shape = 1.0 / (1.0 + np.exp((radius - fwhm) / 0.5))
    heights = (
        10 ** np.linspace(2.5, 5.0, 40) if not flat_top else np.append(np.geomspace(300, 2e4, 39), 52000)
    )
    for k, top in enumerate(tops):
        image = np.concatenate([np.minimum(top * h * shape, full) for h in heights], axis=1)
        noisy = image + 1000.0 + rng.normal(0.0, 10.0 + 0.001 * image)
        yield stored(np.clip(noisy, 0, 65535).astype(int), Exposure(path=f"{k}.fits"))


def test_pixels_that_are_full_before_the_converter_is_pile_up_less_sharply():
    rng = np.random.default_rng(3)
    value, source = estimate_saturation(list(bright_stars(rng, 4.0, full=56000.0)))
    assert 56600 < value < 57000
    assert "pixels pile up between" in source


@pytest.mark.parametrize("full", [np.inf, 70000.0])
def test_bright_stars_that_are_not_full_make_no_pile_up(full):
    rng = np.random.default_rng(4)
    raws = list(bright_stars(rng, 4.0, full=full, tops=(0.5, 0.47, 0.52, 0.49)))
    assert estimate_saturation(raws)[0] == 65535.0


def test_the_flat_top_of_a_star_out_of_focus_is_not_taken_for_full_pixels():
    rng = np.random.default_rng(5)
    raws = list(bright_stars(rng, 8.0, tops=(0.93, 1.0, 0.95, 0.97, 0.91), flat_top=True))
    assert estimate_saturation(raws)[0] == 65535.0


def test_the_pile_up_is_sought_in_one_image_at_a_time():
    adu = np.clip(np.random.default_rng(1).normal(3000, 800, (400, 400)), 100, 4095).round()
    raws = [stored(adu, Exposure()) for _ in range(12)]
    assert estimate_saturation(raws)[0] == 4095.0
    tracemalloc.start()
    estimate_saturation(raws)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * adu.size * np.dtype(np.float32).itemsize


def test_linearity_shows_in_flats_of_different_length():
    night = Night(seed=13, shape=(192, 192), read_noise=5.0)
    light = np.linspace(0.1, 1.0, 192)[None, :]
    flats = []
    for exptime in (1, 2, 4, 8, 16, 24, 32, 40):
        raw = night.raw("flat", 3000.0 * exptime * light, float(exptime), **UNKNOWN)
        adu = raw.adu()
        bent = np.where(adu > 41000, 41000 + 0.5 * (adu - 41000), adu)
        flats.append(stored(bent, raw.exposure))
    camera = measure_camera(biases_of(night, 3), flats)
    assert 41000 < camera.linearity < 46000
    assert "light lost" in camera.linearity_source


def test_a_camera_fills_in_only_what_is_unknown():
    camera = Camera(2.0, 0.1, "photon transfer", 5.0, saturation=4095.0, saturation_source="pile-up")
    filled = camera.applied_to(Exposure(read_noise=7.0, sources={"read_noise": "RDNOISE"}))
    assert (filled.gain, filled.gain_err, filled.read_noise, filled.saturation) == (2.0, 0.1, 7.0, 4095.0)
    assert filled.sources["gain"] == "photon transfer" and filled.sources["read_noise"] == "RDNOISE"


def test_dead_columns_do_not_raise_the_gain():
    gains = []
    for seed in range(8):
        night = Night(seed=seed, shape=(256, 256), gain=1.6, read_noise=8.0)
        night.flat[:, 40:44] = 0.2  # 1.6 % of the pixels collect little light, and show little noise
        camera = measure_camera(biases_of(night, 3), flats_of(night, 5, 40000.0))
        gains.append((camera.gain - 1.6) / camera.gain_err)
    assert abs(np.mean(gains)) < 3.0 / np.sqrt(len(gains))
