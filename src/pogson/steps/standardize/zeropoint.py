"""Zero point of each frame and colour term of each band, from the catalogue's stars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.core.units import Mags, Sigma
from pogson.steps.standardize.color_term import ColorTerm, doubt_lonely, fit_band
from pogson.steps.standardize.crowding import find_neighbors
from pogson.steps.standardize.gather import Shot, near_colors
from pogson.steps.standardize.pairs import Pairs, leave_out, pair_stars
from pogson.steps.standardize.zeropoint_tables import residual_table, zero_point_table

__all__ = ["ColorTerm", "ZeroPoints", "fit_zero_points"]


@dataclass(frozen=True)
class ZeroPoints:
    """Zero points of the frames of a night.

    Attributes
    ----------
    table : Table
        ZEROPOINTS, one row per frame; further columns: `fit_err` (at the mean
        colour of the stars used, without the aperture correction), `color_mean` (that colour; the
        covariance of zero point and colour term is ``-color_mean * color_term_err**2``),
        `color_term_err`, `color`, `reason` (why there is none).
    residuals : Table
        One row per frame and matched star: frame, band, star, mag and mag_err of the catalogue, color,
        x, y, residual (measured minus catalogue), error, used, reason.
    colors : mapping of band to ColorTerm
    """

    table: Table
    residuals: Table
    colors: Mapping[str, ColorTerm] = field(default_factory=dict)

    def of(self, frame: str) -> tuple[float, float]:
        """Zero point of a frame, and its error for a star of the mean colour; NaN where there is none."""
        row = np.flatnonzero(np.asarray(self.table["frame"], str) == frame)
        if len(row) == 0:
            return nan, nan
        return float(self.table["zero_point"][row[0]]), float(self.table["fit_err"][row[0]])


def fit_zero_points(
    photometry: Sequence[Table],
    matches: Table,
    catalog: Table,
    *,
    color_term: str = "auto",
    color: str = "",
    clip: Sigma = 3.0,
    min_snr: Sigma = 20.0,
    max_catalog_err: Mags = 0.1,
    min_stars: int = 3,
    substitutes: str = "",
    pixel_scale: float = nan,
) -> ZeroPoints:
    """Fit ``m_catalog = m_inst + zero_point[frame] + color_term[band] * color``.

    The instrumental magnitude is ``-2.5 log10(flux / exptime)`` plus the aperture correction. Each frame is
    compared with the catalogue's magnitudes of its own band and no other, unless `substitutes` says so.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of each frame; meta: exposure, and where known aperture_correction (magnitude to add),
        aperture_correction_err, missing (kinds of calibration that were not there).
    matches : Table
        star (number in the field), row (in the catalogue), flags; from `crossmatch`.
    catalog : Table
        CATALOG.
    color_term : str
        "auto": fitted, and kept where 15 stars span 0.3 mag and it is 3 sigma; "fit": kept in any case;
        "none"; or a number.
    color : str
        Colour of the colour term, such as "g-r"; empty: that of the nearest bands of the catalogue.
    clip : float
        Stars beyond this many of their errors are left out.
    min_snr : float
        Least signal-to-noise ratio, as expected from the catalogue's magnitude (a limit on the measured
        one would favour stars that came out too bright). 5 where fewer than 10 stars are left.
    max_catalog_err : float
        Largest error of the catalogue's magnitude.
    min_stars : int
        A frame with fewer usable stars gets no zero point.
    substitutes : str
        Bands that are compared with another band of the catalogue, because they have none of their
        own: "C=V, L=V". Their magnitudes are then of that band, and `catalog` says so.
    pixel_scale : float
        arcsec / px, for the sky brightness; the exposure's where not given.

    Returns
    -------
    ZeroPoints

    Raises
    ------
    SettingError
        If color_term is none of these, or the catalogue lacks the bands of `color`.

    Notes
    -----
    Errors of a star are those of photometry and catalogue and an intrinsic scatter in quadrature; the
    error of a zero point is ``1 / sqrt(sum(w))``, not a standard deviation. A star counts once for the colour
    term, however often it was observed, because its catalogue error is the same each time.

    References
    ----------
    Hogg, Bovy & Lang 2010, arXiv:1008.4686; Landolt 1992, AJ, 104, 340.
    """
    fixed = _color_setting(color_term)
    shots = [Shot.of(table) for table in photometry]
    has = [b for b in str(catalog.meta.get("bands", "")).split(",") if b]
    has = has or [n[4:] for n in catalog.colnames if n.startswith("mag_") and not n.endswith("_err")]
    stand_in = _substitutes(substitutes, has)
    seen = list(dict.fromkeys(shot.band for shot in shots))
    rows = np.asarray(matches["row"], np.int64)
    pairs: list[Pairs] = []
    colors: dict[str, ColorTerm] = {}
    for band in seen:
        known_as = stand_in.get(band, band)
        name = _choose_color(known_as, color, has, seen)
        ours = [shot for shot in shots if shot.band == band]
        scales = [pixel_scale if np.isfinite(pixel_scale) else shot.pixel_scale for shot in ours]
        reach = np.array([shot.reach for shot in ours]) * scales
        near = find_neighbors(catalog, rows, known_as, radius=float(np.fmax.reduce(reach)))
        mine = [
            pair_stars(shot, matches, catalog, known_as, name, float(r), near)
            for shot, r in zip(ours, reach, strict=True)
        ]
        for one in mine:
            leave_out(one, min_snr, max_catalog_err)
        colors[band] = fit_band(mine, name, color_term, fixed, clip, min_stars)
        doubt_lonely(mine)
        pairs += mine
    order = {id(shot): k for k, shot in enumerate(shots)}
    pairs.sort(key=lambda one: order[id(one.shot)])
    table = zero_point_table(pairs, colors, catalog, has, stand_in, min_stars, pixel_scale)
    return ZeroPoints(table, residual_table(pairs, colors), colors)


def _color_setting(color_term: str) -> float | None:
    if color_term in ("auto", "fit", "none"):
        return None if color_term != "none" else 0.0
    try:
        return float(color_term)
    except ValueError:
        raise SettingError(
            f"[standardize] color_term must be auto, fit, none or a number, got '{color_term}'"
        ) from None


def _substitutes(text: str, has: list[str]) -> dict[str, str]:
    """{"C": "V"} of "C=V"."""
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        band, _, other = (word.strip() for word in part.partition("="))
        if not band or other not in has:
            raise SettingError(
                f"[standardize] substitutes = '{text}': '{part}' should be a band = one of {', '.join(has)}"
            )
        found[band] = other
    return found


def _choose_color(band: str, color: str, has: list[str], seen: list[str]) -> str:
    if color:
        lacking = [b for b in color.split("-") if b not in has]
        if lacking or len(color.split("-")) != 2:
            raise SettingError(
                f"[standardize] color = '{color}', but the catalogue has the bands {', '.join(has)}"
            )
        return color
    near = near_colors(band, has, seen)
    return near[0] if near else ""
