"""Pixels on another grid: against the definition, one pixel at a time."""

import numpy as np
import pytest

from pogson.kernels.resample import (
    BICUBIC,
    BILINEAR,
    LANCZOS,
    NEAREST,
    carry_bits,
    kernel_weights,
    resample_rows,
)

KINDS = {"nearest": NEAREST, "bilinear": BILINEAR, "bicubic": BICUBIC, "lanczos3": LANCZOS}
MATRICES = {
    "shift": [[1.0, 0.0, 1.37], [0.0, 1.0, -2.81]],
    "turned": [[0.999, -0.04, 3.3137], [0.04, 0.999, -1.2371]],
    "upside down": [[-1.0, 0.003, 38.6], [-0.003, -1.0, 29.3]],
    "mirrored": [[-1.0, 0.0, 38.25], [0.0, 1.0, 0.75]],
    "other scale": [[0.6, 0.0, 2.2], [0.0, 0.6, 3.1]],
}


def taps_of(kind):
    """Polynomials through the weights."""
    if kind <= BILINEAR:
        return np.zeros((1, 1), np.float32)
    f = np.linspace(0, 1, 101)
    fit = np.polynomial.polynomial.polyfit(2 * f - 1, [weights_of(kind, v) for v in f], 9)
    return np.ascontiguousarray(fit.T, np.float32)


def weights_of(kind, f):
    weights = np.zeros(6)
    n = kernel_weights(kind, f, weights)
    return weights[:n]


def slow_twin(values, spread, matrix, kind, shape):
    """One output pixel after the other, with all weights in one table."""
    my, mx = values.shape
    area = abs(np.linalg.det(matrix[:, :2]))
    out, noise = np.full(shape, np.nan), np.zeros(shape)
    for r in range(shape[0]):
        for x in range(shape[1]):
            u, v = matrix @ (x, r, 1.0)
            if kind == NEAREST:
                i, j = int(np.floor(u + 0.5)), int(np.floor(v + 0.5))
                w = np.ones((1, 1))
            else:
                wx, wy = weights_of(kind, u - np.floor(u)), weights_of(kind, v - np.floor(v))
                i, j = int(np.floor(u)) - len(wx) // 2 + 1, int(np.floor(v)) - len(wy) // 2 + 1
                w = np.outer(wy, wx)
            n = len(w)
            if 0 <= i <= mx - n and 0 <= j <= my - n:
                out[r, x] = area * np.sum(w * values[j : j + n, i : i + n])
                noise[r, x] = area**2 * np.sum(w**2 * spread[j : j + n, i : i + n])
    return out, noise


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("kind", KINDS)
def test_resampling_does_what_its_definition_says(kind, name):
    dice = np.random.default_rng(4)
    values = dice.normal(100, 10, (34, 41)).astype(np.float32)
    values[7, 9] = np.nan
    spread = dice.uniform(50, 90, values.shape).astype(np.float32)
    matrix = np.array(MATRICES[name])
    out, noise = (np.empty((30, 37), np.float32) for _ in range(2))
    resample_rows(
        values, spread, 0, 0, matrix, 0, 0, KINDS[kind], taps_of(KINDS[kind]), 0, 0, 30, 37, out, noise
    )
    wanted, wanted_noise = slow_twin(values, spread, matrix, KINDS[kind], out.shape)
    assert np.array_equal(np.isnan(out), np.isnan(wanted))
    np.testing.assert_allclose(out, wanted, rtol=3e-5)
    known = np.isfinite(wanted)
    assert known.sum() > 300
    np.testing.assert_allclose(noise[known], wanted_noise[known], rtol=2e-4)


@pytest.mark.parametrize("kind", [BILINEAR, BICUBIC, LANCZOS])
def test_weights_add_up_to_one_and_are_one_pixel_on_a_pixel(kind):
    for f in (0.0, 0.2, 0.5, 0.93):
        assert weights_of(kind, f).sum() == pytest.approx(1.0, abs=1e-12)
    assert np.sort(weights_of(kind, 0.0))[-1] == pytest.approx(1.0, abs=1e-9)


def test_lanczos_weights_are_those_of_the_formula():
    d = 0.3 + 2.0 - np.arange(6)
    wanted = np.sinc(d) * np.sinc(d / 3.0)
    np.testing.assert_allclose(weights_of(LANCZOS, 0.3), wanted / wanted.sum(), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_rows_and_columns_is_that_of_the_whole_to_the_bit(kind):
    dice = np.random.default_rng(5)
    values = dice.normal(0, 1, (50, 40)).astype(np.float32)
    spread = np.ones_like(values)
    matrix = np.array(MATRICES["turned"])
    whole, part = np.empty((40, 40), np.float32), np.full((12, 30), 7.0, np.float32)
    how = KINDS[kind], taps_of(KINDS[kind])
    resample_rows(values, spread, 0, 0, matrix, 0, 8, *how, 0, 0, 40, 40, whole, np.empty_like(whole))
    cut = values[10:45, 3:38].copy()
    resample_rows(cut, np.ones_like(cut), 10, 3, matrix, 20, 8, *how, 1, 2, 10, 25, part, np.empty_like(part))
    assert np.all(part[0] == 7.0) and np.all(part[11] == 7.0) and np.all(part[:, 27:] == 7.0)
    part = part[1:11, 2:27]
    inside = np.isfinite(part)
    assert inside.sum() > 100
    np.testing.assert_array_equal(part[inside], whole[20:30, :25][inside])
    resample_rows(values, spread, 0, 0, matrix, 0, 0, *how, 0, 0, 40, 40, whole, np.empty_like(whole))
    part = np.empty((10, 25), np.float32)
    resample_rows(values, spread, 0, 0, matrix, 20, 5, *how, 0, 0, 10, 25, part, np.empty_like(part))
    np.testing.assert_allclose(part, whole[20:30, 5:30], atol=1e-5)


def test_bits_follow_the_pixels_that_are_used():
    mask = np.zeros((20, 20), np.uint16)
    mask[5, 6] = 4
    mask[9, 9] = 1
    values = np.zeros((20, 20), np.float32)
    values[4, 4] = np.nan
    bits = np.zeros((20, 20), np.uint16)
    matrix = np.array([[1.0, 0.0, 1.5], [0.0, 1.0, 0.5]])
    carry_bits(mask, np.uint16(4), 0, matrix, 0, 0, 0, 1.0, values, bits)
    assert sorted(zip(*np.nonzero(bits), strict=True)) == [(4, 5), (5, 4), (5, 5)]
    assert set(bits.ravel()) == {0, 4}
    part = np.zeros_like(bits)  # of a part that begins in row 2 and column 3, with a rim
    carry_bits(mask[1:], np.uint16(4), 1, matrix, 2, 3, 2, 1.0, values[2:, 3:].copy(), part)
    assert sorted(zip(*np.nonzero(part), strict=True)) == [(4, 5), (5, 5)]
