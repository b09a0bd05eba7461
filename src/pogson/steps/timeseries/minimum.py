"""The time of an eclipse's minimum: by its symmetry, or by a polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import NightError
from pogson.steps.timeseries.noise import red_noise_factor

Values = NDArray[np.float64]

#: light curves that are made up to learn the error
DRAWS = 40

#: a minimum ends where so much of its depth is over
BACK = 0.75

AT_THE_END = "the minimum is not between the points: a longer light curve is needed"


@dataclass(frozen=True)
class Minimum:
    """Time of minimum light.

    `time` and its error in days, red noise included; the `method`; `beta`, the factor of red noise in the
    error; and for a polynomial its `degree`, `mag` at the minimum and the `model` (n,).
    """

    time: float
    time_err: float
    method: str
    beta: float
    degree: int = 0
    mag: float = nan
    model: Values | None = None


@dataclass(frozen=True)
class _Polynomial:
    """A polynomial in (t - center) / width, with the covariance of its terms, highest power first."""

    terms: Values
    covariance: Values
    center: float
    width: float

    @property
    def degree(self) -> int:
        return len(self.terms) - 1

    def at(self, t: Values) -> Values:
        return np.asarray(np.polyval(self.terms, (t - self.center) / self.width), float)

    def faintest(self) -> tuple[float, float, float]:
        """Time of the largest magnitude, its error, and the magnitude."""
        grid = np.linspace(-1.0, 1.0, 2001)
        x = float(grid[int(np.argmax(np.polyval(self.terms, grid)))])
        first, second = np.polyder(self.terms), np.polyder(self.terms, 2)
        for _ in range(20):
            bend = float(np.polyval(second, x))
            if bend >= 0.0:
                break
            x = float(np.clip(x - np.polyval(first, x) / bend, -1.0, 1.0))
        bend = float(np.polyval(second, x))
        powers = np.arange(self.degree, -1, -1)
        slope = np.where(powers > 0, powers * x ** np.maximum(powers - 1.0, 0.0), 0.0)
        error = float(np.sqrt(slope @ self.covariance @ slope)) / abs(bend) if bend else nan
        return self.center + self.width * x, error * self.width, float(np.polyval(self.terms, x))


def fit_minimum(time: Values, mag: Values, mag_err: Values) -> Minimum:
    """The time about which a light curve is symmetric.

    The curve is reflected about trial times; the sum of squared differences between it and its mirror
    image, weighted by their errors, is a parabola about its least value.

    Parameters
    ----------
    time, mag, mag_err : (n,)
        Around one minimum, both sides seen; points that are not finite are left out.

    Raises
    ------
    NightError
        If fewer than 10 points are there, or the minimum is at the end of them.

    Notes
    -----
    Between the points the curve is a polynomial plus straight lines through what is left: straight lines
    alone cut the bottom of a minimum. Kwee & van Woerden's own error is too small: it takes each point
    and its mirror image for independent ones. Here it is the scatter of the answers to 40 light
    curves with the noise of this one, times red noise. Points should be spread evenly: where clumps and
    gaps take turns, the polynomial's error is the one to trust.

    References
    ----------
    Kwee & van Woerden 1956, BAN 12, 327; Deeg 2020, Galaxies 9, 1.
    """
    t, m, err = _around(time, mag, mag_err)
    smooth = _fit_polynomial(t, m, err)
    near = smooth.faintest()[0]
    best = _symmetric(t, m, err, smooth, near)
    model = smooth.at(t)
    beta, stretch = _excess(m - model, err, smooth.degree)
    rng = np.random.default_rng(DRAWS)
    again = []
    for _ in range(DRAWS):
        made = model + rng.normal(0.0, err)
        anew = _fit_polynomial(t, made, err, smooth.degree)
        again.append(_symmetric(t, made, err, anew, anew.faintest()[0]))
    return Minimum(best, float(np.std(again, ddof=1)) * beta * stretch, "Kwee-van Woerden", beta)


def fit_minimum_polynomial(time: Values, mag: Values, mag_err: Values) -> Minimum:
    """The minimum of a polynomial, whose degree (2 to 8) the Bayesian criterion chooses.

    Parameters
    ----------
    time, mag, mag_err : (n,)
        Around one minimum; points that are not finite are left out.

    Raises
    ------
    NightError
        If fewer than 10 points are there, or the minimum is at the end of them.
    """
    t, m, err = _around(time, mag, mag_err)
    smooth = _fit_polynomial(t, m, err)
    found, error, depth = smooth.faintest()
    if not t[0] < found < t[-1]:
        raise NightError(AT_THE_END)
    beta, stretch = _excess(m - smooth.at(t), err, smooth.degree)
    model = np.where(_good(time, mag, mag_err), smooth.at(np.nan_to_num(time)), nan)
    return Minimum(found, error * beta * stretch, "polynomial", beta, smooth.degree, depth, model)


def find_window(time: Values, mag: Values, mag_err: Values) -> NDArray[np.bool_]:
    """Points around the faintest moment, as far as the star has come back by three quarters on both sides.

    Parameters
    ----------
    time, mag, mag_err : (n,)
        In order of time; points that are not finite are left out.
    """
    good = np.flatnonzero(_good(time, mag, mag_err))
    if len(good) < 10:
        return _good(time, mag, mag_err)
    half = max(1, len(good) // 40)
    m = np.asarray(mag, float)[good]
    around = [np.median(m[max(k - half, 0) : k + half + 1]) for k in range(len(m))]
    smooth = np.array(around)
    faintest = int(np.argmax(smooth))
    limit = smooth[faintest] - BACK * (smooth[faintest] - np.percentile(smooth, 5.0))
    back = smooth < limit
    before, after = np.flatnonzero(back[:faintest]), np.flatnonzero(back[faintest:])
    first = int(before[-1]) if len(before) else 0
    last = faintest + int(after[0]) if len(after) else len(m) - 1
    part = np.zeros(len(np.asarray(time)), bool)
    part[good[first : last + 1]] = True
    return part


def _good(time: Values, mag: Values, mag_err: Values) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(time) & np.isfinite(mag) & (mag_err > 0.0))


def _around(time: Values, mag: Values, mag_err: Values) -> tuple[Values, Values, Values]:
    good = _good(time, mag, mag_err)
    if good.sum() < 10:
        raise NightError(f"{int(good.sum())} points around the minimum, 10 are needed")
    order = np.argsort(time[good], kind="stable")
    t, m, err = (np.asarray(v, float)[good][order] for v in (time, mag, mag_err))
    return t, m, err


def _excess(residual: Values, err: Values, degree: int) -> tuple[float, float]:
    """Factors of red noise and of scatter beyond the errors, at least 1."""
    beta = float(np.nan_to_num(red_noise_factor(residual[None])[0], nan=1.0))
    freedom = max(len(residual) - degree - 1, 1)
    return max(1.0, beta), max(1.0, sqrt(float(((residual / err) ** 2).sum()) / freedom))


def _fit_polynomial(t: Values, m: Values, err: Values, degree: int = 0) -> _Polynomial:
    """The polynomial of a degree; 0 chooses it."""
    center, width = 0.5 * (t[0] + t[-1]), 0.5 * (t[-1] - t[0])
    best: tuple[float, _Polynomial] | None = None
    for d in [degree] if degree else range(2, min(9, len(t) - 2)):
        design = np.vander((t - center) / width, d + 1)
        rows = design / err[:, None]
        covariance = np.asarray(np.linalg.inv(rows.T @ rows), float)
        terms = np.asarray(covariance @ (rows.T @ (m / err)), float)
        value = float((((m - design @ terms) / err) ** 2).sum() + (d + 1) * np.log(len(t)))
        if best is None or value < best[0]:
            best = value, _Polynomial(terms, covariance, center, width)
    assert best is not None
    return best[1]


def _symmetric(t: Values, m: Values, err: Values, smooth: _Polynomial, near: float) -> float:
    """Time about which the curve is most like its mirror image."""
    half = min(near - t[0], t[-1] - near)
    if half <= 2.0 * float(np.median(np.diff(t))):
        raise NightError(AT_THE_END)
    trials = near + np.linspace(-0.25, 0.25, 41) * half
    rest = m - smooth.at(t)
    chi2 = np.array([_mirror(t, m, rest, err, smooth, trial, 0.75 * half) for trial in trials])
    k = int(np.argmin(chi2))
    part = slice(max(k - 8, 0), k + 9)
    terms = np.polyfit(trials[part] - trials[k], chi2[part], 2)
    if terms[0] <= 0.0 or not 1 < k < len(trials) - 2:
        raise NightError(AT_THE_END)
    return float(trials[k] - terms[1] / (2.0 * terms[0]))


def _mirror(
    t: Values, m: Values, rest: Values, err: Values, smooth: _Polynomial, middle: float, reach: float
) -> float:
    """Chi-square of a light curve against its mirror image, each pair once."""
    use = np.abs(t - middle) <= reach
    back = 2.0 * middle - t[use]
    k = np.clip(np.searchsorted(t, back), 1, len(t) - 1)
    part = (back - t[k - 1]) / np.maximum(t[k] - t[k - 1], 1e-12)
    value = smooth.at(back) + rest[k - 1] * (1.0 - part) + rest[k] * part
    variance = (err[k - 1] * (1.0 - part)) ** 2 + (err[k] * part) ** 2
    return 0.5 * float(((m[use] - value) ** 2 / (err[use] ** 2 + variance)).sum())
