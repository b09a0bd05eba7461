"""A Transform maps points, and back."""

import numpy as np
import pytest

from pogson.core.transform import Transform


def turned(angle, scale=1.0, flip=False):
    t = np.radians(angle)
    part = (
        scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([1, -1 if flip else 1])
    )
    return Transform(np.column_stack([part, [10.0, -20.0]]), rms=0.2, n=9)


def test_the_identity_moves_nothing():
    x, y = Transform.identity().apply([1.0, 2.0], [3.0, 4.0])
    assert (list(x), list(y)) == ([1.0, 2.0], [3.0, 4.0])


@pytest.mark.parametrize("flip", [False, True])
def test_there_and_back(flip):
    transform = turned(33.0, 1.7, flip)
    x, y = transform.inverse().apply(*transform.apply([5.0, 700.0], [6.0, 80.0]))
    assert np.allclose((x, y), ([5.0, 700.0], [6.0, 80.0]))
    assert transform.flipped is flip
    assert transform.inverse().rms == pytest.approx(0.2 / 1.7)


def test_scale_and_rotation_are_read_off():
    transform = turned(-120.0, 0.5)
    assert (transform.scale, transform.rotation) == pytest.approx((0.5, -120.0))


def test_positions_follow_the_equations():
    x, y = Transform(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).apply(10.0, 100.0)
    assert (float(x), float(y)) == (213.0, 546.0)
