"""Keep what the process holds near what it uses: the C library keeps what is freed, thread by thread."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Any

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def share_memory() -> None:
    """Let all threads take memory from one place: what one has freed, another uses.

    What threads wait for each other is nothing beside the time that an image takes.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)


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
