"""The exact overlap against circles' areas, counted points and other people's sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pogson.kernels.overlap import chord, circle_pixel_overlap, column_arcs, row_weights

offsets = st.floats(-0.5, 0.5)


def weights(x, y, radius):
    reach = int(radius) + 3
    return np.array(
        [
            [circle_pixel_overlap(float(i - x), float(j - y), radius) for i in range(-reach, reach + 1)]
            for j in range(-reach, reach + 1)
        ]
    )


@settings(deadline=None, max_examples=60)
@given(offsets, offsets, st.floats(0.01, 12.0))
def test_the_pieces_of_a_circle_add_up_to_its_area(x, y, radius):
    assert abs(weights(x, y, radius).sum() - np.pi * radius**2) < 1e-12 * max(1.0, np.pi * radius**2)


@settings(deadline=None, max_examples=60)
@given(offsets, offsets, st.floats(0.2, 6.0))
def test_a_weight_is_a_fraction_and_agrees_with_counted_points(x, y, radius):
    n = 200
    fine = (np.arange(n) + 0.5) / n - 0.5
    w = weights(x, y, radius)
    assert w.min() >= 0.0 and w.max() <= 1.0
    reach = w.shape[0] // 2
    for j, i in [(reach, reach), (reach, reach + int(radius)), (reach + int(radius * 0.7), reach + 1)]:
        inside = np.hypot(*np.meshgrid(i - reach - x + fine, j - reach - y + fine)) < radius
        assert abs(w[j, i] - inside.mean()) < 4.0 / n


def test_a_circle_inside_one_pixel_gives_its_area():
    assert circle_pixel_overlap(0.1, -0.2, 0.25) == pytest.approx(np.pi * 0.25**2, abs=1e-15)


def test_a_pixel_that_only_touches_has_no_weight():
    assert circle_pixel_overlap(3.5, 0.0, 3.0) == 0.0
    assert circle_pixel_overlap(0.0, -9.0, 3.0) == 0.0


@settings(deadline=None, max_examples=60)
@given(offsets, offsets, st.floats(0.02, 12.0) | st.integers(1, 12).map(float))
def test_rows_of_pixels_have_the_weights_that_each_pixel_has_alone(x, y, radius):
    n = 2 * int(radius) + 5
    left, low = np.floor(0.5 - radius) - 1 - x, np.floor(0.5 - radius) - 1 - y
    arcs, row = np.empty((2, n + 1))
    column_arcs(left, radius, n, arcs)
    for j in range(n):
        lower, upper = (chord(low + j + side, radius) for side in (-0.5, 0.5))
        start, stop = row_weights(left, lower, upper, radius, n, arcs, 1e-9, row)
        alone = np.array([circle_pixel_overlap(left + i, low + j, radius) for i in range(n)])
        assert np.all(np.abs(row[start:stop] - alone[start:stop]) < 1e-11)
        assert np.all(alone[:start] < 1.1e-9) and np.all(alone[stop:] < 1.1e-9)
