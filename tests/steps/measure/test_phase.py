"""By where in its pixel a narrow star lies its aperture holds more or less of it."""

import numpy as np
import pytest

from pogson.kernels.profiles import add_moffats
from pogson.steps.measure.phase import phase_scatter


def test_the_scatter_is_that_of_simulated_stars():
    photutils = pytest.importorskip("photutils.aperture")
    for fwhm, radius in ((1.5, 2.25), (2.0, 3.0), (2.5, 3.75)):
        x, y = np.meshgrid(np.arange(20, 620, 40.0), np.arange(20, 620, 40.0))
        x, y = x.ravel() + x.ravel() / 600.0, y.ravel() + y.ravel() / 600.0  # all places in a pixel, evenly
        image = np.zeros((640, 640), np.float32)
        ones = np.ones(len(x))
        add_moffats(image, x, y, 1e4 * ones, fwhm * ones, 3.2 * ones, ones, 0.0 * ones, 1e-6)
        aperture = photutils.CircularAperture(np.column_stack([x, y]), radius)
        held = np.asarray(photutils.aperture_photometry(image, aperture, method="exact")["aperture_sum"])
        assert phase_scatter(radius, fwhm, 3.2) == pytest.approx(np.std(held) / np.mean(held), rel=0.03)


def test_wide_stars_and_wide_apertures_have_none():
    assert phase_scatter(4.5, 3.2, 3.0) == 0.0
    assert phase_scatter(4.5, float("nan"), 3.0) == 0.0
    assert phase_scatter(3.0, 1.5, 3.2) < 0.1 * phase_scatter(2.25, 1.5, 3.2)
    assert 0.0 < phase_scatter(2.25, 1.5, float("nan")) < phase_scatter(2.25, 1.5, 3.2)
