"""Real nights: cameras agree with themselves, and the predicted noise is the noise."""

from dataclasses import replace

import numpy as np
import pytest
from plain_fits import read_plain

from pogson.core.flags import Pixel
from pogson.steps.calibrate.camera import measure_camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat
from pogson.steps.calibrate.noise import local_variance, robust_variance
from pogson.steps.calibrate.overscan import converter_step
from pogson.steps.calibrate.transfer import boxes_of, clipped_mean


def read(folder, pattern, **known):
    return [read_plain(path, **known) for path in sorted(folder.glob(pattern))]


def test_three_bands_of_one_camera_have_one_gain(real_data):
    night = real_data / "m13_raw"
    flats = [f for band in "gri" for f in read(night, f"domeflat_sdss_{band}*", kind="flat", band=band)]
    camera = measure_camera(read(night, "Bias*", kind="bias"), flats)
    gains = np.array([g for _, g, _ in camera.measured])
    assert np.ptp(gains) / gains.mean() < 0.01
    assert camera.gain == pytest.approx(1.30, abs=0.01)
    assert camera.read_noise == pytest.approx(7.55, abs=0.1)


def test_the_noise_between_two_real_frames_is_the_predicted_noise(real_data):
    night = real_data / "m16_halpha"
    biases, flats = read(night, "Bias*", kind="bias"), read(night, "domeflat*", kind="flat", band="Ha")
    camera = measure_camera(biases, flats)
    bias = make_bias(biases, camera)
    assert len(bias.rejected) == 2, "two states of the electronics, one is used"
    dark = make_dark(read(night, "Dark*", kind="dark"), bias, camera)
    flat = make_flat(flats, bias, dark, camera)
    assert (dark.mask & Pixel.HOT > 0).mean() < 0.01
    masters = Masters((bias, dark, flat))
    lights = [
        replace(r, exposure=camera.applied_to(r.exposure))
        for r in read(night, "EAGLE*", kind="light", band="Ha")
    ]
    a, b = (calibrate_frame(r, masters) for r in lights)
    assert any("dark of 300 s scaled to 600 s" in n for n in a.exposure.notes)
    # Two frames share their masters: their difference holds only what each has of its own. The field is full
    # of nebula and faint stars that drift, so only the quietest boxes tell.
    own = [f.variance - f.calibration.master_variance for f in (a, b)]
    observed = robust_variance(boxes_of(a.data - b.data))
    expected = np.mean(boxes_of(own[0] + own[1]), axis=1)
    ratio = np.sqrt(observed / expected)
    assert np.percentile(ratio, 10) == pytest.approx(1.0, abs=0.08)


def test_a_camera_that_bends_is_seen_to_bend(real_data):
    night = real_data / "ccd_ladder"
    camera = measure_camera(read(night, "bias*"), read(night, "flat*"))
    assert camera.gain == pytest.approx(0.42, abs=0.05)  # its header says 0.46
    assert 38000 < camera.linearity < 46000


def test_lights_alone_tell_the_gain_of_a_twelve_bit_camera(real_data):
    lights = read(real_data / "hatp32_transit", "*12.FITS.gz", kind="light")[:24]
    camera = measure_camera([], [], lights)
    assert camera.saturation == 4095
    assert camera.gain_source == "pairs of lights, without bias"
    # 4095 ADU are then 140 000 electrons: four binned pixels of 9 um
    assert 25 < camera.gain < 45


def test_a_cluster_full_of_stars_gives_a_rough_gain_at_best(real_data):
    lights = [f for band in "gri" for f in read(real_data / "m13_raw", f"M13_sdss_{band}*", band=band)]
    camera = measure_camera([], [], lights)
    # 1.30 by photon transfer; boxes in which drifting stars correlate neighbouring pixels do not count
    assert abs(camera.gain - 1.30) < 2 * camera.gain_err < 0.4


def test_a_stretched_cmos_image_has_a_step_of_four(real_data):
    assert converter_step(read_plain(real_data / "zwo_cmos" / "Flat_ASIImg_frame0004.fit")) == 4.0


def test_an_image_of_one_pixel_noise_is_measured(real_data):
    frame = read(real_data / "m13_raw", "Bias*")[0].adu()
    assert clipped_mean(local_variance(frame).ravel()[::997].astype(float))[0] == pytest.approx(33.8, rel=0.1)
