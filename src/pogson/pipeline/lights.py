"""One light frame, from its file to its fluxes: everything that is done to it in one task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

import pogson
from pogson.core.errors import MatchError
from pogson.core.frame import Exposure, Frame
from pogson.core.psf import PSF
from pogson.core.transform import Transform
from pogson.io.fits import read_raw
from pogson.io.stored import StoredTable
from pogson.pipeline.cache import Cache, make_key
from pogson.pipeline.settings import Settings
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.detect.find import detect_stars
from pogson.steps.inspect.metrics import Metrics, measure_metrics
from pogson.steps.match.align import match_stars
from pogson.steps.match.field import MatchFailure
from pogson.steps.measure.annulus import lay_out
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import GrowthCurve, fit_growth

#: settings of the measurement that the curve of growth shares
GROWTH_SETTINGS = ("radius", "radius_pixels", "annulus_inner", "annulus_outer")


FWHM = 3.0  # px: where nothing is known

#: stars that tell the width, the trail and the place of a frame: more would tell no more
TELLING = 600


@dataclass(frozen=True)
class Detected:
    """A light frame whose stars are known.

    `frame` is None where the pixels are not in memory, and `stars` those of the file where they are not.
    """

    exposure: Exposure
    stars: Table | StoredTable
    stored: StoredTable  # the file of the stars
    psf: PSF
    sky: float  # electron / px, median
    noise: float  # electron, median
    masters: tuple[str, ...]
    missing: tuple[str, ...]  # kinds of calibration that were not there
    unit: str
    metrics: Metrics
    n_stars: int  # seen through the matched filter; `stars` may hold only the brightest, or resolved ones
    key: str
    frame: Frame | None = None

    def read_stars(self) -> Table:
        """All columns of the stars."""
        return self.stars.read() if isinstance(self.stars, StoredTable) else self.stars


@dataclass(frozen=True)
class Measured:
    """A light frame whose fluxes are known; `photometry` is None where it could not be matched.

    Its tables stay in the files of the cache.
    """

    detected: Detected
    transform: Transform | MatchFailure
    photometry: StoredTable | None = None
    growth: GrowthCurve | None = None


@dataclass(frozen=True)
class KnownField:
    """What is known when most light frames are still to be read.

    Attributes
    ----------
    field : Table
        FIELD.
    key : str
        Of `key_of_field`.
    reference : Table
        STARS of the reference frame.
    fwhm : float
        With which the search for stars begins, pixels.
    """

    field: Table
    key: str
    reference: Table
    fwhm: float


@dataclass(frozen=True)
class Workshop:
    """What every light frame of a night is worked on with."""

    masters: Masters
    settings: Settings
    cache: Cache

    def calibrate(self, exposure: Exposure) -> Frame:
        """Read a light frame and calibrate it."""
        return calibrate_frame(read_raw(exposure), self.masters, **self.settings.of("calibrate"))

    def detect(self, exposure: Exposure, start: float = FWHM, *, known: bool = False) -> Detected:
        """Read, calibrate and search a light frame; a run that was stopped may have its stars already.

        Parameters
        ----------
        exposure : Exposure
            The light frame.
        start : float
            FWHM, pixels, with which the search for stars begins.
        known : bool
            Whether the field is known: then only stars that tell where it lies are measured.
        """
        key = self._key(exposure, start, known)
        done = self.cache.get(key)
        if done is not None:
            return _restore_detected(exposure, done, key)
        frame = self.calibrate(exposure)
        options = self.settings.of("detect")
        if known:
            most = min(options.get("brightest") or TELLING, TELLING)
            options = options | {"brightest": most, "resolve": False}
        stars = detect_stars(frame, start=start, **options)
        sky, psf = stars.meta.pop("sky"), stars.meta["psf"]  # the sky's maps are as large as the frame
        telling = stars[:TELLING] if len(stars) > TELLING else stars
        facts = {
            "psf": psf,
            "sky": sky.median_level,
            "noise": sky.median_noise,
            "masters": frame.calibration.masters,
            "missing": frame.calibration.missing,
            "unit": frame.unit,
            "metrics": measure_metrics(frame, telling, sky.level_mesh, **self.settings.of("inspect")),
            "n_stars": stars.meta["n_stars"],
        }
        stored = self.cache.put(key, stars, facts | {"notes": frame.exposure.notes})
        stored.meta = {"psf": psf, "exposure": frame.exposure}
        return Detected(frame.exposure, stars, stored, **facts, key=key, frame=frame)

    def measure(
        self, detected: Detected, field: Table, field_key: str, transform: Transform | MatchFailure
    ) -> Measured:
        """Measure the field's stars in a frame; its pixels are let go, and so are its tables."""
        light = replace(detected, frame=None, stars=detected.stored)
        if isinstance(transform, MatchFailure):
            return Measured(light, transform)
        settings = self.settings.of("measure")
        key = make_key(detected.key, field_key, transform, settings)
        known = self.cache.get(key)
        if known is not None:
            return _restore_measured(light, transform, known)
        frame = detected.frame or self.calibrate(detected.exposure)
        fwhm = detected.psf.fwhm
        inner = {k: v for k, v in settings.items() if k in ("annulus_inner", "annulus_inner_pixels")}
        layout = lay_out(frame, field, at=transform, fwhm=fwhm, **inner)
        photometry = measure_aperture(frame, field, at=transform, fwhm=fwhm, layout=layout, **settings)
        shared = {k: v for k, v in settings.items() if k in GROWTH_SETTINGS}
        growth = fit_growth(frame, field, at=transform, fwhm=fwhm, layout=layout, **shared)
        meta = {k: v for k, v in photometry.meta.items() if k != "exposure"}
        kept = self.cache.put(key, photometry, {"growth": growth, "meta": meta})
        kept.meta = photometry.meta
        return Measured(light, transform, kept, growth)

    def process(self, exposure: Exposure, known: KnownField, guess: Transform | None) -> Measured:
        """Read, calibrate, search, align and measure a light frame in one go.

        Parameters
        ----------
        exposure : Exposure
            The light frame.
        known : KnownField
            Made from the surveyed frames.
        guess : Transform or None
            Map of a frame taken near this one.
        """
        detected = self.detect(exposure, known.fwhm, known=True)
        options = {k: v for k, v in self.settings.of("match").items() if k == "radius"}
        try:
            transform: Transform | MatchFailure = match_stars(
                detected.stars, known.reference, guess=guess, **options
            )
        except MatchError as error:
            transform = MatchFailure(str(error))
        return self.measure(detected, known.field, known.key, transform)

    def _key(self, exposure: Exposure, start: float, known: bool) -> str:
        """Everything that the stars of a frame depend on."""
        file = Path(exposure.path).stat()
        masters = [(m.name, m.n, m.sources, m.notes) for m in self.masters.masters]
        steps = [self.settings.of(name) for name in ("calibrate", "detect", "inspect")]
        what = (exposure, masters, self._defects, steps, start, known)
        return make_key(pogson.__version__, file.st_size, file.st_mtime_ns, *what)

    @cached_property
    def _defects(self) -> list[tuple[str, str]]:
        """Where the pixels are that the light frames show to be bad: more frames may show others."""
        bad = self.masters.bad.values()
        return [(np.flatnonzero(mask).tobytes().hex(), mask[mask > 0].tobytes().hex()) for mask in bad]


def key_of_field(field: Table) -> str:
    """A key that changes with any position of the field."""
    columns = [np.asarray(field[name], float).tobytes().hex() for name in ("x", "y", "flux", "ra", "dec")]
    return make_key(columns)


def _restore_detected(exposure: Exposure, stored: StoredTable, key: str) -> Detected:
    facts = Cache.facts(stored)
    psf = PSF(**_numbers(facts["psf"]))
    known = replace(exposure, notes=tuple(facts["notes"]))
    stored.meta = {"psf": psf, "exposure": known}
    return Detected(
        known,
        stored.read(),
        stored,
        psf,
        float(facts["sky"]),
        float(facts["noise"]),
        tuple(facts["masters"]),
        tuple(facts["missing"]),
        facts["unit"],
        Metrics(**facts["metrics"]),
        int(facts["n_stars"]),
        key,
    )


def _restore_measured(light: Detected, transform: Transform, photometry: StoredTable) -> Measured:
    facts = Cache.facts(photometry)
    growth = GrowthCurve(**_numbers(facts["growth"]))
    photometry.meta = {**facts["meta"], "exposure": light.exposure}
    return Measured(light, transform, photometry, growth)


def _numbers(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        k: np.asarray(v, float) if isinstance(v, Sequence) and not isinstance(v, str) else v
        for k, v in facts.items()
    }
