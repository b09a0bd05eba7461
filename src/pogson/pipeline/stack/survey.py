"""The stars of every frame that is to be stacked, and a way to have its pixels again by rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import isfinite, nan
from threading import local
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import FrameError, NightError
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
WINDOW = 2_000_000  # pixels in the middle rows of a large frame that are searched for stars first
ENOUGH = 120  # unspoiled stars in them
STRIPS = 9  # parts of such a frame whose sky is looked at


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
        self.quick = False
        self.buffers, self.kept = local(), count()
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

    def _glance(self, exposure: Exposure, rows: RowCalibrator) -> Surveyed | None:
        """The stars of the middle rows, and the sky of strips; None where the stars are few."""
        if not rows.known_gain:
            return None
        ny, nx = rows.shape
        if self.blind:
            noise = float(np.sqrt(np.median(rows(ny // 2, min(ny // 2 + 64, ny))[1])))
            if not noise > 0:
                return None
            return Surveyed(exposure, Table(), nan, nan, None, rows, rows.shape, "electron", noise)
        half = min(WINDOW // nx, ny) // 2
        top = ny // 2 - half
        middle = _frame_of([rows(top, top + 2 * half)], exposure)
        if not np.isfinite(middle.data).any() or np.ptp(middle.data) == 0:
            return None
        try:
            stars, fwhm, beta, _ = self._search(middle)
        except FrameError:
            return None
        if np.sum((np.asarray(stars["flags"]) & SPOILED) == 0) < ENOUGH:
            return None
        stars["y"] += top
        centers = [int((i + 0.5) * ny / STRIPS) for i in range(STRIPS)]
        # what is given by rows is overwritten by the next rows
        parts = [[plane.copy() for plane in rows(y - 32, y + 32)] for y in centers]
        strips = _frame_of(parts, exposure)
        sky = replace(estimate_sky(strips, box=64), shape=rows.shape)
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


def _frame_of(parts: Sequence[Sequence[Any]], exposure: Exposure) -> Frame:
    """Strips of data, variance and mask, one above the other, as a frame of their own."""
    data, variance, mask = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return Frame(data, variance, mask, exposure)


def empty_noise(frame: Surveyed) -> float:
    """Noise of one pixel where the frame is emptiest: stars too faint to be seen are no noise."""
    mesh = frame.sky.noise_mesh if frame.sky else np.zeros(1)
    measured = float(np.nanpercentile(mesh, 10.0)) if np.isfinite(mesh).any() else 0.0
    return measured if measured > 0 else frame.noise
