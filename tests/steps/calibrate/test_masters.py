"""Masters carry their own noise, and frames that do not belong to a set are refused by name."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from calibration_night import Night, stored

from pogson.core.errors import FrameError
from pogson.core.flags import Pixel
from pogson.core.frame import Exposure
from pogson.steps.calibrate import frameset
from pogson.steps.calibrate.camera import Camera, measure_camera
from pogson.steps.calibrate.collection import Masters, group_calibrations
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat


def changed(raw, adu=None, **known):
    return stored(raw.adu() if adu is None else adu, replace(raw.exposure, **known))


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_the_noise_of_a_master_is_the_noise_of_a_master(n):
    night = Night(seed=n, shape=(200, 200))
    bias = make_bias(night.biases(n), night.camera)
    dark = make_dark(night.darks(n), bias, night.camera)
    flat = make_flat(night.flats(n), bias, dark, night.camera)
    dark_adu = night.dark * 100.0 / night.gain
    for master, truth in ((bias, night.bias), (dark, dark_adu), (flat, night.flat)):
        pull = (master.data - truth) / np.sqrt(master.variance)
        assert abs(pull.std() - 1.0) < 0.02, master.kind
        assert master.n == n


def test_masters_are_the_same_to_the_bit_however_many_threads_make_them(monkeypatch):
    monkeypatch.setattr(frameset, "BAND_PIXELS", 20_000)  # several bands of rows
    night = Night(seed=5, shape=(200, 200))
    biases, darks, flats = night.biases(6), night.darks(5), night.flats(5)

    def make(each):
        camera = measure_camera(biases, flats, each=each)
        bias = make_bias(biases, camera, each=each)
        dark = make_dark(darks, bias, camera, each=each)
        return camera, bias, dark, make_flat(flats, bias, dark, camera, each=each)

    with ThreadPoolExecutor(3) as pool:
        (camera, *alone), (same, *together) = make(map), make(pool.map)
    assert repr(camera) == repr(same)
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("data", "variance", "mask"))
        assert (one.zero_variance, one.notes) == (other.zero_variance, other.notes)


def test_the_noise_is_measured_where_the_camera_is_unknown():
    night = Night(seed=3, shape=(200, 200))
    bias = make_bias(night.biases(5), Camera())
    assert np.median(bias.variance) == pytest.approx((16 + 1 / 12) / 5, rel=0.05)
    flat = make_flat(night.flats(5), bias, None, Camera())
    assert ((flat.data - night.flat) / np.sqrt(flat.variance)).std() == pytest.approx(1.0, abs=0.1)


def test_a_cosmic_ray_in_one_of_three_darks_leaves_no_trace(night):
    bias = make_bias(night.biases(5), night.camera)
    darks = night.darks(3)
    hit = darks[1].adu()
    hit[60, 70] += 3000
    dark = make_dark([darks[0], changed(darks[1], hit), darks[2]], bias, night.camera)
    assert abs(dark.data[60, 70] - night.dark[60, 70] * 100 / night.gain) < 5 * np.sqrt(dark.variance[60, 70])
    assert dark.mask[60, 70] == 0


def test_a_light_among_the_darks_is_refused_by_name(night):
    light = changed(night.raw("light", 300.0, 100.0), kind="dark", path="light.fits")
    dark = make_dark([*night.darks(3), light], make_bias(night.biases(3), night.camera), night.camera)
    assert [path for path, _ in dark.rejected] == ["light.fits"]
    assert dark.n == 3 and any("light.fits refused" in n for n in dark.notes)


def test_of_two_darks_that_disagree_the_darker_is_used(night):
    light = changed(night.raw("light", 300.0, 100.0), kind="dark", path="light.fits")
    dark = make_dark([light, *night.darks(1)], make_bias(night.biases(3), night.camera), night.camera)
    assert [path for path, _ in dark.rejected] == ["light.fits"]


def test_a_warm_dark_is_refused_by_name(night):
    warm = changed(night.darks(1)[0], temperature=-15.0, path="warm.fits")
    dark = make_dark([*night.darks(3), warm], None, night.camera)
    assert dark.rejected[0][0] == "warm.fits" and "-15.0" in dark.rejected[0][1]


def test_a_bias_of_another_state_is_refused_and_time_decides_between_equals(night):
    old = [changed(r, jd_utc=1.0 + i / 100) for i, r in enumerate(night.biases(2))]
    new = [
        changed(r, r.adu() + 15, jd_utc=1.3 + i / 100, path=f"new{i}") for i, r in enumerate(night.biases(2))
    ]
    late = make_bias([*old, *new], night.camera, at=1.25)
    early = make_bias([*old, *new], night.camera, at=1.05)
    assert np.median(late.data - early.data) == pytest.approx(15.0, abs=1.0)
    assert {path for path, _ in early.rejected} == {"new0", "new1"}
    assert make_bias([*old, *new], night.camera).sources[0] == "new0"


def test_flats_too_bright_too_faint_or_of_another_filter_are_refused_by_name(night):
    bias = make_bias(night.biases(5), night.camera)
    tilt = 1 + 0.2 * np.linspace(-1, 1, night.shape[1])[None, :]
    bright = changed(night.raw("flat", 85000.0, 5.0), path="bright.fits")
    faint = changed(night.raw("flat", 200.0, 5.0), path="faint.fits")
    other = changed(night.raw("flat", 30000.0 * tilt, 5.0), path="other.fits")
    flat = make_flat([*night.flats(4), bright, faint, other], bias, None, night.camera)
    reasons = dict(flat.rejected)
    assert set(reasons) == {"bright.fits", "faint.fits", "other.fits"}
    assert "too bright" in reasons["bright.fits"] and "too faint" in reasons["faint.fits"]
    assert "another filter" in reasons["other.fits"]
    with pytest.raises(FrameError, match="no flat frame can be used: bright.fits: too bright"):
        make_flat([bright], bias, None, night.camera)


def test_a_frame_of_another_shape_is_refused_by_name(night):
    small = stored(np.full((64, 64), 1000), Exposure(path="small.fits", kind="bias"))
    bias = make_bias([*night.biases(3), small], night.camera)
    assert bias.rejected[0][0] == "small.fits"


def test_many_frames_pass_through_in_bands(night, monkeypatch):
    biases = night.biases(6)
    whole = make_bias(biases, night.camera)
    monkeypatch.setattr("pogson.steps.calibrate.frameset.BAND_PIXELS", 6 * 160 * 7)
    assert np.array_equal(make_bias(biases, night.camera).data, whole.data)


def test_the_order_of_the_frames_does_not_matter(night):
    biases = night.biases(5)
    forth, back = make_bias(biases, night.camera), make_bias(biases[::-1], night.camera)
    np.testing.assert_allclose(forth.data, back.data, rtol=1e-6)


def test_hot_cold_and_unlit_pixels_are_flagged():
    night = Night(seed=8)
    night.dark[20, 30] = 50.0
    night.flat[40, 50] = 0.2
    night.flat[60:, 150:] = 0.02
    bias = make_bias(night.biases(5), night.camera)
    dark = make_dark(night.darks(5), bias, night.camera)
    flat = make_flat(night.flats(5), bias, dark, night.camera)
    assert dark.mask[20, 30] == Pixel.HOT and (dark.mask > 0).sum() == 1
    assert flat.mask[40, 50] & Pixel.BAD
    assert (flat.mask[70:, 155:] & Pixel.FLAT).all() and (flat.data[70:, 155:] == 1).all()
    assert (flat.mask > 0).sum() < 0.08 * flat.mask.size


@pytest.mark.parametrize("electrons", [300, 3000])
def test_the_photons_of_a_dark_current_are_no_hot_pixels(electrons):
    night = Night(seed=9, read_noise=0.3, dark_rate=0.0)
    night.dark[:] = electrons / 100.0
    night.dark[20, 30] = 20.0 * electrons / 100.0
    for bias in (make_bias(night.biases(5), night.camera), None):
        dark = make_dark(night.darks(1), bias, night.camera)
        assert dark.mask[20, 30] & Pixel.HOT and (dark.mask > 0).sum() == 1


def test_a_pixel_twice_as_noisy_as_its_neighbours_is_warm_not_hot():
    night = Night(seed=10, read_noise=2.0, dark_rate=0.0)
    night.dark[:] = 1.0  # 100 electrons
    night.dark[20, 30], night.dark[60, 70] = 5.0, 16.0
    dark = make_dark(night.darks(5), make_bias(night.biases(5), night.camera), night.camera)
    assert not dark.mask[20, 30] and dark.mask[60, 70] == Pixel.HOT


def test_a_dark_without_bias_fits_its_own_length_only(night):
    dark = make_dark(night.darks(5), None, night.camera)
    assert dark.has_bias
    masters = Masters((dark,))
    same = masters.match(night.raw("light", 1.0, 100.0).exposure)
    other = masters.match(night.raw("light", 1.0, 300.0).exposure)
    assert same.dark is dark and "bias" not in same.missing
    assert other.dark is None and any("cannot be scaled" in n for n in other.notes)


def test_a_flat_of_another_band_is_never_used(night, masters):
    matched = masters.match(replace(night.raw("light", 1.0, 100.0).exposure, band="g"))
    assert matched.flat is None and matched.missing == ("flat",)
    assert matched.notes == ("no flat of band g: the response is not corrected",)


def test_masters_of_another_shape_or_binning_are_never_used(night, masters):
    exposure = night.raw("light", 1.0, 100.0).exposure
    assert masters.match(replace(exposure, binning=(2, 2))).missing == ("bias", "dark", "flat")
    assert masters.match(replace(exposure, shape=(10, 10))).missing == ("bias", "dark", "flat")


def test_the_dark_nearest_in_temperature_then_in_length_is_used(night):
    bias = make_bias(night.biases(2), night.camera)
    short, long = (make_dark(night.darks(2, t), bias, night.camera) for t in (10.0, 100.0))
    warm = replace(long, temperature=-10.0, exptime=60.0)
    masters = Masters((bias, short, long, warm))
    assert masters.match(night.raw("light", 1.0, 60.0).exposure).dark is long
    hot = masters.match(replace(night.raw("light", 1.0, 60.0).exposure, temperature=-5.0))
    assert hot.dark is warm and any("-10.0 degrees" in n for n in hot.notes)


def test_calibrations_are_sorted_into_sets():
    exposures = [
        Exposure(kind="flat", band="g"),
        Exposure(kind="flat", band="r"),
        Exposure(kind="dark", exptime=30.0, temperature=-20.0),
        Exposure(kind="dark", exptime=60.0, temperature=-20.0),
        Exposure(kind="dark", exptime=60.0, temperature=-20.3),
        Exposure(kind="dark", exptime=60.0, temperature=-5.0),
        Exposure(kind="light", band="g"),
        Exposure(kind="bias", temperature=-20.0),
        Exposure(kind="bias", temperature=-20.0, binning=(2, 2)),
    ]
    groups = group_calibrations(exposures)
    assert [(kind, len(part)) for kind, part in groups] == [
        ("bias", 1), ("bias", 1), ("dark", 1), ("dark", 2), ("dark", 1), ("flat", 1), ("flat", 1),
    ]  # fmt: skip


def test_colours_of_a_mosaic_keep_their_own_median():
    night = Night(seed=9)
    colour = np.ones(night.shape)
    colour[::2, 1::2] = 0.4
    raws = [night.raw("flat", 30000.0 * colour, 5.0, bayer="RGGB") for _ in range(3)]
    flat = make_flat(raws, make_bias(night.biases(3), night.camera), None, night.camera)
    assert np.median(flat.data[::2, 1::2]) == pytest.approx(1.0)
    assert np.median(flat.data[::2, ::2]) == pytest.approx(1.0)
    assert (flat.mask > 0).sum() == 0
