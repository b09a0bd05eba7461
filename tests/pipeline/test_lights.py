"""What was found in a frame is not taken for what would be found with other bad pixels."""

import numpy as np

from pogson.core.flags import Pixel, Star
from pogson.io.scan import scan_folder
from pogson.pipeline.cache import Cache
from pogson.pipeline.lights import Workshop
from pogson.pipeline.night import prepare_night
from pogson.pipeline.settings import Settings
from pogson.pipeline.simulated import write_night
from pogson.simulate.recipes import merged, named_recipe
from pogson.steps.calibrate.collection import Masters


def test_bad_pixels_that_more_frames_show_are_no_longer_taken_for_good(tmp_path):
    bare = {"calibration": {"bias": 0, "dark": 0, "flat": 0}}
    write_night(merged(named_recipe("transit", frames=3, size=(200, 160)), bare), tmp_path / "night")
    exposure = prepare_night(scan_folder(tmp_path / "night"), workers=1).lights[0]
    (tmp_path / "cache").mkdir()
    cache = Cache(tmp_path / "cache")
    first = Workshop(Masters(), Settings(), cache).detect(exposure)
    mask = np.full((160, 200), np.uint16(0))
    mask[:, 20:180:2] = int(Pixel.BAD)
    second = Workshop(Masters((), {mask.shape: mask}), Settings(), cache).detect(exposure)
    assert second.key != first.key
    flagged = [(np.asarray(found.stars["flags"]) & int(Star.BAD_PIXEL)).any() for found in (first, second)]
    assert flagged == [False, True]
    again = Workshop(Masters((), {mask.shape: mask.copy()}), Settings(), cache).detect(exposure)
    assert again.key == second.key
