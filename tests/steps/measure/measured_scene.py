"""Fields of stars with known truth, built with numpy alone."""

import numpy as np
from astropy.table import Table

from pogson.core.frame import Calibration, Exposure, Frame
from pogson.core.psf import PSF
from pogson.kernels.profiles import add_gaussians, add_moffats

SKY, READ_NOISE, EXPTIME = 80.0, 6.0, 20.0


def table(x, y, flux, psf=None):
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    flux = np.broadcast_to(np.asarray(flux, float), x.shape)
    return Table({"id": np.arange(1, len(x) + 1), "x": x, "y": y, "flux": flux}, meta={"psf": psf})


def grid(rng, n, pitch=56.0):
    """n x n stars on a grid, each at its own fraction of a pixel; and the side of the image."""
    where = 40.0 + pitch * np.arange(n)
    x, y = (a.ravel() + rng.uniform(-0.5, 0.5, n * n) for a in np.meshgrid(where, where))
    return x, y, int(80 + pitch * (n - 1))


def light(shape, x, y, flux, fwhm, beta=np.nan):
    """Noise-free image of stars; Moffat where beta is given."""
    image = np.zeros(shape, np.float32)
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    one = np.ones(len(x))
    flux = one * flux
    if np.isnan(beta):
        add_gaussians(image, x, y, flux, one * fwhm)
    else:
        add_moffats(image, x, y, flux, one * fwhm, one * beta, one, 0.0 * one, 1e-4)
    return image


def clean(image, **exposure):
    """A frame without noise, whose variance is 1."""
    return Frame.from_array(image, variance=1.0, exposure=Exposure(exptime=EXPTIME, **exposure))


def observe(image, rng, sky=SKY, read_noise=READ_NOISE, **exposure):
    """A frame with the noise of photons and reading; its variance is estimated from its pixels."""
    signal = np.asarray(image, float) + sky
    data = rng.poisson(signal) + rng.normal(0.0, read_noise, image.shape)
    empty = np.empty((0, 0), np.float32)
    calibration = Calibration(empty, empty, empty, empty, read_variance=read_noise**2)
    frame = Frame.from_array(
        data,
        variance=np.maximum(data, 0.0) + read_noise**2,
        exposure=Exposure(path="light.fits", band="V", exptime=EXPTIME, **exposure),
    )
    return Frame(frame.data, frame.variance, frame.mask, frame.exposure, calibration)


def moffat(fwhm, beta=3.0):
    return PSF("moffat", fwhm, beta=beta)
