"""Take out what airmass, position, seeing and sky did to a light curve: on request, and only what pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.ensemble import Ensemble

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

TERMS = ("airmass", "x", "y", "fwhm", "sky")
METHODS = ("none", "linear", "sysrem")

#: fall of the criterion from which a term is taken: 2 would be a hint, 10 is strong (Kass & Raftery 1995)
PAYS = 6.0


@dataclass(frozen=True)
class Detrended:
    """Light curves before and after; the raw ones are always beside.

    Attributes
    ----------
    raw, detrended : Ensemble
    removed : (star, n)
        Magnitudes that were taken out; 0 where nothing was.
    terms : tuple, one per star
        Names of the terms that were taken out of it.
    gain : (star,)
        What the Bayesian criterion fell by; 0 where nothing was taken out.
    effects : mapping of name to (n,)
        What many stars share, where it was sought.
    """

    raw: Ensemble
    detrended: Ensemble
    removed: Values = field(repr=False)
    terms: tuple[tuple[str, ...], ...] = field(repr=False)
    gain: Values = field(repr=False)
    effects: Mapping[str, Values] = field(default_factory=dict, repr=False)


def detrend(
    ensemble: Ensemble, *, method: str = "none", terms: tuple[str, ...] = TERMS, most: int = 3
) -> Detrended:
    """Light curves without what follows airmass, position, seeing or sky; or what many stars share.

    A term is taken out of a star only where it lowers the Bayesian information criterion. A slow variation of
    the star itself can look like any of them: the raw light curve stays beside.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes.
    method : str
        "none"; "linear" (the named terms, one after the other, the best first), or "sysrem" (effects that
        many stars share, found from the stars themselves).
    terms : tuple of str
        Of airmass, x, y, fwhm, sky.
    most : int
        Largest number of terms, or of effects.

    Raises
    ------
    SettingError
        If there is no such method or term.

    References
    ----------
    Tamuz, Mazeh & Zucker 2005, MNRAS 356, 1466 (SysRem).
    """
    check_method(method, terms)
    effects: dict[str, Values] = {}
    if method == "sysrem":
        removed, names, gain, effects = _take_effects(ensemble, most)
    else:
        removed, names, gain = _take_terms(ensemble, terms if method == "linear" else (), most)
    factor = 10.0 ** (0.4 * removed)
    curves = ensemble.curves
    clean = replace(
        ensemble,
        mag=ensemble.mag - removed,
        curves=replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor),
    )
    return Detrended(ensemble, clean, removed, names, gain, effects)


def check_method(method: str, terms: Sequence[str]) -> None:
    """Refuse a method or a term that is not there.

    Raises
    ------
    SettingError
        Which names those that are.
    """
    if method not in METHODS:
        raise SettingError(f"no method '{method}' to detrend; use one of: {', '.join(METHODS)}")
    strange = [name for name in terms if name not in TERMS]
    if strange:
        raise SettingError(f"cannot detrend by '{strange[0]}'; use: {', '.join(TERMS)}")


def grow_terms(
    names: Sequence[str], most: int, criterion: Callable[[tuple[str, ...]], float]
) -> tuple[tuple[str, ...], float]:
    """The terms that lower a criterion, the best first, and what it falls by in all.

    Parameters
    ----------
    names : sequence of str
        To choose from.
    most : int
        Largest number.
    criterion : function
        Of the terms that are taken.
    """
    chosen: tuple[str, ...] = ()
    first = best = criterion(chosen)
    while len(chosen) < most:
        tried = [(criterion((*chosen, name)), (*chosen, name)) for name in names if name not in chosen]
        value, more = min(tried, default=(np.inf, ()))
        if value > best - PAYS:
            break
        best, chosen = value, more
    return chosen, first - best


def bayesian_criterion(chi2: float, parameters: int, points: float) -> float:
    """Bayesian information criterion where the size of the errors is not known."""
    return points * float(np.log(max(chi2, 1e-300) / points)) + parameters * float(np.log(points))


def choose_terms(
    mag: Values, err: Values, terms: Mapping[str, Values], *, most: int = 3
) -> tuple[Values, tuple[str, ...], float]:
    """Fit the terms that lower the Bayesian criterion, the best first.

    Parameters
    ----------
    mag, err : (n,)
        Magnitudes and errors; points that are not finite are left out.
    terms : mapping of name to (n,)
        What may be fitted.
    most : int
        Largest number of terms.

    Returns
    -------
    removed : (n,)
        The terms' sum, 0 on average over the points used; NaN terms count as 0.
    names : tuple of str
    gain : float
        What the criterion fell by.
    """
    good = np.isfinite(mag) & (err > 0.0)
    n = int(good.sum())
    columns = {k: v for k, v in ((k, _scaled(v, good)) for k, v in terms.items()) if v is not None}
    nothing = np.zeros(len(mag))
    if n < 10 or not columns:
        return nothing, (), 0.0
    w = 1.0 / err[good]
    chosen, gain = grow_terms(
        list(columns), min(most, n // 5), lambda names: _fit(_design(columns, names, good), mag[good], w)[0]
    )
    if not chosen:
        return nothing, (), 0.0
    _, fitted = _fit(_design(columns, chosen, good), mag[good], w)
    design = np.column_stack([columns[name] for name in chosen])
    removed = design @ fitted[1:]
    return removed - removed[good].mean(), chosen, gain


def _take_terms(
    ensemble: Ensemble, names: Sequence[str], most: int
) -> tuple[Values, tuple[tuple[str, ...], ...], Values]:
    found = [
        choose_terms(mag, err, terms_of(ensemble.curves, names, row), most=most)
        for row, (mag, err) in enumerate(zip(ensemble.mag, ensemble.mag_err, strict=True))
    ]
    return np.array([f[0] for f in found]), tuple(f[1] for f in found), np.array([f[2] for f in found])


def terms_of(curves: LightCurves, names: Sequence[str], row: int) -> dict[str, Values]:
    """Values of the terms for a star: of the point where they are known, of the frame else."""
    values = {}
    for name in names:
        if name in curves.details:
            values[name] = np.asarray(curves.details[name][row], float)
        elif name in curves.frames.colnames:
            values[name] = np.asarray(curves.frames[name], float)
    return values


def _take_effects(
    ensemble: Ensemble, most: int
) -> tuple[Values, tuple[tuple[str, ...], ...], Values, dict[str, Values]]:
    """SysRem: effects come from the ensemble's stars, and are taken out of all stars that show them."""
    mag, err = ensemble.mag, ensemble.mag_err
    good = np.isfinite(mag) & (err > 0.0)
    w = np.where(good, 1.0 / np.where(good, err, 1.0) ** 2, 0.0)
    total = np.maximum(w.sum(1), 1e-300)
    rest = np.where(good, mag - (w * np.where(good, mag, 0.0)).sum(1, keepdims=True) / total[:, None], 0.0)
    removed, gain = np.zeros(mag.shape), np.zeros(len(mag))
    names: list[tuple[str, ...]] = [()] * len(mag)
    effects: dict[str, Values] = {}
    members = ensemble.weight > 0.0
    n = np.maximum(good.sum(1), 1)
    for k in range(most):
        effect = _effect(rest[members], w[members])
        square = (w * effect**2).sum(1)
        share = np.where(square > 0.0, (w * rest * effect).sum(1) / np.maximum(square, 1e-300), 0.0)
        before, after = (w * rest**2).sum(1), (w * (rest - share[:, None] * effect) ** 2).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            fall = np.nan_to_num(n * np.log(before / after) - np.log(n))
        # an effect has a number for each frame and each star: noise alone would fit many of them
        points, numbers = int(good[members].sum()), int(members.sum()) + mag.shape[1]
        whole = points * np.log(
            max(float(before[members].sum()), 1e-300) / max(float(after[members].sum()), 1e-300)
        )
        if whole < numbers * np.log(max(points, 2)):
            break
        feels = (fall > 6.0) & (n > 10)
        part = np.where(feels[:, None], share[:, None] * effect, 0.0)
        rest, removed = rest - np.where(good, part, 0.0), removed + part
        gain += np.where(feels, fall, 0.0)
        effects[f"effect {k + 1}"] = effect
        names = [(*old, f"effect {k + 1}") if yes else old for old, yes in zip(names, feels, strict=True)]
    return removed, tuple(names), gain, effects


def _effect(rest: Values, w: Values) -> Values:
    """The series that times a number for each star fits the residuals best: of unit length, mean 0."""
    effect = np.sqrt(np.maximum((w * rest**2).sum(0), 0.0) / np.maximum(w.sum(0), 1e-300))
    effect *= np.sign((w * rest * np.sign(rest[:1])).sum(0))
    for _ in range(50):
        share = (w * rest * effect).sum(1) / np.maximum((w * effect**2).sum(1), 1e-300)
        new = (w * rest * share[:, None]).sum(0) / np.maximum((w * share[:, None] ** 2).sum(0), 1e-300)
        new /= max(float(np.sqrt((new**2).sum())), 1e-300)
        done = np.allclose(new, effect, atol=1e-8)
        effect = new
        if done:
            break
    return np.asarray(effect - effect.mean(), float)


def _scaled(values: Values, good: Mask) -> Values | None:
    """A term with mean 0 and spread 1 over the points used; None where it says nothing."""
    known = good & np.isfinite(values)
    if known.sum() < 10:
        return None
    middle, spread = float(values[known].mean()), float(values[known].std())
    if not spread > 1e-9 * max(abs(middle), 1.0):
        return None
    return np.asarray(np.nan_to_num((values - middle) / spread), float)


def _design(columns: Mapping[str, Values], names: Sequence[str], good: Mask) -> Values:
    return np.column_stack([np.ones(int(good.sum())), *(columns[name][good] for name in names)])


def _fit(design: Values, mag: Values, w: Values) -> tuple[float, Values]:
    """The criterion, and the fitted terms."""
    terms = np.asarray(np.linalg.lstsq(design * w[:, None], mag * w, rcond=None)[0], float)
    square = float((((mag - design @ terms) * w) ** 2).sum())
    return bayesian_criterion(square, design.shape[1], len(mag)), terms
