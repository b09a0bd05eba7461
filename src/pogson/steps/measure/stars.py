"""The stars to measure in one frame: where they are, and how they disturb each other."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import ColumnError, SettingError
from pogson.core.transform import Transform
from pogson.kernels.neighbors import neighbor_light
from pogson.steps.measure.profile import displaced_light

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stars:
    """The stars of a field, in the pixels of one frame, and their profile."""

    id: NDArray[np.int64]
    x: Array
    y: Array
    flux: Array
    fwhm: float
    beta: float


def locate_stars(field: Table, at: Transform | None, fwhm: float) -> Stars:
    """Bring the stars of a field to the pixels of a frame.

    Raises
    ------
    ColumnError
        If id, x or y is missing.
    SettingError
        If the FWHM is nowhere to be found.
    """
    lacks = [name for name in ("id", "x", "y") if name not in field.colnames]
    if lacks:
        raise ColumnError(f"a field needs column(s) {', '.join(lacks)}; it has {', '.join(field.colnames)}")
    psf = field.meta.get("psf")
    width = float(psf.fwhm) if isnan(fwhm) and psf is not None else float(fwhm)
    if not width > 0.0:
        raise SettingError("fwhm of the stars is unknown; give fwhm in pixels, or a field with meta['psf']")
    # without a fitted profile: the wings of a typical seeing disc
    beta = 3.0 if psf is None or not (psf.profile == "gaussian" or psf.beta > 1.0) else float(psf.beta)
    x, y = (_values(field, name) for name in ("x", "y"))
    if at is not None:
        x, y = (np.ascontiguousarray(c, np.float64) for c in at.apply(x, y))
    flux = _values(field, "flux") if "flux" in field.colnames else np.full(len(x), nan)
    return Stars(np.asarray(field["id"]), x, y, flux, width, beta)


def _values(field: Table, name: str) -> Array:
    """A column as plain numbers; NaN where it is masked."""
    return np.ascontiguousarray(np.ma.filled(np.ma.asarray(field[name], dtype=np.float64), nan))


def by_rows(y: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices that sort stars by the image's rows, and those that sort them back.

    Neighbours in the image are neighbours in memory: measured one after the other they are read once.
    """
    order = np.argsort(y, kind="stable")
    return order, np.argsort(order)


def contamination(stars: Stars, radius: float) -> tuple[Array, Array]:
    """Neighbours' light over the star's own in the aperture, and the distance of the worst in pixels."""
    step = 0.1 * stars.fwhm
    distance = np.arange(0.0, radius + 4.0 * stars.fwhm, step)
    fraction = displaced_light(distance, radius, stars.fwhm, stars.beta)
    light, nearest = neighbor_light(
        stars.x, stars.y, stars.flux, np.argsort(stars.y), np.append(fraction, 0.0), step
    )
    own = fraction[0] * np.where(stars.flux > 0.0, stars.flux, nan)
    # a star of unknown flux in the light of a known one: no share is too large
    return np.where(np.isnan(own) & (light > 0.0), inf, light / own), nearest
