"""Zero points as tables: one row per frame, one per star and frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import ZEROPOINTS
from pogson.steps.standardize.color_term import ColorTerm
from pogson.steps.standardize.depth import limiting_magnitude
from pogson.steps.standardize.gather import POGSON
from pogson.steps.standardize.pairs import Pairs
from pogson.steps.standardize.sky_brightness import sky_brightness


def zero_point_table(
    pairs: list[Pairs],
    colors: Mapping[str, ColorTerm],
    catalog: Table,
    has: list[str],
    stand_in: Mapping[str, str],
    min_stars: int,
    pixel_scale: float,
) -> Table:
    """ZEROPOINTS with further columns, see `ZeroPoints`."""
    rows: list[dict[str, Any]] = []
    for one in pairs:
        shot, term = one.shot, colors[one.shot.band]
        middle = _mean_color(one) if term.value != 0.0 and one.used.any() else 0.0
        # an electron per second is known no better than the gain
        gain_err = POGSON * shot.gain_err
        parts = (one.zero_err, middle * term.err, shot.aperture_correction_err, gain_err)
        total_err = float(np.sqrt(np.sum(np.square(parts))))
        sky, sky_err, why_no_sky = sky_brightness(
            shot.table, zero_point=one.zero, zero_point_err=total_err, pixel_scale=pixel_scale
        )
        other = f" ({stand_in[shot.band]})" if shot.band in stand_in else ""
        reason = _why_none(one, stand_in.get(shot.band, shot.band) in has, min_stars)
        values = (
            shot.frame,
            shot.band,
            one.zero,
            total_err,
            one.scatter,
            int(one.used.sum()),
            term.value if np.isfinite(one.zero) else 0.0,
            sky,
            sky_err,
            limiting_magnitude(shot.table, zero_point=one.zero),
            str(catalog.meta.get("name", "")) + other,
        )
        rows.append(
            dict(zip(ZEROPOINTS.names, values, strict=True))
            | {"fit_err": one.zero_err, "color_term_err": term.err, "color": term.color, "color_mean": middle}
            | {"reason": reason or (f"no sky brightness: {why_no_sky}" if why_no_sky else "")}
        )
    names = (*ZEROPOINTS.names, "fit_err", "color_term_err", "color", "color_mean", "reason")
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in names}
    return ZEROPOINTS.table(**columns)


def _mean_color(one: Pairs) -> float:
    """Colour at which the zero point was found: the mean with the weights of its fit."""
    weight = one.used / (one.err**2 + one.scatter**2)
    return float(np.average(one.color[one.used], weights=weight[one.used]))


def _why_none(one: Pairs, has_band: bool, min_stars: int) -> str:
    """Why a frame has no zero point; empty where it has one."""
    if np.isfinite(one.zero):
        return ""
    if not has_band:
        return f"the catalogue has no {one.shot.band or 'band'}: instrumental"
    if one.doubt:
        return f"{one.doubt}: instrumental"
    return f"{int((one.why == '').sum())} usable stars, {min_stars} are needed: instrumental"


def residual_table(pairs: list[Pairs], colors: Mapping[str, ColorTerm]) -> Table:
    """One row per frame and matched star, see `ZeroPoints`; long words are objects, equal ones are one."""
    parts: dict[str, Any] = {}
    for one in pairs:
        term = colors[one.shot.band]
        bend = term.value * one.color if term.value != 0.0 else 0.0
        residual = one.zero + bend - one.offset
        why = one.why.copy()
        if term.value != 0.0:
            why[(why == "") & ~np.isfinite(one.color)] = f"no {term.color} in the catalogue"
        why[(why == "") & ~one.used] = "outlier" if np.isfinite(one.zero) else "no zero point"
        error = np.hypot(one.err, one.scatter if np.isfinite(one.scatter) else 0.0)
        n = len(one.star)
        for name, value in {
            "frame": np.full(n, one.shot.frame, object), "band": np.full(n, one.shot.band), "star": one.star,
            "mag": one.cat, "mag_err": one.cat_err, "color": one.color, "x": one.shot.column("x")[one.row],
            "y": one.shot.column("y")[one.row], "residual": residual, "error": error, "used": one.used,
            "reason": why,
        }.items():  # fmt: skip
            parts.setdefault(name, []).append(value)
    return Table({name: np.concatenate(values) for name, values in parts.items()})
