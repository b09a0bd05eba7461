"""Numbers to bytes as FITS stores them, and their checksum, in one pass."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def encode(words, width, flip, stored):
    """Swap the bytes of numbers, and add up the 32-bit words that result.

    Parameters
    ----------
    words : uint32 (n,)
        Numbers of 1, 2 or 4 bytes, least byte first, seen as words of 4 bytes.
    width : int
        Bytes of a number: 1, 2 or 4.
    flip : uint32
        Bits that are flipped in each word: unsigned numbers are stored less half of their range.
    stored : uint32 (n,)
        Written: the words as they lie in the file.

    Returns
    -------
    uint64
        Sum of the words, read most byte first.
    """
    total = np.uint64(0)
    if width == 4:
        for i in range(words.shape[0]):
            word = np.uint32(words[i] ^ flip)
            total += np.uint64(word)
            stored[i] = _turned(word)
    elif width == 2:
        for i in range(words.shape[0]):
            word = np.uint32(words[i] ^ flip)
            word = np.uint32((word << np.uint32(16)) | (word >> np.uint32(16)))
            total += np.uint64(word)
            stored[i] = _turned(word)
    else:
        for i in range(words.shape[0]):
            word = _turned(np.uint32(words[i] ^ flip))
            total += np.uint64(word)
            stored[i] = _turned(word)
    return total


@njit(cache=True, nogil=True)
def _turned(word):
    """The bytes of a word in the opposite order."""
    b = np.uint32(255)
    return np.uint32(
        (word << np.uint32(24))
        | ((word & (b << np.uint32(8))) << np.uint32(8))
        | ((word >> np.uint32(8)) & (b << np.uint32(8)))
        | (word >> np.uint32(24))
    )
