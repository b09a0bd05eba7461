"""Frames with known stars, for the tests of detection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Frame
from pogson.kernels.profiles import add_gaussians, add_moffats

SKY, READ_NOISE = 200.0, 5.0
NOISE = float(np.sqrt(SKY + READ_NOISE**2))

Values = NDArray[np.float64]


def scene(
    shape: tuple[int, int],
    x: Values,
    y: Values,
    flux: Values | float,
    *,
    fwhm: float = 3.5,
    beta: float = 0.0,
    elongation: float = 1.0,
    angle: float = 0.0,
    seed: int | None = 1,
) -> Frame:
    """A frame in electrons: Moffat stars, Gaussian ones where beta is 0; no noise where seed is None."""
    image = np.zeros(shape, np.float32)
    x, y = np.asarray(x, float), np.asarray(y, float)
    flux, width = np.broadcast_to(np.asarray(flux, float), x.shape), np.full(len(x), fwhm)
    if beta:
        more = (np.full(len(x), value) for value in (beta, elongation, angle))
        add_moffats(image, x, y, flux, width, *more, 1e-3)
    else:
        add_gaussians(image, x, y, flux, width)
    image += SKY
    variance = image + READ_NOISE**2
    if seed is not None:
        image += np.random.default_rng(seed).normal(size=shape) * np.sqrt(variance)
    return Frame.from_array(image, variance=variance)


def grid(shape: tuple[int, int], step: int, seed: int = 2) -> tuple[Values, Values]:
    """Places on a grid, moved by a random part of a pixel."""
    y, x = np.mgrid[step : shape[0] - step + 1 : step, step : shape[1] - step + 1 : step].astype(float)
    rng = np.random.default_rng(seed)
    return x.ravel() + rng.uniform(-0.5, 0.5, x.size), y.ravel() + rng.uniform(-0.5, 0.5, x.size)


def nearest(x: Values, y: Values, to_x: Values, to_y: Values) -> tuple[NDArray[np.int64], Values]:
    """Row of the nearest of the places `to_x`, `to_y`, and its distance."""
    apart = np.hypot(np.asarray(x)[:, None] - np.asarray(to_x), np.asarray(y)[:, None] - np.asarray(to_y))
    return apart.argmin(axis=1), apart.min(axis=1)
