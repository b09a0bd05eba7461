"""The stars of every frame that is to be stacked, and a way to have its pixels again by rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from math import isfinite, nan
from threading import local
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FrameError, NightError, PogsonError
from pogson.core.flags import SPOILED
from pogson.core.frame import Exposure, Frame
from pogson.io.fits import read_frame, read_raw
from pogson.io.layout import read_header
from pogson.io.planes import Scratch, calibrated_rows, stored_plane
from pogson.pipeline.night import Night
from pogson.pipeline.settings import Settings
from pogson.pipeline.workers import Failure, Progress, map_frames
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.rows import RowCalibrator
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.sky import estimate_sky
from pogson.steps.stack.layer import Rows

STARS = 2000  # brightest of a frame that align it
STRIPS = 3  # of a large frame, across its height, that are searched for stars first
HIGHS = (128, 192, 256, 384, 512)  # rows of a strip: the first ones in which the first frame has enough stars
ENOUGH = 120  # unspoiled stars in them
SPARE = 2.0  # times as many in the first frame: air may take some, and scales need them
SEAM = 2.5  # FWHM at the end of a strip where stars are cut off
WORTH = 0.6  # share of a frame in strips from which it is searched as a whole


@dataclass(frozen=True)
class Surveyed:
    """A frame whose stars are known, and whose pixels can be had again by rows."""

    exposure: Exposure
    stars: Table
    fwhm: float
    beta: float
    sky: Any
    rows: Rows
    shape: tuple[int, int]
    unit: str
    noise: float  # of an empty pixel, from the frame's variance


class Survey:
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
        self.high = 0  # rows of a strip; 0 where frames are searched as a whole
        self.buffers, self.kept = local(), count()
        size = sum(e.shape[0] * e.shape[1] for e in night.lights) * 10
        self.spill = size > 0.5e9 * memory
        # where outliers are rejected, cosmic rays need not be found first
        rejects = options.get("method", "robust") in ("robust", "kappa_sigma", "median", "minmax")
        self.by_rows = blind or (rejects and len(night.lights) > 2)

    def survey_all(
        self, workers: int, progress: Progress, failures: list[Failure], quick: bool
    ) -> list[Surveyed]:
        """The stars of all frames that have some; of large ones, if `quick`, those in strips.

        Raises
        ------
        NightError
            If there is none.
        """
        lights = self.night.lights
        self.high = self._enough_rows() if quick and not self.blind else 0
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
        """The stars of a frame; in strips alone, where these hold enough of them."""
        if self.blind or self.high:
            calibrator = self._by_rows(exposure)
            if calibrator is not None and calibrator.known_gain:
                glanced = (
                    self._sample(exposure, calibrator)
                    if self.blind
                    else self._glance(exposure, calibrator, self.high)
                )
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
        stars, fwhm, beta, sky = found or (Table(), nan, nan, None)
        noise = float(np.sqrt(np.median(frame.variance[::8, ::8])))
        return Surveyed(frame.exposure, stars, fwhm, beta, sky, rows, frame.shape, frame.unit, noise)

    def _by_rows(self, exposure: Exposure) -> RowCalibrator | None:
        """The calibrated frame by rows, where its file allows it."""
        if not self.by_rows or exposure.reduced or exposure.bayer:
            return None
        plane = stored_plane(exposure.path)
        raw = None if plane is None else read_raw(exposure, mapped=True)
        if plane is None or raw is None or raw.mask is not None or not raw.swapped:
            return None
        given = self.settings.of("calibrate")
        names = {
            "temperature_tolerance": "temperature_tolerance",
            "dark_exptime_tolerance": "exptime_tolerance",
        }
        tolerances = {names[k]: v for k, v in given.items() if k in names}
        return RowCalibrator(raw, self.night.masters, plane.rows, self.buffers, **tolerances)

    def _calibrate(self, exposure: Exposure) -> tuple[Frame, Rows | None]:
        options, rows = self.settings.of("calibrate"), self._by_rows(exposure)
        if rows is not None:
            options["cosmics"] = False
        return calibrate_frame(read_raw(exposure), self.night.masters, **options), rows

    def _enough_rows(self) -> int:
        """Rows of a strip that hold enough stars; 0 where it takes most of the frame."""
        exposure = min(self.night.lights, key=lambda e: e.path)  # the same one in whatever order they come
        with suppress(PogsonError):  # said when it is its turn
            rows = self._by_rows(exposure)
            for high in HIGHS:
                if rows is None or not rows.known_gain or STRIPS * high > WORTH * rows.shape[0]:
                    break
                if self._glance(exposure, rows, high, SPARE) is not None:
                    return high
        return 0

    def _sample(self, exposure: Exposure, rows: RowCalibrator) -> Surveyed | None:
        """A frame of which nothing need be known but its noise; None where it has none."""
        middle = rows.shape[0] // 2
        noise = float(np.sqrt(np.median(rows(middle, min(middle + 64, rows.shape[0]))[1][::4, ::4])))
        if not noise > 0:
            return None
        return Surveyed(exposure, Table(), nan, nan, None, rows, rows.shape, "electron", noise)

    def _glance(
        self, exposure: Exposure, rows: RowCalibrator, high: int, spare: float = 1.0
    ) -> Surveyed | None:
        """The stars and the sky of strips of a frame; None where the stars are few."""
        ny, nx = rows.shape
        high = min(high, ny // STRIPS)
        tops = [int((i + 0.5) * ny / STRIPS) - high // 2 for i in range(STRIPS)]
        data, variance = (np.empty((STRIPS * high, nx), np.float32) for _ in range(2))
        mask = np.empty(data.shape, np.uint16)
        for i, top in enumerate(tops):
            here = slice(i * high, (i + 1) * high)
            data[here], variance[here], mask[here] = rows(top, top + high)
        strips = Frame(data, variance, mask, exposure)
        if not np.isfinite(strips.data[::8]).any() or np.ptp(strips.data[::8]) == 0:
            return None
        try:
            stars, fwhm, beta, sky = self._search(strips)
        except FrameError:
            return None
        strip, y = np.divmod(np.asarray(stars["y"]) + 0.5, high)
        stars["y"] = y - 0.5 + np.take(tops, strip.astype(int), mode="clip")
        stars = stars[np.minimum(y, high - y) > SEAM * fwhm]
        if np.sum((np.asarray(stars["flags"]) & SPOILED) == 0) < spare * ENOUGH:
            return None
        if len(sky.level_mesh) % STRIPS:
            sky = estimate_sky(strips, box=64)
        levels, noises = (
            m.reshape(STRIPS, -1, m.shape[1]).mean(axis=1) for m in (sky.level_mesh, sky.noise_mesh)
        )
        sky = replace(sky, level_mesh=levels, noise_mesh=noises, shape=rows.shape)
        noise = float(np.sqrt(np.median(strips.variance[::4, ::4])))
        return Surveyed(exposure, stars, fwhm, beta, sky, rows, rows.shape, "electron", noise)

    def _search(self, frame: Frame) -> tuple[Table, float, float, Any]:
        stars = detect_stars(frame, **{"brightest": STARS, **self.settings.of("detect")})
        if len(stars) < 3:
            reason = "saturated or empty" if not len(stars) else f"only {len(stars)} star(s)"
            raise FrameError(
                f"{frame.exposure.path}: no stars to align it by ({reason}): left out of the stack"
            )
        psf, sky = stars.meta["psf"], stars.meta.pop("sky")
        fwhm = psf.fwhm if isfinite(psf.fwhm) and psf.fwhm > 0 else stars.meta["fwhm"]
        return stars, fwhm, psf.beta, sky

    def _keep(self, frame: Frame) -> Rows:
        if self.spill:
            # a number of its own: the address of a frame is given to the next one when it is gone
            return self.scratch.keep(f"{next(self.kept)}.raw", frame)
        data, variance, mask = frame.data, frame.variance, frame.mask
        return lambda y0, y1: (data[y0:y1], variance[y0:y1], mask[y0:y1])


def empty_noise(frame: Surveyed) -> float:
    """Noise of one pixel where the frame is emptiest: stars too faint to be seen are no noise."""
    mesh = frame.sky.noise_mesh if frame.sky else np.zeros(1)
    measured = float(np.nanpercentile(mesh, 10.0)) if np.isfinite(mesh).any() else 0.0
    return measured if measured > 0 else frame.noise
