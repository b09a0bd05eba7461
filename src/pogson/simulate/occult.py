"""The light that a dark disc takes from a star with darkened limbs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)


def light_loss(z: ArrayLike, ratio: float, u1: float, u2: float) -> Array:
    """Part of a star's light that a disc in front of it takes.

    Parameters
    ----------
    z : array_like
        Distance of the centres, in radii of the star.
    ratio : float
        Radius of the disc over that of the star.
    u1, u2 : float
        Limb darkening: I = 1 - u1 (1 - mu) - u2 (1 - mu)^2.

    Returns
    -------
    float64 array
        Between 0 and 1.

    Notes
    -----
    The geometry of Mandel & Agol 2002 (ApJ 580, L171), integrated ring by ring: a ring of radius r is
    covered over the angle 2 arccos((r^2 + z^2 - ratio^2) / (2 r z)). With r = middle + half sin t the
    roots at both ends vanish, and 96 Gauss-Legendre nodes are good to 1e-8.
    """
    z = np.abs(np.asarray(z, np.float64))[..., None]
    low, high = np.abs(z - ratio), np.minimum(1.0, z + ratio)
    high = np.maximum(high, low)  # apart, or inside a ring that is not there: nothing left to integrate
    half = 0.5 * (high - low)
    turn = 0.5 * np.pi * NODES
    r = 0.5 * (high + low) + half * np.sin(turn)
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arccos(np.clip((r * r + z * z - ratio * ratio) / (2.0 * r * z), -1.0, 1.0))
    ring = 2.0 * np.where(half > 0.0, angle, 0.0) * r * _brightness(r, u1, u2)
    partly = np.sum(ring * half * np.cos(turn) * 0.5 * np.pi * WEIGHTS, axis=-1)
    wholly = _disc(np.clip(ratio - z[..., 0], 0.0, 1.0), u1, u2)
    loss: Array = np.clip((partly + wholly) / _disc(np.ones(()), u1, u2), 0.0, 1.0)
    return loss


def _brightness(r: Array, u1: float, u2: float) -> Array:
    dark = 1.0 - np.sqrt(np.clip(1.0 - r * r, 0.0, 1.0))
    return 1.0 - u1 * dark - u2 * dark * dark


def _disc(radius: Array, u1: float, u2: float) -> Array:
    """Light from inside `radius`: the integral of 2 pi mu I over mu."""
    mu = np.sqrt(1.0 - radius * radius)
    inner: Array = (
        (1.0 - u1 - u2) * (1.0 - mu**2) / 2 + (u1 + 2 * u2) * (1.0 - mu**3) / 3 - u2 * (1.0 - mu**4) / 4
    )
    return 2.0 * np.pi * inner
