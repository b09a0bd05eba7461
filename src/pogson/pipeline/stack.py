"""From the frames of a night, or some files, to one deep frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from math import cos, isfinite, nan, radians, sin
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FrameError, MatchError, NightError, PogsonError, SettingError
from pogson.core.flags import SPOILED
from pogson.core.frame import Exposure, Frame, Image
from pogson.core.transform import Transform
from pogson.io.fits import exposure_of, read_frame, read_raw, write_frame
from pogson.io.layout import read_header
from pogson.io.planes import Scratch, calibrated_rows, stored_plane
from pogson.io.scan import Scan, scan_folder
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.settings import Settings
from pogson.pipeline.warmup import compile_kernels
from pogson.pipeline.workers import Failure, Progress, Silent, count_workers, map_frames
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.rows import RowCalibrator
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.sky import estimate_sky
from pogson.steps.match.align import match_stars
from pogson.steps.match.field import choose_reference
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.stack.coadd import Stack, coadd
from pogson.steps.stack.effective import Effective, combine_exposures
from pogson.steps.stack.layer import Layer, Rows, SkyMesh
from pogson.steps.stack.scale import Scale, fit_scale

STARS = 2000  # brightest of a frame that align it
SCALE_STARS = 300  # brightest of a frame whose flux is measured for its scale
RADII = 2.0 * 1.25 ** np.arange(16)  # px, of the apertures: the same in all frames
APERTURE = 2.0  # FWHM of the widest frame
WINDOW = 2_000_000  # pixels in the middle rows of a large frame that are searched for stars first
ENOUGH = 120  # unspoiled stars in them
STRIPS = 9  # parts of such a frame whose sky is looked at
NIGHT_GAP = 0.5  # days without a frame between two nights
UNKNOWN = Scale(nan, nan)
SAME_SCALE = 0.02  # frames whose pixels differ by more were taken otherwise


@dataclass(frozen=True)
class Surveyed:
    """A frame whose stars are known, and whose pixels can be had again by rows."""

    exposure: Exposure
    stars: Table
    fluxes: Table
    fwhm: float
    sky: Any
    rows: Rows
    shape: tuple[int, int]
    unit: str
    noise: float  # of an empty pixel, from the frame's variance


@dataclass(frozen=True)
class StackResult:
    """A stack, and what went into it.

    Attributes
    ----------
    stack : Stack
    frame : Frame
        The stack as a frame: it can be searched and measured like any other.
    effective : Effective
    inputs : Table
        One row per frame: path, weight, scale, scale_err, n_stars, fwhm, sky, noise, dx, dy, rotation.
    failures : tuple of Failure
        Frames that were left out, and why.
    check : Scale
        Flux of the scale stars in the stack over that in the reference frame: 1 within its error.
    looks : mapping of path to float32 (ny, nx)
        Single frames in the stack's grid and scale, the reference first; as many as were asked for.
    """

    stack: Stack
    frame: Frame
    effective: Effective
    inputs: Table
    failures: tuple[Failure, ...]
    check: Scale = UNKNOWN
    looks: dict[str, Image] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all good; 3 finished, but some frames were left out."""
        return 3 if self.failures else 0


def stack_night(
    sources: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    settings: Settings | None = None,
    band: str = "",
    mix: bool = False,
    aligned: bool = False,
    scaled: bool = True,
    sky: str = "plane",
    rate: float = 0.0,
    angle: float = 0.0,
    memory: float = 1.0,
    workers: int = 0,
    looks: int = 0,
    progress: Progress | None = None,
) -> StackResult:
    """Shift, scale and combine light frames, raw or calibrated.

    Parameters
    ----------
    sources : path, or sequence of paths
        A folder (a raw night is calibrated with its own masters), or the files.
    out : path, optional
        FITS file for the stack: data, VAR, MASK, COVERAGE and REJECTED.
    settings : Settings, optional
        Of calibration, detection and [stack].
    band : str
        Only frames of this band.
    mix : bool
        Combine frames of several bands, nights or sizes.
    aligned : bool
        Pixels lie on each other already: nothing is moved, no star is needed.
    scaled : bool
        Bring the frames to one flux scale by their stars.
    sky : str
        Taken off each frame: none, constant, plane or map.
    rate, angle : float
        Follow a target that moves by so many pixels per hour, so many degrees from x towards y.
    memory : float
        Gigabytes that the frames' pixels may fill, whatever their number.
    workers : int
        Processors; 0 takes all.
    looks : int
        Single frames to keep, for pictures.
    progress : Progress, optional
        Whoever shows how far things are.

    Raises
    ------
    PogsonError
        Where nothing can be stacked.
    """
    chosen, shown = settings or Settings(), progress or Silent()
    options = chosen.of("stack")
    target = None if out is None else _writable(out)
    scan, failures = _scan(sources, chosen)
    compile_kernels(shown)
    blind = aligned and sky == "none" and not scaled
    night, lost = _prepare(scan, band, mix, workers, shown, blind)
    failures += [*lost, *night.failures]
    beside = target.parent if target else Path()
    with Scratch(beside) as scratch:
        shop = _Shop(night, chosen, scratch, memory, blind, options)
        for quick in (sky != "map", False):
            shop.quick, lost = quick, []
            frames = shop.survey_all(workers, shown, lost)
            best, maps = _align(frames, aligned, lost, mix)
            frames, transforms, scales, best = _scale(frames, maps, best, scaled and not aligned, lost)
            if not (lost and quick):
                break
        failures += lost
        layers = [
            Layer(
                f.rows, f.shape, _follow(t, f, frames, rate, angle), s.value, SkyMesh.of(f.sky, sky) if f.sky
                else SkyMesh.constant(0.0), _noise(f), f.unit == "electron",
            )
            for f, t, s in zip(frames, transforms, scales, strict=True)
        ]  # fmt: skip
        shape = frames[best].shape
        stack = coadd(layers, shape, memory=memory, each=_threads(workers, shown), **options)
        order = [best, *(i for i in range(len(frames)) if i != best)][:looks]
        single = {
            frames[i].exposure.path: coadd([layers[i]], shape, method="mean", resample="shift").data
            for i in order
        }
    done = _finish(stack, frames, layers, scales, best, failures, target, options, sky)
    return replace(done, looks=single)


def _writable(out: str | Path) -> Path:
    path = Path(out)
    if path.is_dir() or path.suffix.lower() not in (".fits", ".fit", ".fts"):
        raise SettingError(f"--out {path}: must be a FITS file, such as stack.fits")
    if not path.absolute().parent.is_dir():
        raise SettingError(f"--out {path}: there is no folder {path.absolute().parent}; make it first")
    return path


def _scan(sources: str | Path | Sequence[str | Path], settings: Settings) -> tuple[Scan, list[Failure]]:
    items = [sources] if isinstance(sources, (str, Path)) else list(sources)
    if len(items) == 1 and Path(items[0]).is_dir():
        scan = scan_folder(items[0], overrides=settings.facts)
        # a stack is no frame of the night
        singles = (e for e in scan.exposures if not (e.reduced and "COMBMETH" in read_header(e.path).header))
        scan = replace(scan, exposures=tuple(singles))
        unread = [(path, reason) for path, reason in scan.skipped if Path(path).is_file()]
        return scan, [
            Failure(path, f"{path}: {reason}")
            for path, reason in unread
            if path.endswith((".fits", ".fit", ".fts"))
        ]
    exposures, failures = [], []
    for item in items:
        try:
            exposure = exposure_of(read_header(item), settings.facts)
            if exposure.kind in ("bias", "dark", "flat"):
                failures.append(
                    Failure(str(item), f"{item}: is a {exposure.kind} frame: left out of the stack")
                )
            else:
                exposures.append(replace(exposure, kind="light"))
        except PogsonError as error:
            failures.append(Failure(str(item), str(error)))
    return Scan(tuple(exposures)), failures


def _prepare(
    scan: Scan, band: str, mix: bool, workers: int, progress: Progress, blind: bool
) -> tuple[Night, list[Failure]]:
    """The night with the light frames that are to be stacked.

    Raises
    ------
    NightError
        If there are none, or frames of several bands, nights or sizes that nobody asked to mix.
    """
    lights = [e for e in scan.exposures if e.kind == "light"]
    bands = sorted({e.band or "unknown" for e in lights})
    if band and band not in bands:
        raise NightError(f"no light frame in band {band}; there is {', '.join(bands) or 'none'}")
    lights = [e for e in lights if not band or (e.band or "unknown") == band]
    if not lights:
        raise NightError("no light frame to stack; give a folder with light frames, or their files")
    if not mix:
        if len(bands) > 1 and not band:
            raise NightError(
                f"frames of {len(bands)} bands ({', '.join(bands)}): choose one with --band, "
                "or say --mix to combine all"
            )
        times = np.sort([e.jd_utc for e in lights if isfinite(e.jd_utc)])
        nights = int(np.sum(np.diff(times) > NIGHT_GAP)) + 1
        if nights > 1:
            raise NightError(f"frames of {nights} nights: stack each by itself, or say --mix to combine all")
    shapes = [e.shape for e in lights]
    usual = max(shapes, key=shapes.count)
    odd = [] if mix else [e for e in lights if e.shape != usual]
    failures = [
        Failure(
            e.path,
            f"{e.path}: has {e.shape[1]} x {e.shape[0]} pixels, the others {usual[1]} x {usual[0]}; left out "
            "(--mix takes it in)",
        )
        for e in odd
    ]
    wanted = {e.path for e in lights} - {e.path for e in odd}
    kept = [e for e in scan.exposures if e.kind != "light" or e.path in wanted]
    if blind and all(e.kind == "light" and e.gain > 0 and e.read_noise >= 0 for e in kept):
        return Night(tuple(kept), (), {}, Masters()), failures  # nothing to measure, nothing to correct
    night = prepare_night(replace(scan, exposures=tuple(kept)), workers=workers, progress=progress)
    return night, failures


class _Shop:
    """Reads, calibrates and searches the frames; sees that their pixels do not fill the memory."""

    def __init__(
        self,
        night: Night,
        settings: Settings,
        scratch: Scratch,
        memory: float,
        blind: bool,
        options: dict[str, Any],
    ) -> None:
        self.night, self.settings, self.scratch, self.blind = night, settings, scratch, blind
        self.quick = False
        self.buffers, self.turn, self.kept = local(), Lock(), count()
        size = sum(e.shape[0] * e.shape[1] for e in night.lights) * 10
        self.spill = size > 0.5e9 * memory
        # where outliers are rejected, cosmic rays need not be found first
        rejects = options.get("method", "robust") in ("robust", "kappa_sigma", "median", "minmax")
        self.by_rows = blind or (rejects and len(night.lights) > 2)

    def survey_all(self, workers: int, progress: Progress, failures: list[Failure]) -> list[Surveyed]:
        """The stars of all frames that have some.

        Raises
        ------
        NightError
            If there is none.
        """
        lights = self.night.lights
        found = map_frames(
            self.survey,
            lights,
            name=lambda e: e.path,
            stage="finding stars",
            workers=workers,
            progress=progress,
        )
        failures += [o.failure for o in found if o.failure]
        frames = [o.result for o in found if o.result is not None]
        if not frames:
            raise NightError(
                f"no frame left to stack: {failures[-1].reason if failures else 'none was given'}"
            )
        return frames

    def survey(self, exposure: Exposure) -> Surveyed:
        """The stars of a frame; in its middle rows alone, where these hold enough of them."""
        if self.blind or (self.quick and exposure.shape[0] * exposure.shape[1] > 1.3 * WINDOW):
            calibrator = self._by_rows(exposure)
            glanced = None if calibrator is None else self._glance(exposure, calibrator)
            if glanced is not None:
                return glanced
        wrote = exposure.reduced and "VAR" in read_header(exposure.path).planes
        rows: Rows | None
        if wrote:
            frame, rows = read_frame(exposure.path), calibrated_rows(exposure.path)
            frame = replace(frame, exposure=replace(frame.exposure, kind="light"))
        else:
            frame, rows = self._calibrate(exposure)
        if not np.any(frame.variance > 0) or not np.isfinite(frame.data).any() or np.ptp(frame.data) == 0:
            raise FrameError(f"{exposure.path}: all pixels have the same value: left out of the stack")
        found = None if self.blind else self._search(frame)
        if rows is None:
            rows = self._keep(frame)
        if isinstance(rows, RowCalibrator):
            rows.noise2 = np.float32(np.median(frame.variance[::8, ::8]))
        stars, fluxes, fwhm, sky = found or (Table(), Table(), nan, None)
        noise = float(np.sqrt(np.median(frame.variance[::8, ::8])))
        return Surveyed(frame.exposure, stars, fluxes, fwhm, sky, rows, frame.shape, frame.unit, noise)

    def _by_rows(self, exposure: Exposure) -> RowCalibrator | None:
        """The calibrated frame by rows, where its file allows it."""
        if not self.by_rows or exposure.reduced or exposure.bayer:
            return None
        plane = stored_plane(exposure.path)
        raw = None if plane is None else read_raw(exposure)
        if plane is None or raw is None or raw.mask is not None or not raw.swapped:
            return None
        given = self.settings.of("calibrate")
        names = {
            "temperature_tolerance": "temperature_tolerance",
            "dark_exptime_tolerance": "exptime_tolerance",
        }
        tolerances = {names[k]: v for k, v in given.items() if k in names}
        with self.turn:  # the masters are prepared once, for all frames
            return RowCalibrator(raw, self.night.masters, plane.rows, self.buffers, **tolerances)

    def _calibrate(self, exposure: Exposure) -> tuple[Frame, Rows | None]:
        options, rows = self.settings.of("calibrate"), self._by_rows(exposure)
        if rows is not None:
            options["cosmics"] = False
        return calibrate_frame(read_raw(exposure), self.night.masters, **options), rows

    def _glance(self, exposure: Exposure, rows: RowCalibrator) -> Surveyed | None:
        """The stars of the middle rows, and the sky of strips; None where the stars are few."""
        if not rows.known_gain:
            return None
        ny, nx = rows.shape
        if self.blind:
            noise = float(np.sqrt(np.median(rows(ny // 2, min(ny // 2 + 64, ny))[1])))
            if not noise > 0:
                return None
            return Surveyed(exposure, Table(), Table(), nan, None, rows, rows.shape, "electron", noise)
        half = min(WINDOW // nx, ny) // 2
        top = ny // 2 - half
        middle = _frame_of([rows(top, top + 2 * half)], exposure)
        if not np.isfinite(middle.data).any() or np.ptp(middle.data) == 0:
            return None
        try:
            stars, fluxes, fwhm, _ = self._search(middle)
        except FrameError:
            return None
        if np.sum((np.asarray(stars["flags"]) & SPOILED) == 0) < ENOUGH:
            return None
        stars["y"] += top
        fluxes["y"] += top
        centers = [int((i + 0.5) * ny / STRIPS) for i in range(STRIPS)]
        # what is given by rows is overwritten by the next rows
        parts = [[plane.copy() for plane in rows(y - 32, y + 32)] for y in centers]
        strips = _frame_of(parts, exposure)
        sky = replace(estimate_sky(strips, box=64), shape=rows.shape)
        noise = float(np.sqrt(np.median(strips.variance[::4, ::4])))
        return Surveyed(exposure, stars, fluxes, fwhm, sky, rows, rows.shape, "electron", noise)

    def _search(self, frame: Frame) -> tuple[Table, Table, float, Any]:
        stars = detect_stars(frame, **{"brightest": STARS, **self.settings.of("detect")})
        if len(stars) < 3:
            reason = "saturated or empty" if not len(stars) else f"only {len(stars)} star(s)"
            raise FrameError(
                f"{frame.exposure.path}: no stars to align it by ({reason}): left out of the stack"
            )
        fwhm, sky = stars.meta["psf"].fwhm, stars.meta.pop("sky")
        fwhm = fwhm if isfinite(fwhm) and fwhm > 0 else stars.meta["fwhm"]
        timed = replace(frame, exposure=replace(frame.exposure, exptime=1.0))
        near = [float(r) for r in RADII if 0.9 * APERTURE * fwhm <= r <= 2.0 * APERTURE * fwhm]
        fluxes = measure_aperture(timed, stars[:SCALE_STARS], fwhm=fwhm, radius=APERTURE, radii=tuple(near))
        return stars, fluxes, fwhm, sky

    def _keep(self, frame: Frame) -> Rows:
        if self.spill:
            # a number of its own: the address of a frame is given to the next one when it is gone
            return self.scratch.keep(f"{next(self.kept)}.raw", frame)
        data, variance, mask = frame.data, frame.variance, frame.mask
        return lambda y0, y1: (data[y0:y1], variance[y0:y1], mask[y0:y1])


def _frame_of(parts: Sequence[Sequence[Any]], exposure: Exposure) -> Frame:
    """Strips of data, variance and mask, one above the other, as a frame of their own."""
    data, variance, mask = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return Frame(data, variance, mask, exposure)


def _noise(frame: Surveyed) -> float:
    """Noise of one pixel where the frame is emptiest: stars too faint to be seen are no noise."""
    mesh = frame.sky.noise_mesh if frame.sky else np.zeros(1)
    measured = float(np.nanpercentile(mesh, 10.0)) if np.isfinite(mesh).any() else 0.0
    return measured if measured > 0 else frame.noise


def _align(
    frames: list[Surveyed], aligned: bool, failures: list[Failure], mix: bool
) -> tuple[int, list[Transform | None]]:
    """The best frame, and the maps from it to all; None for a frame that could not be aligned."""
    if aligned:
        best = choose_reference([f.stars for f in frames]) if all(len(f.stars) > 2 for f in frames) else 0
        return best, [Transform.identity()] * len(frames)
    tries: list[tuple[int, list[Transform | None], list[Failure]]] = []
    left = list(range(len(frames)))
    while left and len(tries) < 3:
        best = left[choose_reference([frames[i].stars for i in left])]
        transforms, lost = _maps(frames, best, mix)
        tries.append((best, transforms, lost))
        if 2 * sum(t is not None for t in transforms) > len(frames):
            break
        left = [i for i in left if transforms[i] is None]
    best, transforms, lost = max(tries, key=lambda one: sum(t is not None for t in one[1]))
    failures += lost
    return best, transforms


def _maps(frames: list[Surveyed], best: int, mix: bool) -> tuple[list[Transform | None], list[Failure]]:
    transforms: list[Transform | None] = []
    failures = []
    guess: Transform | None = None
    for i, frame in enumerate(frames):
        found: Transform | None = Transform.identity() if i == best else None
        if found is None:
            try:
                found = match_stars(frame.stars, frames[best].stars, guess=guess)
                if abs(found.scale - 1.0) > SAME_SCALE and not mix:
                    reason = f"its pixels are 1/{found.scale:.3f} as large as the reference's"
                    reason += "; left out (--mix takes it in)"
                    failures.append(Failure(frame.exposure.path, f"{frame.exposure.path}: {reason}"))
                    found = None
            except MatchError as error:
                failures.append(Failure(frame.exposure.path, f"{frame.exposure.path}: left out: {error}"))
        guess = found or guess
        transforms.append(found)
    return transforms, failures


def _scale(
    frames: list[Surveyed],
    transforms: list[Transform | None],
    best: int,
    wanted: bool,
    failures: list[Failure],
) -> tuple[list[Surveyed], list[Transform], list[Scale], int]:
    """Flux scales of the frames that could be aligned; a frame without one is left out."""
    kept: list[tuple[Surveyed, Transform, Scale]] = []
    reference, place = frames[best], 0
    widest = max(
        (f.fwhm for f, t in zip(frames, transforms, strict=True) if t is not None and isfinite(f.fwhm)),
        default=nan,
    )
    for i, (frame, transform) in enumerate(zip(frames, transforms, strict=True)):
        if transform is None:
            continue
        try:
            scale = (
                Scale(1.0)
                if i == best or not wanted
                else _scale_of(frame, reference, transform, APERTURE * widest)
            )
        except FrameError as error:
            failures.append(Failure(frame.exposure.path, f"{frame.exposure.path}: left out: {error}"))
            continue
        if i == best:
            place = len(kept)
        kept.append((frame, transform, scale))
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept], place


def _scale_of(frame: Surveyed, reference: Surveyed, transform: Transform, radius: float) -> Scale:
    """From the stars that both frames have, in apertures of one size."""
    x, y = transform.apply(np.asarray(reference.fluxes["x"]), np.asarray(reference.fluxes["y"]))
    gap = np.hypot(x[:, None] - np.asarray(frame.fluxes["x"]), y[:, None] - np.asarray(frame.fluxes["y"]))
    nearest, back = gap.argmin(axis=1), gap.argmin(axis=0)
    own = np.arange(len(x))
    same = (gap[own, nearest] < 1.5) & (back[nearest] == own)
    return fit_scale(
        _at_radius(frame.fluxes[nearest[same]], radius), _at_radius(reference.fluxes[own[same]], radius)
    )


def _at_radius(fluxes: Table, radius: float) -> Table:
    """The columns of the aperture nearest to a radius."""
    radii = fluxes.meta["radii"]
    if not radii:
        return fluxes
    k = int(np.argmin(np.abs(np.log(np.asarray(radii) / radius)))) + 1
    return Table(
        {"flux": fluxes[f"flux_r{k}"], "flux_err": fluxes[f"flux_r{k}_err"], "flags": fluxes["flags"]}
    )


def _follow(
    transform: Transform, frame: Surveyed, frames: list[Surveyed], rate: float, angle: float
) -> Transform:
    """The map that keeps a moving target in its place at the mean of the times."""
    if rate == 0.0:
        return transform
    times = np.array([f.exposure.jd_utc for f in frames])
    if not np.isfinite(times).all():
        raise NightError("a moving target needs the time of every frame; see DATE-OBS in the headers")
    hours = 24.0 * (frame.exposure.jd_utc - times.mean())
    dx, dy = rate * hours * cos(radians(angle)), rate * hours * sin(radians(angle))
    matrix = transform.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ np.array([dx, dy])
    return replace(transform, matrix=matrix)


def _threads(workers: int, progress: Progress) -> Callable[..., Iterable[None]]:
    def each(task: Callable[[tuple[int, int]], None], bands: Sequence[tuple[int, int]]) -> Iterable[None]:
        progress.stage("combining", len(bands))
        with ThreadPoolExecutor(count_workers(workers)) as pool:
            for done in pool.map(task, bands):
                progress.advance()
                yield done

    return each


def _finish(
    stack: Stack,
    frames: list[Surveyed],
    layers: list[Layer],
    scales: list[Scale],
    best: int,
    failures: list[Failure],
    target: Path | None,
    options: dict[str, Any],
    sky: str,
) -> StackResult:
    exposures = [f.exposure for f in frames]
    unit = frames[best].unit
    effective = combine_exposures(exposures, [s.value for s in scales], stack.weights, best, unit)
    frame = Frame(
        stack.data, stack.variance, stack.mask, effective.exposure, unit=unit, correlation=stack.correlation
    )
    inputs = Table(
        {
            "path": [e.path for e in exposures],
            "weight": stack.weights,
            "scale": [s.value for s in scales],
            "scale_err": [s.err for s in scales],
            "n_stars": [s.n for s in scales],
            "fwhm": [f.fwhm for f in frames],
            "sky": [layer.sky.level for layer in layers],
            "noise": [layer.noise for layer in layers],
            "dx": [layer.transform.matrix[0, 2] for layer in layers],
            "dy": [layer.transform.matrix[1, 2] for layer in layers],
            "rotation": [layer.transform.rotation for layer in layers],
        },
        meta={"reference": exposures[best].path},
    )
    if target is not None:
        cards = _cards(stack, effective, inputs, best, options, sky)
        write_frame(target, frame, cards, planes={"COVERAGE": stack.coverage, "REJECTED": stack.rejected})
    return StackResult(stack, frame, effective, inputs, tuple(failures), _check(frame, frames[best]))


def _check(stack: Frame, reference: Surveyed) -> Scale:
    """The scale stars, measured on the stack."""
    stars = reference.fluxes
    if not len(stars):
        return UNKNOWN
    field = Table({"id": stars["star"], "x": stars["x"], "y": stars["y"], "flux": stars["flux"]})
    timed = replace(stack, exposure=replace(stack.exposure, exptime=1.0))
    how = {"fwhm": reference.fwhm, "radius": APERTURE, "radii": stars.meta["radii"]}
    radius = 1.5 * APERTURE * reference.fwhm
    try:
        return fit_scale(_at_radius(measure_aperture(timed, field, **how), radius), _at_radius(stars, radius))
    except FrameError:
        return UNKNOWN


def _cards(
    stack: Stack, effective: Effective, inputs: Table, best: int, options: dict[str, Any], sky: str
) -> dict[str, Any]:
    lines = [
        f"{Path(r['path']).name}: weight {r['weight']:.4f}, scale {r['scale']:.4f} +- {r['scale_err']:.4f}, "
        f"sky {r['sky']:.1f}"
        for r in inputs
    ]
    return {
        "NCOMBINE": (len(inputs), "frames combined"),
        "COMBMETH": (options.get("method", "robust"), "how they were combined"),
        "RESAMPLE": (options.get("resample", "bilinear"), "how they were moved"),
        "REFFRAME": (Path(inputs["path"][best]).name, "frame of grid and flux scale"),
        "EXPTIME": (effective.exposure.exptime, "[s] exposure time of the flux scale"),
        "EXPTOTAL": (effective.total, "[s] sum of the exposure times"),
        "EXPEFF": (effective.time, "[s] with the reference's transparency, by depth"),
        "EGAIN": (effective.gain, "[electron] per unit of the stack: effective gain"),
        "RDNOISE": (effective.read_noise, "[electron] effective read noise"),
        "CORRFAC": (stack.correlation, "noise of wide sums over that from VAR"),
        "SKYSUB": (sky, "sky that was taken off"),
        "SKYLEVEL": (float(inputs["sky"][best]), "its level in the reference frame"),
        "HISTORY": lines,
    }
