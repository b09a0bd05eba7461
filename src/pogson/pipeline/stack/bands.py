"""The stacks of a night that is reduced: one of each band, from the frames that were accepted."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path

from pogson.core.errors import FileError, PogsonError, SettingError
from pogson.pipeline.night import Night
from pogson.pipeline.settings import Settings
from pogson.pipeline.stack.make import How, stack_lights
from pogson.pipeline.stack.sources import choose_lights
from pogson.pipeline.workers import Failure, Progress

LEAST = 2  # frames that are worth a stack


def stack_bands(
    night: Night,
    accepted: Set[str],
    settings: Settings,
    how: How,
    path_of: Callable[[str], Path],
    progress: Progress,
    *,
    make: bool = False,
    sky: str = "plane",
) -> tuple[dict[str, Path], list[str]]:
    """Stack the accepted frames of each band.

    Parameters
    ----------
    night : Night
        Prepared.
    accepted : set of str
        Paths of the light frames that are fit to be used.
    settings : Settings
        Of calibration, detection and [stack].
    how : How
        Memory and processors.
    path_of : function
        The file for a band's stack.
    progress : Progress
        Whoever shows how far things are.
    make : bool
        `pogson run` writes stacks/, one of each band, from the frames that were accepted.
    sky : str
        What is taken off each frame of a stack: none, constant, plane or map.

    Returns
    -------
    made : mapping of band to Path
    notes : list of str
        Bands without a stack, and why; frames that were left out.
    """
    made: dict[str, Path] = {}
    notes: list[str] = []
    lights = [e for e in night.lights if e.path in accepted] if make else []
    bands = {band: [e for e in lights if e.band == band] for band in sorted({e.band for e in lights})}
    for band, own in bands.items():
        failures: list[Failure] = []
        try:
            chosen, failures = choose_lights(own, "", False)
            if len(chosen) < LEAST:
                notes.append(f"no stack in {band}: it has {len(chosen)} frame(s) of one size")
                continue
            wanted, path = replace(night, lights=tuple(chosen)), path_of(band)
            done = stack_lights(wanted, settings, replace(how, sky=sky), path, failures, progress)
            notes += [f"stack in {band}: {f.reason}" for f in done.failures]
            made[band] = path
            notes.append(
                f"stacks/{path.name}: {len(done.inputs)} frames, worth {done.effective.time:.0f} s of "
                f"{Path(done.inputs.meta['reference']).name}"
            )
        except (FileError, SettingError):
            raise  # a full disk, a wrong word: the same for all bands
        except PogsonError as error:
            notes.append(f"no stack in {band}: {error}")
    return made, notes
