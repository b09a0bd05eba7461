"""Find the variables of simulated nights, and write the table about it: ``python docs/variables.py`` (5 min).

With a name or two, such as ``python docs/variables.py sharp``, only those nights are made and printed, and
nothing is written.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED
from pogson.io.tables import read_table
from pogson.pipeline.run import run
from pogson.pipeline.simulated import write_night
from pogson.simulate.recipes import merged, named_recipe
from pogson.steps.timeseries.variability import VARIES

PAGE = Path(__file__).parent / "theory" / "variability.md"
BEGIN, END = "<!-- written by docs/variables.py: begin -->", "<!-- end -->"

#: frames, and what differs from the recipe *series*
NIGHTS: dict[str, tuple[int, dict[str, Any]]] = {
    "long": (464, {}),
    "other stars": (200, {"seed": 7}),
    "sharp": (
        200,
        {"seed": 11, "telescope": {"pixel_scale": 1.5, "beta": 2.6}, "field": {"field_stars": 6000}},
    ),
    "crowded": (200, {"seed": 13, "field": {"field_stars": 8000, "faintest": 20.5}}),
    "blurred": (200, {"seed": 17, "sky": {"seeing": 3.8, "seeing_spread": 0.06}}),
}

#: the night whose noise is shown
SHOWN, PICTURE = "long", Path(__file__).parent / "images" / "variability.png"

#: signal-to-noise ratios of single points
SNR = (20.0, 50.0, 100.0, 200.0, 500.0)

#: neighbours within so many FWHM must not have more than this share of a star's light together
ALONE = (3.5, 0.001)


@dataclass(frozen=True)
class Found:
    """What the light curves of a night show of the truth.

    Attributes
    ----------
    frames, stars : int
        In use; with a light curve.
    fwhm : float
        Median, pixels.
    ranks : list of int
        Of the stars that vary; 0 for one that has none.
    false, doubt : int
        Constant stars that are said to vary beyond doubt; stars that stand out and are in doubt.
    ratio, width : list of float
        Of constant stars alone, by `SNR`: median of rms / expected rms; width of the pulls of their points.
    """

    frames: int
    stars: int
    fwhm: float
    ranks: list[int]
    false: int
    doubt: int
    ratio: list[float]
    width: list[float]


def look(name: str) -> Found:
    """Make a night, reduce it, and compare."""
    frames, changes = NIGHTS[name]
    with tempfile.TemporaryDirectory() as folder:
        night, out = Path(folder) / "night", Path(folder) / "out"
        write_night(merged(named_recipe("series", frames=frames), changes), night)
        run(night, out=out, recipe="series", catalog=night / "catalog.csv")
        if name == SHOWN:
            shutil.copy(out / "plots" / "variability.png", PICTURE)
        return compare(night, out)


def compare(night: Path, out: Path) -> Found:
    """The products of a run, against the truth beside the frames."""
    true, table = read_table(night / "truth" / "stars.ecsv"), read_table(out / "variability.ecsv")
    stars, frames = read_table(out / "stars.ecsv"), read_table(out / "frames.ecsv")
    fwhm = float(np.nanmedian(np.asarray(frames["fwhm"], float)))
    row, alone = identify(stars, true, fwhm * stars.meta["pixel_scale"])
    at = np.searchsorted(stars["id"], table["star"])
    varies, alone = np.asarray(true["variable"])[row[at]] & (row[at] >= 0), alone[at]
    rank, clear = np.asarray(table["rank"]), np.asarray(table["flags"]) == 0
    stand_out = (np.asarray(table["excess"], float) > VARIES) & (rank > 0)
    ranks = sorted(int(r) for r in rank[varies])
    constant = table[alone & ~varies]
    snr = 1.0857 / np.asarray(constant["expected_rms"], float)
    curves = read_table(out / "lightcurves.parquet")
    return Found(
        len(np.unique(curves["frame"])),
        len(table),
        fwhm,
        [0] * (int(np.sum(true["variable"])) - len(ranks)) + ranks,
        int((stand_out & clear & ~varies).sum()),
        int((stand_out & ~clear).sum()),
        [
            float(np.nanmedian((constant["rms"] / constant["expected_rms"])[(snr >= low) & (snr < high)]))
            for low, high in pairwise(SNR)
        ],
        widths(curves, np.asarray(constant["star"])),
    )


def identify(stars: Table, true: Table, fwhm: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Row of each star in the truth, -1 where there is none; and whether it is alone. FWHM in arcsec."""
    middle = [float(np.median(true[name])) for name in ("ra", "dec")]
    scale = 3600.0 * np.array([np.cos(np.radians(middle[1])), 1.0])
    here, there = (
        (np.column_stack([t["ra"], t["dec"]]).astype(float) - middle) * scale for t in (stars, true)
    )
    tree = cKDTree(there)
    apart, row = tree.query(np.nan_to_num(here, nan=1e9))
    light = 10.0 ** (-0.4 * np.asarray(true["mag_r"], float))
    near = tree.query_ball_point(there, ALONE[0] * fwhm)
    share = np.array([light[one].sum() / light[k] - 1.0 for k, one in enumerate(near)])
    known = apart < 0.3 * fwhm
    return np.where(known, row, -1), known & (share[np.minimum(row, len(true) - 1)] < ALONE[1])


def widths(curves: Table, use: NDArray[np.int64]) -> list[float]:
    """Half of the central 68 % of the pulls against each star's own mean, by `SNR`."""
    stars, n = np.unique(curves["star"]), len(np.unique(curves["frame"]))
    good = np.isin(np.asarray(curves["star"]), use) & ((np.asarray(curves["flags"]) & SPOILED) == 0)
    mag, err = (
        np.where(good, np.asarray(curves[c], float), np.nan).reshape(len(stars), n)
        for c in ("mag", "mag_err")
    )
    weight = np.where(np.isfinite(mag), 1.0 / err**2, 0.0)
    total = np.maximum(weight.sum(1), 1e-9)[:, None]
    mean = np.nansum(weight * np.nan_to_num(mag), 1)[:, None] / total
    pulls = (mag - mean) / np.sqrt(np.maximum(err**2 - 1.0 / total, 1e-12))
    found = []
    for low, high in pairwise(SNR):
        part = pulls[np.isfinite(pulls) & (1.0857 / err >= low) & (1.0857 / err < high)]
        found.append(float(0.5 * np.diff(np.percentile(part, [15.87, 84.13]))[0]) if part.size else np.nan)
    return found


def describe(nights: dict[str, Found]) -> list[str]:
    """The tables of the page."""
    bins = [f"{low:g}-{high:g}" for low, high in pairwise(SNR)]
    lines = [
        "| night | frames in use | stars | FWHM, px | ranks of the nine | false | in doubt |",
        "|" + "---|" * 7,
    ]
    for name, f in nights.items():
        ranks = ", ".join(str(r) for r in f.ranks)
        lines.append(f"| {name} | {f.frames} | {f.stars} | {f.fwhm:.1f} | {ranks} | {f.false} | {f.doubt} |")
    for what, values in (("rms over budget", "ratio"), ("width of the pulls", "width")):
        lines += ["", f"Constant stars that are alone, {what}, by the signal-to-noise ratio of a point:", ""]
        lines += ["| night | " + " | ".join(bins) + " |", "|---|" + "---|" * len(bins)]
        lines += [
            f"| {name} | " + " | ".join(f"{v:.2f}" for v in getattr(f, values)) + " |"
            for name, f in nights.items()
        ]
    return lines


def main() -> None:
    """Make the nights that are named, or all and the page."""
    names = sys.argv[1:] or list(NIGHTS)
    lines = describe({name: look(name) for name in names})
    print("\n".join(lines))
    if not sys.argv[1:]:
        head, rest = PAGE.read_text("utf-8").split(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}" + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
