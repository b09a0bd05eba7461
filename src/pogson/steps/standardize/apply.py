"""From fluxes in many frames to one magnitude for each star and band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import nan
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import Changed, Rows
from pogson.core.flags import SPOILED, Star
from pogson.steps.standardize.color import solve_colors
from pogson.steps.standardize.gather import POGSON, Shot, Values
from pogson.steps.standardize.transparency import SURE, measure_transparency
from pogson.steps.standardize.zeropoint import ColorTerm, ZeroPoints

_SCALE = 25.0  # magnitude of one unit of flux, for sums over frames
_BLOCK = 256  # stars averaged at a time

_FIELD = ("id", "x", "y", "ra", "dec")


@dataclass(frozen=True)
class Standardized:
    """Magnitudes of a night.

    Attributes
    ----------
    stars : Table
        id, x, y, ra, dec; for each band mag_, mag_..._err, mag_..._scatter (standard deviation over the
        frames), n_ (frames used), inst_ and inst_..._err (on the scale of the band's best frame),
        flux_ and flux_..._err (signed; 1 is magnitude 25, or 1 electron / s in the band's best frame where
        there is no zero point); flags. Meta: calibrated_bands, instrumental_bands.
    photometry : list of Rows
        PHOTOMETRY with calibrated magnitudes where the frame has a zero point. `mag_err` is the random
        error alone; meta: calibrated.
    transparency : Table
        See `measure_transparency`.
    """

    stars: Table
    photometry: list[Rows]
    transparency: Table


@dataclass(frozen=True)
class _Mean:
    """Mean fluxes of one band; (n,) each."""

    flux: Values
    err: Values
    scatter: Values
    n: NDArray[np.int64]
    flags: NDArray[np.int64]
    zero_err: Values  # what the errors of the zero points make


def standardize(
    photometry: Sequence[Rows],
    field: Table,
    zero_points: ZeroPoints | None = None,
    relative: Table | None = None,
) -> Standardized:
    """One magnitude for each star and band, calibrated where the band has zero points.

    Fluxes are averaged, not magnitudes, with weights from the noise that a star of the mean flux
    has in each frame: a faint star is not biased by its own noise, and negative fluxes count. A
    spoiled measurement counts only where the star has no other.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of each frame.
    field : Table
        FIELD: one row per star.
    zero_points : ZeroPoints, optional
        From `fit_zero_points`. Frames without a zero point are left out of calibrated means, and are
        used for instrumental ones.
    relative : Table, optional
        From `measure_transparency`, the rows of these frames, where it was measured already.

    Returns
    -------
    Standardized
    """
    shots = [Shot.of(table) for table in photometry]
    relative = measure_transparency(photometry) if relative is None else relative
    offsets = np.asarray(relative["offset"], float)
    ids = np.asarray(field["id"], np.int64)
    terms = dict(zero_points.colors) if zero_points else {}
    bands = list(dict.fromkeys(shot.band for shot in shots))
    columns: dict[str, Any] = {name: field[name] for name in _FIELD if name in field.colnames}
    flags = np.asarray(field["flags"], np.int64) & int(Star.BLENDED | Star.NEIGHBOR | Star.VARIABLE)
    plain, plain_err, calibrated = {}, {}, []
    means: dict[str, _Mean] = {}
    for band in bands:
        mine = [k for k, shot in enumerate(shots) if shot.band == band]
        zeros = np.array([zero_points.of(shots[k].frame) if zero_points else (nan, nan) for k in mine])
        # a star keeps its place in the field, and with it how its light is spread: no mean takes that out
        zeros[:, 1] = np.hypot(zeros[:, 1], [shots[k].aperture_scatter for k in mine])
        aligned = _align(offsets[mine], np.asarray(relative["offset_err"], float)[mine])
        inst = _average([shots[k] for k in mine], ids, aligned + _SCALE, zeros[:, 1])
        means[band] = inst
        columns |= _instrumental(band, inst)
        if np.isfinite(zeros[:, 0]).any():
            means[band] = _average([shots[k] for k in mine], ids, zeros[:, 0], zeros[:, 1])
            calibrated.append(band)
            plain[band], plain_err[band] = _magnitudes(means[band])
            plain_err[band] = np.hypot(plain_err[band], means[band].zero_err)
        flags |= means[band].flags
    mag, mag_err, lacking = solve_colors(plain, plain_err, terms) if plain else ({}, {}, {})
    for band in bands:
        mean = means[band]
        nothing = np.full(len(ids), nan)
        columns[f"mag_{band}"] = mag.get(band, nothing)
        columns[f"mag_{band}_err"] = mag_err.get(band, nothing)
        columns[f"mag_{band}_scatter"] = mean.scatter
        columns[f"n_{band}"] = mean.n
        columns[f"flux_{band}"], columns[f"flux_{band}_err"] = mean.flux, mean.err
        if band in lacking:
            flags |= np.where(lacking[band], int(Star.NO_COLOR), 0)
    columns["flags"] = flags
    stars = _describe(Table(columns), bands)
    stars.meta = {
        "calibrated_bands": ",".join(calibrated),
        "instrumental_bands": ",".join(b for b in bands if b not in calibrated),
    }
    return Standardized(stars, [_calibrate(s, stars, zero_points, terms) for s in shots], relative)


def _align(offsets: Values, err: Values) -> Values:
    """Offsets of a band's frames from the best; a frame that was not compared stands alone only if all do."""
    known = offsets[np.isfinite(offsets) & (err < SURE)]
    best = known.max() if len(known) else 0.0
    return offsets - best if np.isfinite(offsets).any() else np.zeros(len(offsets))


def _average(shots: list[Shot], ids: NDArray[np.int64], zeros: Values, errors: Values) -> _Mean:
    """Weighted mean flux of each star over the frames, 1 being magnitude 25 on the scale of `zeros`."""
    shape = (len(shots), len(ids))
    flux, rest = np.full((2, *shape), nan)  # rest: variance without the star's photons
    bits = np.zeros(shape, np.int64)
    order = np.argsort(ids)
    unit = 10.0 ** (-0.4 * (np.array([s.aperture_correction for s in shots]) + zeros - _SCALE))
    unit /= np.array([s.exptime for s in shots])
    for k, shot in enumerate(shots):
        if not np.isfinite(zeros[k]):
            continue
        at = order[np.searchsorted(ids[order], np.asarray(shot.table["star"], np.int64))]
        flux[k, at] = shot.column("flux") * unit[k]
        rest[k, at] = (shot.background_err * unit[k]) ** 2
        bits[k, at] = shot.flags
    # variance per unit of flux: one electron each
    photons = np.where([s.electrons for s in shots], unit, 0.0)[:, None]
    parts = [slice(first, first + _BLOCK) for first in range(0, max(len(ids), 1), _BLOCK)]
    means = [_mean_of(flux[:, s], rest[:, s], bits[:, s], photons, errors[:, None]) for s in parts]
    return _Mean(*(np.concatenate([getattr(m, f.name) for m in means]) for f in fields(_Mean)))


def _mean_of(flux: Values, rest: Values, bits: NDArray[np.int64], photons: Values, errors: Values) -> _Mean:
    """The same of some stars: arrays are (frame, star)."""
    usable = np.isfinite(flux) & np.isfinite(rest) & (rest > 0.0)
    clean = usable & ((bits & SPOILED) == 0)
    used = np.where(clean.any(0), clean, usable)
    zero = np.where(used, flux, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        w = np.where(used, 1.0 / rest, 0.0)
        mean = (w * zero).sum(0) / w.sum(0)
        for _ in range(2):
            w = np.where(used, 1.0 / (rest + photons * np.maximum(mean, 0.0)), 0.0)
            mean = (w * zero).sum(0) / w.sum(0)
        err = 1.0 / np.sqrt(w.sum(0))
        n = used.sum(0)
        away = np.where(used, (flux - mean) ** 2 * w, 0.0).sum(0) / w.sum(0) * n / (n - 1.0)
        scatter = np.where((n > 1) & (mean > 0.0), POGSON * np.sqrt(away) / mean, nan)
        # the same stars made all zero points, so that their error does not shrink with frames
        zero_err = np.sqrt((w * np.nan_to_num(errors) ** 2).sum(0) / w.sum(0))
    carried = np.bitwise_or.reduce(np.where(used, bits, 0), axis=0) & ~int(Star.NEGATIVE)
    # a flag of every frame, where none could be used
    carried |= np.where(n == 0, np.bitwise_or.reduce(bits, axis=0), 0)
    negative = np.where((n > 0) & ~(mean > 0.0), int(Star.NEGATIVE), 0)
    return _Mean(mean, err, scatter, n, carried | negative, zero_err)


def _magnitudes(mean: _Mean) -> tuple[Values, Values]:
    with np.errstate(invalid="ignore", divide="ignore"):
        positive = np.where(mean.flux > 0.0, mean.flux, nan)
        return _SCALE - 2.5 * np.log10(positive), POGSON * mean.err / positive


def _instrumental(band: str, mean: _Mean) -> dict[str, Values]:
    mag, err = _magnitudes(mean)
    return {f"inst_{band}": mag - _SCALE, f"inst_{band}_err": err}


def _calibrate(shot: Shot, stars: Table, zero_points: ZeroPoints | None, terms: dict[str, ColorTerm]) -> Rows:
    """The frame's photometry with calibrated magnitudes, where it has a zero point."""
    zero = zero_points.of(shot.frame)[0] if zero_points else nan
    rate, _ = shot.rate
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = -2.5 * np.log10(np.where(rate > 0.0, rate, nan))
    meta = dict(shot.table.meta) | {"calibrated": bool(np.isfinite(zero)), "zero_point": float(zero)}
    if np.isfinite(zero):
        mag = mag + zero
        term = terms.get(shot.band, ColorTerm())
        if term.value != 0.0:
            mag = mag + term.value * _own_color(shot, stars, term)
    return Changed(shot.table, meta, mag=mag)


def _own_color(shot: Shot, stars: Table, term: ColorTerm) -> Values:
    """Colour of each star; the mean of the comparison stars where it has none."""
    blue, _, red = term.color.partition("-")
    mean = term.mean if np.isfinite(term.mean) else 0.0
    if f"mag_{blue}" not in stars.colnames or f"mag_{red}" not in stars.colnames:
        return np.full(len(shot.table), mean)
    color = np.asarray(stars[f"mag_{blue}"], float) - np.asarray(stars[f"mag_{red}"], float)
    ids = np.asarray(stars["id"], np.int64)
    order = np.argsort(ids)
    at = order[np.searchsorted(ids[order], np.asarray(shot.table["star"], np.int64))]
    return np.where(np.isfinite(color[at]), color[at], mean)


def _describe(stars: Table, bands: list[str]) -> Table:
    for band in bands:
        for name, about in {
            f"mag_{band}": f"magnitude in {band}; NaN where not calibrated or not positive",
            f"mag_{band}_err": "its error: photometry, aperture, zero point and colour term",
            f"mag_{band}_scatter": "standard deviation over the frames",
            f"inst_{band}": "instrumental magnitude: -2.5 log10(electron / s) in the band's best frame",
            f"inst_{band}_err": "its random error",
        }.items():
            stars[name].unit = "mag"
            stars[name].description = about
        stars[f"n_{band}"].description = f"frames used in {band}"
        stars[
            f"flux_{band}"
        ].description = "mean flux, signed; 1 is magnitude 25, or 1 electron / s if not calibrated"
        stars[f"flux_{band}_err"].description = "its random error"
    stars["flags"].description = "bits of core.flags.Star"
    return stars
