"""FITS images as bytes: swapped, checked and written in one pass over the numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pogson.kernels.encode import encode

BLOCK = 2880  # bytes
CHUNK = 1 << 17  # words that are encoded together: they stay in the processor's memory

#: type -> BITPIX, and the bit that makes a stored number unsigned
KINDS = {"u1": (8, 0), "i2": (16, 0), "u2": (16, 0x8000), "i4": (32, 0), "f4": (-32, 0)}


def write_images(
    file: BinaryIO,
    cards: Mapping[str, Any],
    images: Sequence[tuple[str, NDArray[Any]]],
    *,
    checksum: bool = True,
) -> None:
    """Write a primary image and image extensions.

    Parameters
    ----------
    file : file
        Open for writing.
    cards : mapping
        Of the primary header: a value, or a value and a comment; lists of lines for HISTORY and COMMENT.
    images : sequence of name and array
        The primary image, whose name is not written, and the extensions.
    checksum : bool
        Write DATASUM and CHECKSUM.

    References
    ----------
    FITS standard 4.0, appendix J (checksum).
    """
    for k, (name, image) in enumerate(images):
        header = _header(image, cards if k == 0 else {}, name if k else "", len(images) > 1)
        if checksum:
            header["CHECKSUM"] = "0" * 16
            header["DATASUM"] = "0"
        start = file.tell()
        file.write(_bytes(header))
        total = _write_data(file, image)
        if not checksum:
            continue
        header["DATASUM"] = str(_folded(total))
        words = np.frombuffer(_bytes(header), ">u4")
        header["CHECKSUM"] = _ascii(0xFFFFFFFF ^ _folded(total + int(words.sum(dtype=np.uint64))))
        end = file.tell()
        file.seek(start)
        file.write(_bytes(header))
        file.seek(end)


def _header(image: NDArray[Any], cards: Mapping[str, Any], name: str, extended: bool) -> Any:
    from astropy.io import fits

    kind = image.dtype.str[1:]
    bits, flip = KINDS[kind]
    header = fits.Header()
    if name:
        header["XTENSION"] = ("IMAGE", "Image extension")
    else:
        header["SIMPLE"] = (True, "conforms to FITS standard")
    header["BITPIX"], header["NAXIS"] = bits, image.ndim
    for axis, size in enumerate(reversed(image.shape), 1):
        header[f"NAXIS{axis}"] = size
    if name:
        header["PCOUNT"], header["GCOUNT"], header["EXTNAME"] = 0, 1, name
    elif extended:
        header["EXTEND"] = True
    if flip:
        header["BSCALE"], header["BZERO"] = 1, flip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # long names become HIERARCH cards, long comments are cut
        own = {*header, "SIMPLE", "XTENSION", "EXTEND", "BSCALE", "BZERO", "CHECKSUM", "DATASUM"}
        for key, value in cards.items():
            plain = value[0] if isinstance(value, tuple) else value
            if key in own:
                continue
            if key in ("HISTORY", "COMMENT"):
                for line in [plain] if isinstance(plain, str) else plain:
                    header[key] = line
            elif plain is not None and not (isinstance(plain, float) and not isfinite(plain)):
                header[key] = value
    return header


def _bytes(header: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return header.tostring().encode("ascii")


def _write_data(file: BinaryIO, image: NDArray[Any]) -> int:
    """Write an image, padded to whole blocks; the sum of its words."""
    little = np.ascontiguousarray(image, image.dtype.newbyteorder("<"))
    if not little.flags.writeable:
        little = little.copy()  # for the kernel, arrays that cannot be written are of another type
    width = little.dtype.itemsize
    half = KINDS[little.dtype.str[1:]][1]
    flip = np.uint32(half | half << 16)
    raw = little.reshape(-1).view(np.uint8)
    whole = len(raw) // 4 * 4
    words = raw[:whole].view("<u4")
    stored, total = np.empty(CHUNK, np.uint32), 0
    for first in range(0, len(words), CHUNK):
        part = words[first : first + CHUNK]
        total += int(encode(part, width, flip, stored))
        file.write(stored[: len(part)].data)
    if whole < len(raw):
        # what fills up the last word must be 0 in the file
        last = np.frombuffer(flip.tobytes(), np.uint8).copy()
        last[: len(raw) - whole] = raw[whole:]
        total += int(encode(last.view(np.uint32), width, flip, stored))
        file.write(stored[:1].data)
    file.write(b"\0" * (-(whole + 4 * (whole < len(raw))) % BLOCK))
    return total


def _folded(total: int) -> int:
    """A sum of 32-bit words whose carries are added at the end."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _ascii(value: int) -> str:
    """The checksum as 16 letters and digits, which add up to it."""
    letters = np.zeros((4, 4), int)  # letter, byte of the value
    for byte in range(4):
        number = value >> (24 - 8 * byte) & 0xFF
        letters[:, byte] = number // 4 + 0x30
        letters[0, byte] += number % 4
        while True:
            odd = [0x3A <= c <= 0x40 or 0x5B <= c <= 0x60 for c in letters[:, byte]]
            if not any(odd):
                break
            for pair in (0, 2):
                if odd[pair] or odd[pair + 1]:
                    letters[pair, byte] += 1
                    letters[pair + 1, byte] -= 1
    plain = "".join(chr(c) for c in letters.ravel())
    return plain[-1] + plain[:-1]
