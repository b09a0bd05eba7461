"""A finder chart of one frame, with the stars of Tycho-2 or of the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pogson.core.errors import MatchError
from pogson.io.files import write_atomic
from pogson.io.tycho2 import read_tycho2
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings
from pogson.pipeline.solve import hints_of, solve_by
from pogson.plots.finder import figure_finder
from pogson.plots.style import to_png
from pogson.steps.detect.find import detect_stars


def draw_finder(path: str, out: str, *, settings: Settings) -> None:
    """Solve a frame and draw it beside the catalogue's rendering of its field.

    Raises
    ------
    MatchError
        If the frame cannot be solved.
    """
    frame = open_frame(path, settings)
    stars = detect_stars(frame, **settings.of("detect"))
    try:
        solution = solve_by(stars, frame.exposure, hints_of(frame.exposure))
    except MatchError as error:
        raise MatchError(f"{path}: no chart without a place on the sky: {error}") from None
    ny, nx = frame.shape
    ra, dec = (float(v) for v in solution.wcs.all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0))
    radius = 0.5 * float(np.hypot(nx, ny)) * solution.pixel_scale / 3600.0
    figure = figure_finder(frame, solution.wcs, read_tycho2(ra, dec, radius), title=Path(path).name)
    write_atomic(out, to_png(figure))
