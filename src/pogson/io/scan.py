"""What is in a folder: one exposure per image file, and why the others are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from typing import Any

from pogson.core.errors import FileError, NightError
from pogson.core.frame import Exposure
from pogson.io.headers import pointing_altitude, read_exposure
from pogson.io.layout import read_header
from pogson.io.moments import complete

_FITS = (".fits", ".fit", ".fts")
_PACKED = (".gz", ".bz2", ".fz")
_PICTURES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".tif",
    ".tiff",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".dng",
    ".xisf",
    ".ser",
    ".avi",
)
#: size in bytes, and time of the last change in nanoseconds
Stamp = tuple[int, int]

_GAP = 12 / 24  # days without a light frame that part two nights
_SPAN = 16 / 24  # days that one night can last


@dataclass(frozen=True)
class Scan:
    """What is in a folder.

    Attributes
    ----------
    exposures : tuple of Exposure
        By time, then by path; those without a time last.
    skipped : tuple of (path, reason)
    notes : tuple of str
        What a user should know of the folder as a whole.
    """

    exposures: tuple[Exposure, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[tuple[str, str], ...]:
        """Images that could not be read, and why: `skipped` without what is no FITS file."""
        return tuple((path, reason) for path, reason in self.skipped if Path(path).is_file())

    @property
    def others(self) -> tuple[str, ...]:
        """What lies beside the images: worth a note, no failure."""
        return tuple(reason for path, reason in self.skipped if not Path(path).is_file())


def scan_folder(
    folder: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    only: Collection[Path] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Read the headers of all FITS images in a folder and the folders in it.

    Hidden folders, and those of an earlier run (they hold run.json, or .pogson where it was stopped), are
    left out.

    Parameters
    ----------
    folder : str or Path
        The night.
    overrides : mapping, optional
        Tables of the settings file; see `read_exposure`.
    only : collection of Path, optional
        Of the images in the folder, those that count: others are still written to.
    progress : function, optional
        Called with the number of files done and of all.

    Returns
    -------
    Scan

    Raises
    ------
    FileError
        If there is no such folder.
    NightError
        If it holds no readable FITS image.
    """
    folder = _need_folder(folder)
    paths, others = _sort_out(folder)
    if only is not None:
        paths = [path for path in paths if path in only]
    exposures: list[Exposure] = []
    altitudes: list[float] = []
    skipped: list[tuple[str, str]] = []
    for n, path in enumerate(paths):
        try:
            layout = read_header(path)
            exposure = read_exposure(
                layout.header, path=str(path), shape=layout.image.plane or (0, 0), overrides=overrides
            )
            exposures.append(replace(exposure, notes=(*layout.notes, *exposure.notes)))
            altitudes.append(pointing_altitude(layout.header))
        except FileError as error:
            skipped.append((str(path), str(error).removeprefix(f"{path}: ")))
        if progress is not None:
            progress(n + 1, len(paths))
    skipped += _other_files(folder, others)
    if not exposures:
        raise NightError(f"{folder}: holds no FITS image that can be read{_first(folder, skipped)}")
    done = sorted(complete(exposures, altitudes), key=_order)
    return Scan(tuple(done), tuple(skipped), tuple(_remarks(done)))


def look_at_images(folder: str | Path) -> dict[Path, Stamp]:
    """Size and time of the last change of each FITS image in a folder: what changes is still written to.

    Raises
    ------
    FileError
        If there is no such folder.
    """
    found = {}
    for path in _sort_out(_need_folder(folder))[0]:
        try:
            file = path.stat()
        except OSError:
            continue  # taken away between two looks
        found[path] = (file.st_size, file.st_mtime_ns)
    return found


def _need_folder(folder: str | Path) -> Path:
    folder = Path(folder)
    if not folder.exists():
        raise FileError(f"{folder}: there is no such folder; check the path")
    if not folder.is_dir():
        raise FileError(f"{folder}: is a file, not a folder; give the folder that holds the night")
    return folder


def _first(folder: Path, skipped: list[tuple[str, str]]) -> str:
    """Why nothing could be read, by the first file."""
    if not skipped:
        return "; give the folder that holds the frames"
    path, reason = skipped[0]
    name = "" if path == str(folder) else f"{Path(path).name}: "
    return f"; the first: {name}{reason}"


def _sort_out(folder: Path) -> tuple[list[Path], Counter[str]]:
    paths: list[Path] = []
    others: Counter[str] = Counter()
    for path in _files(folder):
        suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
        last = suffixes[-1] if suffixes else ""
        packed = last in _PACKED and (last == ".fz" or suffixes[0] in _FITS)
        if last in _FITS or packed:
            paths.append(path)
        else:
            others[last or "nameless"] += 1
    return sorted(paths), others


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        if ("run.json" in names or ".pogson" in folders) and Path(place) != folder:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _other_files(folder: Path, others: Counter[str]) -> list[tuple[str, str]]:
    """One line for each kind of file that is no FITS image."""
    out = []
    for suffix, count in sorted(others.items()):
        files = f"1 {suffix} file is" if count == 1 else f"{count} {suffix} files are"
        hint = ": export raw frames as FITS" if suffix in _PICTURES else ""
        out.append((str(folder), f"{files} not FITS{hint}"))
    return out


def _order(exposure: Exposure) -> tuple[float, str]:
    return (exposure.jd_utc if isfinite(exposure.jd_utc) else inf), exposure.path


def _remarks(exposures: list[Exposure]) -> list[str]:
    """Facts about the folder as a whole: several nights, sizes, cameras, or no light frame."""
    notes = []
    lights = [e for e in exposures if e.kind == "light"]
    times = [e.jd_utc for e in lights if isfinite(e.jd_utc)]
    gaps = sum(later - earlier > _GAP for earlier, later in pairwise(times))
    if gaps:
        notes.append(f"light frames of {gaps + 1} nights in one folder")
    elif times and times[-1] - times[0] > _SPAN:
        notes.append(f"light frames span {(times[-1] - times[0]) * 24:.1f} h: more than one night?")
    for what, values in (
        ("sizes", {f"{e.shape[1]} x {e.shape[0]}" for e in exposures}),
        ("binnings", {f"{e.binning[0]} x {e.binning[1]}" for e in exposures}),
        ("cameras", {e.camera for e in exposures if e.camera}),
    ):
        if len(values) > 1:
            notes.append(f"{len(values)} {what} in one folder: {', '.join(sorted(values))}")
    if not lights:
        notes.append("no light frame")
    return notes
