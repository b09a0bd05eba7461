"""Pulls, (measured - true) / error: how wide they are, and what they hang on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: what is proven: name -> in words
QUANTITIES = {
    "x": "position, x",
    "y": "position, y",
    "flux": "total flux",
    "sky": "sky level",
    "instrumental": "instrumental magnitude",
    "magnitude": "standard magnitude",
    "zero point": "zero point",
    "colour term": "colour term",
    "aperture correction": "aperture correction",
    "gain": "measured gain",
    "read noise": "measured read noise",
}

#: what a star has one of; the others a frame, a band or a camera has one of
OF_STARS = ("x", "y", "flux", "sky", "instrumental", "magnitude")

#: what pulls are sorted by -> edges of the bins
BINS = {
    "snr": (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0),
    "place": (0.0, 0.5, 0.8, 1.0),
    "phase": (0.0, 0.2, 0.35, 0.5, 0.71),
    "share": (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
}

COLUMNS = ("quantity", "group", "pull", *BINS, "neighbor")


@dataclass(frozen=True)
class Pulls:
    """(measured - true) / error of one quantity in one bin.

    Attributes
    ----------
    quantity : str
    low, high : float
        Edges of the bin; 0 and infinity: all.
    n : int
    mean, mean_err : float
        Bias in units of the error.
    width, width_err : float
        Half of the range of the middle 68 %: 1 where the error is right; above 1 it is too small.
    """

    quantity: str
    low: float
    high: float
    n: int
    mean: float
    mean_err: float
    width: float
    width_err: float

    @property
    def verdict(self) -> str:
        """Whether the error bar holds, in words; two errors of the width and the mean are allowed."""
        if self.n < 20:
            return "too few to tell"
        if self.width - 2.0 * self.width_err > 1.05:
            return f"error too small by {100.0 * (self.width - 1.0):.0f} %"
        if self.width + 2.0 * self.width_err < 0.95:
            return f"error too large by {100.0 * (1.0 / self.width - 1.0):.0f} %"
        if abs(self.mean) - 2.0 * self.mean_err > 0.1:
            return f"biased by {self.mean:+.2f} errors"
        return "holds"


@dataclass(frozen=True)
class Proof:
    """The pulls of one night, or of several joined.

    Attributes
    ----------
    pulls : Table
        quantity; group (pulls of one group share an aperture correction or a zero point); pull; snr
        (expected); place (0 in the middle of the frame, 1 at its edge); phase (pixels from the star to the
        centre of its pixel); share (light of true neighbours over the star's own in its aperture); neighbor
        (flagged for it). What does not apply is NaN.
    """

    pulls: Table

    def of(self, quantity: str, low: float = 0.0, high: float = np.inf, *, by: str = "snr") -> Pulls:
        """One quantity in one bin; stars flagged for their neighbours only where sorted by their share."""
        mine = np.asarray(self.pulls["quantity"], str) == quantity
        if by != "share":
            mine &= ~np.asarray(self.pulls["neighbor"], bool)
        if low > 0.0 or np.isfinite(high):
            value = np.asarray(self.pulls[by], float)
            mine &= (value >= low) & (value < high)
        groups = np.asarray(self.pulls["group"], str)[mine]
        return summarize_pulls(quantity, low, high, np.asarray(self.pulls["pull"], float)[mine], groups)

    def bins(self, quantity: str, *, by: str = "snr", least: int = 20) -> list[Pulls]:
        """One quantity in each bin that holds enough."""
        found = [self.of(quantity, low, high, by=by) for low, high in pairwise(BINS[by])]
        return [one for one in found if one.n >= least]

    @classmethod
    def join(cls, proofs: Sequence[Proof]) -> Proof:
        """Several nights as one."""
        return cls(vstack([p.pulls for p in proofs], metadata_conflicts="silent"))


def make_pulls(
    quantity: str,
    group: str,
    pull: Values | Sequence[float],
    *,
    snr: Values | float = np.nan,
    place: Values | float = np.nan,
    phase: Values | float = np.nan,
    share: Values | float = np.nan,
    neighbor: NDArray[np.bool_] | bool = False,
) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """Columns of pulls of one quantity and group; those that are not finite are left out."""
    values = np.asarray(pull, float)
    given = (quantity, group, values, snr, place, phase, share, neighbor)
    good = np.isfinite(values)
    return {
        name: np.broadcast_to(np.asarray(v), values.shape)[good]
        for name, v in zip(COLUMNS, given, strict=True)
    }


def join_pulls(parts: Sequence[dict[str, NDArray]]) -> Table:  # type: ignore[type-arg]
    """Parts as one table."""
    return Table({name: np.concatenate([part[name] for part in parts]) for name in COLUMNS})


def summarize_pulls(
    quantity: str, low: float, high: float, pulls: Values, groups: NDArray[np.str_] | None = None
) -> Pulls:
    """Mean and width of pulls, with their errors.

    Stars of a group share a mistake, so that a mean over them is not as certain as their number says: the
    errors are those of leaving out one group after the other (jackknife) where these are larger.
    """
    n = len(pulls)
    if n < 2:
        return Pulls(quantity, low, high, n, *([np.nan] * 4))
    mean, width = _mean_and_width(pulls)
    # of independent normal numbers: the quantiles scatter more than a standard deviation would
    errors = np.array([width, 0.92 * width]) / np.sqrt(n)
    names, number = np.unique(np.arange(n) if groups is None else groups, return_inverse=True)
    if 4 <= len(names) <= n // 5:
        left = np.array([_mean_and_width(pulls[number != k]) for k in range(len(names))])
        errors = np.maximum(errors, np.sqrt(len(names) - 1.0) * left.std(axis=0))
    return Pulls(quantity, low, high, n, mean, float(errors[0]), width, float(errors[1]))


def _mean_and_width(pulls: Values) -> tuple[float, float]:
    a, b = np.percentile(pulls, [15.865, 84.135])
    return float(np.mean(pulls)), float(b - a) / 2.0
