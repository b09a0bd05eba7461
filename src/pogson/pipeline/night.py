"""What a night needs before its first light frame: sorted exposures, the camera, the masters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pogson.core.errors import PogsonError
from pogson.core.frame import Exposure, Mask, Master, RawFrame
from pogson.io.fits import read_raw
from pogson.io.mapped import Shelf
from pogson.io.scan import Scan
from pogson.pipeline.memory import return_memory
from pogson.pipeline.workers import Failure, Progress, Silent, count_workers, map_frames, open_pool
from pogson.steps.calibrate.badpixels import merge_masks
from pogson.steps.calibrate.camera import Camera, measure_camera
from pogson.steps.calibrate.collection import Masters, group_calibrations
from pogson.steps.calibrate.defects import flag_columns, flag_hot
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat
from pogson.steps.calibrate.transfer import Each

#: frames of a kind that are looked at to measure the camera: more add nothing
SAMPLE = {"bias": 10, "flat": 6, "light": 6}

#: band of frames whose header names no filter
NO_BAND = "unknown"


@dataclass(frozen=True)
class Night:
    """A night that is ready to be reduced.

    Attributes
    ----------
    lights, others : tuple of Exposure
        With the camera's values filled in.
    cameras : mapping of camera key to Camera
        One for each detector, binning and size.
    masters : Masters
    failures : tuple of Failure
        Calibration frames that could not be used.
    notes : tuple of str
    """

    lights: tuple[Exposure, ...]
    others: tuple[Exposure, ...]
    cameras: dict[str, Camera]
    masters: Masters
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def prepare_night(
    scan: Scan, *, workers: int = 0, progress: Progress | None = None, shelf: Shelf | None = None
) -> Night:
    """Measure the camera and make the masters; a frame that cannot be used is a failure of its own.

    Parameters
    ----------
    scan : Scan
        Of the folder.
    workers : int
        Frames read at a time; 0 takes all processors.
    progress : Progress, optional
        Whoever shows how far things are.
    shelf : Shelf, optional
        Takes the masters, which then need no memory.
    """
    exposures = [_with_band(e) for e in scan.exposures]
    failures: list[Failure] = []
    read = _reader(failures, workers, progress or Silent())
    cameras: dict[str, Camera] = {}
    masters: list[Master] = []
    filled: dict[str, Exposure] = {}
    bad: dict[tuple[int, int], Mask] = {}
    with open_pool(count_workers(workers)) as pool:
        for key, group in _groups(exposures).items():
            camera, group_masters = _prepare_group(group, read, failures, shelf, pool.map)
            cameras[key] = camera
            masters += group_masters
            bad |= _find_defects(group, read)
            filled |= {e.path: camera.applied_to(e) for e in group}
    done = [filled[e.path] for e in exposures]
    return Night(
        tuple(e for e in done if e.kind == "light"),
        tuple(e for e in done if e.kind != "light"),
        cameras,
        Masters(tuple(masters), bad, rest=shelf.release) if shelf else Masters(tuple(masters), bad),
        tuple(failures),
        scan.notes,
    )


def _with_band(exposure: Exposure) -> Exposure:
    """Frames without a filter are a band of their own, with a name that can stand in a column."""
    if exposure.band or exposure.kind not in ("light", "flat"):
        return exposure
    note = 'no filter in the header: name it in the settings: [bands] "" = "V"'
    named = exposure.with_values("no filter in the header", band=NO_BAND)
    return replace(named, notes=(*exposure.notes, note))


def camera_key(exposure: Exposure) -> str:
    """Exposures of one key share a camera: its gain, its read noise and its masters."""
    ny, nx = exposure.shape
    x, y = exposure.binning
    return f"{exposure.camera or 'camera'}, {nx} x {ny} px, binning {x}x{y}"


def _groups(exposures: Sequence[Exposure]) -> dict[str, list[Exposure]]:
    """By size and binning; the name of the camera is not asked: programs write it differently."""
    names: dict[tuple[object, ...], str] = {}
    groups: dict[str, list[Exposure]] = {}
    for e in sorted(exposures, key=lambda e: e.kind != "light"):
        name = names.setdefault((e.shape, e.binning, e.reduced), camera_key(e))
        groups.setdefault(name, []).append(e)
    return groups


Reader = Callable[[str, Sequence[Exposure]], list[RawFrame]]


def _reader(failures: list[Failure], workers: int, progress: Progress) -> Reader:
    def read(stage: str, exposures: Sequence[Exposure]) -> list[RawFrame]:
        if not exposures:
            return []
        outcomes = map_frames(
            read_raw, exposures, name=lambda e: e.path, stage=stage, workers=workers, progress=progress
        )
        # a frame may be read twice
        failures.extend(o.failure for o in outcomes if o.failure and o.failure not in failures)
        return [o.result for o in outcomes if o.result is not None]

    return read


def _prepare_group(
    group: Sequence[Exposure], read: Reader, failures: list[Failure], shelf: Shelf | None, each: Each
) -> tuple[Camera, list[Master]]:
    lights = [e for e in group if e.kind == "light"]
    if all(e.reduced for e in lights) and lights:
        return measure_camera((), (), read("looking at the camera", _spread(lights, 2)), each=each), []
    biases = _spread([e for e in group if e.kind == "bias"], SAMPLE["bias"])
    flats = _sample_flats([e for e in group if e.kind == "flat"])
    # light frames tell the gain where there are no flats, and where the camera saturates
    sample = (
        read("looking at the camera", some) for some in (biases, flats, _spread(lights, SAMPLE["light"]))
    )
    camera = measure_camera(*sample, each=each)
    return_memory()
    return camera, _make_masters(group, camera, read, failures, shelf, each)


def _find_defects(group: Sequence[Exposure], read: Reader) -> dict[tuple[int, int], Mask]:
    """Bad columns where no flat tells them, and hot pixels where no dark does, by the size of the frames."""
    lights = [e for e in group if e.kind == "light" and not e.reduced]
    kinds = {e.kind for e in group}
    if not lights or {"dark", "flat"} <= kinds:
        return {}
    raws = read("looking for bad pixels", _spread(lights, SAMPLE["light"]))
    found = [] if "flat" in kinds else [flag_columns(raws)]
    found += [] if "dark" in kinds else [flag_hot(raws)]
    masks = [mask for mask in found if mask is not None]
    return {masks[0].shape: merge_masks(masks[0].shape, *masks)} if masks else {}


def _make_masters(
    group: Sequence[Exposure],
    camera: Camera,
    read: Reader,
    failures: list[Failure],
    shelf: Shelf | None,
    each: Each,
) -> list[Master]:
    """Bias first, then darks with it, then flats with both; a set that fails is named and left out.

    No set is in memory beside another.
    """
    masters: list[Master] = []
    times = sorted(e.jd_utc for e in group if e.kind == "light")
    at = times[len(times) // 2] if times else float("nan")
    for kind, exposures in group_calibrations([e for e in group if e.kind in ("bias", "dark", "flat")]):
        frames = [
            replace(r, exposure=camera.applied_to(r.exposure)) for r in read(f"master {kind}", exposures)
        ]
        try:
            if frames:
                made = _make_master(kind, frames, camera, Masters(tuple(masters)), at, each)
                masters.append(_shelved(made, shelf) if shelf else made)
        except PogsonError as error:
            failures.append(Failure(f"{kind} set", str(error)))
        del frames  # before the next ones are read
    return masters


def _shelved(master: Master, shelf: Shelf) -> Master:
    planes = {name: shelf.put(getattr(master, name)) for name in ("data", "variance", "mask")}
    return replace(master, **planes)


def _make_master(
    kind: str, frames: list[RawFrame], camera: Camera, made: Masters, at: float, each: Each
) -> Master:
    if kind == "bias":
        return make_bias(frames, camera, at=at, each=each)
    found = made.match(frames[0].exposure)
    if kind == "dark":
        return make_dark(frames, found.bias, camera, each=each)
    return make_flat(frames, found.bias, found.dark, camera, each=each)


def _sample_flats(flats: Sequence[Exposure]) -> list[Exposure]:
    bands: dict[str, list[Exposure]] = {}
    for exposure in flats:
        bands.setdefault(exposure.band, []).append(exposure)
    return [exposure for group in bands.values() for exposure in _spread(group, SAMPLE["flat"])]


def _spread(items: Sequence, n: int) -> list:  # type: ignore[type-arg]
    """At most `n` items, evenly spread."""
    if len(items) <= n:
        return list(items)
    return [items[round(i * (len(items) - 1) / (n - 1))] for i in range(n)]
