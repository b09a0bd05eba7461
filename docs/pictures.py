"""Make the pictures of the documentation again: ``python docs/pictures.py``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pogson.pipeline.run import run
from pogson.pipeline.simulated import write_night
from pogson.pipeline.truth import compare_with_truth, describe_recovery, draw_recovery

HERE = Path(__file__).parent / "images"

#: pictures of a run that the pages show
WANTED = ("cmd_g-r_g.png", "budget_g.png", "frames.png", "growth.png", "noise.png")


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


if __name__ == "__main__":
    main()
