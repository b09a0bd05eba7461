"""Frames with few stars in common: moved, not turned, unless the stars say so."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.transform import Transform
from pogson.pipeline.stack.align import _steady


def stars_of(n, turn=0.0, noise=0.8, seed=1):
    dice = np.random.default_rng(seed)
    x, y = dice.uniform(400, 640, n), dice.uniform(400, 600, n)
    c, s = np.cos(turn), np.sin(turn)
    reference = Table({"x": x, "y": y})
    own = Table({"x": c * x - s * y + 8.0, "y": s * x + c * y + 1.0})
    for name in ("x", "y"):
        own[name] += noise * dice.standard_normal(n)
    return own, reference


def fitted(own, reference):
    """The straight-line fit, as few noisy stars give it."""
    basis = np.column_stack([reference["x"], reference["y"], np.ones(len(reference))])
    fit = np.linalg.lstsq(basis, np.column_stack([own["x"], own["y"]]), rcond=None)[0]
    return Transform(fit.T.copy(), rms=1.0, n=len(own))


def test_seven_faint_stars_do_not_turn_a_frame():
    worst, wrong = [], []
    for seed in range(12):
        own, reference = stars_of(7, seed=seed)
        rough = fitted(own, reference)
        steady = _steady(rough, Transform.identity(), own, reference)
        corner = np.array([0.0, 0.0])
        truth = np.array([8.0, 1.0])
        wrong.append(np.hypot(*(np.array(rough.apply(*corner)) - truth)))
        worst.append(np.hypot(*(np.array(steady.apply(*corner)) - truth)))
    assert np.median(wrong) > 2.5
    assert np.median(worst) < 0.8


def test_a_field_that_turns_is_followed_with_seven_stars():
    own, reference = stars_of(7, turn=0.03, noise=0.05)
    rough = fitted(own, reference)
    assert _steady(rough, Transform.identity(), own, reference) is rough


def test_many_stars_are_believed():
    own, reference = stars_of(40, turn=0.001)
    rough = fitted(own, reference)
    assert _steady(rough, Transform.identity(), own, reference) is rough
    assert rough.rotation == pytest.approx(np.degrees(0.001), abs=0.1)
