"""Search for periods: sines, boxes, or any shape; with false-alarm probability and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import nan, pi, sqrt
from typing import Annotated

import numpy as np
from astropy.table import Table
from astropy.timeseries import BoxLeastSquares, LombScargle
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from pogson.core.errors import NightError, SettingError
from pogson.steps.timeseries.ensemble import Ensemble

Values = NDArray[np.float64]
Days = Annotated[float, "d"]

METHODS = ("sine", "box", "string")

#: most frequencies that are tried
MOST = 200_000

#: cycles per day between which a ground-based light curve cannot tell
SOLAR, SIDEREAL = 1.0, 1.0027379


@dataclass(frozen=True)
class Period:
    """The best period of a light curve.

    Attributes
    ----------
    period, period_err : float
        Days; the error is that of a sine with white noise, and NaN for the other methods.
    epoch : float
        Time of least light of the fitted sine, of mid-box, or of the faintest tenth of the phases.
    power : float
        From 0 to 1 (sine), depth over its error (box), or fall of the string's length (string).
    fap : float
        Probability that white noise alone gives a power as high somewhere among the periods tried.
    method : str
    aliases : Table
        period, power and kind of what the best period may be mistaken for.
    frequency, spectrum : (n,)
        What was tried, cycles per day, and its power.
    """

    period: float
    period_err: float
    epoch: float
    power: float
    fap: float
    method: str
    aliases: Table = field(default_factory=Table)
    frequency: Values = field(default_factory=lambda: np.empty(0), repr=False)
    spectrum: Values = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def is_lower_limit(self) -> bool:
        """Whether the longest period that was tried fits best: no whole turn was seen."""
        return len(self.frequency) > 0 and self.period * float(self.frequency[0]) > 1.0 - 1e-9

    def phase(self, time: Values) -> Values:
        """Phases from -0.5 to 0.5; 0 is the epoch."""
        turns = (np.asarray(time, float) - self.epoch) / self.period
        return np.asarray((turns + 0.5) % 1.0 - 0.5, float)


def find_period(
    time: Values,
    mag: Values,
    mag_err: Values,
    *,
    method: str = "sine",
    shortest: Days = 0.0,
    longest: Days = 0.0,
    oversample: float = 5.0,
) -> Period:
    """The period that fits a light curve best.

    Parameters
    ----------
    time, mag, mag_err : (n,)
        Days, magnitudes, errors; points that are not finite are left out.
    method : str
        "sine" (Lomb-Scargle with a floating mean), "box" (box least squares, for eclipses and transits),
        or "string" (the shortest string through the folded points, for any shape).
    shortest : float
        Shortest period; 0 takes four median steps.
    longest : float
        Longest period; 0 takes the time that the light curve spans.
    oversample : float
        Frequencies per width of a peak.

    Raises
    ------
    NightError
        If there are fewer than 10 points.
    SettingError
        If the method or the range makes no sense.

    References
    ----------
    Zechmeister & Kuerster 2009, A&A 496, 577; Baluev 2008, MNRAS 385, 1279 (false alarms of a sine);
    Montgomery & O'Donoghue 1999, DSSN 13, 28 (errors); Kovacs, Zucker & Mazeh 2002, A&A 391, 369 (box);
    Lafler & Kinman 1965, ApJS 11, 216 (string).
    """
    if method not in METHODS:
        raise SettingError(f"no method '{method}' to find periods; use one of: {', '.join(METHODS)}")
    good = np.isfinite(time) & np.isfinite(mag) & (mag_err > 0.0)
    t, m, err = (np.asarray(v, float)[good] for v in (time, mag, mag_err))
    if len(t) < 10:
        raise NightError(f"{len(t)} points in the light curve, 10 are needed for a period")
    span = float(np.ptp(t))
    low = shortest or 4.0 * float(np.median(np.diff(np.sort(t))))
    high = longest or span
    if not 0.0 < low < high:
        raise SettingError(f"shortest ({low:g} d) must be above 0 and below longest ({high:g} d)")
    n = int(np.clip(oversample * span * (1.0 / low - 1.0 / high) * (3 if method == "box" else 1), 50, MOST))
    frequency = np.linspace(1.0 / high, 1.0 / low, n)
    search = {"sine": _sine, "box": _box, "string": _string}[method]
    # squares of Julian dates would leave no digits for their differences
    middle = float(t.mean())
    found = search(t - middle, m, err, frequency, span)
    return replace(found, epoch=found.epoch + middle)


def find_periods(
    ensemble: Ensemble, variability: Table, *, first: int = 20, method: str = "sine"
) -> dict[int, Period]:
    """The best period of the target and of the stars that stand out most, by the star's number.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes.
    variability : Table
        VARIABILITY of the same stars.
    first : int
        Number of ranks that are searched.
    method : str
        As in `find_period`.
    """
    rank = np.asarray(variability["rank"])
    wanted = ((rank > 0) & (rank <= first)) | (np.asarray(variability["role"]) == "target")
    periods = {}
    for row in np.flatnonzero(wanted):
        with suppress(NightError, SettingError):
            star = int(variability["star"][row])
            periods[star] = find_period(
                ensemble.curves.time, ensemble.mag[row], ensemble.mag_err[row], method=method
            )
    return periods


def add_periods(variability: Table, periods: Mapping[int, Period], *, max_fap: float = 0.01) -> Table:
    """VARIABILITY with the periods.

    One is given where its false-alarm probability is low and a whole turn of it was seen; `fap` always.

    Parameters
    ----------
    variability : Table
        VARIABILITY.
    periods : mapping of star to Period
        From `find_periods`.
    max_fap : float
        Largest probability of a false alarm.
    """
    table = variability.copy()
    for row, star in enumerate(np.asarray(table["star"]).tolist()):
        if star in periods:
            found = periods[star]
            table["fap"][row] = found.fap
            given = found.fap < max_fap and not found.is_lower_limit
            table["period"][row] = found.period if given else nan
    return table


def _sine(t: Values, m: Values, err: Values, frequency: Values, span: float) -> Period:
    model = LombScargle(t, m, err)
    power = np.asarray(model.power(frequency, assume_regular_frequency=True), float)
    best, top = _peak(frequency, power)
    fap = float(
        model.false_alarm_probability(
            top, method="baluev", minimum_frequency=frequency[0], maximum_frequency=frequency[-1]
        )
    )
    theta = np.asarray(model.model_parameters(best), float)
    amplitude = float(np.hypot(theta[1], theta[2]))
    residual = m - np.asarray(model.model(t, best), float)
    doubt = sqrt(6.0 / len(t)) * float(residual.std()) / (pi * span * amplitude)
    ahead = np.arctan2(theta[1], theta[2]) / (2.0 * pi * best)
    return Period(
        1.0 / best,
        doubt / best**2,
        _near(float(ahead), 1.0 / best, t),
        top,
        fap,
        "sine",
        _aliases(best, frequency, power, span, top),
        frequency,
        power,
    )


def _box(t: Values, m: Values, err: Values, frequency: Values, span: float) -> Period:
    flux = 10.0 ** (-0.4 * (m - np.median(m)))
    model = BoxLeastSquares(t, flux, err * flux / 1.0857)
    shortest = 1.0 / frequency[-1]
    durations = shortest * np.array([0.03, 0.06, 0.12, 0.24, 0.48])
    longest = 1.0 / frequency[0]
    durations = np.append(durations, np.geomspace(0.5 * shortest, 0.2 * longest, 5)[1:])
    durations = np.unique(durations[durations < shortest])
    found = model.power(1.0 / frequency[::-1], durations, objective="snr")
    power = np.nan_to_num(np.asarray(found.power, float)[::-1])
    k = int(np.argmax(power))
    at = len(power) - 1 - k
    # boxes in every phase of every period: each is a trial
    trials = len(power) * max(1.0, float(1.0 / frequency[k]) / float(found.duration[at]))
    fap = float(min(1.0, trials * chdtrc(1, power[k] ** 2)))
    return Period(
        1.0 / frequency[k],
        nan,
        float(found.transit_time[at]),
        float(power[k]),
        fap,
        "box",
        _aliases(frequency[k], frequency, power, span, float(power[k])),
        frequency,
        power,
    )


def _string(t: Values, m: Values, err: Values, frequency: Values, span: float) -> Period:
    power = _shortness(t, m, frequency)
    k = int(np.argmax(power))
    # a sharp shape has a sharp peak: look closely
    step = float(frequency[1] - frequency[0])
    close = np.linspace(frequency[k] - step, frequency[k] + step, 201)
    best, top = _peak(close, _shortness(t, m, close))
    # of white noise the length is 1 with the variance of von Neumann's ratio
    n = len(t)
    one = float(ndtr(-top / sqrt((n - 2.0) / (n**2 - 1.0))))
    # a string feels every harmonic: neighbours in the grid are trials of their own
    fap = float(-np.expm1(len(frequency) * np.log1p(-min(one, 1.0 - 1e-16))))
    return Period(
        1.0 / best,
        nan,
        _faintest(t, m, 1.0 / best),
        top,
        fap,
        "string",
        _aliases(best, frequency, power, span, top),
        frequency,
        power,
    )


def _shortness(t: Values, m: Values, frequency: Values) -> Values:
    """1 - (sum of squared steps along the folded curve) / (that of white noise)."""
    level = m - m.mean()
    total = 2.0 * float((level**2).sum())
    length = np.empty(len(frequency))
    for start in range(0, len(frequency), 2000):
        part = slice(start, start + 2000)
        order = np.argsort(np.outer(frequency[part], t - t[0]) % 1.0, axis=1, kind="stable")
        folded = level[order]
        step = np.diff(folded, axis=1, append=folded[:, :1])
        length[part] = (step**2).sum(1) / total
    return 1.0 - length


def _peak(frequency: Values, power: Values) -> tuple[float, float]:
    """The highest point, between the grid's by a parabola."""
    k = int(np.argmax(power))
    if 0 < k < len(power) - 1:
        a, b, c = power[k - 1 : k + 2]
        bend = a - 2.0 * b + c
        if bend < 0.0:
            shift = 0.5 * (a - c) / bend
            return float(frequency[k] + shift * (frequency[1] - frequency[0])), float(
                b - 0.25 * (a - c) * shift
            )
    return float(frequency[k]), float(power[k])


def _aliases(best: float, frequency: Values, power: Values, span: float, top: float) -> Table:
    """The powers at what the period may be mistaken for."""
    kinds: Sequence[tuple[str, float]] = (
        ("twice the period", best / 2.0),
        ("half the period", best * 2.0),
        ("one cycle a day more", best + SOLAR),
        ("one cycle a day less", abs(best - SOLAR)),
        ("one cycle a sidereal day more", best + SIDEREAL),
        ("one cycle a sidereal day less", abs(best - SIDEREAL)),
    )
    rows = []
    for kind, f in kinds:
        if not frequency[0] <= f <= frequency[-1] or (" day " in kind and span < 0.7):
            continue
        near = np.abs(frequency - f) <= 0.5 / span
        if near.any():
            rows.append((1.0 / f, float(power[near].max()), kind, bool(power[near].max() > 0.7 * top)))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return Table(
        {
            "period": np.array(columns[0], float),
            "power": np.array(columns[1], float),
            "kind": np.array(columns[2], str),
            "likely": np.array(columns[3], bool),
        }
    )


def _near(time: float, period: float, t: Values) -> float:
    """The same phase as `time`, in the middle of the light curve."""
    middle = 0.5 * (float(t.min()) + float(t.max()))
    return time + round((middle - time) / period) * period


def _faintest(t: Values, m: Values, period: float) -> float:
    phase = (t - t[0]) / period % 1.0
    turns = 2.0 * pi * phase[m >= np.percentile(m, 90.0)]
    middle = np.angle(np.exp(1j * turns).sum()) / (2.0 * pi)
    return _near(float(t[0] + middle * period), period, t)
