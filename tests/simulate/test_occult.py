"""A dark disc takes the light that lies behind it, and no other."""

import numpy as np
import pytest

from pogson.simulate.occult import light_loss


def counted(z, ratio, u1, u2, n=1500):
    """The slow twin: points on the star, in equal areas, that the disc covers."""
    r = np.sqrt((np.arange(n) + 0.5) / n)[:, None]
    t = (np.arange(2 * n) + 0.5) / (2 * n) * 2 * np.pi
    mu = np.sqrt(1 - r * r)
    light = (1 - u1 * (1 - mu) - u2 * (1 - mu) ** 2) * np.ones_like(t)
    behind = (r * np.cos(t) - z) ** 2 + (r * np.sin(t)) ** 2 < ratio**2
    return light[behind].sum() / light.sum()


@pytest.mark.parametrize("ratio", [0.05, 0.13, 0.5, 1.0, 1.7])
@pytest.mark.parametrize("z", [0.0, 0.31, 0.8, 0.98, 1.06, 1.4])
@pytest.mark.parametrize(("u1", "u2"), [(0.0, 0.0), (0.4, 0.25), (0.9, -0.2)])
def test_the_loss_is_that_of_counted_points(ratio, z, u1, u2):
    assert light_loss(z, ratio, u1, u2) == pytest.approx(counted(z, ratio, u1, u2), abs=4e-4)


def area(z, p):
    """Overlap of a unit disc and one of radius p: Mandel & Agol 2002, eq. 1, for a uniform star."""
    if z >= 1 + p:
        return 0.0
    if z <= abs(1 - p):
        return min(p * p, 1.0)
    k1 = np.arccos((1 - p * p + z * z) / (2 * z))
    k0 = np.arccos((p * p + z * z - 1) / (2 * p * z))
    return (p * p * k0 + k1 - 0.5 * np.sqrt(4 * z * z - (1 + z * z - p * p) ** 2)) / np.pi


@pytest.mark.parametrize("p", [0.02, 0.1, 0.3, 0.999, 1.0, 1.3])
def test_the_loss_of_a_uniform_star_is_mandel_and_agols_area(p):
    z = np.concatenate([np.linspace(0.0, 2.5, 301), [p, 1 - p, 1 + p, 1.0]])
    expected = [area(abs(v), p) for v in z]
    np.testing.assert_allclose(light_loss(z, p, 0.0, 0.0), expected, atol=2e-7)


def test_a_small_planet_in_the_middle_takes_the_brightness_there():
    u1, u2, p = 0.4, 0.25, 0.01
    assert light_loss(0.0, p, u1, u2) == pytest.approx(p**2 / (1 - u1 / 3 - u2 / 6), rel=1e-4)


def test_light_does_not_jump_at_the_contacts():
    for p in (0.1, 0.6):
        for contact in (1 - p, 1 + p, p):
            around = light_loss(np.array([contact - 1e-6, contact, contact + 1e-6]), p, 0.4, 0.25)
            assert np.ptp(around) < 1e-5
