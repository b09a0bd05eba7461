"""The verbs of the notebook: what `import pogson as pg` offers beyond the steps themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from pogson.core.errors import FileError, NightError, PogsonError, SettingError
from pogson.core.frame import Exposure, Frame, RawFrame
from pogson.io.files import make_folder, write_atomic
from pogson.io.fits import read_frame, read_raw, write_frame, write_master
from pogson.io.scan import Scan, scan_folder
from pogson.io.tables import read_table, write_table
from pogson.pipeline.night import prepare_night
from pogson.pipeline.products import file_name, frames_table
from pogson.pipeline.provenance import describe_inputs, describe_settings, hash_inputs, now, versions
from pogson.pipeline.settings import Settings
from pogson.pipeline.workers import Failure, Outcome, Progress, count_workers, map_frames, open_pool
from pogson.steps.calibrate.camera import measure_camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.detect.find import detect_stars
from pogson.steps.measure.aperture import measure_aperture


def scan_frames(folder: str | Path, *, settings: Settings | None = None) -> Table:
    """List the frames of a folder: one row per file, in the order of time.

    Parameters
    ----------
    folder : str or Path
        The night.
    settings : Settings, optional
        Facts about camera, site and bands that win over the headers.

    Returns
    -------
    Table
        FRAMES; meta holds `scan` (the exposures), `skipped` (images that could not be read, and why),
        `others` (what is no image) and `notes`.
    """
    scan = scan_folder(folder, overrides=(settings or Settings()).facts)
    table = frames_table([], [], {}, scan.exposures, [], [])
    table.meta |= {"scan": scan, "skipped": scan.unread, "others": scan.others, "notes": scan.notes}
    return table


def make_masters(frames: Table, *, workers: int = 0) -> Masters:
    """Master bias, dark and flat frames from a table of `scan_frames`.

    The camera's gain and read noise are measured on the way; `read_frames` uses them.
    """
    night = prepare_night(_scan_of(frames), workers=workers)
    frames.meta["night"] = night
    return night.masters


def read_frames(frames: Table, *, kind: str = "light") -> Iterator[RawFrame]:
    """Read the raw frames of a kind, one after the other.

    After `make_masters` their exposures carry the gain and read noise that were measured.
    """
    night = frames.meta.get("night")
    exposures = (*night.lights, *night.others) if night else _scan_of(frames).exposures
    return (read_raw(e) for e in exposures if e.kind == kind)


def _scan_of(frames: Table) -> Scan:
    if "scan" not in frames.meta:
        raise SettingError("this table does not come from scan_frames; call scan_frames(folder) first")
    scan: Scan = frames.meta["scan"]
    return scan


def calibrate_night(
    folder: str | Path,
    out: str | Path,
    *,
    settings: Settings,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Outcome[Exposure, str]]:
    """Write every light frame of a folder calibrated, and the masters, to another folder.

    Returns
    -------
    list of Outcome
        A path for each light frame; a failure for each image that could not be used.
    """
    scan = scan_folder(folder, overrides=settings.facts)
    need_lights(scan, folder)
    names = output_names([e.path for e in scan.exposures if e.kind == "light"])
    target, started = Path(out), now()
    if target.resolve() == Path(folder).resolve():
        raise SettingError(f"{out}: is the night itself; choose another folder for --out")
    taken = [name for name in names.values() if (target / name).exists()]
    if taken and not overwrite:
        raise SettingError(f"{target / taken[0]}: exists and is kept; use --overwrite, or another --out")
    make_folder(target)
    night = prepare_night(scan, workers=workers, progress=progress)
    write_masters(night.masters, target / "masters")

    def task(exposure: Exposure) -> str:
        frame = calibrate_frame(read_raw(exposure), night.masters, **settings.of("calibrate"))
        path = target / names[exposure.path]
        write_frame(path, frame)
        return str(path)

    outcomes = map_frames(
        task, night.lights, name=lambda e: e.path, stage="calibrating", workers=workers, progress=progress
    )
    with open_pool(count_workers(workers)) as pool:
        inputs = describe_inputs(scan.exposures, hash_inputs(scan.exposures, pool))
    failed = [*(Failure(p, f"{p}: {reason}") for p, reason in scan.unread), *night.failures]
    facts = {
        "summary": [f"{folder}: {len(night.lights)} light frames calibrated"],
        "started": started,
        "versions": versions(),
        "settings": describe_settings(settings),
        "inputs": inputs,
        "frames_failed": [{"path": f.item, "reason": f.reason} for f in failed],
    }
    write_atomic(target / "run.json", json.dumps(facts, indent=1).encode())
    return [*outcomes, *(Outcome(Exposure(path=f.item), None, f) for f in failed)]


def need_lights(scan: Scan, night: str | Path) -> None:
    """Refuse a folder without a light frame.

    Raises
    ------
    NightError
        Which says what was found instead.
    """
    if any(e.kind == "light" for e in scan.exposures):
        return
    kinds = ", ".join(sorted({e.kind for e in scan.exposures}))
    raise NightError(
        f"{night}: no light frame among {len(scan.exposures)} images (found: {kinds}); "
        "say their kind in the header (IMAGETYP), or in the name of file or folder"
    )


def output_names(paths: Sequence[str]) -> dict[str, str]:
    """A name of its own for the calibrated frame of each file: folders may hold files of the same name."""
    names: dict[str, str] = {}
    for path in paths:
        name, n = f"{bare_name(path)}_cal.fits", 1
        while name in names.values():
            n += 1
            name = f"{bare_name(path)}_{n}_cal.fits"
        names[path] = name
    return names


def write_masters(masters: Masters, folder: Path) -> list[str]:
    """Write all masters; return their file names."""
    if masters.masters:
        make_folder(folder)
    names = []
    for master in masters.masters:
        names.append(file_name(f"{master.name}.fits"))
        write_master(folder / names[-1], master)
    return names


def bare_name(path: str) -> str:
    """File name without its suffixes."""
    name = Path(path).name
    for suffix in (".gz", ".bz2", ".fz"):
        name = name.removesuffix(suffix)
    return Path(name).stem


def open_frame(path: str, settings: Settings) -> Frame:
    """A frame as it stands in its file: calibrated, or raw with nothing but its gain applied."""
    raw = read_raw(path, overrides=settings.facts)
    if raw.exposure.reduced:
        try:
            return read_frame(path)
        except PogsonError:
            pass  # reduced by another program: it has no variance of its own
    camera = measure_camera(lights=[raw])
    known = replace(raw, exposure=camera.applied_to(raw.exposure))
    return calibrate_frame(known, Masters(), **settings.of("calibrate"))


def detect_files(files: Sequence[str], *, settings: Settings) -> tuple[Table, list[Failure]]:
    """The stars of some files, with the file in column `frame`."""

    def task(path: str) -> Table:
        stars = detect_stars(open_frame(path, settings), **settings.of("detect"))
        stars.add_column(np.full(len(stars), path), index=0, name="frame")
        return stars

    return _each(task, files)


def measure_files(
    files: Sequence[str], positions: str | None = None, *, settings: Settings
) -> tuple[Table, list[Failure]]:
    """Measure the stars of some files, or the positions of a table, in each of them."""
    given = None if positions is None else read_positions(positions)

    def task(path: str) -> Table:
        frame = open_frame(path, settings)
        stars = detect_stars(frame, **settings.of("detect"))
        fwhm = stars.meta["psf"].fwhm
        return measure_aperture(frame, stars if given is None else given, fwhm=fwhm, **settings.of("measure"))

    return _each(task, files)


def read_positions(path: str) -> Table:
    """A table with columns x, y (0-based pixels), and ids where it has them."""
    table = read_table(path)
    missing = [name for name in ("x", "y") if name not in table.colnames]
    if missing:
        raise FileError(f"{path}: has no column {' and '.join(missing)}; 0-based pixel positions are needed")
    if "id" not in table.colnames:
        table["id"] = np.arange(1, len(table) + 1)
    return table


def write_stars(path: str, stars: Table) -> None:
    """Write detections as a table, or as a DS9 region file where the suffix is .reg."""
    if not path.endswith(".reg"):
        write_table(path, stars)
        return
    # DS9 counts pixels from 1 at the centre of the first
    circles = (
        f"circle({x + 1:.3f},{y + 1:.3f},{1.5 * (w if np.isfinite(w) else 3.0):.2f})"
        for x, y, w in zip(stars["x"], stars["y"], stars["fwhm"], strict=True)
    )
    write_atomic(path, "\n".join(["# Region file format: DS9", "image", *circles, ""]).encode())


def _each(task: Any, files: Sequence[str]) -> tuple[Table, list[Failure]]:
    outcomes = map_frames(task, list(files), name=str, stage="", workers=1)
    tables = [Table(o.result, meta={}, copy=False) for o in outcomes if o.result is not None]
    failures = [o.failure for o in outcomes if o.failure]
    return (vstack(tables, metadata_conflicts="silent") if tables else Table()), failures
