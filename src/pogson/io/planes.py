"""Images that are read, and scratch images that are written, some rows at a time."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FileError
from pogson.core.frame import Frame, Image, Mask
from pogson.io.files import in_words
from pogson.io.layout import TYPES, Hdu, read_header


class Plane:
    """One stored image: uncompressed numbers in a file, rows of which are read when they are needed."""

    def __init__(self, path: Path, offset: int, dtype: Any, shape: tuple[int, int]) -> None:
        self.path, self.offset, self.dtype, self.shape = path, offset, np.dtype(dtype), shape
        with in_words(path, "cannot be read"):
            self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def rows(self, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Stored numbers of rows `y0` to `y1` (stop excluded), as they are in the file.

        Raises
        ------
        FileError
            If the file has become shorter.
        """
        target = np.empty((y1 - y0, self.shape[1]), self.dtype) if out is None else out
        start = self.offset + y0 * self.shape[1] * self.dtype.itemsize
        view = target.data.cast("B")
        with in_words(self.path, "cannot be read"):
            while view:
                got = os.preadv(self._file, [view], start)
                if not got:
                    raise FileError(f"{self.path}: became shorter while it was read; copy it again")
                view, start = view[got:], start + got
        return target


def stored_plane(path: str | Path) -> Plane | None:
    """The image of a file whose 16-bit integers lie plain on the disk; None for every other kind.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    layout = read_header(path)
    image = layout.image
    if layout.packed or image.tiled or image.bitpix != 16 or image.plane is None or layout.mask is not None:
        return None
    return None if "BLANK" in image.header else Plane(layout.path, image.offset, np.uint16, image.plane)


class CalibratedRows:
    """Data, variance and mask of a calibrated frame's file, some rows at a time."""

    def __init__(self, data: Plane, variance: Plane, mask: Plane) -> None:
        self.planes = data, variance, mask

    def __call__(self, y0: int, y1: int) -> tuple[Image, Image, Mask]:
        """Rows `y0` to `y1`, stop excluded."""
        data, variance, mask = (plane.rows(y0, y1) for plane in self.planes)
        bits = mask.astype(np.uint16) if mask.dtype.kind == "u" else _unsigned(mask)
        return data.astype(np.float32, copy=False), variance.astype(np.float32, copy=False), bits


def _unsigned(stored: NDArray[Any]) -> Mask:
    # FITS stores unsigned numbers less 32768
    return stored.astype(np.int16).view(np.uint16) ^ np.uint16(0x8000)


def calibrated_rows(path: str | Path) -> CalibratedRows | None:
    """Rows of a frame that pogson wrote; None where its planes do not lie plain on the disk.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    layout = read_header(path)
    units: list[Hdu | None] = [layout.image, layout.planes.get("VAR"), layout.planes.get("MASK")]
    kinds = (-32, -32, 16)
    found = []
    for unit, kind in zip(units, kinds, strict=True):
        if unit is None or unit.tiled or unit.bitpix != kind or unit.plane is None or layout.packed:
            return None
        zero = unit.header.get("BZERO", 0)
        if zero not in ((0,) if kind == -32 else (32768,)):
            return None
        found.append(Plane(layout.path, unit.offset, TYPES[kind], unit.plane))
    return CalibratedRows(*found)


class Scratch:
    """A folder for calibrated frames that do not fit in memory; gone when it is left."""

    def __init__(self, beside: str | Path) -> None:
        self.beside = Path(beside)

    def __enter__(self) -> Scratch:
        with in_words(self.beside, "cannot be written"):
            self._folder = tempfile.TemporaryDirectory(prefix=".pogson-", dir=self.beside)
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def keep(self, name: str, frame: Frame) -> CalibratedRows:
        """Write a frame, and give back its rows.

        Raises
        ------
        FileError
            If the disk is full.
        """
        path = Path(self._folder.name) / name
        with in_words(self.beside, "cannot hold the calibrated frames"), path.open("wb") as file:
            for plane in (frame.data, frame.variance, frame.mask):
                file.write(np.ascontiguousarray(plane).data)
        size = frame.data.size * 4
        return CalibratedRows(
            Plane(path, 0, np.float32, frame.shape),
            Plane(path, size, np.float32, frame.shape),
            Plane(path, 2 * size, np.uint16, frame.shape),
        )
