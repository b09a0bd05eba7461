"""Drops on a grid: against polygons that are clipped one edge after the other."""

import numpy as np
import pytest

from pogson.kernels.drizzle import drizzle_rows

MATRICES = {
    "shift": [[1.0, 0.0, 1.37], [0.0, 1.0, -2.81]],
    "turned": [[0.9, -0.44, 6.3137], [0.44, 0.9, -1.2371]],
    "mirrored": [[-1.0, 0.0, 20.25], [0.0, 1.0, 0.75]],
    "finer": [[0.5, 0.01, 2.2], [-0.01, 0.5, 3.1]],
    "coarser": [[2.3, 0.1, 1.2], [-0.1, 2.3, -1.1]],
}


def clipped_area(corners, x0, x1, y0, y1):
    """Area of a polygon inside a rectangle (Sutherland & Hodgman)."""
    polygon = [np.array(c, float) for c in corners]
    for axis, limit, sign in ((0, x0, 1), (0, x1, -1), (1, y0, 1), (1, y1, -1)):
        kept = []
        for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            inside_a, inside_b = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
            if inside_a:
                kept.append(a)
            if inside_a != inside_b:
                kept.append(a + (b - a) * (limit - a[axis]) / (b[axis] - a[axis]))
        polygon = kept
        if not polygon:
            return 0.0
    x, y = np.transpose(polygon)
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def slow_twin(values, spread, matrix, pixfrac, shape):
    my, mx = values.shape
    area = abs(np.linalg.det(matrix[:, :2]))
    out, noise, share = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    for r in range(shape[0]):
        for x in range(shape[1]):
            corners = [
                matrix @ (x + a, r + b, 1.0) for a, b in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
            ]
            weights = {}
            for j in range(my):
                for i in range(mx):
                    u, v = matrix @ (x, r, 1.0)
                    if abs(u - i) < 4 and abs(v - j) < 4 and np.isfinite(values[j, i]):
                        h = pixfrac / 2
                        w = clipped_area(corners, i - h, i + h, j - h, j + h)
                        if w > 1e-9:
                            weights[j, i] = w
            total = sum(weights.values())
            share[r, x] = total / (pixfrac**2 * area)
            if share[r, x] > 1e-6:
                out[r, x] = area * sum(w * values[k] for k, w in weights.items()) / total
                noise[r, x] = area**2 * sum(w**2 * spread[k] for k, w in weights.items()) / total**2
    return out, noise, share


@pytest.mark.parametrize("pixfrac", [1.0, 0.6])
@pytest.mark.parametrize("name", MATRICES)
def test_drops_fall_as_clipped_polygons_say(name, pixfrac):
    dice = np.random.default_rng(4)
    values = dice.normal(100, 10, (14, 16)).astype(np.float32)
    values[5, 6] = np.nan
    spread = dice.uniform(50, 90, values.shape).astype(np.float32)
    matrix = np.array(MATRICES[name])
    out, noise, share = (np.empty((12, 13), np.float32) for _ in range(3))
    drizzle_rows(values, spread, 0, matrix, 0, pixfrac, out, noise, share)
    wanted, wanted_noise, wanted_share = slow_twin(values, spread, matrix, pixfrac, out.shape)
    np.testing.assert_allclose(share, wanted_share, atol=2e-6)
    known = wanted_share > 1e-5
    assert known.sum() > 25
    np.testing.assert_allclose(out[known], wanted[known], rtol=2e-5)
    np.testing.assert_allclose(noise[known], wanted_noise[known], rtol=2e-4)
    assert np.isnan(out[wanted_share < 1e-7]).all()


@pytest.mark.parametrize(("pixel", "turn"), [(1.0, 0.0), (0.5, 0.3), (1.7, -1.1)])
def test_the_light_of_whole_pixels_is_kept_to_a_millionth(pixel, turn):
    dice = np.random.default_rng(5)
    values = np.zeros((60, 60), np.float32)
    values[20:40, 20:40] = dice.uniform(0, 1000, (20, 20))
    c, s = pixel * np.cos(turn), pixel * np.sin(turn)
    n = int(np.ceil(90 / pixel))
    half = (n - 1) / 2
    matrix = np.array([[c, -s, 29.7 - (c - s) * half], [s, c, 29.4 - (s + c) * half]])
    out, noise, share = (np.empty((n, n), np.float32) for _ in range(3))
    drizzle_rows(values, np.ones_like(values), 0, matrix, 0, 1.0, out, noise, share)
    assert np.nansum(out, dtype=float) == pytest.approx(values.sum(dtype=float), rel=1e-6)
    inside = out[share > 0.999]
    assert np.isfinite(inside).all()


def test_rows_of_a_band_are_those_of_the_whole():
    values = np.random.default_rng(6).normal(0, 1, (50, 40)).astype(np.float32)
    matrix = np.array(MATRICES["turned"])
    whole, part = np.empty((40, 40), np.float32), np.empty((10, 40), np.float32)
    drizzle_rows(values, values, 0, matrix, 0, 0.7, whole, np.empty_like(whole), np.empty_like(whole))
    drizzle_rows(values[10:50], values[10:50], 10, matrix, 20, 0.7, part, part.copy(), part.copy())
    inside = np.isfinite(part)
    assert inside.sum() > 200
    np.testing.assert_allclose(part[inside], whole[20:30][inside], atol=1e-5)
