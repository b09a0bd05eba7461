"""Keep what the process holds near what it uses: the C library keeps what is freed, thread by thread."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Any

#: of glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
#: bytes of the largest image that takes the place of another; glibc allows no more
_IMAGE = 32 << 20
#: bytes that may be free: about what two frames in work take
_FREE = 128 << 20


def share_memory() -> None:
    """Let all threads take memory from one place: what one has freed, another uses, and the next frame.

    What threads wait for each other is nothing beside the time that an image takes. Left to itself, the
    library may give the images of each frame back to the system, which then clears memory for the next one.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    library = _glibc()
    if library is not None:
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _IMAGE), (_TRIM_THRESHOLD, _FREE)):
            library.mallopt(option, value)


def return_memory() -> None:
    """Give back to the system what is free. Costs time for all that is used again: between stages only."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """GNU's C library; None with any other, which decides for itself."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
