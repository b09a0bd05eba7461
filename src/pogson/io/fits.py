"""FITS images in and out: every storage form in, one form out, one line of complaint."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite, prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FileError
from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, Frame, Master, RawFrame
from pogson.io.encoded import write_images
from pogson.io.files import in_words, write_atomic
from pogson.io.headers import pointing_altitude, read_exposure
from pogson.io.layout import TYPES, Hdu, Layout, open_unpacked, read_header
from pogson.io.moments import complete
from pogson.io.products import card_of, frame_cards, master_cards, master_of, restored
from pogson.io.values import number
from pogson.io.wcs import read_wcs, wcs_cards

Cards = Mapping[str, Any]
_LOST = int(Pixel.EMPTY | Pixel.BAD)


def read_raw(
    source: str | Path | Exposure, *, overrides: Mapping[str, Any] | None = None, mapped: bool = False
) -> RawFrame:
    """An image as the camera wrote it, with what its header tells.

    Plain 16-bit images come straight from the disk, still big-endian; compressed ones
    (.gz, .bz2, tiles) are unpacked. Pixels that the file marks as blank, or that are not numbers,
    and those of a bad-pixel extension, are in the mask.

    Parameters
    ----------
    source : path, or Exposure
        An exposure from a scan is taken as it is; of a path the header is read.
    overrides : mapping, optional
        Tables of the settings file; see `read_exposure`. Not used with an Exposure.
    mapped : bool
        Leave the pixels of a plain 16-bit image on the disk until they are asked for.

    Returns
    -------
    RawFrame

    Raises
    ------
    FileError
        If the file cannot be read as one image: what is wrong, in one line.
    """
    path = Path(source.path if isinstance(source, Exposure) else source)
    layout = read_header(path)
    exposure = source if isinstance(source, Exposure) else exposure_of(layout, overrides)
    with in_words(path, "cannot be read"):
        pixels, scale, zero, swapped = _stored(layout, layout.image, mapped)
        mask = _lost(layout.image, pixels)
        bits = _mask_plane(layout)
        if bits is not None:
            mask = bits if mask is None else mask | bits
    return RawFrame(pixels, exposure, scale, zero, swapped, mask)


def exposure_of(layout: Layout, overrides: Mapping[str, Any] | None = None) -> Exposure:
    """What the header of one file tells, barycentric time and airmass included."""
    shape = layout.image.plane or (0, 0)
    exposure = read_exposure(layout.header, path=str(layout.path), shape=shape, overrides=overrides)
    exposure = replace(exposure, notes=(*layout.notes, *exposure.notes))
    return complete([exposure], [pointing_altitude(layout.header)])[0]


def read_frame(path: str | Path) -> Frame:
    """A calibrated frame that `write_frame` wrote: data, variance, mask, exposure and coordinates.

    Raises
    ------
    FileError
        If the file cannot be read, or has no variance plane.
    """
    layout, planes = _read_planes(path)
    exposure = restored(exposure_of(layout), layout.header)
    unit = str(layout.header.get("BUNIT", "adu")).strip().lower()
    correlation = number(layout.header.get("CORRFAC"))
    return Frame(
        planes["SCI"],
        planes["VAR"],
        planes["MASK"],
        exposure,
        wcs=read_wcs(exposure.cards),
        unit="electron" if unit.startswith("e") else "adu",
        correlation=correlation if isfinite(correlation) and correlation > 0 else 1.0,
    )


def read_master(path: str | Path) -> Master:
    """A master bias, dark or flat that `write_master` wrote.

    Raises
    ------
    FileError
        If the file cannot be read, or has no variance plane.
    """
    layout, planes = _read_planes(path)
    return master_of(layout.header, Path(path).name, planes["SCI"], planes["VAR"], planes["MASK"])


def write_frame(
    path: str | Path,
    frame: Frame,
    header_cards: Cards | None = None,
    *,
    planes: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write a calibrated frame: image, and extensions VAR, MASK and what `planes` holds.

    Parameters
    ----------
    path : str or Path
        The file.
    frame : Frame
        What to write.
    header_cards : mapping, optional
        More cards: a value, or a value and a comment.
    planes : mapping, optional
        More images of the same shape, by extension name: ``{"COVERAGE": ...}``.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    world = frame.exposure.cards
    if frame.wcs is not None:
        world = wcs_cards(card_of(frame.wcs.to_header(relax=True)))[0]
    cards = {**frame_cards(frame.exposure, frame.unit), **world, **(header_cards or {})}
    more: dict[str, NDArray[Any]] = {"VAR": frame.variance, "MASK": frame.mask, **(planes or {})}
    _write(path, frame.data, cards, more)


def write_master(path: str | Path, master: Master, header_cards: Cards | None = None) -> None:
    """Write a master with its variance and mask.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    cards = {**master_cards(master), **(header_cards or {})}
    _write(path, master.data, cards, {"VAR": master.variance, "MASK": master.mask})


def write_raw(path: str | Path, pixels: NDArray[np.uint16], cards: Cards | None = None) -> None:
    """Write an image as a camera would: unsigned 16-bit integers and a header.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    _write(path, pixels, cards or {}, {}, checksum=False)


def _stored(layout: Layout, hdu: Hdu, mapped: bool = False) -> tuple[NDArray[Any], float, float, bool]:
    """Stored numbers of one plane, their scale and zero, and whether they are still swapped."""
    plane = hdu.plane
    assert plane is not None
    if hdu.tiled:
        return _untiled(layout, hdu, plane), 1.0, 0.0, False
    scale, zero = (_scaling(layout.path, hdu, key, value) for key, value in (("BSCALE", 1.0), ("BZERO", 0.0)))
    if hdu.bitpix == 16:
        if mapped and not layout.packed:
            return np.memmap(layout.path, np.uint16, "r", hdu.offset, plane), scale, zero, True
        return _load(layout, hdu, np.dtype(np.uint16)).reshape(plane), scale, zero, True
    values = _load(layout, hdu, np.dtype(TYPES[hdu.bitpix])).reshape(plane)
    if hdu.bitpix in (32, 64) and (scale, zero) != (1.0, 0.0):
        # unsigned integers are stored minus 2^31: single precision must not see the big numbers
        return (values * scale + zero).astype(np.float32), 1.0, 0.0, False
    return values.astype(values.dtype.newbyteorder("=")), scale, zero, False


def _load(layout: Layout, hdu: Hdu, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = prod(hdu.shape)
    if not layout.packed:
        values = np.fromfile(layout.path, dtype, count, offset=hdu.offset)
        got = values.nbytes
    else:
        values = np.empty(count, dtype)
        with open_unpacked(layout.path, layout.packed) as file:
            got = _fill(file, hdu.offset, values)
    needed = count * dtype.itemsize
    if got < needed:
        raise FileError(f"{layout.path}: truncated: {got} of {needed} bytes; copy it again from the camera")
    return values


def _fill(file: BinaryIO, offset: int, values: NDArray[Any]) -> int:
    """Read into an array; a packed file that breaks off gives what came before."""
    view = values.data.cast("B")
    got = 0
    try:
        file.seek(offset)
        while got < len(view):
            n = file.readinto(view[got:])  # type: ignore[attr-defined]
            if not n:
                break
            got += n
    except EOFError:
        pass
    return got


def _untiled(layout: Layout, hdu: Hdu, plane: tuple[int, int]) -> NDArray[Any]:
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(layout.path, memmap=False) as units:
            data = np.asarray(units[hdu.index].data)
    if data.size != plane[0] * plane[1]:
        raise FileError(f"{layout.path}: its tiles do not make up the image; copy it again")
    return np.ascontiguousarray(data.reshape(plane), data.dtype.newbyteorder("="))


def _scaling(path: Path, hdu: Hdu, key: str, default: float) -> float:
    value = hdu.header.get(key)
    if value is None:
        return default
    found = number(value)
    if not isfinite(found) or (key == "BSCALE" and found == 0):
        raise FileError(f"{path}: {key} = {value} is no scale; the header is damaged")
    return found


def _lost(hdu: Hdu, pixels: NDArray[Any]) -> NDArray[np.uint16] | None:
    """Mask of pixels that are blank or not a number; None where there are none."""
    blank = hdu.header.get("BLANK") if hdu.bitpix > 0 and not hdu.tiled else None
    if pixels.dtype.kind == "f" and blank is None:
        # a sum is finite when all are: one fast pass for the usual case
        with np.errstate(all="ignore"):
            if np.isfinite(np.add.reduce(pixels, axis=None)):
                return None
        lost = ~np.isfinite(pixels)
    else:
        if not isinstance(blank, int):
            return None
        if pixels.dtype.kind == "f":
            scaled = blank * number(hdu.header.get("BSCALE", 1)) + number(hdu.header.get("BZERO", 0))
            lost = pixels == np.float32(scaled)
        else:
            lost = (pixels.view(">i2") if hdu.bitpix == 16 else pixels) == blank
    return np.where(lost, np.uint16(_LOST), np.uint16(0)) if lost.any() else None


def _mask_plane(layout: Layout) -> NDArray[np.uint16] | None:
    """Bits of the file's own mask: ours as they are, those of others simply bad."""
    if layout.mask is None:
        return None
    values = _plane(layout, layout.mask)
    if layout.header.get("CALIBRAT") is True and layout.mask.name == "MASK":
        return values.astype(np.uint16)
    return np.where(values != 0, np.uint16(Pixel.BAD), np.uint16(0))


def _plane(layout: Layout, hdu: Hdu) -> NDArray[Any]:
    """One plane with its scaling applied, native byte order."""
    stored, scale, zero, swapped = _stored(layout, hdu)
    values = stored.view(">i2").astype(np.int32) if swapped else stored
    return values if scale == 1 and zero == 0 else values * scale + zero


def _read_planes(path: str | Path) -> tuple[Layout, dict[str, NDArray[Any]]]:
    layout = read_header(path)
    if "VAR" not in layout.planes:
        raise FileError(f"{path}: has no variance plane (VAR); only files that pogson wrote can be read so")
    with in_words(layout.path, "cannot be read"):
        planes = {"SCI": _plane(layout, layout.image).astype(np.float32, copy=False)}
        planes["VAR"] = _plane(layout, layout.planes["VAR"]).astype(np.float32, copy=False)
        mask = layout.planes.get("MASK")
        planes["MASK"] = (
            np.zeros(planes["SCI"].shape, np.uint16)
            if mask is None
            else _plane(layout, mask).astype(np.uint16)
        )
    return layout, planes


def _write(
    path: str | Path,
    data: NDArray[Any],
    cards: Cards,
    planes: Mapping[str, NDArray[Any]],
    *,
    checksum: bool = True,
) -> None:
    images = [("", data), *planes.items()]
    with in_words(Path(path), "cannot be written"):
        write_atomic(path, lambda file: write_images(file, cards, images, checksum=checksum))
