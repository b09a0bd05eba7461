"""What the tasks work on: a simulated night of large frames, and its parts, prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from pogson.core.frame import Frame, RawFrame
from pogson.io.fits import read_raw
from pogson.io.scan import scan_folder
from pogson.pipeline.night import Night, prepare_night
from pogson.pipeline.simulated import write_night
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.detect.find import detect_stars

STARS = 2500
RECIPE = {
    "name": "benchmark",
    "detector": {"nx": 1676, "ny": 1266, "overscan": 0},
    # as many again lie in the margin around the frame
    "field": {
        "cluster_stars": 0,
        "horizontal_branch": 0,
        "field_stars": round(1.21 * STARS),
        "faintest": 19.3,
    },
    "sky": {"cloudy": []},
    "night": {"exposures": [["r", 60.0, 2]], "tells": ["gain", "read_noise", "saturation"]},
    "calibration": {"bias": 5, "dark": 5, "flat": 5, "dark_exptime": 60.0},
}


@dataclass(frozen=True)
class Scene:
    """A light frame on disk and in memory, its masters, its stars, and those of another frame."""

    night: Night
    paths: tuple[str, str]
    raw: RawFrame
    biases: tuple[RawFrame, ...]
    frame: Frame
    stars: Table
    other: Table
    n_true: int  # stars whose centre lies in the frame

    @property
    def fwhm(self) -> float:
        """Of the stars, px."""
        return float(self.stars.meta["psf"].fwhm)

    def brightest(self, n: int) -> Table:
        """A field of the brightest stars."""
        return self.stars[:n]


def make_scene(folder: Path) -> Scene:
    """Simulate, write, read, calibrate and search."""
    simulated = write_night(RECIPE, folder)
    night = prepare_night(scan_folder(folder), workers=1)
    raws = [read_raw(e) for e in night.lights]
    frames = [calibrate_frame(raw, night.masters, cosmics=False) for raw in raws]
    stars, other = (detect_stars(frame) for frame in frames)
    biases = tuple(read_raw(e) for e in night.others if e.kind == "bias")
    paths = (night.lights[0].path, night.lights[1].path)
    x, y = simulated.stars["x"], simulated.stars["y"]
    ny, nx = raws[0].exposure.shape
    n_true = int(np.count_nonzero((x > 0) & (x < nx - 1) & (y > 0) & (y < ny - 1)))
    return Scene(night, paths, raws[0], biases, frames[0], stars, other, n_true)


def master_planes(scene: Scene) -> dict[str, np.ndarray]:
    """The masters' data that belong to the light frame: bias, dark, flat."""
    found = scene.night.masters.match(scene.raw.exposure)
    assert found.bias is not None and found.dark is not None and found.flat is not None
    return {"bias": found.bias.data, "dark": found.dark.data, "flat": found.flat.data}
