"""What is above the telescope: the air, the bands, the stars, as settings with units and ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pogson.core.units import Arcsec, Degrees, Fraction, Mags, Pixels
from pogson.simulate.hardware import Arcmin
from pogson.simulate.parse import NOT_NEGATIVE, POSITIVE, SHARE, Choice, Doc, Range, Section

Hours = Annotated[float, "h"]
MasPerYear = Annotated[float, "mas/yr"]
KINDS = Choice(("sinusoid", "rrlyrae", "eclipsing", "transit"))


class Veil(NamedTuple):
    """Clouds that pass: hours after the first light, and their mean extinction."""

    begin: float
    end: float
    mags: float


@dataclass(frozen=True)
class Sky(Section):
    """The air."""

    seeing: Annotated[Arcsec, POSITIVE, Doc("median FWHM at the zenith")] = 2.2
    seeing_spread: Annotated[Fraction, SHARE, Doc("step from frame to frame")] = 0.05
    transparency_spread: Annotated[Fraction, SHARE, Doc("loss from frame to frame")] = 0.01
    cloudy: Annotated[tuple[int, ...], Doc("light frames through an even cloud, counted from 1")] = (7,)
    cloud: Annotated[Mags, NOT_NEGATIVE, Doc("extinction of that cloud")] = 0.5
    veils: Annotated[tuple[Veil, ...], Doc("passing clouds: [from h, to h, mean mag]")] = ()
    veil_size: Annotated[Fraction, POSITIVE, Doc("of their structure, in widths of the frame")] = 1.5
    veil_speed: Annotated[float, "frame/h", NOT_NEGATIVE, Doc("of their drift, in widths")] = 20.0
    veil_glow: Annotated[Fraction, NOT_NEGATIVE, Doc("by which an opaque cloud brightens the sky")] = 0.0
    gradient: Annotated[Fraction, SHARE, Doc("of the sky level across the frame, at random")] = 0.02
    twilight: Annotated[bool, Doc("add the light of the Sun below the horizon")] = False
    moon: Annotated[bool, Doc("add moonlight and its gradient")] = False
    scintillation: Annotated[float, NOT_NEGATIVE, Doc("C_Y of Osborn et al. 2015")] = 1.56
    trails: Annotated[int, Range(0), Doc("light frames that a satellite crosses")] = 0


@dataclass(frozen=True)
class Band(Section):
    """A filter with the air and the sky in it."""

    zero_point: Annotated[Mags, Range(), Doc("magnitude of 1 electron/s above the air")] = 22.5
    sky: Annotated[float, "mag/arcsec2", Range(), Doc("dark sky as it looks from the ground")] = 20.5
    extinction: Annotated[float, "mag/airmass", NOT_NEGATIVE, Doc("k'")] = 0.1
    second_extinction: Annotated[float, "1/airmass", Range(), Doc("k'': extinction k' + k'' (g-r)")] = 0.0
    color_term: Annotated[float, Range(), Doc("mag - inst = zero_point + color_term (g-r)")] = 0.0
    slope: Annotated[float, Range(), Doc("magnitude of a star: r + slope (g-r)")] = 0.0


@dataclass(frozen=True)
class Variable(Section, section="field.variables"):
    """One star that varies. Hours count from the start of the first light frame."""

    kind: Annotated[str, KINDS] = "sinusoid"
    mag: Annotated[Mags, Range(), Doc("the isolated star next to this brightness varies")] = 14.0
    star: Annotated[int, Range(0), Doc("or the star of this number; 0: by `mag`")] = 0
    period: Annotated[Hours, POSITIVE] = 3.0
    epoch: Annotated[Hours, Range(), Doc("of maximum light, or of mid-eclipse")] = 1.0
    amplitude: Annotated[Mags, NOT_NEGATIVE, Doc("faintest less brightest (sinusoid, rrlyrae)")] = 0.2
    ratio: Annotated[float, POSITIVE, Doc("radius of the companion over that of the star")] = 0.1
    distance: Annotated[float, Range(1.0), Doc("between them, in radii of the star")] = 6.0
    impact: Annotated[float, NOT_NEGATIVE, Doc("smallest distance of the discs, in radii of the star")] = 0.2
    surface: Annotated[float, NOT_NEGATIVE, Doc("brightness of its surface over the star's: eclipsing")] = 0.3
    u1: Annotated[float, Range(0.0, 1.0), Doc("limb darkening, linear")] = 0.4
    u2: Annotated[float, Range(-1.0, 1.0), Doc("limb darkening, quadratic")] = 0.25


@dataclass(frozen=True)
class Mover(Section, section="field.movers"):
    """One object that moves against the stars, as seen in the first light frame."""

    mag: Annotated[Mags, Range(), Doc("in all bands")] = 15.0
    color: Annotated[float, Range()] = 0.5
    x: Annotated[Pixels, Range()] = 100.0
    y: Annotated[Pixels, Range()] = 100.0
    rate: Annotated[float, "arcsec/h", NOT_NEGATIVE] = 60.0
    angle: Annotated[Degrees, Range(), Doc("direction in the frame, from +x towards +y")] = 30.0


@dataclass(frozen=True)
class Field(Section):
    """The stars: a cluster before field stars, or those of a table."""

    name: str = "POGSON 1"
    ra: Annotated[Degrees, Range(0, 360)] = 270.0
    dec: Annotated[Degrees, Range(-90, 90)] = 38.0
    table: Annotated[str, Doc("file of stars instead of those below: ra, dec or x, y; mag_<band>")] = ""
    cluster_stars: Annotated[int, Range(0)] = 1400
    field_stars: Annotated[int, Range(0)] = 500
    horizontal_branch: Annotated[int, Range(0), Doc("stars of the cluster on it")] = 22
    binaries: Annotated[Fraction, SHARE, Doc("of the cluster's main sequence")] = 0.25
    distance_modulus: Annotated[Mags, Range()] = 12.6
    brightest: Annotated[Mags, Range(), Doc("field star, in r")] = 10.5
    faintest: Annotated[Mags, Range(), Doc("in r")] = 21.0
    core_radius: Annotated[Arcmin, POSITIVE] = 3.5
    tidal_radius: Annotated[Arcmin, POSITIVE] = 25.0
    blends: Annotated[int, Range(0), Doc("stars that get a companion within two FWHM")] = 0
    proper_motion: Annotated[MasPerYear, NOT_NEGATIVE, Doc("scatter of field stars, each axis")] = 0.0
    variables: tuple[Variable, ...] = ()
    movers: tuple[Mover, ...] = ()
    catalog_share: Annotated[Fraction, SHARE, Doc("the brighter stars, which a catalogue lists")] = 0.5
    catalog_error: Annotated[Mags, NOT_NEGATIVE, Doc("of its bright stars")] = 0.01
    catalog_position_error: Annotated[Arcsec, NOT_NEGATIVE] = 0.05
    catalog_epoch: Annotated[float, "yr", Range(1800, 2200), Doc("of its positions")] = 2016.0
