"""Random numbers that depend on the seed and on what they are for, never on the order of the work."""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray


def _seeds(seed: int, what: str) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, crc32(what.encode())])


def dice_for(seed: int, what: str) -> np.random.Generator:
    """The generator of one file, or of one property of the night, by its name."""
    return np.random.default_rng(_seeds(seed, what))


def kernel_state(seed: int, what: str) -> NDArray[np.uint64]:
    """The same for the kernels of `kernels.noise`: four words."""
    return _seeds(seed, f"kernel {what}").generate_state(4, np.uint64).astype(np.uint64)
