"""Calibration frames of one kind: those that are still in, what is taken from them, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FrameError
from pogson.core.frame import Image, Master, RawFrame
from pogson.kernels.combine import combine
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.noise import robust_variance
from pogson.steps.calibrate.overscan import measure_overscan, stored_adu, useful_adu, useful_section
from pogson.steps.calibrate.screen import Refused
from pogson.steps.calibrate.transfer import Each, boxes_of

LEVEL_PIXELS = 30_000  # tell the level of a frame
BAND_PIXELS = 4_000_000  # pixels of all frames together that are in memory at a time


@dataclass(frozen=True)
class Combined:
    """Planes of a combined image, before they become a master."""

    data: Image
    variance: Image
    rejected: NDArray[np.int64]
    scatter: float  # observed over expected, 1 where the noise model is right
    zero_variance: float  # of the zero level of one frame


class FrameSet:
    """The frames that are still in, with what has been taken from them."""

    def __init__(
        self,
        raws: Sequence[RawFrame],
        kind: str,
        bias: Master | None = None,
        dark: Master | None = None,
        *,
        each: Each = map,
    ) -> None:
        if not raws:
            raise FrameError(f"no {kind} frames were given")
        self.kind, self.bias, self.dark, self.each = kind, bias, dark, each
        self.rejected: Refused = []
        self.base = 0.0  # ADU taken from a dark that keeps its bias while its frames are compared
        self.raws = list(raws)
        self.bayer = raws[0].exposure.bayer
        shapes = [_shape(r) for r in raws]
        usual = max(set(shapes), key=shapes.count)
        self.refuse(
            [
                (r.exposure.path, f"its shape {s} is not that of the others, {usual}")
                for r, s in zip(raws, shapes, strict=True)
                if s != usual
            ]
        )
        self.shape = usual
        self.levels: list[float] = list(each(self._level, range(self.n)))

    @property
    def n(self) -> int:
        """Number of frames that are in."""
        return len(self.raws)

    def refuse(self, refused: Refused) -> None:
        """Leave out the frames that are named."""
        names = {path for path, _ in refused}
        kept = [i for i, r in enumerate(self.raws) if r.exposure.path not in names]
        self.rejected += refused
        if not kept:
            path, reason = refused[0]
            raise FrameError(
                f"no {self.kind} frame can be used: {path}: {reason}"
                + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else "")
            )
        self.raws = [self.raws[i] for i in kept]
        if hasattr(self, "levels"):
            self.levels = [self.levels[i] for i in kept]

    def subtract(self, image: Image, i: int, rows: slice) -> None:
        """Take bias, scaled dark, or a plain number from these rows of frame i, in place."""
        if self.base:
            image -= np.float32(self.base)
        if self.bias is not None:
            image -= self.bias.data[rows]
        elif self.kind == "flat" and isfinite(self.raws[i].exposure.offset):
            image -= np.float32(self.raws[i].exposure.offset)
        s = self.dark_scale(i)
        if self.dark is not None and s != 0.0:
            image -= self.dark.data[rows] * np.float32(s)

    def dark_scale(self, i: int) -> float:
        """Exposure time of frame i over that of the dark; 0 where the dark cannot be scaled."""
        if self.dark is None or self.dark.has_bias:
            return 0.0
        s = self.raws[i].exposure.exptime / self.dark.exptime
        return s if isfinite(s) else 0.0

    def reduced(self, i: int) -> Image:
        """Frame i in ADU above bias and dark."""
        out = useful_adu(self.raws[i])
        self.subtract(out, i, slice(None))
        return out

    def _level(self, i: int) -> float:
        rows = self.reduced(i)[:: max(1, self.shape[0] // 256)]
        return float(np.nanmedian(rows))

    def master(self, result: Combined) -> Master:
        """The combined image with its flags and its history."""
        first = self.raws[0].exposure
        mask = np.zeros(result.data.shape, np.uint16)
        mask[result.rejected > self.n / 2] = 1  # BAD: the frames do not agree
        mask[~np.isfinite(result.data)] = 64  # EMPTY
        variance = result.variance
        sources = [r.exposure.path for r in self.raws]
        names = [m.name for m in (self.bias, self.dark) if m is not None]
        if self.kind == "dark" and self.bias is not None:
            variance = variance + self.bias.variance
        if self.kind == "flat":
            variance = variance + self._pedestal_variance() / np.float32(np.mean(self.levels) ** 2)
        return Master(
            self.kind,
            result.data + np.float32(self.base),
            np.asarray(variance, np.float32),
            mask,
            self.n,
            band=first.band if self.kind == "flat" else "",
            exptime=float(np.median([r.exposure.exptime for r in self.raws])),
            temperature=float(np.median([r.exposure.temperature for r in self.raws])),
            binning=first.binning,
            has_bias=self.kind == "dark" and self.bias is None,
            sources=(*sources, *names),
            notes=self._notes(result),
            name=self._name(),
            rejected=tuple(self.rejected),
            zero_variance=result.zero_variance,
        )

    def _pedestal_variance(self) -> Image:
        out = np.zeros(self.shape, np.float32)
        if self.bias is not None:
            out += self.bias.variance
        if self.dark is not None:
            s = np.mean([self.dark_scale(i) for i in range(self.n)])
            out += np.float32(s**2) * self.dark.variance
        return out

    def _notes(self, result: Combined) -> tuple[str, ...]:
        notes = [f"{path} refused: {reason}" for path, reason in self.rejected]
        if self.n == 1:
            notes.append(f"a single {self.kind} frame: cosmic rays in it cannot be told")
        if isfinite(result.scatter) and not 0.8 < result.scatter < 1.25:
            notes.append(f"the {self.kind} frames scatter {result.scatter:.2f} times as much as expected")
        if self.kind != "bias" and self.bias is None:
            notes.append(f"the {self.kind} still contains the bias: there is no master bias")
        return tuple(notes)

    def _name(self) -> str:
        e = self.raws[0].exposure
        words = [self.kind, e.band if self.kind == "flat" else "", f"{e.binning[0]}x{e.binning[1]}"]
        if self.kind == "dark":
            words.append(f"{e.exptime:g}s")
        if isfinite(e.temperature):
            words.append(f"{e.temperature:.0f}C")
        return "_".join(w for w in words if w)


def combine_frames(
    frames: FrameSet,
    kappa: float,
    model: Callable[[int], tuple[float, float]],
    *,
    scale: Sequence[float] | None = None,
    ceiling: float = nan,
) -> Combined:
    """Mean of the frames, band of rows by band, so that hundreds fit into memory.

    Parameters
    ----------
    frames : FrameSet
        Those that are in.
    kappa : float
        Limit of the deviation, sigma.
    model : callable
        Variance without light, and per unit of level, of frame i after scaling.
    scale : sequence of float or None
        Frame i is divided by its own number.
    ceiling : float
        ADU from which a number is saturated and unknown; NaN for none.
    """
    ny, nx = frames.shape
    data = np.empty((ny, nx), np.float32)
    variance = np.empty((ny, nx), np.float32)
    rejected = np.empty((ny, nx), np.int64)
    floor, poisson = (np.array(v, np.float64) for v in zip(*map(model, range(frames.n)), strict=True))
    floor = np.maximum(floor, 1e-12)
    overscans = [measure_overscan(r) for r in frames.raws]
    ceilings = [ceiling - float(o.level.mean()) for o in overscans]
    height = max(1, BAND_PIXELS // (frames.n * nx))
    some = slice(None, None, max(1, ny * nx // LEVEL_PIXELS))

    def band(top: int) -> tuple[float, int, Image]:
        """Combine some rows; chi2, its degrees of freedom, and how far some pixels are from the mean."""
        rows = slice(top, min(top + height, ny))
        stack = np.empty((frames.n, rows.stop - top, nx), np.float32)
        for i, raw in enumerate(frames.raws):
            y0, _, x0, x1 = useful_section(raw)
            part = stored_adu(raw, (y0 + top, y0 + rows.stop, x0, x1), overscans[i].level, stack[i])
            above = part >= ceilings[i] if isfinite(ceilings[i]) else None
            frames.subtract(part, i, rows)
            if scale is not None:
                part *= np.float32(1.0 / scale[i])
            if above is not None and above.any():
                part[above] = np.nan
        flat_stack = stack.reshape(frames.n, -1)
        chi2, dof = combine(
            flat_stack, floor, poisson, float(kappa),
            data[rows].reshape(-1), variance[rows].reshape(-1), rejected[rows].reshape(-1),
        )  # fmt: skip
        return chi2, dof, flat_stack[:, some] - data[rows].reshape(-1)[some]

    bands = list(frames.each(band, range(0, ny, height)))
    chi2, dof = sum(c for c, _, _ in bands), sum(d for _, d, _ in bands)
    zero = float(np.mean([o.variance for o in overscans]))
    if not isfinite(zero):
        zero = _drift(np.concatenate([away for _, _, away in bands], axis=1))
    return Combined(data, variance, rejected, sqrt(chi2 / dof) if dof else nan, zero)


def _drift(away: Image) -> float:
    """Variance of a frame's level, from the distances of pixels (columns) of frames (rows) from the mean."""
    if len(away) == 1:
        return nan
    middle = np.nanmedian(away, axis=1, keepdims=True)
    noise = 1.4826 * float(np.nanmedian(np.abs(away - middle)))
    # a median of whole numbers jumps: the mean without outliers does not
    away = np.where(np.abs(away - middle) <= 4.0 * noise, away, np.float32(nan))
    levels = np.nanmean(away, axis=1)
    return max(float(np.var(levels, ddof=1)) - noise**2 / away.shape[1], 0.0)


def read_variance(frames: FrameSet, camera: Camera) -> float:
    """ADU^2 of one frame without light: read noise and rounding; measured where it is not known."""
    known = camera.read_variance_adu
    if isfinite(known) and known > 0.0:
        return known
    first = frames.reduced(0)
    if frames.n > 1:
        return max(float(np.median(robust_variance(boxes_of(first - frames.reduced(1))))) / 2.0, 1e-3)
    return max(_pixel_noise(first), 1e-3)


def relative_variance(frames: FrameSet, i: int) -> float:
    """Variance of flat i over its squared level; where the gain is unknown: against the next flat."""
    own = frames.reduced(i) / np.float32(frames.levels[i])
    if frames.n == 1:
        return _pixel_noise(own)
    j = (i + 1) % frames.n
    other = frames.reduced(j) / np.float32(frames.levels[j])
    return float(np.median(robust_variance(boxes_of(own - other)))) / 2.0


def _pixel_noise(image: Image) -> float:
    return float(np.median(robust_variance(boxes_of(image[:, 2:] - image[:, :-2])))) / 2.0


def _shape(raw: RawFrame) -> tuple[int, int]:
    y0, y1, x0, x1 = useful_section(raw)
    return y1 - y0, x1 - x0
