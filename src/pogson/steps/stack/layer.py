"""One frame as a layer of the stack: where its pixels come from, and how they are brought in line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import UNUSABLE, Pixel
from pogson.core.frame import Frame, Image, Mask
from pogson.core.transform import Transform
from pogson.kernels.drizzle import drizzle_rows
from pogson.kernels.resample import BICUBIC, BILINEAR, DRIZZLE, LANCZOS, NEAREST, kernel_weights

#: rows y0 to y1 (stop excluded) of a frame: data, variance, mask
Rows = Callable[[int, int], tuple[Image, Image, Mask]]


_PHASES = np.linspace(0.0, 1.0, 257)  # between two pixels

#: pixels that never enter; saturated ones do: the sum is then a lower limit, and flagged
LEFT_OUT = np.uint16(UNUSABLE & ~int(Pixel.SATURATED | Pixel.BLEED))

#: pixels whose bits are carried over to the stack
LIMITS = np.uint16(Pixel.SATURATED | Pixel.BLEED | Pixel.NONLINEAR)

#: how a frame is brought onto the grid of the stack: "shift" moves by whole pixels and never turns
KINDS = {
    "shift": NEAREST,
    "nearest": NEAREST,
    "bilinear": BILINEAR,
    "bicubic": BICUBIC,
    "lanczos3": LANCZOS,
    "drizzle": DRIZZLE,
}


@dataclass(frozen=True)
class SkyMesh:
    """Sky level of a frame: straight lines between knots `step` pixels apart."""

    mesh: Image
    step: float

    @classmethod
    def constant(cls, level: float) -> SkyMesh:
        """The same everywhere."""
        return cls(np.full((1, 1), level, np.float32), 1.0)

    @classmethod
    def of(cls, sky: Any, how: str) -> SkyMesh:
        """The sky that detection found, as a constant, a plane, a map, or none of it.

        Raises
        ------
        SettingError
            For another word.
        """
        if how == "none":
            return cls.constant(0.0)
        if how == "constant":
            return cls.constant(sky.median_level)
        if how not in ("plane", "map"):
            raise SettingError(f"sky must be none, constant, plane or map, got {how!r}")
        ny, nx = sky.shape
        step = 32.0 if how == "map" else float(max(ny, nx, 2) - 1)
        y, x = (np.arange(0.0, n - 1 + step, step) for n in (ny, nx))
        grid = np.meshgrid(x, y)
        if how == "plane":
            knots = _plane(sky.level_mesh, sky.shape, *grid)
        else:
            knots = sky.level_at(np.minimum(grid[0], nx - 1).ravel(), np.minimum(grid[1], ny - 1).ravel())
        return cls(np.asarray(knots, np.float32).reshape(len(y), len(x)), step)

    @property
    def level(self) -> float:
        """Typical level."""
        return float(np.median(self.mesh))


def _plane(mesh: Image, shape: tuple[int, int], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """The plane through a mesh of boxes, its outliers left out."""
    rows, columns = mesh.shape
    v, u = np.meshgrid(
        (np.arange(rows) + 0.5) * shape[0] / rows,
        (np.arange(columns) + 0.5) * shape[1] / columns,
        indexing="ij",
    )
    level = mesh.ravel().astype(float)
    center = np.median(level)
    basis = np.column_stack([np.ones(level.size), u.ravel(), v.ravel()])
    keep = np.isfinite(level)
    fit = np.array([center, 0.0, 0.0])
    for _ in range(5):
        if keep.sum() < 6 or min(mesh.shape) < 2:
            break
        fit = np.linalg.lstsq(basis[keep], level[keep], rcond=None)[0]
        rest = level - basis @ fit
        width = 1.4826 * np.median(np.abs(rest[keep] - np.median(rest[keep])))
        keep = np.isfinite(level) & (np.abs(rest) <= 3.0 * max(width, 1e-6))
    plane: NDArray[np.float64] = fit[0] + fit[1] * x + fit[2] * y
    return plane


NO_SKY = SkyMesh.constant(0.0)


@dataclass(frozen=True)
class Layer:
    """One frame of the stack.

    Attributes
    ----------
    rows : function
        Gives its pixels, some rows at a time.
    shape : tuple of int
    transform : Transform
        From the stack's pixels to the frame's.
    scale : float
        Flux of its stars over that in the reference frame.
    sky : SkyMesh
        Taken off.
    noise : float
        Standard deviation of an empty pixel, in the frame's unit.
    counts_photons : bool
        The variance follows the light, as in electrons with a known gain.
    fwhm : float
        Of its stars, in pixels of the stack; NaN where nothing is to be tolerated for its sake.
    """

    rows: Rows
    shape: tuple[int, int]
    transform: Transform
    scale: float = 1.0
    sky: SkyMesh = NO_SKY
    noise: float = 1.0
    counts_photons: bool = True
    fwhm: float = nan

    @classmethod
    def of_frame(cls, frame: Frame, transform: Transform, **facts: Any) -> Layer:
        """A layer whose pixels are in memory."""
        data, variance, mask = frame.data, frame.variance, frame.mask
        facts.setdefault("noise", float(np.sqrt(np.median(variance[::4, ::4]))))
        return cls(
            lambda y0, y1: (data[y0:y1], variance[y0:y1], mask[y0:y1]),
            frame.shape,
            transform,
            counts_photons=frame.unit == "electron",
            **facts,
        )

    @property
    def weight(self) -> float:
        """Inverse variance of an empty pixel of the stack, were it this frame alone."""
        return self.scale**2 / (self.noise**2 * self.transform.scale**2)

    def matrix(self, kind: str, shape: tuple[int, int], pixel: float = 1.0) -> NDArray[np.float64]:
        """The map that pixels are taken by: the transform, or its nearest whole shift.

        `shape` is that of the reference frame, `pixel` the side of the stack's pixels in those of that frame.
        """
        if kind == "shift":
            x, y = (shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0
            u, v = self.transform.apply(x, y)
            return np.array([[1.0, 0.0, float(np.round(u - x))], [0.0, 1.0, float(np.round(v - y))]])
        grid = np.array(
            [[pixel, 0.0, (pixel - 1.0) / 2.0], [0.0, pixel, (pixel - 1.0) / 2.0], [0.0, 0.0, 1.0]]
        )
        return np.ascontiguousarray(self.transform.matrix @ grid, np.float64)


@lru_cache
def weights_at(kind: int) -> NDArray[np.float64]:
    """Weights of the pixels around 257 places from one pixel to the next: float64 (257, n)."""
    line = np.zeros(6)
    n = 1
    found = []
    for f in _PHASES:
        n = kernel_weights(kind, f, line)
        found.append(line.copy())
    return np.array(found)[:, :n]


@lru_cache
def taps(kind: int) -> Image:
    """The weights of a kernel as polynomials, as `resample_rows` takes them; good to 1e-6."""
    degree = {BICUBIC: 3, LANCZOS: 9}.get(kind, 0)
    fit = np.polynomial.polynomial.polyfit(2.0 * _PHASES - 1.0, weights_at(max(kind, BILINEAR)), degree)
    found = np.zeros((fit.shape[1], 10), np.float32)
    found[:, : degree + 1] = fit.T
    return found


@lru_cache
def rings(kind: int) -> NDArray[np.float64]:
    """Largest share of a hit in the pixel 0, 1 ... columns beside: the weight there over that in the middle.

    Where two pixels share a hit at most, the lower limit beside a rejected value is enough.
    """
    if kind not in (BICUBIC, LANCZOS):
        return np.array([1.0, 0.0])
    weights = np.abs(weights_at(kind)[_PHASES <= 0.5])
    middle, n = weights.shape[1] // 2 - 1, weights.shape[1]
    ratio = weights / weights[:, middle : middle + 1]
    pairs = [[k for k in (middle - d, middle + d) if 0 <= k < n] for d in range(n - middle)]
    return np.array([ratio[:, pair].max() for pair in pairs])


def noise_kept(
    kind: str,
    matrix: NDArray[np.float64],
    shape: tuple[int, int],
    pixfrac: float = 1.0,
    *,
    shared: bool = False,
) -> NDArray[np.float64]:
    """Sums of squared weights at places of the stack: shares of the variance that interpolation leaves.

    `shared`: of drops, as they count in a mean, with the area that they cover.
    """
    if KINDS[kind] == NEAREST:
        return np.ones(1)
    if KINDS[kind] == DRIZZLE:
        return _noise_drizzled(matrix, shape, pixfrac, shared)
    y, x = _places(shape, 37)
    squares = np.sum(weights_at(KINDS[kind]) ** 2, axis=1)
    total = np.ones(len(x))
    for row in matrix:
        place = row[0] * x + row[1] * y + row[2]
        part = place - np.floor(place)
        part[np.minimum(part, 1.0 - part) < 1e-9] = 0.0
        total *= np.interp(part, _PHASES, squares)
    return total


def _places(shape: tuple[int, int], n: int) -> NDArray[np.float64]:
    """y, x of n by n pixels, evenly spread."""
    grid = np.meshgrid(*(np.round(np.linspace(0, size - 1, n)) for size in shape), indexing="ij")
    return np.array([v.ravel() for v in grid])


def _noise_drizzled(
    matrix: NDArray[np.float64], shape: tuple[int, int], pixfrac: float, shared: bool
) -> NDArray[np.float64]:
    part = matrix[:, :2]
    size = 2 * (int(np.ceil(np.abs(part).sum(axis=1).max() + pixfrac)) + 2)
    ones = np.ones((size, size), np.float32)
    value, noise, share = (np.empty((1, 1), np.float32) for _ in range(3))
    y, x = _places(shape, 17)
    phases = (part @ np.array([x, y]) + matrix[:, 2:]) % 1.0
    found = []
    for phase in phases.T:
        place = np.column_stack([part, size / 2 + phase])
        drizzle_rows(ones, ones, 0, place, 0, pixfrac, value, noise, share)
        if share[0, 0] > 0.0:
            found.append(float(noise[0, 0]) * (float(share[0, 0]) ** 2 if shared else 1.0))
    return np.array(found) / float(np.linalg.det(part)) ** 2
