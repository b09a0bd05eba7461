"""Light frames show which columns and pixels are bad, and no star is taken for one."""

import numpy as np
import pytest
from calibration_night import stored

from pogson.core.flags import Pixel
from pogson.core.frame import Exposure
from pogson.kernels.profiles import add_gaussians
from pogson.steps.calibrate.defects import flag_columns, flag_hot

SHAPE = (200, 240)
COLUMNS = (60, 150)  # the second one from row 128 on
HOT = [(20, 33), (20, 170), (77, 120), (133, 60), (190, 201)]  # row, column


def lights(rng, *, n=6, drift=3.0, fwhm=2.5, defects=True, bayer="", sky=lambda k: 0.0):
    """Light frames of a field that drifts."""
    x, y = rng.uniform(0, SHAPE[1], 60), rng.uniform(0, SHAPE[0], 60)
    flux, width = 10 ** rng.uniform(3, 5, 60), np.full(60, fwhm)
    for k in range(n):
        image = np.zeros(SHAPE, np.float32)
        add_gaussians(image, x + drift * k, y + 0.6 * drift * k, flux, width)
        image += 300.0 + np.float32(sky(k))
        if defects:
            image[:, COLUMNS[0]] -= 120.0
            image[128:, COLUMNS[1]] += 60.0
            for row, column in HOT:
                image[row, column] += 400.0
        adu = 500.0 + rng.poisson(image) + rng.normal(0, 5.0, SHAPE)
        yield stored(np.round(adu).astype(int), Exposure(path=f"{k}.fits", bayer=bayer))


def test_bad_columns_are_found_where_they_are_bad():
    mask = flag_columns(list(lights(np.random.default_rng(1))))
    assert mask is not None
    rows, columns = np.nonzero(mask == int(Pixel.BAD))
    assert set(columns) == set(COLUMNS)
    assert (mask[:, COLUMNS[0]] > 0).all()
    assert rows[columns == COLUMNS[1]].min() == 128


def test_hot_pixels_are_found_and_no_star_among_them():
    mask = flag_hot(list(lights(np.random.default_rng(6))))
    assert mask is not None
    found = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    assert found <= set(HOT)
    assert len(found) >= len(HOT) - 1, "one that a star passes over in two frames may be missed"


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 4.0])
def test_stars_that_stand_still_are_no_hot_pixels(fwhm):
    raws = list(lights(np.random.default_rng(3), drift=0.0, fwhm=fwhm, defects=False))
    assert flag_hot(raws) is None
    assert flag_columns(raws) is None


def test_a_gradient_a_step_and_the_trail_of_a_satellite_are_no_bad_columns():
    column = np.arange(SHAPE[1])

    def sky(k):
        return 3.0 * column + 200.0 * (column > 120) + 500.0 * ((k == 2) & (abs(column - 100) < 2))

    assert flag_columns(list(lights(np.random.default_rng(4), defects=False, sky=sky))) is None


def test_a_galaxy_that_lies_along_the_columns_is_not_bad():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]

    def sky(_):
        return 600.0 * np.exp(-0.5 * ((x - 120.3) / 2.0) ** 2 - 0.5 * ((y - 100.0) / 60.0) ** 2)

    assert flag_columns(list(lights(np.random.default_rng(8), defects=False, sky=sky))) is None


def test_numbers_too_coarse_to_show_noise_tell_nothing():
    image = np.full(SHAPE, 500)
    image[:, 50] += 3
    image[20, 30] += 400
    raws = [stored(image, Exposure(path=f"{k}.fits")) for k in range(6)]
    assert flag_columns(raws) is None
    assert flag_hot(raws) is None


def test_two_frames_or_a_mosaic_of_colours_cannot_tell():
    assert flag_hot(list(lights(np.random.default_rng(5), n=2))) is None
    mosaic = list(lights(np.random.default_rng(5), bayer="RGGB"))
    assert flag_columns(mosaic) is None
    assert flag_hot(mosaic) is None
