"""Ways of calibrating that are taught and are wrong, beside ours: what each costs."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_night import Night, masters_of, stored

from pogson.steps.calibrate.camera import measure_camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat


def width(residual, sigma):
    pull = residual / sigma
    return float(pull[np.abs(pull) < 50].std())


def test_adu_are_not_photons():
    """X37: the root of the ADU as their error is wrong by the root of the gain."""
    night = Night(seed=1, shape=(256, 256), gain=4.0, read_noise=5.0)
    masters = masters_of(night, 20)
    raw = night.raw("light", 20000.0, 1.0)
    adu = (raw.adu() - night.bias) / night.flat
    wrong = width(adu - 20000.0 / 4.0, np.sqrt(adu))
    frame = calibrate_frame(raw, masters, cosmics=False)
    ours = width(frame.data - 20000.0, np.sqrt(frame.variance))
    assert wrong == pytest.approx(0.5, abs=0.02)
    assert ours == pytest.approx(1.0, abs=0.0125)


def test_a_dark_of_40_ms_leaves_the_dark_current_in_the_sky():
    """X40: subtracting the shortest dark from a frame of 20 s."""
    night = Night(seed=2, shape=(256, 256), dark_rate=5.0)
    raw = night.raw("light", 300.0, 20.0)
    short = np.mean([r.adu() for r in night.darks(10, 0.04)], axis=0)
    wrong = np.median((raw.adu() - short) * night.gain / night.flat)
    ours = np.median(calibrate_frame(raw, masters_of(night, 10)).data)
    assert wrong - 300.0 == pytest.approx(100.0, rel=0.1)
    assert ours == pytest.approx(300.0, abs=2.0)


def test_the_flats_error_is_multiplied_by_the_frame():
    """X41: root of [(s / D)^2 + s_dark^2] for the error of D / f has neither the value nor the dimension."""
    night = Night(seed=3, shape=(256, 256))
    masters = masters_of(night, 3)
    frame = calibrate_frame(night.raw("light", 30000.0, 100.0), masters, cosmics=False)
    c = frame.calibration
    dark_subtracted = frame.data * c.flat
    sigma = np.sqrt(dark_subtracted + c.dark + c.read_variance)
    wrong = np.sqrt((sigma / dark_subtracted) ** 2 + c.master_variance)
    assert width(frame.data - 30000.0, wrong) > 20.0
    # without the flat's own error three flats of 30000 electrons are forgotten, a third of the variance
    forgotten = width(frame.data - 30000.0, sigma / c.flat)
    assert forgotten == pytest.approx(np.sqrt(1 + 1 / 3), abs=0.03)
    assert width(frame.data - 30000.0, np.sqrt(frame.variance)) == pytest.approx(1.0, abs=0.0125)


@pytest.mark.parametrize("n", [3, 10])
def test_the_flats_error_shrinks_with_their_number(n):
    """X42: the error of a master of n flats computed with the number of masters, which is one."""
    night = Night(seed=4, shape=(256, 256))
    bias = make_bias(night.biases(20), night.camera)
    flat = make_flat(night.flats(n, exptime=0.0), bias, None, night.camera)
    level = 30000.0 * (1 + 0.1 * (n - 1) / n / 2)
    wrong = np.sqrt(level + night.read_noise**2) / level
    residual = flat.data - night.flat
    assert width(residual, wrong) == pytest.approx(1 / np.sqrt(n), rel=0.05)
    assert width(residual, np.sqrt(flat.variance)) == pytest.approx(1.0, abs=0.0125)


def test_twilight_flats_are_scaled_and_their_stars_are_rejected():
    """X43: a plain mean of twilight flats keeps their stars and the dark."""
    night = Night(seed=5, shape=(200, 200), dark_rate=20.0)
    bias = make_bias(night.biases(20), night.camera)
    dark = make_dark(night.darks(20), bias, night.camera)
    rng = np.random.default_rng(1)
    raws = []
    for electrons in (45000.0, 30000.0, 20000.0, 14000.0, 10000.0):
        light = np.full(night.shape, electrons)
        stars = rng.integers(0, 200, (2, 80))
        light[stars[0], stars[1]] += 0.3 * 45000.0  # a star is as bright in each, the twilight is not
        raws.append(night.raw("flat", light, 15.0))
    mean = np.mean([r.adu() - night.bias for r in raws], axis=0)
    wrong = mean / mean.mean() / night.flat - 1
    ours = make_flat(raws, bias, dark, night.camera)
    sigma = np.sqrt(ours.variance)
    assert np.abs(wrong).max() > 0.08
    assert np.percentile(np.abs(wrong), 99) > 0.03 > 8 * np.median(sigma)
    assert width(ours.data - night.flat, sigma) == pytest.approx(1.0, abs=0.03)
    assert np.abs((ours.data - night.flat) / sigma).max() < 7.0


def test_a_flat_of_another_filter_is_not_written_under_this_name():
    """X44: one band's flat on another band's frame."""
    night = Night(seed=6)
    masters = masters_of(night, 3)
    raw = night.raw("light", 300.0, 10.0, band="B")
    frame = calibrate_frame(raw, masters)
    assert frame.calibration.missing == ("flat",)
    relabelled = Masters(tuple(replace(m, band="B") if m.kind == "flat" else m for m in masters.masters))
    assert calibrate_frame(raw, relabelled).calibration.missing == ()


@pytest.mark.parametrize("n", [2, 3])
def test_the_scatter_of_few_frames_is_not_the_read_noise(n):
    """X45: mean of the standard deviations (ddof 0) over few frames is low by more than root (n - 1) / n."""
    night = Night(seed=7, shape=(256, 256))
    frames = night.biases(n)
    wrong = night.gain * np.mean(np.std([f.adu() for f in frames], axis=0))
    for i in (0, 1):  # a hit in each
        adu = frames[i].adu()
        adu[40 + i, 50:80] += 5000
        frames[i] = stored(adu, frames[i].exposure)
    single = night.gain * np.std(frames[0].adu())  # one frame: hot pixels and fixed pattern count as noise
    blank = [replace(f, exposure=replace(f.exposure, read_noise=np.nan)) for f in frames]
    ours = measure_camera(blank)
    assert wrong < 6.0 * np.sqrt((n - 1) / n)
    assert single > 100.0
    assert abs(ours.read_noise - 6.0) < 4 * ours.read_noise_err < 0.2
