"""What lies where in a FITS file: found from the headers alone, checked against the file's size."""

from __future__ import annotations

import bz2
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from pogson.core.errors import FileError
from pogson.io.cards import Header
from pogson.io.files import in_words

BLOCK = 2880
_MAX_BLOCKS = 1000  # of one header; a longer one has lost its END card
_MAX_RATIO = 1100  # deflate cannot shrink zeros by more (zlib, technical details)
_MASKS = ("BPM", "DQ", "MASK")
_KINDS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"II*\0": "a TIFF or raw picture",
    b"MM\0*": "a TIFF or raw picture",
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
}
TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


@dataclass(frozen=True)
class Hdu:
    """One header and data unit.

    Attributes
    ----------
    shape : tuple of int
        Axes of the image in numpy's order; empty where there is no image.
    offset, nbytes : int
        Where the stored data begin (in the unpacked file), and how long they are.
    tiled : bool
        Compressed in tiles: `shape` and `bitpix` are those of the image, not of the table.
    """

    index: int
    name: str
    header: Header = field(repr=False)
    shape: tuple[int, ...]
    bitpix: int
    offset: int
    nbytes: int
    tiled: bool = False

    @property
    def plane(self) -> tuple[int, int] | None:
        """Rows and columns, where this is one flat image."""
        axes = [n for n in self.shape if n != 1] if len(self.shape) > 2 else list(self.shape)
        return (axes[0], axes[1]) if len(axes) == 2 and min(axes) > 0 else None


@dataclass(frozen=True)
class Layout:
    """Which unit of a file holds the image, and which the mask."""

    path: Path
    packed: str  # "", gzip or bzip2
    image: Hdu
    mask: Hdu | None
    planes: dict[str, Hdu]
    header: Header = field(repr=False)  # of the image, with the primary header's cards behind it
    notes: tuple[str, ...] = ()


def read_header(path: str | Path) -> Layout:
    """Header cards and layout of a FITS file, without its pixels.

    Raises
    ------
    FileError
        If this is no FITS file, or holds no single image, or is cut short.
    """
    path = Path(path)
    with in_words(path, "cannot be read"):
        size = path.stat().st_size
        if path.is_dir():
            raise FileError(f"{path}: is a folder, not a file")
        with path.open("rb") as file:
            start = file.read(10)
        packed = _packing(path, start, size)
        with open_unpacked(path, packed) as file:
            hdus, notes = _walk(path, file, 0 if packed else size, size)
    return _choose(path, packed, hdus, notes)


def open_unpacked(path: Path, packed: str) -> BinaryIO:
    """Open a file so that reading gives unpacked bytes."""
    if packed == "gzip":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if packed == "bzip2":
        return cast(BinaryIO, bz2.open(path, "rb"))
    return path.open("rb")


def _packing(path: Path, start: bytes, size: int) -> str:
    if size == 0:
        raise FileError(f"{path}: is empty; copy it again from the camera")
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if start.startswith(b"BZh"):
        return "bzip2"
    if start.startswith(b"SIMPLE"):
        return ""
    kind = next((name for magic, name in _KINDS.items() if start.startswith(magic)), "not a FITS file")
    raise FileError(f"{path}: is {kind}; export raw frames as FITS")


def _walk(path: Path, file: BinaryIO, size: int, on_disk: int) -> tuple[list[Hdu], list[str]]:
    """All units up to the end of the file; of a packed file, up to the first image."""
    hdus: list[Hdu] = []
    notes: list[str] = []
    position = 0
    while not size or position < size:
        text = None
        try:
            text = _header_text(path, file, position)
            if text is None and hdus:
                break
            hdu = _understand(path, len(hdus), text or "", position)
        except FileError:
            extension = text is not None and text.startswith("XTENSION")
            if not hdus or (extension and not any(hdu.plane for hdu in hdus)):
                raise
            notes.append("bytes after the last image are not FITS: ignored")
            break
        _check_size(path, hdu, size, on_disk)
        hdus.append(hdu)
        if size == 0 and hdu.plane and not hdu.tiled and hdu.index == 0:
            break
        position = hdu.offset + -(-hdu.nbytes // BLOCK) * BLOCK
    if size and hdus and size < hdus[-1].offset + -(-hdus[-1].nbytes // BLOCK) * BLOCK:
        notes.append("the last block is not padded")
    return hdus, notes


def _header_text(path: Path, file: BinaryIO, position: int) -> str | None:
    """Cards of the header that starts here; None at the end of the file."""
    file.seek(position)
    text = bytearray()
    for _ in range(_MAX_BLOCKS):
        block = file.read(BLOCK)
        if not block and not text:
            return None
        text += block
        end = _find_end(text, len(text) - len(block))
        if end >= 0:
            return text[:end].decode("latin-1")
        if len(block) < BLOCK:
            break
    raise FileError(f"{path}: its header has no END card; the file is damaged, or not FITS")


def _find_end(text: bytes | bytearray, start: int) -> int:
    at = text.find(b"END", start)
    while at >= 0:
        if at % 80 == 0 and not text[at + 3 : at + 8].strip():
            return at
        at = text.find(b"END", at + 3)
    return -1


def _understand(path: Path, index: int, text: str, position: int) -> Hdu:
    header = Header(text)
    first = text[:8].rstrip()
    if index == 0 and header.get("SIMPLE") is not True:
        raise FileError(
            f"{path}: says SIMPLE = {header.get('SIMPLE')}: no standard FITS file; export it again"
        )
    if index and first != "XTENSION":
        raise FileError(f"{path}: unit {index} is no FITS extension")
    stored = _axes(path, header, "")
    bitpix = _bitpix(path, header, "BITPIX")
    values = 0
    if stored:
        values = 1
        for n in stored:
            values *= n
    groups = header.get("GCOUNT", 1), header.get("PCOUNT", 0)
    if index and isinstance(groups[0], int) and isinstance(groups[1], int):
        values = groups[0] * (groups[1] + values)
    offset = position + -(-(len(text) + 80) // BLOCK) * BLOCK
    kind = str(header.get("XTENSION", "IMAGE")).strip().upper()
    tiled = header.get("ZIMAGE") is True
    shape: tuple[int, ...] = ()
    if tiled:
        shape = _axes(path, header, "Z")
        bitpix = _bitpix(path, header, "ZBITPIX")
        fields = header.get("TFIELDS")
        # a damaged number of columns keeps astropy busy for hours
        if not isinstance(fields, int) or not 1 <= fields <= 999:
            raise FileError(f"{path}: TFIELDS = {fields} is no number of columns; the header is damaged")
        values = max(values, 0)
    elif kind in ("IMAGE", "IUEIMAGE") or index == 0:
        shape = stored
    width = abs(_bitpix(path, header, "BITPIX")) // 8
    name = str(header.get("EXTNAME", "")).strip().upper()
    return Hdu(index, name, header, shape, bitpix, offset, values * width, tiled)


def _bitpix(path: Path, header: Header, key: str) -> int:
    value = header.get(key)
    if not isinstance(value, int) or value not in TYPES:
        raise FileError(f"{path}: {key} = {value} is no FITS number type; the header is damaged")
    return value


def _axes(path: Path, header: Header, prefix: str) -> tuple[int, ...]:
    count = header.get(f"{prefix}NAXIS")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 999:
        raise FileError(f"{path}: {prefix}NAXIS = {count} is no number of axes; the header is damaged")
    axes = []
    for n in range(count, 0, -1):
        value = header.get(f"{prefix}NAXIS{n}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise FileError(f"{path}: {prefix}NAXIS{n} = {value} is no length; the header is damaged")
        axes.append(value)
    return tuple(axes)


def _check_size(path: Path, hdu: Hdu, size: int, on_disk: int) -> None:
    """Refuse what cannot be in the file before any memory is asked for."""
    if size and hdu.offset + hdu.nbytes > size:
        there = max(size - hdu.offset, 0)
        raise FileError(f"{path}: truncated: {there} of {hdu.nbytes} bytes; copy it again from the camera")
    claimed = abs(hdu.bitpix) // 8
    for n in hdu.shape:
        claimed *= n
    if claimed > _MAX_RATIO * max(on_disk, BLOCK):
        raise FileError(
            f"{path}: claims {claimed} bytes of pixels in a file of {on_disk}; the header is damaged"
        )


def _choose(path: Path, packed: str, hdus: list[Hdu], notes: list[str]) -> Layout:
    images = [hdu for hdu in hdus if hdu.plane]
    science = [hdu for hdu in images if hdu.name == "SCI"] or [
        hdu for hdu in images if hdu.name not in (*_MASKS, "ERR", "VAR")
    ]
    if not science:
        cubes = [hdu.shape for hdu in hdus if len(hdu.shape) > 2]
        if cubes:
            sizes = " x ".join(str(n) for n in cubes[0])
            raise FileError(f"{path}: holds a cube of {sizes}, not one image; split it into single planes")
        raise FileError(f"{path}: holds no image; export raw frames as FITS images")
    image = science[0]
    if len(science) > 1:
        notes.append(
            f"{len(science)} images in the file: only the first ({image.name or image.index}) is used"
        )
    same = [hdu for hdu in images if hdu.plane == image.plane and hdu is not image]
    mask = next((hdu for hdu in same if hdu.name in _MASKS), None)
    header = image.header if image.index == 0 else image.header.merged(hdus[0].header)
    return Layout(path, packed, image, mask, {hdu.name: hdu for hdu in same}, header, tuple(notes))
