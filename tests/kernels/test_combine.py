"""The weighted clipped mean against its slow twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pogson.kernels.combine import combine


def run(stack, floor, poisson, kappa=4.0):
    m = stack.shape[1]
    data, variance, rejected = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(m, np.int64)
    chi2, dof = combine(
        stack.astype(np.float32), np.asarray(floor, float), np.asarray(poisson, float), kappa,
        data, variance, rejected,
    )  # fmt: skip
    return data, variance, rejected, chi2, dof


def slow_combine(values, floor, poisson, kappa):
    """One pixel: clip about the median, then about the mean, with the variance at that level."""

    def mean(keep):
        w = 1.0 / (floor[keep] + poisson[keep] * max(values[keep].mean(), 0.0))
        return (w * values[keep]).sum() / w.sum(), 1.0 / w.sum()

    keep = np.isfinite(values)
    n = keep.sum()
    if n == 0:
        return np.nan, np.nan
    center, variance = mean(keep)
    sigma2 = floor + poisson * max(values[keep].mean(), 0.0)
    share = 1 - 1 / n if n > 2 else np.sqrt(0.5)
    if n == 1 or ((values[keep] - center) ** 2 / sigma2[keep]).max() <= (kappa * share) ** 2:
        return center, variance
    if n == 2:
        return mean(values == np.nanmin(values))
    center = np.median(values[keep])
    for _ in range(10):
        near = keep & ((values - center) ** 2 <= kappa**2 * (floor + poisson * max(center, 0.0)))
        if not near.any():
            return mean(values == np.nanmin(values))
        if np.isclose(values[near].mean(), center, rtol=0, atol=0):
            break
        center = values[near].mean()
    return mean(near)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_agrees_with_the_slow_twin(n, seed):
    rng = np.random.default_rng(seed)
    stack = rng.normal(50, 6, (n, 8)).astype(np.float32)
    stack[rng.uniform(size=stack.shape) < 0.1] += 500
    stack[rng.uniform(size=stack.shape) < 0.05] = np.nan
    floor, poisson = rng.uniform(10, 30, n), rng.uniform(0.1, 0.5, n)
    data, variance, *_ = run(stack, floor, poisson)
    expected = np.array([slow_combine(stack[:, p].astype(float), floor, poisson, 4.0) for p in range(8)])
    np.testing.assert_allclose(data, expected[:, 0], rtol=1e-5)
    np.testing.assert_allclose(variance, expected[:, 1], rtol=1e-4)


def test_three_frames_are_enough_to_lose_a_cosmic_ray():
    stack = np.array([[10.0, 12.0], [11.0, 11.0], [500.0, 10.0]])
    data, variance, rejected, *_ = run(stack, [4.0] * 3, [0.0] * 3)
    np.testing.assert_allclose(data, [10.5, 11.0])
    np.testing.assert_allclose(variance, [2.0, 4 / 3])
    assert rejected.tolist() == [1, 0]


def test_of_two_that_disagree_the_lower_is_kept():
    assert run(np.array([[100.0], [10.0]]), [4.0, 4.0], [0.0, 0.0])[0][0] == 10.0


def test_a_pixel_that_no_frame_knows_stays_unknown():
    data, variance, *_ = run(np.full((3, 1), np.nan), [1.0] * 3, [0.0] * 3)
    assert np.isnan(data[0]) and np.isnan(variance[0])


def test_the_scatter_tells_whether_the_noise_was_known():
    rng = np.random.default_rng(5)
    stack = rng.normal(0, 3.0, (5, 20000))
    *_, chi2, dof = run(stack, [9.0] * 5, [0.0] * 5, kappa=6.0)
    assert dof == 80000
    assert abs(chi2 / dof - 1.0) < 0.02


def test_the_mean_of_photon_noise_is_not_biased():
    rng = np.random.default_rng(6)
    stack = rng.poisson(20.0, (10, 50000)) + rng.normal(0, 3.0, (10, 50000))
    data, variance, *_ = run(stack, [9.0] * 10, [1.0] * 10)
    assert abs(data.mean() - 20.0) < 4 * np.sqrt(2.9 / 50000)
    assert abs((data - 20).std() / np.sqrt(variance.mean()) - 1) < 0.01
