"""The tables of a series: every point of every light curve, and what became of each star."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from pogson.core.columns import VARIABILITY
from pogson.io.tables import GROUP_ROWS
from pogson.pipeline.series import Series, stars_that_vary

#: columns for a person
SHOWN = ("star", "band", "role", "rank", "mag", "rms", "expected_rms", "excess", "period", "fap", "quality")

#: columns of periods.ecsv: name -> (unit, description)
PERIODS: dict[str, tuple[str, str]] = {
    "star": ("", "star number of the field"),
    "band": ("", "filter of the light curve"),
    "method": ("", "how the period was found"),
    "kind": ("", "best, longer than (no whole turn was seen), or what the best may be mistaken for"),
    "period": ("d", "period"),
    "period_err": ("d", "error of a sine's period in white noise, 1 sigma; NaN for an alias"),
    "power": ("", "of the spectrum: from 0 to 1 for a sine"),
    "fap": ("", "probability that white noise alone has such a power anywhere; NaN for an alias"),
    "epoch": ("d", "least light, BJD TDB; NaN for an alias"),
    "likely": ("", "whether its power is above 0.7 of the best"),
}


def light_curve_parts(series: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """LIGHTCURVE of some stars after the other, one row per star and frame; gaps are rows with NaN."""
    both = any(one.detrended is not None for one in series)
    for one in series:
        curves = one.ensemble.curves
        ids = np.asarray(curves.stars["id"], np.int64)
        # the names themselves, not a copy of the letters for each row
        frames = np.array([str(frame) for frame in curves.frames["frame"]], object)
        step = max(1, GROUP_ROWS // max(len(frames), 1))
        for first in range(0, len(ids), step):
            some = slice(first, first + step)
            n = len(ids[some])
            beside = {"mag_detrended": _detrended(one)[some].ravel()} if both else {}
            yield {
                "star": np.repeat(ids[some], len(frames)),
                "frame": np.tile(frames, n),
                "bjd_tdb": np.tile(curves.time, n),
                "mag": one.ensemble.mag[some].ravel(),
                "mag_err": one.ensemble.mag_err[some].ravel(),
                "flags": curves.flags[some].ravel(),
                "band": np.full(n * len(frames), one.band, object),
                **beside,
            }


def periods_table(series: Sequence[Series], *, max_fap: float = 0.01) -> Table:
    """The periods of the target and of the first variables, each with what it may be mistaken for.

    One row for the best period of a star (kind "best", or "longer than" where no whole turn was seen), and
    one for each alias; stars without a period of a false-alarm probability below `max_fap` are left out.
    """
    rows = []
    for one in series:
        for star, best in one.periods.items():
            if best.fap >= max_fap:
                continue
            mine = (star, one.band, best.method)
            kind, err = ("longer than", nan) if best.is_lower_limit else ("best", best.period_err)
            rows.append((*mine, kind, best.period, err, best.power, best.fap, best.epoch, True))
            if best.is_lower_limit:
                continue
            rows += [
                (
                    *mine,
                    str(a["kind"]),
                    float(a["period"]),
                    nan,
                    float(a["power"]),
                    nan,
                    nan,
                    bool(a["likely"]),
                )
                for a in best.aliases
            ]
    types = (int, str, str, str, float, float, float, float, float, bool)
    table = Table(rows=rows or None, names=tuple(PERIODS), dtype=types)
    for name, (unit, about) in PERIODS.items():
        table[name].unit, table[name].description = unit or None, about
    return table


def outstanding_stars(series: Sequence[Series], *, first: int = 10) -> Table:
    """Target and check star of each band, and the stars that vary most, in columns for a person."""
    parts = []
    for one in series:
        table = one.variability
        rank = np.asarray(table["rank"])
        varies = np.isin(np.asarray(table["star"]), stars_that_vary(table)) & (rank <= first)
        order = np.lexsort((rank, varies & (rank > 0)))
        shown = varies | np.isin(np.asarray(table["role"], str), ["target", "check"])
        part = table[order[shown[order]]][list(SHOWN)]
        for name in ("rms", "expected_rms"):
            part[name] = np.round(np.asarray(part[name], float), 4)
        part["fap"] = [float(f"{value:.1e}") for value in part["fap"]]
        part["excess"] = np.round(np.asarray(part["excess"], float), 1)
        parts.append(Table(part, meta={}))
    return vstack(parts, metadata_conflicts="silent") if parts else Table()


def _detrended(series: Series) -> NDArray[np.float64]:
    """As measured where nothing was taken out."""
    return series.ensemble.mag if series.detrended is None else series.detrended.detrended.mag


def variability_table(series: Sequence[Series]) -> Table:
    """VARIABILITY of all bands."""
    if not series:
        return VARIABILITY.empty()
    plain = [Table(one.variability, meta={}, copy=False) for one in series]
    return VARIABILITY.describe(vstack(plain, metadata_conflicts="silent"))
