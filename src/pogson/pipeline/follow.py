"""Keep the products of a night current while its frames arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pogson.core.errors import NightError
from pogson.core.units import Minutes, Seconds
from pogson.io.scan import Stamp, look_at_images
from pogson.pipeline.run import RunResult, run
from pogson.pipeline.workers import Progress, Silent


def follow(
    night: str | Path,
    *,
    every: Seconds = 2.0,
    quiet: Minutes = 60.0,
    progress: Progress | None = None,
    wait: Callable[[float], None] = time.sleep,
    **options: Any,
) -> RunResult:
    """Reduce a night again and again while its frames arrive.

    A file counts once its size and time have not changed between two looks: it is written to its end. Each
    round is a run over all that is there, so that the last one gives the numbers that `run` gives
    afterwards; what does not change from round to round is taken from the round before.

    Parameters
    ----------
    night : str or Path
        The folder that the camera writes to.
    every : float
        Time between two looks at the folder.
    quiet : float
        When no frame has come for so long the night is over.
    progress : Progress, optional
        Whoever shows how far things are.
    wait : function
        Lets a number of seconds pass; interrupted by Ctrl-C it ends the night.
    **options
        As for `run`.

    Returns
    -------
    RunResult
        Of the whole night.

    Raises
    ------
    PogsonError
        As `run` raises it; NightError where no light frame came.
    """
    shown = progress or Silent()
    before: dict[Path, Stamp] = {}
    reduced: dict[Path, Stamp] = {}
    silence = 0.0
    shown.say(f"following {night}: Ctrl-C, or {quiet:g} minutes without a new frame, end the night")
    while silence < 60.0 * quiet:
        seen = look_at_images(night)
        complete = {path: stamp for path, stamp in seen.items() if before.get(path) == stamp}
        before = seen
        if complete != reduced:
            silence, reduced = 0.0, complete
            try:
                shown.say(_words(run(night, **options, only=complete, live=True)))
            except NightError as error:
                shown.say(str(error))  # nothing to measure yet
                continue
        try:
            wait(every)
        except KeyboardInterrupt:
            break
        silence += every
    return run(night, **options, progress=progress)


def _words(done: RunResult) -> str:
    """What stands, in one line: frames, and the target or the check star."""
    lines = [line.strip() for line in done.summary]
    frames = next((line for line in lines if line.startswith("frames")), "")
    stars = [line for line in lines if line.startswith(("target star", "check star"))]
    return "; ".join([time.strftime("%H:%M:%S"), frames, *stars[:2]])
