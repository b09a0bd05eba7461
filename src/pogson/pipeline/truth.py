"""A reduced night against the truth that a simulation wrote beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED, Star
from pogson.io.files import write_atomic
from pogson.io.tables import read_table
from pogson.plots.products import figure_truth
from pogson.plots.style import to_png

Values = NDArray[np.float64]

#: edges of the bins in signal-to-noise ratio
SNR_EDGES = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)

#: a true neighbour that sends more than this part of a star's flux into its surroundings spoils it
CLEAN = 0.002


@dataclass(frozen=True)
class Pulls:
    """(measured - true) / error of the stars in one bin.

    `width` is from the quartiles of the middle 68 %: 1 where the errors are right; `width_err` its error.
    """

    low: float
    high: float
    n: int
    mean: float
    width: float
    width_err: float


@dataclass(frozen=True)
class Recovery:
    """What came back of what was put in.

    Attributes
    ----------
    zero_points : Table
        frame, band, true, measured, err, pull.
    stars : mapping of band to (true, measured, err)
        Mean magnitudes of clean stars.
    bright_offset : mapping of band to float
        Median of measured - true magnitude of clean stars with SNR > 200.
    pulls : tuple of Pulls
        Of the single measurements of clean stars, by SNR.
    """

    zero_points: Table
    stars: dict[str, tuple[Values, Values, Values]]
    bright_offset: dict[str, float]
    pulls: tuple[Pulls, ...]


def describe_recovery(recovery: Recovery) -> list[str]:
    """The comparison as lines of text."""
    lines = ["", "recovered against true", "zero points [mag]"]
    lines += [
        f"  {row['frame']:<24} {row['band']}  true {row['true']:.4f}  measured {row['measured']:.4f} "
        f"+- {row['err']:.4f}  pull {row['pull']:+.2f}"
        for row in recovery.zero_points
    ]
    for band, offset in recovery.bright_offset.items():
        n = len(recovery.stars[band][0])
        lines.append(
            f"stars in {band}: {n}; median (measured - true) of those with SNR > 200: {offset:+.4f} mag"
        )
    lines.append("pulls of single measurements, (measured - true) / error: mean and width, by SNR")
    lines += [
        f"  SNR {p.low:5.0f} to {p.high:5.0f}  {p.n:6d} measurements  mean {p.mean:+.2f}  "
        f"width {p.width:.3f} +- {p.width_err:.3f}"
        for p in recovery.pulls
    ]
    return lines


def draw_recovery(recovery: Recovery, path: str | Path) -> None:
    """Picture of the comparison."""
    write_atomic(path, to_png(figure_truth(recovery.stars)))


def compare_with_truth(out: str | Path, night: str | Path) -> Recovery:
    """Compare the products of a run with the tables that `pogson simulate` wrote.

    Parameters
    ----------
    out : str or Path
        Folder of the run.
    night : str or Path
        Folder of the simulated night.
    """
    true_stars = read_table(Path(night) / "truth" / "stars.ecsv")
    true_frames = read_table(Path(night) / "truth" / "frames.ecsv")
    stars = read_table(Path(out) / "stars.ecsv")
    photometry = read_table(Path(out) / "photometry.parquet")
    zero_points = read_table(Path(out) / "zeropoints.ecsv")
    bands = [c.removeprefix("mag_") for c in true_stars.colnames if c.startswith("mag_")]
    bands = [b for b in bands if f"mag_{b}" in stars.colnames]
    rows, clean = _identify(stars, true_stars, bands)
    recovered = {}
    offsets = {}
    for band in bands:
        true = np.asarray(true_stars[f"mag_{band}"], float)[rows]
        measured, err = (np.asarray(stars[f"mag_{band}{s}"], float) for s in ("", "_err"))
        good = clean & np.isfinite(measured) & ((np.asarray(stars["flags"], int) & SPOILED) == 0)
        recovered[band] = (true[good], measured[good], err[good])
        bright = good & (err < 1.0857 / 200.0)
        offsets[band] = float(np.median((measured - true)[bright])) if bright.any() else np.nan
    single = _pulls(photometry, zero_points, stars, true_stars, rows, clean, bands)
    points = _compare_zero_points(zero_points, true_frames)
    return Recovery(points, recovered, offsets, bin_pulls(*single))


def _identify(stars: Table, true: Table, bands: list[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Row of the true star for each star found, and which are alone and certain."""
    dec = np.radians(np.asarray(true["dec"], float))

    def plane(table: Table) -> Values:
        ra = np.asarray(table["ra"], float) - np.median(np.asarray(true["ra"], float))
        xy = np.column_stack([ra * np.cos(np.median(dec)), np.asarray(table["dec"], float)])
        return np.nan_to_num(3600.0 * xy, nan=1e9)

    mags = np.asarray(true[f"mag_{bands[0]}"], float)
    tree = cKDTree(plane(true))
    distance, rows = tree.query(plane(stars), k=6, distance_upper_bound=20.0)
    first = np.where(np.isfinite(distance[:, 0]), rows[:, 0], 0)
    neighbours = np.where(np.isfinite(distance), rows, 0)
    light = 10.0 ** (-0.4 * (mags[neighbours] - mags[first][:, None]))
    # a Moffat wing falls with about the fifth power of the distance
    reach = np.clip(distance / 2.2, 0.5, None) ** -4.4
    spill = np.where(np.isfinite(distance), light * reach, 0.0)[:, 1:].sum(1)
    return first, (distance[:, 0] < 0.7) & (spill < CLEAN)


def _compare_zero_points(zero_points: Table, true: Table) -> Table:
    value = dict(zip(true["name"], true["zero_point"], strict=True))
    names = [Path(str(f)).name for f in zero_points["frame"]]
    expected = np.array([value.get(name, np.nan) for name in names])
    measured = np.asarray(zero_points["zero_point"], float)
    err = np.asarray(zero_points["zero_point_err"], float)
    return Table(
        {
            "frame": names,
            "band": zero_points["band"],
            "true": expected,
            "measured": measured,
            "err": err,
            "pull": (measured - expected) / err,
        }
    )


def _pulls(
    photometry: Table,
    zero_points: Table,
    stars: Table,
    true: Table,
    rows: NDArray[np.int64],
    clean: NDArray[np.bool_],
    bands: list[str],
) -> tuple[Values, Values]:
    index: Mapping[int, int] = {int(s): i for i, s in enumerate(stars["id"])}
    at = np.array([index[int(s)] for s in photometry["star"]])
    flags = np.asarray(photometry["flags"], int)
    usable = clean[at] & ((flags & (SPOILED | int(Star.NEIGHBOR | Star.FEW_SKY | Star.NO_COLOR))) == 0)
    pull = np.full(len(photometry), np.nan)
    snr = np.full(len(photometry), np.nan)
    band_of = np.asarray(photometry["band"], str)
    # the error of one measurement on the standard system: its own, the zero point's, the colour term's
    known = {str(row["frame"]): row for row in zero_points}
    facts = ("fit_err", "color_term_err", "color_mean")
    zero_err, term_err, middle = (
        np.array([float(known[str(f)][name]) if str(f) in known else np.nan for f in photometry["frame"]])
        for name in facts
    )
    color = np.asarray(true["color"], float)[rows[at]]
    common = np.hypot(zero_err, term_err * (color - middle))
    mag, err = (np.asarray(photometry[name], float) for name in ("mag", "mag_err"))
    for band in bands:
        mine = usable & (band_of == band) & np.isfinite(mag)
        truth = np.asarray(true[f"mag_{band}"], float)[rows[at[mine]]]
        # compare fluxes: magnitudes of faint stars are skewed
        ratio = 10.0 ** (-0.4 * (mag[mine] - truth))
        relative = np.hypot(err[mine], common[mine]) / 1.0857362
        pull[mine] = (ratio - 1.0) / (relative * ratio)
        # of the flux alone; sorted by the true flux, so that lucky stars are not favoured
        snr[mine] = 1.0857362 / err[mine] / ratio
    return snr, pull


def bin_pulls(snr: Values, pull: Values) -> tuple[Pulls, ...]:
    """Mean and width of the pulls, by signal-to-noise ratio; bins of fewer than 20 are left out."""
    found = []
    for low, high in pairwise(SNR_EDGES):
        values = pull[(snr >= low) & (snr < high) & np.isfinite(pull)]
        if len(values) >= 20:
            a, b = np.percentile(values, [15.865, 84.135])
            found.append(
                Pulls(low, high, len(values), float(values.mean()), (b - a) / 2, 0.92 / np.sqrt(len(values)))
            )
    return tuple(found)
