"""Which frames a stack is made of: light frames of one band, one night and one size, and their masters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np

from pogson.core.errors import NightError, PogsonError
from pogson.core.frame import Exposure
from pogson.io.fits import exposure_of
from pogson.io.layout import read_header
from pogson.io.scan import Scan, scan_folder
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.settings import Settings
from pogson.pipeline.workers import Failure, Progress
from pogson.steps.calibrate.collection import Masters

NIGHT_GAP = 0.5  # days without a frame between two nights


def find_frames(sources: str | Path | Sequence[str | Path], settings: Settings) -> tuple[Scan, list[Failure]]:
    """The exposures of a folder, or of files; and the files that are no frame to stack."""
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


def prepare_frames(
    scan: Scan, band: str, mix: bool, workers: int, progress: Progress, blind: bool
) -> tuple[Night, list[Failure]]:
    """The night with the light frames that are to be stacked, and those of another size."""
    lights, failures = choose_lights([e for e in scan.exposures if e.kind == "light"], band, mix)
    kept = (*lights, *(e for e in scan.exposures if e.kind != "light"))
    if blind and all(e.kind == "light" and e.gain > 0 and e.read_noise >= 0 for e in kept):
        return Night(kept, (), {}, Masters()), failures  # nothing to measure, nothing to correct
    return prepare_night(replace(scan, exposures=kept), workers=workers, progress=progress), failures


def choose_lights(lights: Sequence[Exposure], band: str, mix: bool) -> tuple[list[Exposure], list[Failure]]:
    """Light frames that belong in one stack, and those of another size.

    Raises
    ------
    NightError
        If there are none, or frames of several bands or nights that nobody asked to mix.
    """
    bands = sorted({e.band or "unknown" for e in lights})
    if band and band not in bands:
        raise NightError(f"no light frame in band {band}; there is {', '.join(bands) or 'none'}")
    chosen = [e for e in lights if not band or (e.band or "unknown") == band]
    if not chosen:
        raise NightError("no light frame to stack; give a folder with light frames, or their files")
    if mix:
        return chosen, []
    if len(bands) > 1 and not band:
        raise NightError(
            f"frames of {len(bands)} bands ({', '.join(bands)}): choose one with --band, "
            "or say --mix to combine all"
        )
    times = np.sort([e.jd_utc for e in chosen if isfinite(e.jd_utc)])
    nights = int(np.sum(np.diff(times) > NIGHT_GAP)) + 1
    if nights > 1:
        raise NightError(f"frames of {nights} nights: stack each by itself, or say --mix to combine all")
    shapes = [e.shape for e in chosen]
    usual = max(shapes, key=shapes.count)
    failures = [
        Failure(
            e.path,
            f"{e.path}: has {e.shape[1]} x {e.shape[0]} pixels, the others {usual[1]} x {usual[0]}; left out "
            "(--mix takes it in)",
        )
        for e in chosen
        if e.shape != usual
    ]
    return [e for e in chosen if e.shape == usual], failures
