"""The recipe of a night: everything that is true about it, as settings with units and ranges."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from pogson.core.errors import SettingError
from pogson.core.units import (
    Adu,
    Arcsec,
    Degrees,
    Electrons,
    ElectronsPerAdu,
    Fraction,
    Kelvins,
    Mags,
    Metres,
    Pixels,
    Seconds,
)
from pogson.simulate.parse import NOT_NEGATIVE, POSITIVE, SHARE, Range, Section, hint_for, update

Arcmin = Annotated[float, "arcmin"]


@dataclass(frozen=True)
class Detector(Section):
    """A CCD: its read-out, its dark current, its faults."""

    nx: Annotated[int, Range(32, 20000)] = 1024
    ny: Annotated[int, Range(32, 20000)] = 1024
    overscan: Annotated[int, Range(0, 1000)] = 32  # columns read after the last pixel of a row
    pixel_size: Annotated[float, "um", POSITIVE] = 13.0
    gain: Annotated[ElectronsPerAdu, POSITIVE] = 1.6
    read_noise: Annotated[Electrons, NOT_NEGATIVE] = 8.0
    full_well: Annotated[Electrons, POSITIVE] = 94400.0  # 60000 ADU with the default gain and bias
    bits: Annotated[int, Range(8, 16)] = 16
    nonlinearity: Annotated[Fraction, SHARE] = 0.0  # share of the signal lost at full well
    bias_level: Annotated[Adu, NOT_NEGATIVE] = 1000.0
    bias_columns: Annotated[Adu, NOT_NEGATIVE] = 1.5  # scatter from column to column
    bias_rows: Annotated[Adu, NOT_NEGATIVE] = 0.8
    bias_ramp: Annotated[Adu, Range()] = 4.0  # rise from the first to the last row
    bias_drift: Annotated[Adu, NOT_NEGATIVE] = 0.7  # scatter of the level from frame to frame
    temperature: Annotated[float, "deg C", Range(-200, 60)] = -20.0
    temperature_spread: Annotated[Kelvins, NOT_NEGATIVE] = 0.05
    dark_current: Annotated[float, "electron/s", NOT_NEGATIVE] = 0.05  # median pixel at `temperature`
    dark_doubling: Annotated[Kelvins, POSITIVE] = 6.0
    dark_spread: Annotated[Fraction, NOT_NEGATIVE] = 0.15  # scatter from pixel to pixel (log-normal)
    hot_pixels: Annotated[Fraction, SHARE] = 0.001
    hot_factor: Annotated[float, NOT_NEGATIVE] = 60.0  # their median dark current over that of the others
    pixel_response: Annotated[Fraction, SHARE] = 0.01  # scatter of sensitivity from pixel to pixel
    bad_columns: Annotated[int, Range(0)] = 2
    cosmic_rays: Annotated[float, "1/min", NOT_NEGATIVE] = 4.0  # on the whole detector


@dataclass(frozen=True)
class Telescope(Section):
    """Optics and mount."""

    diameter: Annotated[Metres, POSITIVE] = 0.5
    pixel_scale: Annotated[Arcsec, POSITIVE] = 0.75
    angle: Annotated[Degrees, Range()] = 0.0  # position angle of the detector's y axis, north to east
    beta: Annotated[float, Range(1.2, 20.0)] = 3.2  # exponent of the Moffat profile
    elongation: Annotated[float, Range(1.0, 5.0)] = 1.03
    vignetting: Annotated[Fraction, Range(0.0, 0.9)] = 0.15  # light lost in the corners
    dust: Annotated[int, Range(0)] = 6  # shadows of grains per filter and on the window
    drift: Annotated[Pixels, NOT_NEGATIVE] = 3.0  # step of the pointing from frame to frame, each axis
    field_rotation: Annotated[Degrees, NOT_NEGATIVE] = 0.02  # step of the rotation from frame to frame
    pointing_error: Annotated[Arcsec, NOT_NEGATIVE] = 4.0  # of the header's WCS
    angle_error: Annotated[Degrees, Range()] = 0.1  # of the header's WCS


@dataclass(frozen=True)
class Site(Section):
    """Where the telescope stands."""

    name: str = "Hill of the Examples"
    latitude: Annotated[Degrees, Range(-90, 90)] = 37.0
    longitude: Annotated[Degrees, Range(-180, 360)] = -3.5
    height: Annotated[Metres, Range(-500, 9000)] = 2000.0


@dataclass(frozen=True)
class Sky(Section):
    """The air above."""

    seeing: Annotated[Arcsec, POSITIVE] = 2.2  # median FWHM at the zenith
    seeing_spread: Annotated[Fraction, SHARE] = 0.05  # step from frame to frame
    transparency_spread: Annotated[Fraction, SHARE] = 0.01
    cloudy: tuple[int, ...] = (7,)  # light frames taken through cloud, counted from 1
    cloud: Annotated[Mags, NOT_NEGATIVE] = 0.5
    gradient: Annotated[Fraction, SHARE] = 0.02  # of the sky level, across the frame
    scintillation: Annotated[float, NOT_NEGATIVE] = 1.56  # C_Y of Osborn et al. 2015
    trails: Annotated[int, Range(0)] = 0  # light frames that a satellite crosses


@dataclass(frozen=True)
class Band(Section):
    """A filter with the air and the sky in it."""

    zero_point: Annotated[Mags, Range()] = 22.5  # magnitude of 1 electron / s above the air, colour 0
    sky: Annotated[float, "mag/arcsec2", Range()] = 20.5  # as bright as it looks through no air
    extinction: Annotated[float, "mag/airmass", NOT_NEGATIVE] = 0.1
    color_term: Annotated[float, Range()] = 0.0  # mag - inst = zero_point + color_term (g-r)
    slope: Annotated[float, Range()] = 0.0  # magnitude of a star: r + slope (g-r)


@dataclass(frozen=True)
class Field(Section):
    """The stars: a cluster before field stars."""

    name: str = "POGSON 1"
    ra: Annotated[Degrees, Range(0, 360)] = 270.0
    dec: Annotated[Degrees, Range(-90, 90)] = 38.0
    cluster_stars: Annotated[int, Range(0)] = 1400
    field_stars: Annotated[int, Range(0)] = 500
    horizontal_branch: Annotated[int, Range(0)] = 22  # stars of the cluster on it
    binaries: Annotated[Fraction, SHARE] = 0.25
    distance_modulus: Annotated[Mags, Range()] = 12.6
    faintest: Annotated[Mags, Range()] = 21.0  # in r
    core_radius: Annotated[Arcmin, POSITIVE] = 3.5
    tidal_radius: Annotated[Arcmin, POSITIVE] = 25.0
    catalog_share: Annotated[Fraction, SHARE] = 0.5  # the brighter stars, which a catalogue lists
    catalog_error: Annotated[Mags, NOT_NEGATIVE] = 0.01  # of its bright stars
    catalog_position_error: Annotated[Arcsec, NOT_NEGATIVE] = 0.05


class Exposures(NamedTuple):
    """A block of equal exposures."""

    band: str
    exptime: float
    n: int


@dataclass(frozen=True)
class Nightplan(Section, section="night"):
    """What was exposed, and what the headers say of it."""

    start: str = "2024-06-11T23:40:00"  # UTC, first light frame
    exposures: tuple[Exposures, ...] = (
        Exposures("g", 5.0, 2),
        Exposures("r", 5.0, 2),
        Exposures("g", 60.0, 5),
        Exposures("r", 60.0, 5),
    )
    cycles: Annotated[int, Range(1)] = 1  # times that the list of exposures is gone through
    overhead: Annotated[Seconds, NOT_NEGATIVE] = 15.0
    dialect: str = "maxim"
    tells: tuple[str, ...] = ()  # what the header tells of the detector: gain, read_noise, saturation


@dataclass(frozen=True)
class Calibration(Section):
    """Bias, dark and flat frames, taken before the lights."""

    bias: Annotated[int, Range(0)] = 5
    dark: Annotated[int, Range(0)] = 5
    dark_exptime: Annotated[Seconds, POSITIVE] = 120.0
    flat: Annotated[int, Range(0)] = 5  # per band
    flat_exptime: Annotated[Seconds, POSITIVE] = 4.0
    flat_level: Annotated[Adu, POSITIVE] = 28000.0  # above the bias
    flat_spread: Annotated[Fraction, SHARE] = 0.03  # of the lamp, from frame to frame


BANDS = {
    "g": Band(zero_point=22.6, sky=21.0, extinction=0.17, color_term=0.05, slope=1.0),
    "r": Band(zero_point=22.4, sky=20.5, extinction=0.10, color_term=-0.03, slope=0.0),
    "i": Band(zero_point=22.0, sky=19.6, extinction=0.06, color_term=-0.02, slope=-0.42),
}


@dataclass(frozen=True)
class Recipe(Section):
    """The whole truth about a night, but for the dice."""

    name: str = "cluster"
    seed: Annotated[int, Range(0)] = 1856
    detector: Detector = Detector()
    telescope: Telescope = Telescope()
    site: Site = Site()
    sky: Sky = Sky()
    bands: dict[str, Band] = field(default_factory=lambda: dict(BANDS))
    field: Field = Field()
    night: Nightplan = Nightplan()
    calibration: Calibration = Calibration()

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
        return tuple(dict.fromkeys(block.band for block in self.night.exposures))
