"""Stars are what comes back wherever the field is seen."""

import numpy as np
import pytest

from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.steps.match.seen import Sighting, seen_often

X, Y = np.array([50.0, 950.0, 500.0]), np.array([500.0, 500.0, 500.0])
RULES = {"min_frames": 2, "min_fraction": 0.2}


def sighting(rows, *, whole=True, band="r", dx=0.0, shape=(1000, 1000)):
    rows = np.asarray(rows, np.int64)
    shift = Transform(np.array([[1.0, 0.0, dx], [0.0, 1.0, 0.0]]))
    return Sighting(rows, np.full(len(rows), whole), shift, Exposure(band=band, shape=shape))


@pytest.mark.parametrize(("times", "star"), [(3, False), (4, True)])
def test_a_star_must_come_back_in_a_share_of_the_frames(times, star):
    night = [sighting([0]) if k < times else sighting([1]) for k in range(20)]
    assert seen_often(night, X, Y, **RULES).tolist() == [star, True, False]


def test_frames_that_a_star_does_not_lie_in_do_not_count():
    drifting = [sighting([0, 1] if k < 3 else [0], dx=100.0 * (k >= 3)) for k in range(40)]
    assert seen_often(drifting, X, Y, **RULES).tolist() == [True, True, False]
    unknown = [sighting(s.rows, dx=s.transform.matrix[0, 2], shape=(0, 0)) for s in drifting]
    assert seen_often(unknown, X, Y, **RULES).tolist() == [True, False, False]


def test_a_star_that_shows_in_one_band_is_a_star():
    bands = [sighting([0] if band == "i" and k < 4 else [1], band=band) for band in "ugriz" for k in range(8)]
    assert seen_often(bands, X, Y, **RULES).tolist() == [True, True, False]


@pytest.mark.parametrize(("times", "star"), [(9, False), (10, True)])
def test_broken_detections_must_be_in_half_of_the_frames(times, star):
    night = [sighting([0], whole=False) if k < times else sighting([1]) for k in range(20)]
    assert bool(seen_often(night, X, Y, **RULES)[0]) is star


def test_one_frame_of_each_band_is_enough_where_a_star_is_in_two_of_them():
    three = [sighting([0, 1], band="g"), sighting([0], band="r"), sighting([2], band="i")]
    assert seen_often(three, X, Y, **RULES).tolist() == [True, False, False]


def test_of_two_frames_all_is_kept():
    assert seen_often([sighting([0]), sighting([1], whole=False)], X, Y, **RULES).all()
