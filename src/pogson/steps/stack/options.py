"""How frames are combined, and what is impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pogson.core.errors import FrameError, SettingError
from pogson.steps.stack.layer import KINDS, Layer

METHODS = ("robust", "kappa_sigma", "weighted_mean", "mean", "median", "minmax")


@dataclass(frozen=True)
class Options:
    """The settings of `coadd`; see there."""

    method: str
    resample: str
    pixel: float
    pixfrac: float
    kappa: float
    slope: float
    reject_low: int
    reject_high: int

    @property
    def ordered(self) -> bool:
        """The values of a pixel are sorted: all frames count the same."""
        return self.method in ("median", "minmax")

    @property
    def clips(self) -> bool:
        """Outliers are left out."""
        return self.method in ("robust", "kappa_sigma")

    def check(self, layers: Sequence[Layer]) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        FrameError, SettingError
        """
        if not layers:
            raise FrameError("no frame to combine")
        if self.method not in METHODS:
            raise SettingError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.resample not in KINDS:
            raise SettingError(f"resample must be one of {', '.join(KINDS)}, got {self.resample!r}")
        if not self.kappa > 0 or not self.slope >= 0 or min(self.reject_low, self.reject_high) < 0:
            raise SettingError(
                "kappa must be above 0; slope, reject_low and reject_high must not be negative"
            )
        if not 0.05 <= self.pixfrac <= 1.0 or not 0.1 <= self.pixel <= 10.0:
            raise SettingError("pixfrac must be from 0.05 to 1, and pixel from 0.1 to 10")
        if self.pixel != 1.0 and self.resample != "drizzle":
            raise SettingError('pixels of another size are for resample = "drizzle" only')
        if self.method == "minmax" and self.reject_low + self.reject_high >= len(layers):
            raise SettingError(
                f"minmax leaves out {self.reject_low} + {self.reject_high} of {len(layers)} frames: none is "
                "left; take less with reject_low and reject_high"
            )
        for layer in layers:
            if not (layer.scale > 0 and layer.scale < inf and layer.noise > 0):
                raise FrameError(
                    f"a frame of scale {layer.scale:g} and noise {layer.noise:g} cannot be combined"
                )
