"""What is known to be wrong with a pixel, and with a measurement: one bit each."""

from enum import IntFlag


class Pixel(IntFlag):
    """Bits of `Frame.mask` (uint16); 0 is a good pixel."""

    BAD = 1  # dead, cold or unstable pixel of the detector, or not a number
    HOT = 2  # dark current far above that of its neighbours
    SATURATED = 4  # at or above the saturation level
    BLEED = 8  # charge spilt over from a saturated pixel
    COSMIC = 16  # hit by a cosmic ray
    NONLINEAR = 32  # above the linearity limit, below saturation
    EMPTY = 64  # no data: outside the detector, or lost
    FLAT = 128  # the flat field is too low or unknown here


class Star(IntFlag):
    """Bits of a `flags` column; 0 is a measurement without remark.

    Bits 1 to 16 mean what they mean in SExtractor.
    """

    NEIGHBOR = 1  # light of a neighbour in the aperture
    BLENDED = 2  # closer to a neighbour than the resolution
    SATURATED = 4  # a saturated pixel in the aperture: the flux is too low
    EDGE = 8  # touches the edge of the detector
    INCOMPLETE = 16  # part of the aperture holds no usable pixel
    BAD_PIXEL = 32  # a bad or hot pixel in the aperture
    COSMIC = 64  # a cosmic ray in the aperture
    FEW_SKY = 128  # too few sky pixels in the annulus
    NONLINEAR = 256  # a pixel above the linearity limit in the aperture
    NEGATIVE = 512  # flux at or below zero: no magnitude, use flux and flux_err
    AMBIGUOUS = 1024  # more than one catalogue star fits
    VARIABLE = 2048  # known or suspected variable
    NO_COLOR = 4096  # no colour of its own: the colour term could not be applied
    EMPIRICAL = 8192  # gain unknown: the error is measured from the sky, not derived
    SHADED = 16384  # all stars around it faded with it: a branch, the dome, the edge of a cloud
    SEEING = 32768  # brighter or fainter with the width of the stars: an unseen neighbour, full pixels


#: Pixels that no sum may use as they stand.
UNUSABLE = int(
    Pixel.BAD | Pixel.HOT | Pixel.SATURATED | Pixel.BLEED | Pixel.COSMIC | Pixel.EMPTY | Pixel.FLAT
)

#: Measurements that must not enter a zero point, an aperture correction or a mean magnitude.
SPOILED = int(
    Star.SATURATED
    | Star.EDGE
    | Star.INCOMPLETE
    | Star.BAD_PIXEL
    | Star.COSMIC
    | Star.NONLINEAR
    | Star.BLENDED
    | Star.SHADED
)


def flag_names(value: int, kind: type[Pixel] | type[Star] = Star) -> str:
    """The names of the set bits, in words: ``saturated, edge``."""
    return ", ".join(flag.name.lower().replace("_", " ") for flag in kind if flag.name and value & flag)
