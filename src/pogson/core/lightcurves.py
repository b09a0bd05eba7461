"""Many stars, many moments: gaps are NaN, and no star or frame is ever dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import FrameError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class LightCurves:
    """Fluxes of all stars of a field in all frames of one band.

    Attributes
    ----------
    time : float64 (n,)
        BJD TDB of mid-exposure; NaN where unknown.
    flux, flux_err : float64 (star, n)
        electron / s, or relative where `unit` says so; signed; NaN where not measured.
    flags : int64 (star, n)
        Bits of core.flags.Star.
    stars : Table
        One row per star: id, and what else is known: x, y, ra, dec, color.
    frames : Table
        One row per frame: frame, band, bjd_tdb, jd_utc, exptime, airmass.
    unit : str
    details : mapping of name to float32 or float64 (star, n)
        What else was measured at each point, such as x, y and sky.
    """

    time: Values
    flux: Values
    flux_err: Values
    flags: NDArray[np.int64]
    stars: Table
    frames: Table
    unit: str = "electron / s"
    details: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.stars), len(self.frames))
        for name in ("flux", "flux_err", "flags"):
            if getattr(self, name).shape != shape:
                raise FrameError(
                    f"{name} has shape {getattr(self, name).shape}, stars and frames give {shape}"
                )
        for name, values in self.details.items():
            if values.shape != shape:
                raise FrameError(f"{name} has shape {values.shape}, stars and frames give {shape}")
        if self.time.shape != shape[1:]:
            raise FrameError(f"time has shape {self.time.shape}, there are {shape[1]} frames")

    def row(self, star: int) -> int:
        """Row of a star, by its number.

        Raises
        ------
        KeyError
            If there is no such star.
        """
        found = np.flatnonzero(np.asarray(self.stars["id"]) == star)
        if len(found) == 0:
            raise KeyError(f"no star {star} among {len(self.stars)}")
        return int(found[0])
