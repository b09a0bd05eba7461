"""Make the pictures of the documentation again: ``python docs/pictures.py``."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from pogson.pipeline.run import run
from pogson.pipeline.settings import check_settings
from pogson.pipeline.simulated import write_night
from pogson.pipeline.truth import compare_with_truth, describe_recovery, draw_recovery

HERE = Path(__file__).parent / "images"

#: pictures of a run that the pages show
WANTED = ("cmd_g-r_g.png", "budget_g.png", "frames.png", "growth.png", "noise.png")

#: real frames of a transit, where they are at hand, and what is known of the star
DATA = Path(os.environ.get("POGSON_DATA", Path(__file__).parents[1] / "shared" / "data"))
TRANSIT = {
    "measure": {"radii": [2.0, 2.5, 3.0, 3.5, 4.0, 5.0]},
    "target": {"star": "HAT-P-32", "period": 2.1500082, "epoch": 2455867.402743, "impact": 0.12},
}


def draw_transit(frames: Path) -> None:
    """The light curve of HAT-P-32."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        result = run(frames, out=out, recipe="series", target="424,286", settings=check_settings(TRANSIT))
        shutil.copy(out / "plots" / "lightcurve_target.png", HERE / "hatp32.png")
        print("\n".join(result.summary))


def main() -> None:
    """Simulate the demo's night, reduce it, and keep the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        night, out = Path(folder) / "night", Path(folder) / "out"
        write_night({}, night)
        run(night, out=out, catalog=night / "catalog.csv")
        HERE.mkdir(exist_ok=True)
        for name in WANTED:
            shutil.copy(out / "plots" / name, HERE / name)
        recovery = compare_with_truth(out, night)
        draw_recovery(recovery, HERE / "truth.png")
        print("\n".join(describe_recovery(recovery)))
    frames = DATA / "hatp32_transit"
    if frames.is_dir():
        draw_transit(frames)
    else:
        print(f"{frames}: not here; hatp32.png stays as it is")


if __name__ == "__main__":
    main()
