"""Draw one picture on request."""

from __future__ import annotations

from pathlib import Path

from pogson.core.errors import SettingError
from pogson.io.files import write_atomic
from pogson.io.tables import read_table
from pogson.pipeline.api import open_frame
from pogson.pipeline.pictures import color_pairs, plot_diagram
from pogson.pipeline.project import need_run
from pogson.pipeline.settings import Settings
from pogson.plots.products import figure_detection
from pogson.plots.style import to_png
from pogson.steps.detect.find import detect_stars


def draw_frame(path: str, out: str, *, stars: bool, settings: Settings) -> None:
    """A frame as a PNG, with its stars marked on request."""
    frame = open_frame(path, settings)
    found = detect_stars(frame, **settings.of("detect")) if stars else None
    write_atomic(out, to_png(figure_detection(frame, stars=found)))


def draw_diagram(run: str, out: str, *, color: str | None = None, mag: str | None = None) -> None:
    """The colour-magnitude diagram of a finished run as a PNG.

    Raises
    ------
    SettingError
        If the run lacks the bands.
    """
    need_run(run)
    stars = read_table(Path(run) / "stars.ecsv")
    bands = [c.removeprefix("n_") for c in stars.colnames if c.startswith("n_")]
    pairs = color_pairs(bands)
    if color is None and not pairs:
        raise SettingError(f"{run}: one band only ({', '.join(bands)}); a diagram needs two")
    blue, dash, red = (color or "-".join(pairs[0])).partition("-")
    wanted = [blue, red, *([mag] if mag else [])]
    lacking = [band for band in wanted if band not in bands]
    if lacking or not dash:
        asked = f"no band {', '.join(lacking)}" if dash else f"'{color}' is no colour such as B-V"
        raise SettingError(f"{run}: {asked}; bands: {', '.join(bands)}")
    plot_diagram(stars, color=f"{blue}-{red}", mag=mag or blue, path=out)
