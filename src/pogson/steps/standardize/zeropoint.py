"""Zero point of each frame and colour term of each band, from the catalogue's stars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import ZEROPOINTS
from pogson.core.errors import SettingError
from pogson.core.flags import SPOILED, Star, flag_names
from pogson.core.units import Mags, Sigma
from pogson.steps.standardize.crowding import neighbor_light
from pogson.steps.standardize.depth import limiting_magnitude
from pogson.steps.standardize.gather import POGSON, Shot, Values, near_colors
from pogson.steps.standardize.robust import Line, fit_line
from pogson.steps.standardize.sky_brightness import sky_brightness
from pogson.steps.standardize.transparency import measure_transparency

_ENOUGH = 10  # stars that let us be strict about the rest
_COLOR_STARS = 15
_COLOR_RANGE = 0.3  # mag
_COLOR_SIGMA = 3.0
_NEIGHBOR_LIGHT = 0.02  # of the star's own, in the aperture


@dataclass(frozen=True)
class ColorTerm:
    """``m = m_inst + zero_point + value * color`` in one band.

    Attributes
    ----------
    color : str
        "g-r"; empty where none could be formed.
    value, err : float
        0 where none was applied.
    mean, spread : float
        Mean and standard deviation of the colour of the stars used: where a star has no colour of its
        own, the mean is what it gets, and the spread what it adds to the error.
    n : int
        Stars.
    reason : str
        Why it is 0, or how it was found.
    """

    color: str = ""
    value: float = 0.0
    err: float = 0.0
    mean: float = nan
    spread: float = nan
    n: int = 0
    reason: str = ""


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


@dataclass
class _Pairs:
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
        return np.hypot(self.inst_err, self.cat_err)


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
    pairs: list[_Pairs] = []
    colors: dict[str, ColorTerm] = {}
    for band in seen:
        known_as = stand_in.get(band, band)
        name = _choose_color(known_as, color, has, seen)
        mine = [_pair(s, matches, catalog, known_as, name, pixel_scale) for s in shots if s.band == band]
        for one in mine:
            _leave_out(one, min_snr, max_catalog_err)
        colors[band] = _fit_band(mine, name, color_term, fixed, clip, min_stars)
        _doubt_lonely(mine)
        pairs += mine
    order = {id(shot): k for k, shot in enumerate(shots)}
    pairs.sort(key=lambda one: order[id(one.shot)])
    table = _zero_point_table(pairs, colors, catalog, has, stand_in, min_stars, pixel_scale)
    return ZeroPoints(table, _residual_table(pairs, colors), colors)


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


def _pair(shot: Shot, matches: Table, catalog: Table, band: str, color: str, pixel_scale: float) -> _Pairs:
    """The stars of a frame that the catalogue knows, in `band`."""
    stars = np.asarray(shot.table["star"], np.int64)
    where = {int(s): k for k, s in enumerate(stars)}
    both = [(k, where[int(s)]) for k, s in enumerate(matches["star"]) if int(s) in where]
    picked = np.array([k for k, _ in both], np.int64)
    row = np.array([k for _, k in both], np.int64)
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
    for k in np.flatnonzero(flags & bad):
        why[k] = flag_names(int(flags[k]) & bad)
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
    scale = pixel_scale if np.isfinite(pixel_scale) else shot.pixel_scale
    touched |= neighbor_light(catalog, line, band, radius=shot.reach * scale) > _NEIGHBOR_LIGHT
    return _Pairs(
        shot, stars[row], row, cat, cat_err, bend, blue_var + red_var, shared, offset, inst_err, why, touched
    )


def _leave_out(one: _Pairs, min_snr: float, max_catalog_err: float) -> None:
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


def _fit_band(
    mine: list[_Pairs], color: str, setting: str, fixed: float | None, clip: float, min_stars: int
) -> ColorTerm:
    """Zero points and the colour term of one band, in turn until they agree."""
    term = ColorTerm(color, fixed or 0.0, reason="set by hand" if fixed else "not asked for")
    for one in mine:
        _fit_frame(one, term, clip, min_stars)
    if fixed is not None:
        return _describe_colors(mine, term)
    if not color:
        return ColorTerm(reason="the catalogue has no two neighbouring bands")
    for _ in range(6):
        before = term.value
        term = _fit_color(mine, color, setting, clip)
        for one in mine:
            _fit_frame(one, term, clip, min_stars)
        if abs(term.value - before) < 1e-5:
            break
    return term


def _fit_frame(one: _Pairs, term: ColorTerm, clip: float, min_stars: int) -> None:
    ready = one.why == ""
    if term.value != 0.0:
        ready &= np.isfinite(one.color)
    one.used = np.zeros(len(ready), bool)
    one.zero = one.zero_err = one.scatter = nan
    if ready.sum() < max(min_stars, 1):
        return
    value = one.offset - (term.value * one.color if term.value != 0.0 else 0.0)
    line = fit_line(np.ones((int(ready.sum()), 1)), value[ready], one.err[ready], clip=clip)
    if line.used.sum() < max(min_stars, 1):
        return
    one.used[np.flatnonzero(ready)[line.used]] = True
    one.zero, one.scatter = float(line.terms[0]), line.scatter
    one.zero_err = float(np.sqrt(line.covariance[0, 0]))


def _fit_color(mine: list[_Pairs], color: str, setting: str, clip: float) -> ColorTerm:
    """Slope of the stars' mean offsets against their colour: each star counts once."""
    sums: dict[int, list[float]] = {}
    for one in mine:
        if not np.isfinite(one.zero):
            continue
        ready = np.flatnonzero((one.why == "") & np.isfinite(one.color))
        for k in ready:
            w = 1.0 / one.inst_err[k] ** 2
            star = [0.0, 0.0, one.color[k], one.cat_err[k], one.color_var[k], one.shared_var[k]]
            total = sums.setdefault(int(one.star[k]), star)
            total[0] += w
            total[1] += w * (one.offset[k] - one.zero)
    rows = np.array(list(sums.values()), float).reshape(-1, 6)
    n = len(rows)
    if n < (3 if setting == "fit" else _COLOR_STARS):
        return _describe_colors(
            mine, ColorTerm(color, reason=f"{n} stars with a colour, {_COLOR_STARS} are needed")
        )
    bend = rows[:, 2]
    width = float(np.subtract(*np.percentile(bend, [97.5, 2.5])))
    if width < _COLOR_RANGE and setting != "fit":
        reason = f"the stars span {width:.2f} mag in {color}, {_COLOR_RANGE} are needed"
        return _describe_colors(mine, ColorTerm(color, reason=reason))
    err = np.sqrt(1.0 / rows[:, 0] + rows[:, 3] ** 2)
    middle = float(np.median(bend))
    line = fit_line(np.column_stack([np.ones(n), bend - middle]), rows[:, 1] / rows[:, 0], err, clip=clip)
    value, value_err = _without_shared_errors(line, bend, rows[:, 1] / rows[:, 0], err, *rows[:, 4:].T)
    used = int(line.used.sum())
    if setting != "fit" and abs(value) < _COLOR_SIGMA * value_err:
        reason = f"{value:+.3f} +- {value_err:.3f} is not significant"
        return _describe_colors(mine, ColorTerm(color, reason=reason))
    return _describe_colors(
        mine, ColorTerm(color, value, value_err, n=used, reason=f"fitted to {used} stars")
    )


def _without_shared_errors(
    line: Line, color: Values, value: Values, err: Values, color_var: Values, shared_var: Values
) -> tuple[float, float]:
    """The slope and its error, freed of what errors of the colour do to a fit by least squares.

    The catalogue's error of a magnitude is in its colour as well: it tilts the line, and the colours'
    own errors flatten it. Both are known, and taken out of the sums (Akritas & Bershady 1996, ApJ, 470, 706).
    """
    w = line.used / (err**2 + line.scatter**2)
    x = color - np.average(color, weights=w)
    y = value - np.average(value, weights=w)
    plain = float(np.sum(w * x**2))
    true = plain - float(np.sum(w * color_var))
    if true < 0.5 * plain:  # the colours are mostly noise: no better slope than the plain one
        return float(line.terms[1]), float(np.sqrt(line.covariance[1, 1]))
    slope = float(np.sum(w * (x * y - shared_var))) / true
    return slope, float(np.sqrt(line.covariance[1, 1])) * plain / true


def _doubt_lonely(mine: list[_Pairs]) -> None:
    """Take back a zero point that the frames' own relative fluxes contradict.

    Zero points of a band differ as the fluxes of the same stars do, whatever the catalogue says.
    """
    relative = measure_transparency([one.shot.table for one in mine])
    offset, offset_err = np.asarray(relative["offset"], float), np.asarray(relative["offset_err"], float)
    common = np.array([one.zero for one in mine]) - offset
    err = np.hypot([one.zero_err for one in mine], offset_err)
    known = np.isfinite(common) & np.isfinite(err)
    if known.sum() < 3:
        return
    typical = float(np.median(common[known]))
    typical_err = float(np.median(err[known]))
    for k in np.flatnonzero(known):
        off = common[k] - typical
        if abs(off) > max(0.1, 5.0 * float(np.hypot(err[k], typical_err))):
            one = mine[k]
            one.doubt = f"zero point {one.zero:.2f} is {off:+.2f} mag off what relative fluxes tell"
            one.zero = one.zero_err = one.scatter = nan
            one.used[:] = False


def _describe_colors(mine: list[_Pairs], term: ColorTerm) -> ColorTerm:
    used = [one.color[one.used & np.isfinite(one.color)] for one in mine]
    values = np.concatenate(used) if used else np.empty(0)
    if len(values) < 2:
        return term
    return ColorTerm(
        term.color, term.value, term.err, float(values.mean()), float(values.std(ddof=1)), term.n, term.reason
    )


def _zero_point_table(
    pairs: list[_Pairs],
    colors: Mapping[str, ColorTerm],
    catalog: Table,
    has: list[str],
    stand_in: Mapping[str, str],
    min_stars: int,
    pixel_scale: float,
) -> Table:
    rows: dict[str, Any] = {name: [] for name in ZEROPOINTS.names}
    more: dict[str, Any] = {k: [] for k in ("fit_err", "color_term_err", "color", "color_mean", "reason")}
    for one in pairs:
        shot, term = one.shot, colors[one.shot.band]
        middle = float(np.mean(one.color[one.used])) if term.value != 0.0 and one.used.any() else 0.0
        # an electron per second is known no better than the gain
        total_err = float(
            np.sqrt(
                one.zero_err**2
                + (middle * term.err) ** 2
                + shot.aperture_correction_err**2
                + (POGSON * shot.gain_err) ** 2
            )
        )
        sky, sky_err, why_no_sky = sky_brightness(
            shot.table, zero_point=one.zero, zero_point_err=total_err, pixel_scale=pixel_scale
        )
        limit = limiting_magnitude(shot.table, zero_point=one.zero)
        n = int(one.used.sum())
        known = bool(np.isfinite(one.zero))
        slope = term.value if known else 0.0
        name = str(catalog.meta.get("name", "")) + (
            f" ({stand_in[shot.band]})" if shot.band in stand_in else ""
        )
        values = (
            shot.frame,
            shot.band,
            one.zero,
            total_err,
            one.scatter,
            n,
            slope,
            sky,
            sky_err,
            limit,
            name,
        )
        for column, value in zip(ZEROPOINTS.names, values, strict=True):
            rows[column].append(value)
        more["fit_err"].append(one.zero_err)
        more["color_term_err"].append(term.err)
        more["color"].append(term.color)
        more["color_mean"].append(middle)
        reason = (
            ""
            if known
            else f"{int((one.why == '').sum())} usable stars, {min_stars} are needed: instrumental"
        )
        if one.doubt:
            reason = f"{one.doubt}: instrumental"
        if not known and stand_in.get(shot.band, shot.band) not in has:
            reason = f"the catalogue has no {shot.band or 'band'}: instrumental"
        more["reason"].append(reason or (f"no sky brightness: {why_no_sky}" if why_no_sky else ""))
    rows |= {name: np.array(values) for name, values in more.items()}
    return ZEROPOINTS.table(**rows)


def _residual_table(pairs: list[_Pairs], colors: Mapping[str, ColorTerm]) -> Table:
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
            "frame": np.full(n, one.shot.frame), "band": np.full(n, one.shot.band), "star": one.star,
            "mag": one.cat, "mag_err": one.cat_err, "color": one.color, "x": one.shot.column("x")[one.row],
            "y": one.shot.column("y")[one.row], "residual": residual, "error": error, "used": one.used,
            "reason": why.astype(str),
        }.items():  # fmt: skip
            parts.setdefault(name, []).append(value)
    return Table({name: np.concatenate(values) for name, values in parts.items()})
