"""Calibrate a frame some rows at a time, from its stored numbers."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Image, Mask, RawFrame
from pogson.kernels.decode import calibrate_stored
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import _planes
from pogson.steps.calibrate.overscan import converter_step, overscan_level, useful_section

#: stored rows y0 to y1 (stop excluded), big-endian int16 seen as uint16, written to the array
StoredRows = Callable[[int, int, NDArray[np.uint16]], NDArray[Any]]


class RowCalibrator:
    """The same numbers as `calibrate_frame`, without cosmic rays and bleeding, and without the whole frame.

    The memory in which rows are given is used again for the next ones of the same thread.

    Parameters
    ----------
    raw : RawFrame
        The whole frame, swapped 16-bit integers without a mask; only what must be known of it is kept.
    masters : Masters
    read : function
        Gives its stored rows again.
    buffers : threading.local
        Shared by the frames of one stack.
    **tolerances
        Of `Masters.match`.
    """

    def __init__(
        self, raw: RawFrame, masters: Masters, read: StoredRows, buffers: local, **tolerances: float
    ) -> None:
        e = raw.exposure
        self.y0, y1, self.x0, x1 = useful_section(raw)
        self.shape = (y1 - self.y0, x1 - self.x0)
        self.width = raw.pixels.shape[1]
        exposure = e if e.shape == self.shape else e.with_values("trim section", shape=self.shape)
        matched = masters.match(exposure, **tolerances)
        if matched.bias is matched.dark is matched.flat is None:
            exposure = exposure.with_values(
                "nothing to correct", shape=(1, self.shape[1])
            )  # all rows are alike
        self.planes = _planes(matched, exposure, converter_step(raw), masters)
        self.level_of_rows = overscan_level(raw)
        self.limits = np.array([e.saturation, e.linearity], np.float32)
        self.scale, self.zero = np.float32(raw.scale), np.float32(raw.zero)
        self.known_gain = isfinite(e.gain) and e.gain > 0.0
        self.noise2 = np.float32(np.nan)  # of an empty pixel, where no gain tells it
        self._read, self._buffers = read, buffers

    def __call__(self, y0: int, y1: int) -> tuple[Image, Image, Mask]:
        """Data, variance and mask of rows `y0` to `y1`, stop excluded."""
        stored, data, variance, mask = self._memory(y1 - y0)
        calibrate_stored(*self._inputs(y0, y1, stored), data, variance, mask)
        if not self.known_gain:
            variance[:] = self.noise2
        return data, variance, mask

    def read(self, y0: int, y1: int, out: NDArray[np.uint16]) -> None:
        """Write the stored numbers of rows `y0` to `y1`, as they are in the file, in their full width."""
        self._read(self.y0 + y0, self.y0 + y1, out)

    def _inputs(self, y0: int, y1: int, stored: NDArray[np.uint16]) -> tuple[Any, ...]:
        """What `calibrate_stored` takes, up to what it writes; the rows are read."""
        first, last = self.y0 + y0, self.y0 + y1
        self._read(first, last, stored)
        p = self.planes
        own = slice(y0, y1) if len(p.offset) > 1 else slice(1)
        return (
            stored, self.scale, self.zero, self.level_of_rows[first:last], 0, self.x0, self.limits,
            np.float32(p.gain), p.offset[own], p.factor[own], p.base[own], p.relative[own], p.bits[own],
        )  # fmt: skip

    def _memory(self, rows: int) -> tuple[NDArray[np.uint16], Image, Image, Mask]:
        kept = getattr(self._buffers, "planes", None)
        wide, nx = self.width, self.shape[1]
        if kept is None or kept[0].size < rows * wide or kept[1].size < rows * nx:
            kept = (
                np.empty(rows * wide, np.uint16),
                *(np.empty(rows * nx, t) for t in (np.float32, np.float32, np.uint16)),
            )
            self._buffers.planes = kept
        stored = kept[0][: rows * wide].reshape(rows, wide)
        data, variance, mask = (plane[: rows * nx].reshape(rows, nx) for plane in kept[1:])
        return stored, data, variance, mask
