"""Estimate the sky: its level and its noise, in boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import UNUSABLE
from pogson.core.frame import Frame, Image
from pogson.core.units import Pixels
from pogson.kernels.background import (
    box_statistics,
    expand_mesh,
    hide_discs,
    least_of,
    mesh_values,
    smooth_mesh,
)

Values = NDArray[np.float64]

KAPPA = 3.0
LEAST = 0.15  # share of usable pixels that a box must have


@dataclass(frozen=True)
class Sky:
    """Sky level and noise of a frame.

    Attributes
    ----------
    level_mesh, noise_mesh : float32 (n_rows, n_columns)
        Values of the boxes, in units of the frame; NaN throughout where no pixel was usable.
    shape : tuple of int
        Rows and columns of the frame.
    """

    level_mesh: Image
    noise_mesh: Image
    shape: tuple[int, int]

    @cached_property
    def level(self) -> Image:
        """Sky level of every pixel, float32 (ny, nx): straight lines between the boxes' centres."""
        return expand_mesh(self.level_mesh, *self.shape)

    @cached_property
    def noise(self) -> Image:
        """Standard deviation of one pixel of empty sky, as measured, float32 (ny, nx)."""
        return np.maximum(expand_mesh(self.noise_mesh, *self.shape), self._least_noise)

    @property
    def median_level(self) -> float:
        """Median of the boxes' levels."""
        return float(np.median(self.level_mesh))

    @property
    def median_noise(self) -> float:
        """Median of the boxes' noises."""
        return float(np.median(self.noise_mesh))

    def level_at(self, x: Values, y: Values) -> Values:
        """Sky level at places."""
        return mesh_values(self.level_mesh, *self.shape, x, y)

    def noise_at(self, x: Values, y: Values) -> Values:
        """Noise of one pixel at places."""
        return np.maximum(mesh_values(self.noise_mesh, *self.shape, x, y), self._least_noise)

    @cached_property
    def _least_noise(self) -> float:
        return float(least_of(self.noise_mesh))


def estimate_sky(frame: Frame, *, box: Pixels = 64) -> Sky:
    """Estimate sky level and noise in boxes, free of stars.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    box : float
        Side of a box: much larger than a star, smaller than the sky's structure.

    Returns
    -------
    Sky
        Level and noise, as a mesh and as maps.

    Raises
    ------
    SettingError
        If `box` is smaller than 4 px.

    Notes
    -----
    In each box the values are clipped at 3 sigma about the median until none falls out. Where mean and
    median then differ by less than 0.3 sigma the level is 2.5 median - 1.5 mean, in crowded boxes
    the median (Bertin & Arnouts 1996, A&AS 117, 393, sect. 7.1). The noise is the clipped standard
    deviation, corrected for the tails that clipping takes from clean noise. Of boxes of 4096 px and
    more two rows of four are read. Boxes with fewer than 15 % usable pixels take the mean
    of their neighbours. A 3 x 3 median of the mesh removes bright stars and galaxies.
    """
    return Boxes(frame, box).sky


class Boxes:
    """The boxes of a frame in which its sky is estimated, with their histograms.

    Attributes
    ----------
    sky : Sky
        Level and noise by all pixels.
    """

    def __init__(self, frame: Frame, box: Pixels) -> None:
        if not box >= 4:
            raise SettingError(
                f"box = {box:g} px is too small for a sky level; use 4 or more, 64 suits most frames"
            )
        rows, columns = (int(max(1, round(n / box))) for n in frame.shape)
        self._shared = (frame.data, frame.mask, UNUSABLE, rows, columns, KAPPA, LEAST)
        level, noise, *self._counted = box_statistics(*self._shared)
        self._shape, self.sky = frame.shape, _smooth_sky(level, noise, frame.shape)

    def take_out(self, x: Values, y: Values, radius: Values) -> Sky:
        """The sky without the pixels within `radius` of some places: they are taken out for good."""
        level, noise = hide_discs(*self._shared, x, y, radius, *self._counted)
        return _smooth_sky(level, noise, self._shape)


def _smooth_sky(level: Image, noise: Image, shape: tuple[int, int]) -> Sky:
    return Sky(smooth_mesh(_fill(level)), smooth_mesh(_fill(noise)), shape)


def _fill(mesh: Image) -> Image:
    """Give empty boxes the mean of the boxes around them, from the rim inwards."""
    empty = np.isnan(mesh)
    while empty.any() and not empty.all():
        padded = np.pad(mesh, 1, constant_values=np.nan)
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))[empty].reshape(-1, 9)
        known = np.isfinite(around)
        count = known.sum(axis=1)
        total = np.where(known, around, 0.0).sum(axis=1)
        mesh = mesh.copy()
        mesh[empty] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        empty = np.isnan(mesh)
    return mesh
