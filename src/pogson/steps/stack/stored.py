"""Frames whose numbers lie plain in their files: they are combined without ever being whole."""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image, Mask
from pogson.kernels.level import Camera
from pogson.kernels.stored import Stored, bring_stored
from pogson.steps.stack.layer import LEFT_OUT, LIMITS, Layer


@runtime_checkable
class Numbers(Protocol):
    """Rows of a frame whose stored numbers can be had: 16 bits, most byte first."""

    shape: tuple[int, int]
    width: int  # of the stored rows
    x0: int  # first useful column
    y0: int  # first useful row
    scale: np.float32
    zero: np.float32
    limits: NDArray[np.float32]
    level_of_rows: NDArray[np.float32]
    known_gain: bool
    noise2: np.float32
    planes: Any

    def read(self, y0: int, y1: int, out: NDArray[np.uint16]) -> None:
        """Write the numbers of rows `y0` to `y1`, stop excluded."""
        ...


class StoredFrames:
    """What is the same for every band of rows.

    Parameters
    ----------
    layers : sequence of Layer
        As `are_alike` finds them.
    matrices : sequence of float64 (2, 3)
        From x, y of the stack to x, y of the frames.
    whole : sequence of bool
        Pixels fall on pixels.
    kind : int
    taps : float32 (n, k)
        As in `resample_rows`.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        matrices: Sequence[NDArray[np.float64]],
        whole: Sequence[bool],
        kind: int,
        taps: Image,
    ) -> None:
        self.rows: list[Numbers] = [layer.rows for layer in layers]  # type: ignore[misc]
        self.matrices, self.kind, self.taps, self.buffers = np.array(matrices), kind, taps, local()
        one, ny = self.rows[0], layers[0].shape[0]
        p = one.planes
        none, nothing = np.zeros(len(layers), np.int64), np.empty((0, 0, 0), np.uint16)
        self.known = Stored(
            nothing, nothing, none, none,
            np.array([r.level_of_rows[r.y0 : r.y0 + ny] for r in self.rows]),
            Camera(one.x0, np.float32(p.gain), p.offset, p.factor, p.base, p.relative, p.bits, _same(p)),
            np.array([r.scale for r in self.rows]),
            np.array([r.zero for r in self.rows]),
            np.array([0.0 if r.known_gain else r.noise2 for r in self.rows], np.float32),
            np.array([r.limits for r in self.rows]),
            np.array([layer.sky.mesh for layer in layers]),
            np.array([layer.sky.step for layer in layers]),
            np.array([layer.scale for layer in layers], float),
            self.matrices, np.array(whole),
        )  # fmt: skip

    @staticmethod
    def are_alike(layers: Sequence[Layer]) -> bool:
        """Whether all frames are stored numbers that are calibrated by the same planes."""
        one = layers[0].rows
        return isinstance(one, Numbers) and all(
            isinstance(layer.rows, Numbers)
            and layer.rows.planes is one.planes
            and (layer.rows.width, layer.rows.x0, layer.shape) == (one.width, one.x0, layers[0].shape)
            and layer.sky.mesh.shape == layers[0].sky.mesh.shape
            for layer in layers
        )

    def size(self, rows: int, nx: int) -> float:
        """Bytes of the numbers that so many rows of the stack are made of."""
        rise = np.abs(self.matrices[:, 1, 0]).max() * nx + np.abs(self.matrices[:, 1, 1]).max() * rows
        return float((rise + len(self.taps) + 2) * len(self.rows) * self.rows[0].width * 4)

    def read(self, y: int, x: int, rows: int, nx: int) -> Stored:
        """The numbers that some rows of the stack are made of, until the same thread reads others."""
        low, high = self._rows_of(y, x, rows, nx)
        numbers, flags = self._memory(int((high - low).max()))
        for frame, target, first, stop in zip(self.rows, numbers, low.tolist(), high.tolist(), strict=True):
            if first < stop:
                frame.read(first, stop, target[: stop - first])
        return self.known._replace(numbers=numbers, flags=flags, first=low, stop=high)

    def bring(
        self, stored: Stored, y: int, x: int, nx: int, values: Image, spread: Image
    ) -> list[tuple[Mask, int] | None]:
        """Fill rows of the stack; the flags of frames that are saturated there, and their first row."""
        found = np.empty(len(self.rows), np.uint16)
        bring_stored(stored, self.kind, self.taps, LEFT_OUT, y, x, nx, found, values, spread)
        if not (found & LIMITS).any():
            return []
        ends = zip(stored.first.tolist(), stored.stop.tolist(), strict=True)
        return [
            (stored.flags[i, : stop - first], first) if found[i] & LIMITS else None
            for i, (first, stop) in enumerate(ends)
        ]

    def _rows_of(self, y: int, x: int, rows: int, nx: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last row, not included, of each frame that some rows of the stack are made of."""
        m, reach, ny = self.matrices[:, 1], len(self.taps) // 2, self.known.overscan.shape[1]
        across, down = m[:, :1] * (x, x + nx - 1), m[:, 1:2] * (y, y + rows - 1)
        low = np.floor(m[:, 2] + across.min(axis=1) + down.min(axis=1)).astype(np.int64) - reach
        high = np.floor(m[:, 2] + across.max(axis=1) + down.max(axis=1)).astype(np.int64) + reach + 2
        return np.clip(low, 0, ny), np.clip(high, 0, ny)

    def _memory(self, rows: int) -> tuple[NDArray[np.uint16], Mask]:
        """Memory for numbers and flags that a thread uses again for every band."""
        n, wide, nx = len(self.rows), self.rows[0].width, self.rows[0].shape[1]
        kept: list[NDArray[np.uint16]] | None = getattr(self.buffers, "planes", None)
        if kept is None or kept[0].size < n * rows * wide:
            kept = self.buffers.planes = [np.empty(n * rows * w, np.uint16) for w in (wide, nx)]
        return kept[0][: n * rows * wide].reshape(n, rows, wide), kept[1][: n * rows * nx].reshape(
            n, rows, nx
        )


def _same(planes: Any) -> bool:
    """Whether one number of each plane stands for all pixels."""
    numbers = planes.offset, planes.factor, planes.base, planes.relative
    return len(planes.offset) == 1 and not planes.bits.any() and all(np.ptp(p) == 0 for p in numbers)
