"""The stars of a frame that a catalogue knows, and which of them may vote for its zero point."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED, Star, flag_names
from pogson.steps.standardize.crowding import Neighbors
from pogson.steps.standardize.gather import POGSON, Shot, Values

_ENOUGH = 10  # stars that let us be strict about the rest
_NEIGHBOR_LIGHT = 0.02  # of the star's own, in the aperture


@dataclass
class Pairs:
    """A frame's stars with their catalogue stars; rows run over the pairs."""

    shot: Shot
    star: NDArray[np.int64]
    row: NDArray[np.int64]  # of the photometry
    cat: Values
    cat_err: Values
    color: Values
    color_var: Values  # variance of the catalogue's colour
    shared_var: Values  # its covariance with the catalogue's magnitude
    offset: Values  # catalogue minus instrumental magnitude
    inst_err: Values
    why: NDArray[np.object_]  # empty: may be used
    touched: NDArray[np.bool_]  # light of a neighbour in the aperture
    zero: float = nan
    zero_err: float = nan
    scatter: float = nan
    used: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    doubt: str = ""  # why a zero point that was fitted is not believed

    @property
    def err(self) -> Values:
        """Error of each offset: photometry and catalogue."""
        return np.hypot(self.inst_err, self.cat_err)


def pair_stars(
    shot: Shot, matches: Table, catalog: Table, band: str, color: str, reach: float, near: Neighbors
) -> Pairs:
    """The stars of a frame that the catalogue knows, in `band`; `near` of the matches, within `reach`."""
    stars = np.asarray(shot.table["star"], np.int64)
    order = np.argsort(stars, kind="stable")
    known = np.asarray(matches["star"], np.int64)
    at = np.searchsorted(stars[order], known)
    picked = np.flatnonzero((at < len(stars)) & (stars[order[np.minimum(at, len(stars) - 1)]] == known))
    row = order[at[picked]]
    line = np.asarray(matches["row"], np.int64)[picked]

    def column(name: str) -> Values:
        values = np.asarray(catalog[name], float) if name in catalog.colnames else np.full(len(catalog), nan)
        return values[line]

    cat, cat_err = column(f"mag_{band}"), column(f"mag_{band}_err")
    blue, _, red = color.partition("-")
    bend = column(f"mag_{blue}") - column(f"mag_{red}") if red else np.full(len(line), nan)
    blue_var, red_var = (np.nan_to_num(column(f"mag_{b}_err")) ** 2 for b in (blue, red))
    shared = blue_var * (band == blue) - red_var * (band == red)
    rate, rate_err = (values[row] for values in shot.rate)
    with np.errstate(invalid="ignore", divide="ignore"):
        positive = np.where(rate > 0.0, rate, nan)
        offset = cat + 2.5 * np.log10(positive)
        inst_err = POGSON * rate_err / positive
    flags = shot.flags[row] | np.asarray(matches["flags"], np.int64)[picked]
    why = np.array([""] * len(row), object)
    bad = SPOILED | int(Star.AMBIGUOUS | Star.VARIABLE)
    for bits in np.unique(flags & bad):
        why[(flags & bad) == bits] = flag_names(int(bits))
    why[np.isnan(cat)] = f"no {band} in the catalogue"
    why[(why == "") & ~np.isfinite(offset + inst_err)] = "no positive flux"
    # a catalogue without any errors: the scatter will tell; else a missing one is a bad sign
    unknown = ~np.isfinite(cat_err)
    if unknown.all() or not np.isfinite(column(f"mag_{band}_err")).any():
        cat_err = np.zeros(len(row))
    else:
        why[(why == "") & unknown] = "no error in the catalogue"
        cat_err = np.where(unknown, 0.0, cat_err)
    touched = (flags & int(Star.NEIGHBOR)) != 0
    touched |= near.light(reach)[picked] > _NEIGHBOR_LIGHT
    return Pairs(
        shot, stars[row], row, cat, cat_err, bend, blue_var + red_var, shared, offset, inst_err, why, touched
    )


def leave_out(one: Pairs, min_snr: float, max_catalog_err: float) -> None:
    """Rules that do not look at the residual."""
    usable = one.why == ""
    one.why[usable & (one.cat_err > max_catalog_err)] = "catalogue error too large"
    usable = one.why == ""
    if not usable.any():
        return
    # expected signal-to-noise ratio, from the catalogue's magnitude and a first zero point
    snr = POGSON / one.inst_err
    bright = usable & (snr >= np.sort(snr[usable])[-min(20, usable.sum())])
    zero = float(np.median(one.offset[bright]))
    expected = snr * 10.0 ** (-0.4 * (one.offset - zero))
    good = usable & (expected >= min_snr)
    if (good & ~one.touched).sum() >= _ENOUGH:
        one.why[usable & (expected < min_snr)] = "faint"
        one.why[good & one.touched] = "neighbour"
    elif good.sum() >= _ENOUGH:
        one.why[usable & (expected < min_snr)] = "faint"
    else:
        one.why[usable & (expected < 5.0)] = "faint"
