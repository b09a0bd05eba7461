"""One light frame, from its file to its fluxes: everything that is done to it in one task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.core.frame import Exposure, Frame
from pogson.core.psf import PSF
from pogson.core.transform import Transform
from pogson.io.fits import read_raw
from pogson.pipeline.settings import Settings
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.collection import Masters
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.align import match_stars
from pogson.steps.match.field import MatchFailure
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import GrowthCurve, fit_growth

#: settings of the measurement that the curve of growth shares
GROWTH_SETTINGS = ("radius", "radius_pixels", "annulus_inner", "annulus_outer")


@dataclass(frozen=True)
class Detected:
    """A light frame whose stars are known.

    `frame` is None where the pixels are not kept in memory.
    """

    exposure: Exposure
    stars: Table
    psf: PSF
    sky: float  # electron / px, median
    noise: float  # electron, median
    masters: tuple[str, ...]
    unit: str
    frame: Frame | None = None


@dataclass(frozen=True)
class Measured:
    """A light frame whose fluxes are known; `photometry` is empty where it could not be matched."""

    detected: Detected
    transform: Transform | MatchFailure
    photometry: Table | None = None
    growth: GrowthCurve | None = None


def detect_light(exposure: Exposure, masters: Masters, settings: Settings, *, keep: bool) -> Detected:
    """Read, calibrate and search one light frame; `keep` its pixels for `measure_light`."""
    frame = calibrate_frame(read_raw(exposure), masters, **settings.of("calibrate"))
    stars = detect_stars(frame, **settings.of("detect"))
    sky = stars.meta.pop("sky")  # maps as large as the frame
    return Detected(
        frame.exposure,
        stars,
        stars.meta["psf"],
        sky.median_level,
        sky.median_noise,
        frame.calibration.masters,
        frame.unit,
        frame if keep else None,
    )


def measure_light(
    detected: Detected, field: Table, transform: Transform | MatchFailure, settings: Settings
) -> Measured:
    """Measure the field's stars in a frame whose pixels are in memory; the pixels are let go."""
    frame = detected.frame
    light = replace(detected, frame=None)
    if frame is None or isinstance(transform, MatchFailure):
        return Measured(light, transform)
    fwhm = detected.psf.fwhm
    photometry = measure_aperture(frame, field, at=transform, fwhm=fwhm, **settings.of("measure"))
    shared = {k: v for k, v in settings.of("measure").items() if k in GROWTH_SETTINGS}
    growth = fit_growth(frame, field, at=transform, fwhm=fwhm, **shared)
    return Measured(light, transform, photometry, growth)


def process_light(
    exposure: Exposure,
    masters: Masters,
    settings: Settings,
    *,
    field: Table,
    reference: Table,
    guess: Transform | None,
) -> Measured:
    """Read, calibrate, search, align and measure one light frame in one go.

    Parameters
    ----------
    field : Table
        FIELD, made from the surveyed frames.
    reference : Table
        STARS of the reference frame.
    guess : Transform or None
        Map of a frame taken near this one.
    """
    detected = detect_light(exposure, masters, settings, keep=True)
    try:
        transform: Transform | MatchFailure = match_stars(detected.stars, reference, guess=guess)
    except MatchError as error:
        transform = MatchFailure(str(error))
    return measure_light(detected, field, transform, settings)
