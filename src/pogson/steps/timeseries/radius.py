"""Which aperture makes the best light curve: told by the comparison stars, not by the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from pogson.core.columns import Rows
from pogson.core.lightcurves import LightCurves
from pogson.core.medians import row_median
from pogson.steps.timeseries.collect import collect_light_curves
from pogson.steps.timeseries.ensemble import Ensemble, compare_ensemble

#: comparison stars that are asked
JUDGES = 30


def choose_aperture(
    photometry: Sequence[Rows], field: Table, *, band: str, target: int = 0
) -> tuple[LightCurves, str]:
    """Light curves of the aperture with which stars like the target scatter least; and in words which it is.

    Parameters
    ----------
    photometry : sequence of Rows
        PHOTOMETRY of each frame of the band; meta: the other `radii` that were measured, pixels.
    field : Table
        FIELD.
    band : str
        Band.
    target : int
        Number of the target; 0: none.
    """
    radii = photometry[0].meta.get("radii", ())
    curves = collect_light_curves(photometry, field, band=band)
    if not len(radii):
        return curves, ""
    ensemble = compare_ensemble(curves, target=target)
    judges = _judges(ensemble, target)
    best, first = (0, curves), _scatter(ensemble, judges)
    least = first
    for k in range(1, len(radii) + 1):
        other = collect_light_curves(photometry, field, band=band, aperture=k)
        scatter = _scatter(compare_ensemble(other, target=target), judges)
        if scatter < least:
            best, least = (k, other), scatter
    name = f"{radii[best[0] - 1]:g} px" if best[0] else "that of [measure] radius"
    return best[1], (
        f"aperture in {band}: {name}, with which {len(judges)} comparison stars scatter least "
        f"({least:.4f} mag, {first:.4f} with [measure] radius)"
    )


def _judges(ensemble: Ensemble, target: int) -> list[int]:
    """Comparison stars of the target's brightness; the brightest where there is none."""
    members = [int(star) for star in ensemble.members]
    level = {star: float(np.nanmedian(ensemble.mag[ensemble.curves.row(star)])) for star in members}
    like = float(np.nanmedian(ensemble.mag[ensemble.curves.row(target)])) if target else -np.inf
    like = like if np.isfinite(like) else min(level.values())
    return sorted(members, key=lambda star: abs(level[star] - like))[:JUDGES]


def _scatter(ensemble: Ensemble, judges: Sequence[int]) -> float:
    """Typical scatter of the judges, magnitudes; outliers have no say."""
    mag = ensemble.mag[[ensemble.curves.row(star) for star in judges]]
    seen = np.isfinite(mag).any(1)
    away = np.abs(mag[seen] - row_median(mag[seen])[:, None])
    # the mean of many logarithms is less a matter of luck than the median of a few stars
    size = np.log(np.maximum(1.4826 * row_median(away), 1e-6))
    return float(np.exp(size.mean())) if seen.any() else np.inf
