"""Others' programs as oracles: astroscrappy for cosmic rays, ccdproc for the arithmetic."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, Frame, Master, RawFrame
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.cosmics import flag_cosmics

SETTINGS = {"sigclip": 5.0, "sigfrac": 0.4, "gain": 1.0, "satlevel": 1e9, "niter": 4}


def test_astroscrappy_flags_the_same_pixels_of_a_spectrograph_frame(real_data):
    astroscrappy = pytest.importorskip("astroscrappy")
    data = fits.getdata(real_data / "detection_reference" / "cosmic_rays_gmos.fits").astype(np.float32)
    frame = Frame.from_array(data, variance=np.maximum(data, 0) + 100.0)
    ours = (flag_cosmics(frame, threshold=5.0, fwhm=2.0).mask & Pixel.COSMIC) > 0
    theirs, _ = astroscrappy.detect_cosmics(data, objlim=2.0, readnoise=10.0, **SETTINGS)
    assert (ours & theirs).sum() / theirs.sum() > 0.95
    assert (ours & theirs).sum() / ours.sum() > 0.92


def test_astroscrappy_takes_narrow_stars_for_hits_and_we_do_not():
    astroscrappy = pytest.importorskip("astroscrappy")
    rng = np.random.default_rng(1)
    image = np.full((300, 300), 200.0)
    edges = np.arange(301) - 0.5
    from scipy.special import erf

    for x, y in rng.uniform(10, 290, (150, 2)):
        row, column = (np.diff(erf((edges - c) / 0.64 / np.sqrt(2))) / 2 for c in (y, x))
        image += 20000.0 * np.outer(row, column)
    data = (rng.poisson(image) + rng.normal(0, 8, image.shape)).astype(np.float32)
    frame = Frame.from_array(data, variance=data.clip(0) + 64.0)
    ours = np.count_nonzero(flag_cosmics(frame).mask & Pixel.COSMIC)
    theirs, _ = astroscrappy.detect_cosmics(data, objlim=5.0, readnoise=8.0, **SETTINGS)
    assert ours <= 4 < 100 < theirs.sum()


def test_ccdproc_has_the_same_pixels(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ccdproc = pytest.importorskip("ccdproc")
        from astropy.nddata import CCDData
    rng = np.random.default_rng(2)
    shape = (60, 70)
    adu = rng.normal(5000, 50, shape).astype(np.float32)
    planes = {
        k: rng.normal(m, s, shape).astype(np.float32)
        for k, m, s in (("bias", 1000, 2), ("dark", 50, 5), ("flat", 1, 0.05))
    }
    masters = Masters(
        tuple(
            Master(
                k,
                v,
                np.zeros(shape, np.float32),
                np.zeros(shape, np.uint16),
                1,
                exptime=100.0,
                band="r" * (k == "flat"),
                name=k,
            )
            for k, v in planes.items()
        )
    )
    exposure = Exposure(gain=1.5, read_noise=5.0, exptime=50.0, band="r", shape=shape)
    ours = calibrate_frame(RawFrame(adu, exposure), masters, cosmics=False)
    ccd = {k: CCDData(v, unit="adu") for k, v in planes.items()} | {"light": CCDData(adu, unit="adu")}
    from astropy import units as u

    out = ccdproc.subtract_bias(ccd["light"], ccd["bias"])
    out = ccdproc.subtract_dark(out, ccd["dark"], dark_exposure=100 * u.s, data_exposure=50 * u.s, scale=True)
    out = ccdproc.gain_correct(out, 1.5 * u.electron / u.adu)
    flat = CCDData(planes["flat"], unit="")
    out = ccdproc.flat_correct(out, flat, norm_value=1.0)
    np.testing.assert_allclose(ours.data, out.data, rtol=2e-5)
