"""The electrons that were put in come back, with an error that is the error."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_night import Night, masters_of, stored

from pogson.core.errors import FrameError
from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, RawFrame
from pogson.steps.calibrate.correct import calibrate_frame


@pytest.mark.parametrize("n", [3, 10, 50])
@pytest.mark.parametrize(("exptime", "electrons"), [(100.0, 500.0), (150.0, 500.0), (150.0, 20000.0)])
def test_the_variance_is_right_within_one_percent(n, exptime, electrons):
    night = Night(seed=n, shape=(256, 320))
    masters = masters_of(night, n)
    frame = calibrate_frame(night.raw("light", electrons, exptime), masters, cosmics=False)
    good = frame.mask == 0
    pull = ((frame.data - electrons) / np.sqrt(frame.variance))[good]
    assert good.mean() > 0.999
    # 1 % and the statistical error of a width from 82 000 pixels (0.25 %)
    assert abs(pull.std() - 1.0) < 0.0125
    mean_err = np.sqrt(frame.variance.mean() / pull.size) + night.read_noise / np.sqrt(n * pull.size)
    assert abs((frame.data - electrons)[good].mean()) < 5 * mean_err + 1e-4 * electrons


def test_counts_below_the_bias_do_not_bias_the_variance(night, masters):
    frame = calibrate_frame(night.raw("light", 0.0, 0.0), masters, cosmics=False)
    good = frame.mask == 0
    assert abs(frame.variance[good].mean() / np.var(frame.data[good]) - 1) < 0.03
    assert frame.variance.min() > 0


def test_the_terms_of_the_noise_are_kept(night, masters):
    frame = calibrate_frame(night.raw("light", 300.0, 200.0), masters)
    c = frame.calibration
    assert c.read_variance == 36.0
    assert c.quantisation_variance == pytest.approx(1.5**2 / 12)
    assert c.dark.mean() == pytest.approx(100.0, rel=0.02)
    assert c.flat.shape == c.flat_variance.shape == c.master_variance.shape == frame.shape
    assert c.missing == ()
    assert "dark of 100 s scaled to 200 s, with its error" in frame.exposure.notes


def test_bias_and_dark_of_the_same_bias_share_its_error():
    night = Night(seed=4, shape=(256, 320), read_noise=12.0)
    masters = masters_of(night, 3)
    frame = calibrate_frame(night.raw("light", 100.0, 100.0), masters, cosmics=False)
    # at equal length the bias cancels: light and dark alone are left
    assert np.median(frame.calibration.master_variance) == pytest.approx(
        (144 + 50 + 1.5**2 / 12) / 3, rel=0.05
    )
    assert abs(((frame.data - 100.0) / np.sqrt(frame.variance)).std() - 1.0) < 0.0125


def test_without_any_master_the_frame_says_what_is_missing(night):
    frame = calibrate_frame(night.raw("light", 100.0, 60.0))
    assert frame.calibration.missing == ("bias", "dark", "flat")
    notes = " ".join(frame.exposure.notes)
    assert "no bias" in notes and "no dark" in notes and "no flat of band r" in notes
    assert frame.calibration.flat.shape == (0, 0)


def test_a_known_offset_stands_in_for_the_bias(night):
    raw = night.raw("light", 100.0, 0.0, offset=1000.0)
    frame = calibrate_frame(raw)
    assert np.median(frame.data) == pytest.approx(100.0, abs=3.0)
    assert any("1000 ADU subtracted instead" in n for n in frame.exposure.notes)


def test_unknown_gain_stays_adu_with_measured_noise(night, masters):
    raw = night.raw("light", 400.0, 0.0, gain=np.nan)
    frame = calibrate_frame(raw, masters, cosmics=False)
    assert frame.unit == "adu"
    assert any("gain unknown" in n for n in frame.exposure.notes)
    expected = (400.0 + 36.0) / 1.5**2
    assert np.median(frame.variance) == pytest.approx(expected, rel=0.05)


def test_saturation_is_judged_on_the_raw_number(night, masters):
    raw = night.raw("light", 100.0, 0.0)
    adu = raw.adu()
    adu[40:46, 50] = 65535
    adu[60, 60] = 55000
    raw = stored(adu, replace(raw.exposure, linearity=50000.0))
    mask = calibrate_frame(raw, masters).mask
    assert (mask[40:46, 50] & Pixel.SATURATED).all()
    assert (mask[39:47, 49] & Pixel.BLEED).all()
    assert mask[60, 60] & Pixel.NONLINEAR and not mask[60, 60] & Pixel.SATURATED


def test_the_overscan_follows_a_drifting_level():
    rng = np.random.default_rng(1)
    drift = np.linspace(0, 40, 200)[:, None]
    adu = np.rint(1000 + drift + rng.normal(0, 4, (200, 132)))
    adu[:, :100] += rng.poisson(150, (200, 100))
    known = Exposure(gain=1.0, read_noise=4.0, overscan=(0, 200, 102, 132), trim=(0, 200, 0, 100))
    frame = calibrate_frame(stored(adu, known), cosmics=False)
    assert frame.shape == (200, 100)
    rows = frame.data.mean(axis=1)
    assert abs(rows[:50].mean() - 150) < 1 and abs(rows[-50:].mean() - 150) < 1
    assert any("no bias: the overscan's level is subtracted" in n for n in frame.exposure.notes)


def test_a_trim_section_outside_of_the_image_is_named():
    raw = stored(np.zeros((10, 10)), Exposure(path="a.fits", trim=(0, 20, 0, 10)))
    with pytest.raises(FrameError, match=r"a.fits: the useful part .* correct TRIMSEC"):
        calibrate_frame(raw)


def test_a_reduced_frame_is_only_decoded(masters):
    data = np.random.default_rng(1).normal(500, 25, (128, 160)).astype(np.float32)
    data[3, 4] = np.nan
    known = Exposure(gain=1.0, read_noise=5.0, reduced=True, band="r", exptime=10.0)
    frame = calibrate_frame(RawFrame(data, known), masters, cosmics=False)
    assert frame.data[10, 10] == data[10, 10]
    assert frame.variance[10, 10] == pytest.approx(data[10, 10] + 25.0, rel=1e-5)
    assert frame.mask[3, 4] == Pixel.EMPTY and frame.data[3, 4] == 0
    assert frame.calibration.missing == () and frame.calibration.masters == ()


def test_big_endian_floats_and_known_masks_are_taken():
    data = np.full((20, 20), 10.0, ">f4")
    bad = np.zeros((20, 20), np.uint16)
    bad[5, 5] = Pixel.BAD
    frame = calibrate_frame(RawFrame(data, Exposure(gain=2.0, read_noise=1.0), mask=bad))
    assert frame.data.dtype == np.float32 and frame.data[0, 0] == 20.0
    assert frame.mask[5, 5] == Pixel.BAD


def test_inputs_are_left_alone(night, masters):
    raw = night.raw("light", 100.0, 60.0)
    before = raw.pixels.copy(), [m.data.copy() for m in masters.masters]
    calibrate_frame(raw, masters)
    assert np.array_equal(raw.pixels, before[0])
    assert all(np.array_equal(m.data, d) for m, d in zip(masters.masters, before[1], strict=True))


def test_frames_of_one_kind_share_what_was_prepared(night, masters):
    first = calibrate_frame(night.raw("light", 100.0, 60.0), masters)
    second = calibrate_frame(night.raw("light", 100.0, 60.0), masters)
    assert first.calibration is second.calibration
    for exptime in range(10, 20):
        calibrate_frame(night.raw("light", 100.0, float(exptime)), masters)
    assert len(masters.prepared) <= 8


def test_large_frames_keep_no_planes_of_other_kinds(night, masters, monkeypatch):
    monkeypatch.setattr("pogson.steps.calibrate.correct._KEEP_PIXELS", 1)
    for exptime in (10.0, 20.0):
        calibrate_frame(night.raw("light", 100.0, exptime), masters)
    assert len(masters.prepared) == 1
