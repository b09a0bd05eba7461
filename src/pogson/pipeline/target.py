"""The target of a series: its light curve, what it shows, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.core.flags import SPOILED
from pogson.core.frame import Exposure
from pogson.core.time import bjd_tdb
from pogson.pipeline.report.format import with_error
from pogson.pipeline.series import Series
from pogson.pipeline.settings import Settings
from pogson.steps.timeseries.curve import light_curve
from pogson.steps.timeseries.detrend import TERMS, check_method, terms_of

if TYPE_CHECKING:  # what fits is imported only where there is a target
    from pogson.steps.timeseries.event import Event
    from pogson.steps.timeseries.transit import Transit

#: days over which a period that is not known is spread: one event only is seen then
SPANS = 4.0


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is made of the target's light curve, what is known of the star, and names for reports.

    Parameters
    ----------
    model : str
        auto (a transit or a minimum where it is clearly there), transit, minimum or none.
    star : str
        Name of the star; empty takes the header's.
    planet : str
        Name of the planet, for reports of transits.
    observer : str
        Your observer's code, for the AAVSO.
    period : float
        Of the orbit; 0: not known.
    epoch : float
        A known mid-transit or minimum, to tell O-C by; 0: not known.
    impact : float
        Impact parameter, stellar radii.
    u1, u2 : float
        Quadratic limb darkening of the star in the band; the defaults are about those of the Sun in V and R.
    """

    model: str = "auto"
    star: str = ""
    planet: str = ""
    observer: str = ""
    period: Annotated[float, "d"] = 0.0
    epoch: Annotated[float, "BJD TDB"] = 0.0
    impact: float = 0.3
    u1: float = 0.4
    u2: float = 0.25


@dataclass(frozen=True)
class Study:
    """The target in one band.

    Attributes
    ----------
    curve : Table
        LIGHTCURVE, raw and detrended, with baseline and model where an event was found.
    event : Event
    results : Table
        quantity, value, error, unit, source.
    wishes : Wishes
    name : str
        Of the star; empty where nobody said it.
    exposure : Exposure
        Of the first frame.
    exptime : float
        s, typical.
    zero_point : float
        From differential to standard magnitudes; NaN where no catalogue gave it.
    lines : tuple of str
        What was found, for a person.
    """

    curve: Table
    event: Event
    results: Table
    wishes: Wishes
    name: str
    exposure: Exposure
    exptime: float
    zero_point: float = nan
    lines: tuple[str, ...] = ()


def read_wishes(settings: Settings) -> Wishes:
    """What the settings say of the target, checked.

    Raises
    ------
    SettingError
        If a model or method is not there, or a number is impossible.
    """
    wishes = Wishes(**settings.of("target"))
    if wishes != Wishes():
        from pogson.steps.timeseries.event import check_model

        check_model(wishes.model)
    detrending = settings.of("detrend")
    check_method(detrending.get("method", "none"), detrending.get("terms", ()))
    if wishes.period < 0.0:
        raise SettingError(
            f"[target] period must be above 0, or 0 where it is not known, got {wishes.period:g}"
        )
    if not 0.0 <= wishes.impact < 1.0:
        raise SettingError(f"[target] impact must be from 0 to 1, got {wishes.impact:g}")
    if not (wishes.u1 >= 0.0 and wishes.u1 + wishes.u2 <= 1.0):
        raise SettingError(f"[target] u1 and u2: no star is darkened by {wishes.u1:g} and {wishes.u2:g}")
    return wishes


def study_target(
    series: Series, stars: Table, exposures: Mapping[str, Exposure], settings: Settings
) -> Study:
    """The light curve of the target of a series, and what it shows.

    Parameters
    ----------
    series : Series
        Of one band.
    stars : Table
        Of the night, with calibrated magnitudes where there are any.
    exposures : mapping of path to Exposure
        Of the frames.
    settings : Settings
        [target] and [detrend].
    """
    from pogson.steps.timeseries.event import find_event

    wishes, star = read_wishes(settings), series.ensemble.target
    curve = light_curve(series.ensemble, star)
    exposure = exposures[str(curve["frame"][0])]
    _time_by_target(curve, series, star, exposure)
    exptime = float(np.nanmedian(curve["exptime"]))
    known = {name: np.asarray(v, float) for name, v in _terms(series, star, TERMS).items()}
    asked = _asked_terms(series, settings, known)
    clean = (np.asarray(curve["flags"], int) & SPOILED) == 0
    event = find_event(
        np.asarray(curve["bjd_tdb"], float),
        np.where(clean, np.asarray(curve["flux"], float), nan),
        np.asarray(curve["flux_err"], float),
        model=wishes.model,
        known=_known(wishes, curve),
        terms=asked,
        rivals=known,
        most=settings.of("detrend").get("most", 3),
        exptime=exptime,
        red_noise=_red_noise(series),
    )
    _add_columns(curve, series, event, star)
    results = _results(event, curve, wishes, settings.of("target"))
    name = wishes.star or exposure.target
    made = Study(curve, event, results, wishes, name, exposure, exptime, _zero_point(series, stars))
    return replace(made, lines=tuple(describe(made)))


def _zero_point(series: Series, stars: Table) -> float:
    """What the comparison stars' standard magnitudes are above their differential ones."""
    name = f"mag_{series.band}"
    if name not in stars.colnames:
        return nan
    ids = np.asarray(stars["id"]).tolist()
    at = {star: k for k, star in enumerate(ids)}
    mine = series.variability[np.isin(np.asarray(series.variability["star"]), series.ensemble.members)]
    away = [
        float(stars[name][at[int(row["star"])]]) - float(row["mag"]) for row in mine if int(row["star"]) in at
    ]
    known = [value for value in away if isfinite(value)]
    return float(np.median(known)) if known else nan


def _red_noise(series: Series) -> float:
    """How red the noise of the night is over the length of an event, by the comparison stars.

    The residuals of the target say too little: the shape that was fitted to them has taken up a part.
    """
    from pogson.steps.timeseries.noise import red_noise_factor

    mag = series.ensemble.mag[series.ensemble.weight > 0.0]
    n = mag.shape[1]
    beta = red_noise_factor(mag, shortest=max(4, n // 12), longest=n // 6)
    return float(np.median(known)) if len(known := beta[np.isfinite(beta)]) else 1.0


def _time_by_target(curve: Table, series: Series, star: int, exposure: Exposure) -> None:
    """The way of the light from the star itself, where its place is known: the header's may be off."""
    stars = series.ensemble.curves.stars
    if "ra" in stars.colnames:
        row = series.ensemble.curves.row(star)
        ra, dec = float(stars["ra"][row]), float(stars["dec"][row])
        if isfinite(ra + dec):
            curve["bjd_tdb"] = bjd_tdb(np.asarray(curve["jd_utc"], float), ra, dec, exposure.site)


def _terms(series: Series, star: int, names: Sequence[str]) -> dict[str, Any]:
    curves = series.ensemble.curves
    return terms_of(curves, names, curves.row(star))


def _asked_terms(series: Series, settings: Settings, known: Mapping[str, Any]) -> dict[str, Any]:
    """What the baseline of a transit may follow: the airmass always, the others where detrending is on."""
    detrending = settings.of("detrend")
    method = detrending.get("method", "none")
    if method == "sysrem" and series.detrended is not None:
        return dict(series.detrended.effects)
    names = detrending.get("terms", TERMS) if method == "linear" else ("airmass",)
    return {name: known[name] for name in names if name in known}


def _known(wishes: Wishes, curve: Table) -> Transit:
    from pogson.steps.timeseries.event import PERIOD
    from pogson.steps.timeseries.transit import Transit

    time = np.asarray(curve["bjd_tdb"], float)
    span = float(np.nanmax(time) - np.nanmin(time)) if np.isfinite(time).any() else 0.0
    period = wishes.period or max(PERIOD, SPANS * span)
    return Transit(0.0, 0.1, wishes.impact, 0.1, period, wishes.u1, wishes.u2)


def _add_columns(curve: Table, series: Series, event: Event, star: int) -> None:
    """What was taken out, and the model, beside the raw points."""
    flux = np.asarray(curve["flux"], float)
    if event.transit is not None:
        fit = event.transit
        curve["baseline"], curve["model"] = fit.baseline, fit.model
        curve["detrended_flux"] = flux / fit.baseline
        curve["detrended_flux_err"] = np.asarray(curve["flux_err"], float) / fit.baseline
        curve["residual"] = fit.residual
    elif series.detrended is not None:
        row = series.ensemble.curves.row(star)
        factor = 10.0 ** (0.4 * series.detrended.removed[row])
        curve["detrended_flux"] = flux * factor
        curve["detrended_flux_err"] = np.asarray(curve["flux_err"], float) * factor
        curve["detrended_mag"] = series.detrended.detrended.mag[row]
    if event.polynomial is not None and event.polynomial.model is not None:
        curve["model"] = 10.0 ** (-0.4 * event.polynomial.model)
        curve["residual"] = flux / np.asarray(curve["model"]) - 1.0


def _results(event: Event, curve: Table, wishes: Wishes, given: Mapping[str, Any]) -> Table:
    """What was found, and what it was found with."""
    rows: list[tuple[str, float, float, str, str]] = []
    time = time_err = nan
    if event.transit is not None:
        fit, transit, errors = event.transit, event.transit.transit, event.transit.errors
        time, time_err = transit.time, errors["time"]
        rows = [
            ("mid_time", time, time_err, "BJD_TDB", "fitted"),
            ("depth", 100.0 * transit.depth, 100.0 * errors["depth"], "%", "fitted"),
            ("duration", 24.0 * transit.duration, 24.0 * errors["duration"], "h", "fitted"),
            ("radius_ratio", transit.ratio, errors["ratio"], "", "fitted"),
            ("residual_rms", 100.0 * fit.rms, nan, "%", "fitted"),
            ("beta", fit.beta, nan, "", "fitted"),
            ("stretch", fit.stretch, nan, "", "fitted"),
            *(
                (name, getattr(transit, name), nan, unit, "given" if name in given else "default")
                for name, unit in (("period", "d"), ("impact", ""), ("u1", ""), ("u2", ""))
            ),
        ]
    elif event.minimum is not None and event.polynomial is not None:
        exact, smooth = event.minimum, event.polynomial
        time, time_err = exact.time, exact.time_err
        rows = [
            ("minimum_time", time, time_err, "BJD_TDB", exact.method),
            ("minimum_time", smooth.time, smooth.time_err, "BJD_TDB", f"polynomial, degree {smooth.degree}"),
            ("residual_rms", 100.0 * float(np.nanstd(curve["residual"])), nan, "%", "polynomial"),
            ("beta", exact.beta, nan, "", "fitted"),
        ]
    if rows:
        rows.append(("bic_gain", event.gain, nan, "", "fitted"))
    if rows and wishes.period > 0.0 and wishes.epoch > 0.0:
        turns = round((time - wishes.epoch) / wishes.period)
        away = 1440.0 * (time - wishes.epoch - turns * wishes.period)
        rows.append(("o_minus_c", away, 1440.0 * time_err, "min", f"turn {turns} of the ephemeris given"))
    names = ("quantity", "value", "error", "unit", "source")
    return Table(rows=rows or None, names=names, dtype=(str, float, float, str, str))


def describe(study: Study) -> list[str]:
    """Lines for a person: what was found, how sure, and what was assumed."""
    event = study.event
    if event.kind == "none":
        return [f"no event: {event.reason}"] if study.wishes.model != "none" else []
    value: dict[str, tuple[float, float, str]] = {}
    for row in study.results:
        value.setdefault(str(row["quantity"]), (float(row["value"]), float(row["error"]), str(row["source"])))
    if event.transit is not None:
        follows = f" along {', '.join(event.terms)}" if event.terms else ""
        lines = [
            f"transit: mid-time {with_error(*value['mid_time'][:2])} BJD_TDB, "
            f"depth {with_error(*value['depth'][:2])} %, duration {with_error(*value['duration'][:2])} h, "
            f"Rp/R* {with_error(*value['radius_ratio'][:2])}",
            f"residuals {value['residual_rms'][0]:.2f} %, red noise beta {value['beta'][0]:.2f} "
            f"(in the errors), BIC gain {event.gain:.0f}, baseline{follows or ' constant'}",
        ]
        taken = [
            f"{k} {value[k][0]:.4g}" for k in ("period", "impact", "u1", "u2") if value[k][2] == "default"
        ]
        if taken:
            lines.append(f"assumed {', '.join(taken)}: give what is known in [target]")
    else:
        lines = [
            f"minimum: {with_error(*value['minimum_time'][:2])} BJD_TDB ({value['minimum_time'][2]}), "
            f"red noise beta {value['beta'][0]:.2f} (in the error), BIC gain {event.gain:.0f}"
        ]
    if "o_minus_c" in value:
        lines.append(f"O-C {with_error(*value['o_minus_c'][:2])} min ({value['o_minus_c'][2]})")
    return [*lines, *([f"doubt: {event.reason}"] if event.reason else [])]
