"""The stars to measure in one frame: where they are, and how they disturb each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import inf, isnan, nan
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import ColumnError, SettingError
from pogson.core.transform import Transform
from pogson.kernels.neighbors import neighbor_light
from pogson.steps.measure.profile import displaced_light

Array = NDArray[np.float64]

DISTANCE_STEP = 0.1  # fwhm


@dataclass(frozen=True)
class Stars:
    """The stars of a field, in the pixels of one frame, and their profile."""

    id: NDArray[np.int64]
    x: Array
    y: Array
    flux: Array
    fwhm: float
    beta: float

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Indices that sort them by the image's rows, those without a place last."""
        return np.argsort(self.y, kind="stable")

    def some(self, chosen: NDArray[Any]) -> Stars:
        """Those that an index or a mask chooses."""
        return replace(self, id=self.id[chosen], x=self.x[chosen], y=self.y[chosen], flux=self.flux[chosen])


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
    values = field[name]
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(np.ma.asarray(values, dtype=np.float64), nan)
    return np.ascontiguousarray(values, np.float64)


def contamination(stars: Stars, radius: float) -> tuple[Array, Array]:
    """Neighbours' light over the star's own in the aperture, and the distance of the worst in pixels."""
    light, nearest, held = receive_light(stars, radius)
    own = held * np.where(stars.flux > 0.0, stars.flux, nan)
    # a star of unknown flux in the light of a known one: no share is too large
    return np.where(np.isnan(own) & (light > 0.0), inf, light / own), nearest


def receive_light(stars: Stars, radius: float) -> tuple[Array, Array, float]:
    """Neighbours' light in each star's aperture, the distance of the worst, and the part held of its own."""
    fraction = _light_at(round(radius / stars.fwhm, 6), stars.beta)
    light, nearest = neighbor_light(
        stars.x, stars.y, stars.flux, stars.order, fraction, DISTANCE_STEP * stars.fwhm
    )
    return light, nearest, float(fraction[0])


@lru_cache(maxsize=64)
def _light_at(radius: float, beta: float) -> Array:
    """Fraction of a star's light in an aperture further and further away, all in units of the FWHM.

    Frames of a night share it.
    """
    distance = np.arange(0.0, radius + 4.0, DISTANCE_STEP)
    return np.append(displaced_light(distance, radius, 1.0, beta), 0.0)
