"""Fit a transit to a light curve, with errors that know of red noise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import nan, sqrt
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pogson.core.errors import NightError, SettingError
from pogson.core.units import Seconds
from pogson.steps.timeseries.noise import red_noise_factor
from pogson.steps.timeseries.transit import Transit

Values = NDArray[np.float64]
Days = Annotated[float, "d"]

FREE = ("time", "ratio", "duration", "impact")

#: steps of the parameters' scales, days and radii
SCALE = {"time": 0.005, "ratio": 0.01, "duration": 0.01, "impact": 0.1}


@dataclass(frozen=True)
class TransitFit:
    """A transit that fits a light curve.

    Attributes
    ----------
    transit : Transit
    errors : mapping of name to float
        Of `time`, `ratio`, `duration`, `impact` where they were free, and of `depth`; red noise included.
    beta : float
        Factor of red noise in the errors, at least 1.
    stretch : float
        Factor by which the residuals scatter more than the errors say, at least 1, in the errors as well.
    baseline : (n,)
        Flux without the transit: a constant and the terms of `design`.
    model : (n,)
        Baseline times transit; NaN where the light curve has a gap.
    residual : (n,)
        Relative: flux / model - 1.
    rms : float
        Standard deviation of the relative residuals.
    chi2 : float
        Reduced, with the errors as given.
    bic : float
    improvement : float
        Chi-square that the transit takes off a baseline alone.
    """

    transit: Transit
    errors: dict[str, float]
    beta: float
    stretch: float
    baseline: Values = field(repr=False)
    model: Values = field(repr=False)
    residual: Values = field(repr=False)
    rms: float
    chi2: float
    bic: float
    improvement: float


def fit_transit(
    time: Values,
    flux: Values,
    flux_err: Values,
    start: Transit,
    *,
    design: Values | None = None,
    free: tuple[str, ...] = ("time", "ratio", "duration"),
    exptime: Seconds = 0.0,
    permutations: bool = False,
) -> TransitFit:
    """The transit and the baseline that fit best, together.

    The baseline is ``c0 + sum c_k design[k]``, solved exactly for every transit that is tried: what airmass
    or position did to the flux is not taken out before, which would take a part of the transit.

    Parameters
    ----------
    time, flux, flux_err : (n,)
        Days, relative flux, errors; points that are not finite are left out.
    start : Transit
        What is known before; period and limb darkening are kept.
    design : (n, k), optional
        Terms of the baseline, such as airmass.
    free : tuple of str
        What is fitted, of time, ratio, duration, impact.
    exptime : float
        Length of an exposure, over which the model is averaged.
    permutations : bool
        Errors also from the residuals, moved along the light curve point by point; the larger are given.

    Raises
    ------
    NightError
        If there are not more points than parameters.
    SettingError
        If `free` names something else.

    References
    ----------
    Mandel & Agol 2002, ApJ 580, L171; Winn et al. 2008, ApJ 683, 1076, sect. 2.2 (red noise).
    """
    strange = [name for name in free if name not in FREE]
    if strange:
        raise SettingError(f"a transit has no {strange[0]} to fit; use: {', '.join(FREE)}")
    good = np.isfinite(time) & np.isfinite(flux) & (flux_err > 0.0)
    columns = np.ones((len(time), 1)) if design is None else np.column_stack([np.ones(len(time)), design])
    good &= np.isfinite(columns).all(1)
    n = int(good.sum())
    if n <= len(free) + columns.shape[1]:
        raise NightError(f"{n} points for {len(free) + columns.shape[1]} parameters: too few for a transit")
    columns = _centered(columns, good)
    # a step of a second is lost in the digits of a Julian date
    zero = round(start.time)
    near = replace(start, time=start.time - zero)
    problem = _Problem(time[good] - zero, flux[good], flux_err[good], columns[good], near, free, exptime)
    best = problem.solve()
    found = problem.transit(best.x)
    model = np.full(len(time), nan)
    baseline = columns @ problem.terms(found)
    model[good] = baseline[good] * found.flux(time[good] - zero, exptime=exptime)
    residual = flux / model - 1.0
    freedom = n - len(free) - columns.shape[1]
    chi2 = float(2.0 * best.cost) / freedom
    beta = max(1.0, float(np.nan_to_num(red_noise_factor(residual[None, good])[0], nan=1.0)))
    stretch = max(1.0, sqrt(chi2))
    errors = problem.errors(best, beta * stretch)
    if permutations:
        moved = problem.permuted(best)
        errors = {name: max(error, moved[name]) for name, error in errors.items()}
    flat = problem.chi2_of(replace(found, ratio=0.0))
    return TransitFit(
        replace(found, time=found.time + zero),
        errors,
        beta,
        stretch,
        np.where(good, baseline, nan),
        model,
        residual,
        float(np.std(residual[good], ddof=1)),
        chi2,
        float(2.0 * best.cost + (len(free) + columns.shape[1]) * np.log(n)),
        flat - float(2.0 * best.cost),
    )


class _Problem:
    """Least squares of a transit; the baseline's terms are linear and are solved within."""

    def __init__(
        self,
        time: Values,
        flux: Values,
        err: Values,
        columns: Values,
        start: Transit,
        free: tuple[str, ...],
        exptime: float,
    ) -> None:
        self.time, self.flux, self.err, self.columns = time, flux, err, columns
        self.start, self.free, self.exptime = start, free, exptime
        self.scale = np.array([SCALE[name] for name in free])
        # from 1, not from 0: the solver's steps are parts of the parameters
        self.origin = np.array([getattr(start, name) for name in free]) - self.scale

    def transit(self, x: Values) -> Transit:
        values = dict(zip(self.free, (self.origin + x * self.scale).tolist(), strict=True))
        return replace(self.start, **values)

    def terms(self, transit: Transit) -> Values:
        shape = (
            transit.flux(self.time, exptime=self.exptime) if transit.ratio > 0 else np.ones(len(self.time))
        )
        rows = self.columns * (shape / self.err)[:, None]
        return np.asarray(np.linalg.lstsq(rows, self.flux / self.err, rcond=None)[0], float)

    def pulls(self, x: Values) -> Values:
        return self._pulls(self.transit(x))

    def chi2_of(self, transit: Transit) -> float:
        return float((self._pulls(transit) ** 2).sum())

    def _pulls(self, transit: Transit) -> Values:
        if transit.ratio > 0.0 and not np.isfinite(transit.scaled_axis):
            return np.full(len(self.time), 1e3)
        shape = (
            transit.flux(self.time, exptime=self.exptime) if transit.ratio > 0 else np.ones(len(self.time))
        )
        return (self.flux - self.columns @ self.terms(transit) * shape) / self.err

    def solve(self, guess: Values | None = None) -> Any:
        low = {"time": -np.inf, "ratio": 1e-3, "duration": 0.1 * self.start.duration, "impact": 0.0}
        high = {"time": np.inf, "ratio": 0.5, "duration": 0.45 * self.start.period, "impact": 0.99}
        bounds = [
            (np.array([side[name] for name in self.free]) - self.origin) / self.scale for side in (low, high)
        ]
        x = np.ones(len(self.free)) if guess is None else guess
        return least_squares(
            self.pulls, np.clip(x, bounds[0], bounds[1]), bounds=tuple(bounds), diff_step=1e-4, x_scale=1.0
        )

    def errors(self, best: Any, factor: float) -> dict[str, float]:
        """From the curvature at the minimum, times what the residuals say of the noise."""
        covariance = np.linalg.pinv(best.jac.T @ best.jac) * np.outer(self.scale, self.scale) * factor**2
        errors = {name: float(np.sqrt(covariance[k, k])) for k, name in enumerate(self.free)}
        slope = self._slope(best)
        return {**errors, "depth": float(np.sqrt(slope @ covariance @ slope))}

    def permuted(self, best: Any) -> dict[str, float]:
        """Scatter of the answers where the residuals are moved along the light curve.

        Near the minimum the answers follow the residuals linearly: one step of Gauss and Newton each.
        """
        noise = best.fun
        follow = -np.linalg.pinv(best.jac)
        moved = np.array([np.roll(noise, step) for step in range(1, len(noise))])
        answers = best.x + moved @ follow.T
        spread = {name: float(np.std(answers[:, k]) * self.scale[k]) for k, name in enumerate(self.free)}
        depths = (answers - best.x) @ (self._slope(best) * self.scale)
        return {**spread, "depth": float(np.std(depths))}

    def _slope(self, best: Any) -> Values:
        """How the depth follows the parameters."""
        slope = np.zeros(len(self.free))
        for k in range(len(self.free)):
            step = np.zeros(len(self.free))
            step[k] = 0.02
            up, down = self.transit(best.x + step).depth, self.transit(best.x - step).depth
            slope[k] = (up - down) / (0.04 * self.scale[k])
        return slope


def _centered(columns: Values, good: NDArray[np.bool_]) -> Values:
    """Terms about their mean, so that the constant is the flux of the mean frame."""
    out = columns.copy()
    out[:, 1:] -= columns[good][:, 1:].mean(0)
    return out
