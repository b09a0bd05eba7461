"""Gain, read noise, saturation and linearity of the camera, each with its source."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite, nan

from pogson.core.frame import Exposure


@dataclass(frozen=True)
class Camera:
    """What is known about the camera; NaN and "unknown" where nothing could be known.

    The read noise is that of the amplifier: the converter's rounding, step^2 / 12, is not part of it and is
    added wherever noise is computed. A read noise that was measured from pixels has had it taken out.
    """

    gain: float = nan  # electron / ADU
    gain_err: float = nan
    gain_source: str = "unknown"
    read_noise: float = nan  # electron
    read_noise_err: float = nan
    read_noise_source: str = "unknown"
    saturation: float = nan  # ADU, of the raw number
    saturation_source: str = "unknown"
    linearity: float = nan  # ADU, of the raw number
    linearity_source: str = "unknown"
    offset: float = nan  # ADU: level without light, where no bias frame tells
    offset_source: str = "unknown"
    step: float = 1.0  # ADU, of the converter; 0 where the numbers are no whole numbers
    notes: tuple[str, ...] = ()

    @property
    def read_variance_adu(self) -> float:
        """ADU^2 of one pixel without light: read noise and rounding; NaN where not known."""
        return (self.read_noise / self.gain) ** 2 + self.step**2 / 12.0

    def applied_to(self, exposure: Exposure) -> Exposure:
        """The exposure with its unknown values filled in from the camera, and where they come from."""
        out = exposure
        for name in ("gain", "read_noise", "saturation", "linearity", "offset"):
            value = getattr(self, name)
            if isfinite(value) and not isfinite(getattr(out, name)):
                found = {f.name: getattr(self, f.name) for f in fields(self) if f.name == f"{name}_err"}
                out = out.with_values(getattr(self, f"{name}_source"), **{name: value}, **found)
        return out
