"""Images that lie on the disk: what nobody looks at takes no memory."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import TypeVar

import numpy as np

from pogson.io.files import in_words

Plane = TypeVar("Plane", bound="np.ndarray[tuple[int, ...], np.dtype[np.generic]]")


class Shelf:
    """Takes images, and gives them back as ones that are read from the disk when they are looked at.

    Their files have no name: they go with the images, also where the process is killed.

    Parameters
    ----------
    folder : Path
        Where there is room on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maps: list[mmap.mmap] = []

    def put(self, image: Plane) -> Plane:
        """The same numbers, on the disk.

        Raises
        ------
        FileError
            If the disk is full.
        """
        if not image.size:
            return image
        with (
            in_words(self.folder, "the masters cannot be kept there"),
            tempfile.TemporaryFile(dir=self.folder) as file,
        ):
            np.ascontiguousarray(image).tofile(file)
            file.flush()
            # copied when written to: the kernels know no other kind of image
            self._maps.append(mmap.mmap(file.fileno(), image.nbytes, access=mmap.ACCESS_COPY))
        return np.frombuffer(self._maps[-1], image.dtype).reshape(image.shape)  # type: ignore[return-value]

    def release(self) -> None:
        """Let go of what was read: it is read again when it is looked at."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for one in self._maps:
                one.madvise(mmap.MADV_DONTNEED)
