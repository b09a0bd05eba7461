"""The recipe of a night: everything that is true about it, as settings with units and ranges."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pogson.core.errors import SettingError
from pogson.core.units import Adu, Fraction, Seconds
from pogson.simulate.hardware import Detector, Site, Telescope
from pogson.simulate.parse import NOT_NEGATIVE, POSITIVE, SHARE, Doc, Range, Section, hint_for, update
from pogson.simulate.scene import Band, Field, Mover, Sky, Variable, Veil

__all__ = [
    "BANDS",
    "Band",
    "Calibration",
    "Detector",
    "Exposures",
    "Field",
    "Mover",
    "Nightplan",
    "Recipe",
    "Site",
    "Sky",
    "Telescope",
    "Variable",
    "Veil",
]

#: bands of a colour mosaic, by the letter of its filter
MOSAIC_BANDS = {"R": "TR", "G": "TG", "B": "TB"}


class Exposures(NamedTuple):
    """A block of equal exposures."""

    band: str
    exptime: float
    n: int


@dataclass(frozen=True)
class Nightplan(Section, section="night"):
    """What was exposed, and what the headers say of it."""

    start: Annotated[str, Doc("UTC, first light frame")] = "2024-06-11T23:40:00"
    exposures: Annotated[tuple[Exposures, ...], Doc("blocks of band, seconds, number")] = (
        Exposures("g", 5.0, 2),
        Exposures("r", 5.0, 2),
        Exposures("g", 60.0, 5),
        Exposures("r", 60.0, 5),
    )
    cycles: Annotated[int, Range(1), Doc("times that the blocks are gone through")] = 1
    overhead: Annotated[Seconds, NOT_NEGATIVE, Doc("between exposures")] = 15.0
    dialect: Annotated[str, Doc("maxim, nina, sharpcap, astroimagej, lco, siril, plain, minimal")] = "maxim"
    tells: Annotated[tuple[str, ...], Doc("of gain, read_noise, saturation: what headers tell")] = ()


@dataclass(frozen=True)
class Calibration(Section):
    """Bias, dark and flat frames, taken before the lights."""

    bias: Annotated[int, Range(0), Doc("number of frames")] = 5
    dark: Annotated[int, Range(0), Doc("number of frames")] = 5
    dark_exptime: Annotated[Seconds, POSITIVE] = 120.0
    flat: Annotated[int, Range(0), Doc("number of frames per band")] = 5
    flat_exptime: Annotated[Seconds, POSITIVE] = 4.0
    flat_level: Annotated[Adu, POSITIVE, Doc("above the bias")] = 28000.0
    flat_spread: Annotated[Fraction, SHARE, Doc("of the lamp, from frame to frame")] = 0.03


BANDS = {
    "g": Band(zero_point=22.6, sky=21.0, extinction=0.17, color_term=0.05, slope=1.0),
    "r": Band(zero_point=22.4, sky=20.5, extinction=0.10, color_term=-0.03, slope=0.0),
    "i": Band(zero_point=22.0, sky=19.6, extinction=0.06, color_term=-0.02, slope=-0.42),
    "TR": Band(zero_point=21.4, sky=20.3, extinction=0.11, color_term=0.02, slope=0.05),
    "TG": Band(zero_point=21.8, sky=20.8, extinction=0.15, color_term=0.03, slope=0.55),
    "TB": Band(zero_point=21.6, sky=21.3, extinction=0.22, color_term=0.08, slope=1.15),
}


@dataclass(frozen=True)
class Recipe(Section):
    """The whole truth about a night, but for the dice."""

    name: str = "cluster"
    seed: Annotated[int, Range(0)] = 1856
    detector: Detector = dataclasses.field(default_factory=Detector)
    telescope: Telescope = dataclasses.field(default_factory=Telescope)
    site: Site = dataclasses.field(default_factory=Site)
    sky: Sky = dataclasses.field(default_factory=Sky)
    bands: dict[str, Band] = dataclasses.field(default_factory=lambda: dict(BANDS))
    field: Field = dataclasses.field(default_factory=Field)
    night: Nightplan = dataclasses.field(default_factory=Nightplan)
    calibration: Calibration = dataclasses.field(default_factory=Calibration)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.night.exposures:
            raise SettingError("night.exposures: no light frame; give band, exptime, n")
        for block in self.night.exposures:
            if block.band not in self.bands:
                raise SettingError(
                    f"night.exposures: no band '{block.band}' in bands{hint_for(block.band, self.bands)}"
                )
            if not block.exptime > 0 or block.n < 1:
                raise SettingError(f"night.exposures: {tuple(block)} needs an exptime above 0 and n from 1")
        for i, veil in enumerate(self.sky.veils):
            if not (veil.end > veil.begin and veil.mags >= 0):
                raise SettingError(f"sky.veils[{i}]: {tuple(veil)} must end after it begins, with mag from 0")
        for i, v in enumerate(self.field.variables):
            if v.kind in ("eclipsing", "transit") and v.distance <= 1.0 + v.ratio:
                raise SettingError(
                    f"field.variables[{i}].distance must be above 1 + ratio = {1.0 + v.ratio:g}, "
                    f"got {v.distance:g}"
                )
        if self.detector.bayer and any(block.band != "TG" for block in self.night.exposures):
            raise SettingError("night.exposures: a colour mosaic exposes TR, TG, TB at once: name TG")
        if self.detector.gain * self.calibration.flat_level > self.detector.full_well:
            raise SettingError(
                f"calibration.flat_level: {self.calibration.flat_level:g} ADU is above detector.full_well"
            )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Recipe:
        """The default recipe with other values, as nested tables.

        Raises
        ------
        SettingError
            One line that names the setting and, where a key is misspelt, the nearest right one.
        """
        return update(cls(), given)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The default recipe with the values of a TOML text."""
        try:
            return cls.from_dict(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise SettingError(f"the recipe is not TOML: {error}") from None

    @property
    def exposed(self) -> tuple[str, ...]:
        """Bands in which light frames are taken, in order of their first."""
        if self.detector.bayer:
            return tuple(MOSAIC_BANDS.values())
        return tuple(dict.fromkeys(block.band for block in self.night.exposures))
