"""What is made of metal and glass: detector, telescope, site, as settings with units and ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pogson.core.units import (
    Adu,
    Arcsec,
    Degrees,
    Electrons,
    ElectronsPerAdu,
    Fraction,
    Kelvins,
    Metres,
    Pixels,
    Seconds,
)
from pogson.simulate.parse import NOT_NEGATIVE, POSITIVE, SHARE, Choice, Doc, Range, Section

Arcmin = Annotated[float, "arcmin"]
PerHour = Annotated[float, "px/h", Range()]
MOSAICS = Choice(("", "RGGB", "BGGR", "GRBG", "GBRG"))


@dataclass(frozen=True)
class Detector(Section):
    """A CCD or CMOS sensor: its read-out, its dark current, its faults."""

    nx: Annotated[int, "px", Range(32, 20000), Doc("columns")] = 1024
    ny: Annotated[int, "px", Range(32, 20000), Doc("rows")] = 1024
    overscan: Annotated[int, "px", Range(0, 1000), Doc("columns read after the last pixel; 0: none")] = 32
    pixel_size: Annotated[float, "um", POSITIVE, Doc("side of a pixel")] = 13.0
    gain: Annotated[ElectronsPerAdu, POSITIVE] = 1.6
    read_noise: Annotated[Electrons, NOT_NEGATIVE] = 8.0
    full_well: Annotated[Electrons, POSITIVE, Doc("charge above it bleeds along the column")] = 94400.0
    bits: Annotated[int, Range(8, 16), Doc("of the converter")] = 16
    adu_step: Annotated[int, Range(1, 256), Doc("files hold multiples of it: 16 for 12 bits in 16")] = 1
    nonlinearity: Annotated[Fraction, SHARE, Doc("share of the signal lost at full well")] = 0.0
    bias_level: Annotated[Adu, NOT_NEGATIVE] = 1000.0
    bias_columns: Annotated[Adu, NOT_NEGATIVE, Doc("scatter from column to column")] = 1.5
    bias_rows: Annotated[Adu, NOT_NEGATIVE, Doc("scatter from row to row")] = 0.8
    bias_ramp: Annotated[Adu, Range(), Doc("rise from the first to the last row")] = 4.0
    bias_drift: Annotated[Adu, NOT_NEGATIVE, Doc("scatter of the level from frame to frame")] = 0.7
    temperature: Annotated[float, "deg C", Range(-200, 60)] = -20.0
    temperature_spread: Annotated[Kelvins, NOT_NEGATIVE, Doc("from frame to frame")] = 0.05
    dark_current: Annotated[float, "electron/s", NOT_NEGATIVE, Doc("median pixel at `temperature`")] = 0.05
    dark_doubling: Annotated[Kelvins, POSITIVE, Doc("warming that doubles the dark current")] = 6.0
    dark_spread: Annotated[Fraction, NOT_NEGATIVE, Doc("scatter from pixel to pixel (log-normal)")] = 0.15
    hot_pixels: Annotated[Fraction, SHARE, Doc("share of pixels that are hot")] = 0.001
    hot_factor: Annotated[float, NOT_NEGATIVE, Doc("their median dark current over the others'")] = 60.0
    amp_glow: Annotated[float, "electron/s", NOT_NEGATIVE, Doc("glow of the amplifier in its corner")] = 0.0
    amp_glow_size: Annotated[Fraction, POSITIVE, Doc("of the width, where glow falls to 1/e")] = 0.12
    pixel_response: Annotated[Fraction, SHARE, Doc("scatter of sensitivity from pixel to pixel")] = 0.01
    bad_columns: Annotated[int, Range(0), Doc("columns that lose most of their light")] = 2
    cosmic_rays: Annotated[float, "1/min", NOT_NEGATIVE, Doc("on the whole detector")] = 4.0
    bayer: Annotated[str, MOSAICS, Doc("colour mosaic; the bands are TR, TG, TB, exposures name TG")] = ""

    @property
    def largest(self) -> int:
        """The largest number in a file, ADU."""
        return min(2**self.bits - 1, (2**16 - 1) // self.adu_step) * self.adu_step


@dataclass(frozen=True)
class Telescope(Section):
    """Optics, focus and mount."""

    diameter: Annotated[Metres, POSITIVE] = 0.5
    pixel_scale: Annotated[Arcsec, POSITIVE, Doc("of a pixel")] = 0.75
    angle: Annotated[Degrees, Range(), Doc("of the y axis, from north to east")] = 0.0
    profile: Annotated[str, Choice(("moffat", "gaussian")), Doc("of a star")] = "moffat"
    beta: Annotated[float, Range(1.2, 20.0), Doc("exponent of the Moffat profile")] = 3.2
    elongation: Annotated[float, Range(1.0, 5.0), Doc("major over minor axis, direction at random")] = 1.03
    elongation_spread: Annotated[Fraction, NOT_NEGATIVE, Doc("of its excess over 1, per frame")] = 0.0
    corner_elongation: Annotated[float, Range(0.0, 2.0), Doc("stretch towards the corners, radial")] = 0.0
    corner_fwhm: Annotated[Fraction, Range(0.0, 2.0), Doc("by which stars are wider in the corners")] = 0.0
    tilt: Annotated[Fraction, Range(-0.5, 0.5), Doc("by which the FWHM grows from the middle to +x")] = 0.0
    focus_drift: Annotated[float, "arcsec/h", NOT_NEGATIVE, Doc("growth of the blur away from focus")] = 0.0
    focus_time: Annotated[float, "h", Range(), Doc("after the first light, when focus is best")] = 0.0
    vignetting: Annotated[Fraction, Range(0.0, 0.9), Doc("light lost in the corners")] = 0.15
    dust: Annotated[int, Range(0), Doc("shadows of grains per filter, and on the window")] = 6
    drift: Annotated[Pixels, NOT_NEGATIVE, Doc("random step of the pointing per frame, each axis")] = 3.0
    drift_x: Annotated[PerHour, Doc("steady drift")] = 0.0
    drift_y: Annotated[PerHour, Doc("steady drift")] = 0.0
    periodic_error: Annotated[Pixels, NOT_NEGATIVE, Doc("amplitude along x")] = 0.0
    period: Annotated[Seconds, POSITIVE, Doc("of the periodic error")] = 480.0
    field_rotation: Annotated[Degrees, NOT_NEGATIVE, Doc("random step per frame")] = 0.02
    rotation_rate: Annotated[float, "deg/h", Range(), Doc("steady rotation, from +x towards +y")] = 0.0
    flip: Annotated[bool, Doc("turn the field by 180 degrees once the target passes the meridian")] = False
    flip_offset: Annotated[Pixels, NOT_NEGATIVE, Doc("miss of the pointing after it, each axis")] = 15.0
    trailed: Annotated[tuple[int, ...], Doc("light frames spoilt by a jump, counted from 1")] = ()
    trail_length: Annotated[Pixels, NOT_NEGATIVE, Doc("of their stars")] = 12.0
    pointing_error: Annotated[Arcsec, NOT_NEGATIVE, Doc("of the header's WCS")] = 4.0
    angle_error: Annotated[Degrees, Range(), Doc("of the header's WCS")] = 0.1


@dataclass(frozen=True)
class Site(Section):
    """Where the telescope stands."""

    name: str = "Hill of the Examples"
    latitude: Annotated[Degrees, Range(-90, 90), Doc("north positive")] = 37.0
    longitude: Annotated[Degrees, Range(-180, 360), Doc("east positive")] = -3.5
    height: Annotated[Metres, Range(-500, 9000), Doc("above the sea")] = 2000.0
    trees: Annotated[Degrees, Range(-90, 89), Doc("altitude of their tops; -90: none")] = -90.0
    trees_distance: Annotated[Metres, POSITIVE, Doc("the nearer, the softer their edge")] = 150.0
