"""Where the frames of a stack lie on each other, and how much light each lets through."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil, isfinite, log
from threading import Lock

import numpy as np
from astropy.table import Table

from pogson.core.errors import FrameError, MatchError
from pogson.core.transform import Transform
from pogson.pipeline.stack.survey import Surveyed
from pogson.pipeline.workers import Failure, count_workers
from pogson.steps.match.align import match_stars
from pogson.steps.match.field import choose_reference
from pogson.steps.stack.compare import Comparison
from pogson.steps.stack.scale import Scale

SAME_SCALE = 0.02  # frames whose pixels differ by more were taken otherwise
FEW = 12  # stars in common that do not tell a turn well
NEAR = 4.0  # px, of a star from its place, that may be it
WIDER = 1.15  # steps of the seeing in which apertures are made


@dataclass(frozen=True)
class Aligned:
    """A frame, the map from the reference frame's pixels to its own, and its flux scale."""

    frame: Surveyed
    transform: Transform
    scale: Scale


def align_frames(
    frames: list[Surveyed], aligned: bool, failures: list[Failure], mix: bool
) -> tuple[int, list[Transform | None]]:
    """The best frame, and the maps from it to all; None for a frame that could not be aligned.

    The best frame may be one of another field: where most frames do not fit it, the best of those is tried.
    """
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
                found = _steady(found, guess or Transform.identity(), frame.stars, frames[best].stars)
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


def _steady(found: Transform, before: Transform, stars: Table, reference: Table) -> Transform:
    """With few stars in common: only moved against the frame before, where that fits as well.

    A turn that seven faint stars suggest would put the corners of a frame many pixels away.
    """
    if found.n >= FEW:
        return found
    place = np.array(found.apply(reference["x"], reference["y"]))
    own = np.array([stars["x"], stars["y"]], float)
    gap = np.hypot(*(place[:, :, None] - own[:, None, :]))
    near = np.flatnonzero(gap.min(axis=1) < NEAR)
    if len(near) < 4:
        return found
    there = own[:, gap[near].argmin(axis=1)]
    kept = np.array(before.apply(reference["x"][near], reference["y"][near]))
    shift = np.median(there - kept, axis=1)
    moved, turned = (
        float(np.sum((there - model) ** 2)) / (2 * len(near) - free)
        for model, free in ((kept + shift[:, None], 2), (place[:, near], 6))
    )
    if moved > 2.0 * turned:
        return found
    return replace(found, matrix=before.matrix + np.column_stack([np.zeros((2, 2)), shift]))


def scale_frames(
    frames: list[Surveyed],
    transforms: list[Transform | None],
    best: int,
    wanted: bool,
    failures: list[Failure],
    workers: int = 0,
) -> tuple[list[Aligned], int]:
    """The frames that could be aligned and scaled, and which of them is the reference."""
    placed = [(i, f, t) for i, (f, t) in enumerate(zip(frames, transforms, strict=True)) if t is not None]
    compare = Comparisons(frames[best])

    def scale(one: tuple[int, Surveyed, Transform]) -> Scale | FrameError:
        i, frame, transform = one
        try:
            return Scale(1.0) if i == best or not wanted else compare.scale(frame, transform)
        except FrameError as error:
            return error

    kept: list[Aligned] = []
    place = 0
    with ThreadPoolExecutor(count_workers(workers)) as pool:
        for (i, frame, transform), found in zip(placed, pool.map(scale, placed), strict=True):
            if i == best:
                place = len(kept)
            if isinstance(found, FrameError):
                failures.append(Failure(frame.exposure.path, f"{frame.exposure.path}: left out: {found}"))
            else:
                kept.append(Aligned(frame, transform, found))
    return kept, place


class Comparisons:
    """The stars of the reference frame, in apertures as wide as other frames need them."""

    def __init__(self, reference: Surveyed) -> None:
        self.reference = reference
        self.lock = Lock()
        self.made: dict[int, Comparison] = {}

    def scale(self, frame: Surveyed, transform: Transform) -> Scale:
        """Flux of a frame's stars over that in the reference frame.

        Raises
        ------
        FrameError
            If no star is good in both.
        """
        widening = frame.fwhm / self.reference.fwhm
        widening = widening if isfinite(widening) and widening > 0 else 1.0
        return self.wide(widening).scale(frame.rows, frame.shape, transform, widening)

    def wide(self, widening: float) -> Comparison:
        """With apertures for stars that are wider than the reference frame's by a factor."""
        ref = self.reference
        step = max(ceil(log(widening) / log(WIDER)), 0)
        with self.lock:
            if step not in self.made:
                fwhm = ref.fwhm * WIDER**step
                self.made[step] = Comparison(ref.rows, ref.shape, ref.stars, fwhm, ref.beta)
            return self.made[step]
