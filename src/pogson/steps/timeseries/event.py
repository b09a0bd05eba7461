"""What the light curve of a target shows: a transit, a minimum, or nothing beyond a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import NightError, SettingError
from pogson.steps.timeseries.detrend import bayesian_criterion, choose_terms, grow_terms
from pogson.steps.timeseries.minimum import Minimum, find_window, fit_minimum, fit_minimum_polynomial
from pogson.steps.timeseries.transit import Transit
from pogson.steps.timeseries.transit_fit import TransitFit, fit_transit

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

MODELS = ("auto", "none", "transit", "minimum")

#: fall of the Bayesian criterion from which a shape is there: very strong (Kass & Raftery 1995)
CLEAR = 10.0
#: least depth in its errors: a night offers hundreds of moments and durations to a chance dip
DEEP = 5.0
#: points of undimmed light on each side: without them a dip may be the night's edge, by dusk or low air
BESIDE = 3
#: a dark disk larger than this is no planet, radii of the star
LARGEST = 0.25
#: durations and moments that are tried at first
DURATIONS, MOMENTS = 12, 250
#: errors by which a single point stands off its neighbours where it is not the star's
SPIKE = 5.0
#: days, where the period is not known: it hardly changes the shape
PERIOD = 3.0


@dataclass(frozen=True)
class Event:
    """What a light curve shows.

    Attributes
    ----------
    kind : str
        "transit", "minimum" or "none".
    gain : float
        What the Bayesian criterion fell by against a baseline alone; red noise is reckoned with: each point
        counts 1 / beta^2, the larger beta of what the shape leaves and of the night.
    reason : str
        Why there is none.
    transit : TransitFit or None
    terms : tuple of str
        What the transit's baseline follows.
    minimum, polynomial : Minimum or None
        The time of minimum light in two ways.
    """

    kind: str = "none"
    gain: float = nan
    reason: str = ""
    transit: TransitFit | None = None
    terms: tuple[str, ...] = ()
    minimum: Minimum | None = None
    polynomial: Minimum | None = None


@dataclass(frozen=True)
class _Curve:
    """The points of a light curve, and what its baseline may follow."""

    time: Values
    flux: Values
    err: Values
    good: Mask
    terms: Mapping[str, Values] = field(repr=False)
    rivals: Mapping[str, Values] = field(repr=False)
    most: int
    exptime: float
    red_noise: float

    @property
    def n(self) -> int:
        return int(self.good.sum())

    @property
    def span(self) -> float:
        return float(np.ptp(self.time[self.good]))

    def beside(self, start: float, end: float) -> bool:
        """Whether points are on both sides of an event."""
        time = self.time[self.good]
        return int((time < start).sum()) >= BESIDE and int((time > end).sum()) >= BESIDE

    def design(self, names: tuple[str, ...]) -> Values | None:
        return np.column_stack([self.terms[name] for name in names]) if names else None

    def baseline(self) -> tuple[float, int]:
        """Chi-square of a constant, with whatever else explains it, and the number of parameters."""
        flux, err = np.where(self.good, self.flux, nan), self.err
        removed, names, _ = choose_terms(flux, err, {**self.rivals, **self.terms}, most=self.most)
        left = (flux - removed)[self.good]
        w = 1.0 / err[self.good] ** 2
        return float((w * (left - np.average(left, weights=w)) ** 2).sum()), 1 + len(names)


def find_event(
    time: Values,
    flux: Values,
    flux_err: Values,
    *,
    model: str = "auto",
    known: Transit | None = None,
    terms: Mapping[str, Values] | None = None,
    rivals: Mapping[str, Values] | None = None,
    most: int = 3,
    exptime: float = 0.0,
    red_noise: float = 1.0,
) -> Event:
    """Fit a transit or a minimum, where one is there.

    A shape fits red noise, too, and leaves little of it: constant stars of the same night tell how much
    there is (`red_noise`).

    Parameters
    ----------
    time, flux, flux_err : (n,)
        Days; flux relative to about 1; points that are not finite are left out.
    model : str
        "auto" takes what lowers the Bayesian criterion most against a constant that may follow terms and
        rivals, and nothing where that is not clear: by 10 at least, 5 errors deep, with light of the star
        seen before and after; "transit" and "minimum" fit it in any case; "none" fits nothing.
    known : Transit, optional
        Its period, impact parameter and limb darkening are kept; time, ratio and duration are found.
    terms : mapping of name to (n,), optional
        What the baseline may follow, such as airmass: fitted together with the transit, where it pays.
    rivals : mapping of name to (n,), optional
        What else could look like an event, such as the place on the detector.
    most : int
        Largest number of terms.
    exptime : float
        Length of an exposure, s.
    red_noise : float
        Factor beta of the night's red noise, as constant stars show it.

    Raises
    ------
    SettingError
        If there is no such model.

    References
    ----------
    Pont, Zucker & Queloz 2006, MNRAS 373, 231 (red noise sets the limit of detection).
    """
    check_model(model)
    if model == "none":
        return Event(reason="no model was asked for")
    good = np.isfinite(time) & np.isfinite(flux) & (np.asarray(flux_err) > 0.0)
    good[good] = ~find_spikes(np.asarray(flux, float)[good], np.asarray(flux_err, float)[good])
    told, others = (
        {name: np.asarray(v, float) for name, v in (given or {}).items() if np.isfinite(v[good]).all()}
        for given in (terms, rivals)
    )
    t, f, err = (np.asarray(v, float) for v in (time, flux, flux_err))
    curve = _Curve(t, np.where(good, f, nan), err, good, told, others, most, exptime, max(red_noise, 1.0))
    if curve.n < 15:
        return Event(reason=f"{curve.n} points, 15 are needed to tell a shape")
    found = []
    if model in ("auto", "transit"):
        found.append(_transit(curve, known, asked=model == "transit"))
    if model in ("auto", "minimum"):
        found.append(_minimum(curve, asked=model == "minimum"))
    best = max(found, key=lambda event: (event.kind != "none", event.gain))
    if best.kind == "none" and model == "auto":
        return replace(best, reason="neither a transit nor a minimum is clearly better than a constant")
    return best


def check_model(model: str) -> None:
    """Refuse a model that is not there.

    Raises
    ------
    SettingError
        Which names those that are.
    """
    if model not in MODELS:
        raise SettingError(f"no model '{model}' of a target; use one of: {', '.join(MODELS)}")


def find_spikes(flux: Values, err: Values) -> Mask:
    """Points off their neighbours, and off the lines through those before and after, all to one side.

    Satellites and cosmic rays do so; the bottom of an eclipse lies between the neighbours and the lines.

    Parameters
    ----------
    flux, err : (n,)
        In order of time.
    """
    spike = np.zeros(len(flux), bool)
    if len(flux) < 5:
        return spike
    off = flux[2:-2] - 0.5 * (flux[1:-3] + flux[3:-1])
    lines = [flux[2:-2] - 2.0 * flux[1:-3] + flux[:-4], flux[2:-2] - 2.0 * flux[3:-1] + flux[4:]]
    side = np.sign(off)
    spike[2:-2] = np.abs(off) > SPIKE * sqrt(1.5) * err[2:-2]
    for line in lines:
        spike[2:-2] &= side * line > 0.5 * SPIKE * sqrt(6.0) * err[2:-2]
    # at the ends there is one side only
    for end, near, far in ((0, 1, 2), (1, 2, 3), (-1, -2, -3), (-2, -3, -4)):
        size = sqrt(2.0) * err[end]
        away = min(abs(flux[end] - flux[near]), abs(flux[end] - flux[far]))
        spike[end] = away > SPIKE * size and abs(flux[near] - flux[far]) < 3.0 * size
    return spike


def _transit(curve: _Curve, known: Transit | None, *, asked: bool) -> Event:
    given = known or Transit(0.0, 0.1, 0.3, 0.1, max(PERIOD, 4.0 * curve.span))
    start = search_box(curve, given)
    fits: dict[tuple[str, ...], TransitFit] = {}

    def criterion(names: tuple[str, ...]) -> float:
        fits[names] = fit = _fit(curve, start, names)
        return bayesian_criterion(_chi2(fit, curve), 4 + len(names), curve.n)

    try:
        names, _ = grow_terms(list(curve.terms), curve.most, criterion)
        fit = _fit(curve, fits[names].transit, names, permutations=True)
    except NightError as error:
        return Event(gain=-inf, reason=str(error))
    red = max(fit.beta, curve.red_noise)
    gain = _gain(curve, _chi2(fit, curve), 4 + len(names), red)
    found, half = fit.transit, fit.transit.duration / 2.0
    deep = found.depth > DEEP * fit.errors["depth"] * red / fit.beta
    whole = curve.beside(found.time - half, found.time + half)
    if not asked and not (gain > CLEAR and found.ratio < LARGEST and deep and whole):
        return Event(gain=gain)
    first, last = curve.time[curve.good][[0, -1]]
    seen = first < found.time < last
    return Event("transit", gain, "" if seen else "the middle of the transit was not seen", fit, names)


def _fit(curve: _Curve, start: Transit, names: tuple[str, ...], *, permutations: bool = False) -> TransitFit:
    return fit_transit(
        curve.time,
        curve.flux,
        curve.err,
        start,
        design=curve.design(names),
        exptime=curve.exptime,
        permutations=permutations,
    )


def _chi2(fit: TransitFit, curve: _Curve) -> float:
    left = (curve.flux - fit.model) / curve.err
    return float(np.nansum(left[curve.good] ** 2))


def _gain(curve: _Curve, chi2: float, parameters: int, beta: float) -> float:
    """What the criterion falls by; points that scatter together count for less."""
    alone, few = curve.baseline()
    points = curve.n / beta**2
    return bayesian_criterion(alone, few, points) - bayesian_criterion(chi2, parameters, points)


def search_box(curve: _Curve, known: Transit) -> Transit:
    """Where a dip of constant depth fits best: moment, duration and depth to start from."""
    t, w = curve.time[curve.good], 1.0 / curve.err[curve.good]
    columns = [np.ones(curve.n), *(v[curve.good] - v[curve.good].mean() for v in curve.terms.values())]
    basis, _ = np.linalg.qr(np.column_stack(columns[: 1 + curve.n // 10]) * w[:, None])
    rest = curve.flux[curve.good] * w
    rest = rest - basis @ (basis.T @ rest)
    moments = t[:: max(1, curve.n // MOMENTS)]
    apart = np.abs((t - moments[:, None] + known.period / 2.0) % known.period - known.period / 2.0)
    shortest = 4.0 * float(np.median(np.diff(np.sort(t))))
    longest = min(0.9 * curve.span, 0.4 * known.period)
    best = (0.0, replace(known, time=float(np.median(t))))
    for duration in np.geomspace(min(shortest, 0.5 * longest), longest, DURATIONS):
        box = (apart < duration / 2.0) * w
        box = box - (box @ basis) @ basis.T
        size = (box**2).sum(1)
        dip = -(box @ rest) / np.where(size > 1e-9, size, inf)
        worth = np.where(dip > 0.0, dip**2 * size, 0.0)
        k = int(np.argmax(worth))
        if worth[k] > best[0]:
            ratio = min(max(sqrt(float(dip[k])), 0.01), 0.4)
            # first to last contact is a little longer than the box
            found = replace(known, time=float(moments[k]), ratio=ratio, duration=min(1.1 * duration, longest))
            best = (float(worth[k]), found)
    return best[1]


def _minimum(curve: _Curve, *, asked: bool) -> Event:
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = np.where(curve.good & (curve.flux > 0.0), -2.5 * np.log10(curve.flux), nan)
        err = 1.0857 * curve.err / curve.flux
    part = find_window(curve.time, mag, err)
    try:
        smooth = fit_minimum_polynomial(curve.time[part], mag[part], err[part])
        exact = fit_minimum(curve.time[part], mag[part], err[part])
    except NightError as error:
        return Event(gain=-inf, reason=str(error))
    assert smooth.model is not None
    model = np.full(len(mag), nan)
    model[part] = smooth.model
    inside, outside = np.isfinite(model) & np.isfinite(mag), ~part & np.isfinite(mag)
    left = (mag - model)[inside] / err[inside]
    chi2, parameters = float((left**2).sum()), smooth.degree + 3
    if outside.any():
        w = 1.0 / err[outside] ** 2
        chi2 += float((w * (mag[outside] - np.average(mag[outside], weights=w)) ** 2).sum())
        parameters += 1
    red = max(exact.beta, smooth.beta, curve.red_noise)
    gain = _gain(curve, chi2, parameters, red)
    rise = _rise(model[inside], (mag - model)[inside], smooth.degree)
    if not asked and (gain < CLEAR or rise < DEEP * red):
        return Event(gain=gain)
    return Event("minimum", gain, "", None, (), exact, replace(smooth, model=model))


def _rise(model: Values, left: Values, degree: int) -> float:
    """How far a polynomial comes back on the side where it does so less, in errors of that difference.

    The mean error of a polynomial is that of a point times (terms / points)^1/2.
    """
    bottom = int(np.argmax(model))
    rise = float(model[bottom] - max(model[: bottom + 1].min(), model[bottom:].min()))
    return rise / (float(np.std(left)) * sqrt(2.0 * (degree + 1) / len(left)))
