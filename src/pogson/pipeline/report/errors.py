"""What a reader must know of the errors: do they explain the scatter, and how far may they be averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from pogson.pipeline.report.format import html_table
from pogson.pipeline.series import Series

_REPEATS = (
    "<p>Chi-square (per degree of freedom) of the stars' measurements about their means, once the zero "
    "points of the frames are taken out: 1 where the errors explain the scatter. <i>missing</i> is what "
    "must be added to them in quadrature: red noise, such as flats, the stars' shape, neighbours.</p>"
)
_RED_NOISE = (
    "<p>Red noise of the light curves. <i>beta</i>, median of the comparison stars: means of many points in "
    "a row scatter beta times as much as means of independent points would; 1 is white noise. Whatever is "
    "read from many points, such as a depth or a time of minimum, has beta times the error that the "
    "points' own errors give.</p>"
)


def errors_at_a_glance(repeats: Table, red_noise: Table) -> str:
    """How well the stars' measurements agree, and the red noise of the light curves."""
    parts = [
        note + html_table(table, table.colnames)
        for note, table in ((_REPEATS, repeats), (_RED_NOISE, red_noise))
        if len(table)
    ]
    return "".join(parts)


def red_noise(series: Sequence[Series]) -> Table:
    """The red-noise factor of each series: the comparison stars are constant, they tell that of the night."""
    rows = []
    for one in series:
        mine = np.isin(np.asarray(one.variability["star"]), one.ensemble.members)
        beta = np.asarray(one.variability["beta"], float)[mine]
        beta = beta[np.isfinite(beta)]
        if len(beta):
            rows.append((one.band, one.ensemble.mag.shape[1], len(beta), round(float(np.median(beta)), 2)))
    names = ("band", "frames", "comparison stars", "beta")
    return Table(rows=rows or None, names=names, dtype=(str, int, int, float))
