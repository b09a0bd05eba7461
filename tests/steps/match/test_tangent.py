"""The fitted plane: what few stars can tell, and what its rms means."""

import numpy as np
import pytest

from pogson.steps.match import tangent
from pogson.steps.match.tangent import fit_plane, from_plane

SCALE, CENTRE = 1.14, (999.5, 999.5)


def fitted(rng, n, noise=0.35, stretch=0.0, flip=False, err=None):
    """A fit to n stars, and how far the corners of its frame are off, pixels."""
    corners = np.array([[0, 0], [1999, 0], [0, 1999], [1999, 1999.0]])
    xy = np.vstack([rng.uniform(0, 2000, (n, 2)), corners])
    plane = (xy - CENTRE) * SCALE / 3600 * [1.0 if flip else -1.0, 1 + stretch]
    ra, dec = np.array([from_plane(*p, 80.0, 20.0) for p in plane]).T
    seen = xy[:n] + rng.normal(0, noise, (n, 2))
    plane = fit_plane(
        seen, ra[:n], dec[:n], np.full(n, 0.3), centre=CENTRE, ra0=80.0 + rng.normal(0, 0.1), dec0=20.0
    )
    return plane, np.hypot(*(plane.to_pixels(ra[n:], dec[n:]) - corners).T).mean()


@pytest.mark.parametrize("flip", [False, True])
def test_few_stars_tell_shift_turn_and_scale_and_no_more(flip):
    rng = np.random.default_rng(1)
    found = [fitted(rng, 5, flip=flip) for _ in range(80)]
    # the axes of a camera, fitted separately to five stars, put the corners 0.85 px off
    assert np.mean([off for _, off in found]) < 0.65
    assert all(plane.order == 1 for plane, _ in found)
    turned = [plane.terms[1] @ plane.terms[2] / np.linalg.norm(plane.terms[1]) ** 2 for plane, _ in found]
    assert np.mean(np.abs(turned) < 1e-12) > 0.6


def test_axes_that_differ_are_followed_where_stars_show_it():
    rng = np.random.default_rng(2)
    offs = [fitted(rng, 20, noise=0.1, stretch=2e-3)[1] for _ in range(30)]
    assert np.mean(offs) < 0.15


@pytest.mark.parametrize("n", [5, 6, 8, 12, 40])
def test_the_rms_is_that_of_a_star_however_few_there_are(n):
    rng = np.random.default_rng(3)
    rms = np.array([fitted(rng, n)[0].rms for _ in range(120)]) / SCALE
    assert np.sqrt(np.mean(rms**2)) == pytest.approx(0.35 * np.sqrt(2), rel=0.12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_miss_of_stars_left_out_is_that_of_leaving_each_out(order):
    rng = np.random.default_rng(4)
    d, w = rng.uniform(-500, 500, (15, 2)), rng.uniform(0.5, 2.0, 15)
    plane = d @ np.array([[1.0, 0.2], [-0.2, 1.0]]) / 3000 + rng.normal(0, 1e-4, (15, 2))
    slow = 0.0
    for k in range(15):
        others = np.arange(15) != k
        terms = tangent._fit(d[others], plane[others], w[others], order)
        slow += w[k] * ((plane[k] - tangent._design(d[k : k + 1], order) @ terms) ** 2).sum()
    assert tangent._miss(d, plane, w, order) == pytest.approx(slow, rel=1e-9)
