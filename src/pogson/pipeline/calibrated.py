"""From the fluxes of a night to magnitudes: judged frames, zero points, means per star."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import ZEROPOINTS
from pogson.core.errors import NightError
from pogson.core.transform import Transform
from pogson.pipeline.coordinates import Located, epoch_of
from pogson.pipeline.covered import measure_coverages
from pogson.pipeline.known import known_bits
from pogson.pipeline.lights import Measured
from pogson.pipeline.reduce import Reduced, in_time
from pogson.pipeline.settings import Settings
from pogson.steps.inspect.coverage import Coverage
from pogson.steps.inspect.judge import Verdict, judge_frames
from pogson.steps.match.crossmatch import crossmatch
from pogson.steps.measure.budget import POGSON
from pogson.steps.measure.growth import GrowthCurve
from pogson.steps.standardize.apply import standardize
from pogson.steps.standardize.transparency import measure_transparency
from pogson.steps.standardize.zeropoint import ColorTerm, ZeroPoints, fit_zero_points

#: mag: aperture corrections of one night differ at least by so much from frame to frame
LEAST_SPREAD = 0.005
#: mag: a correction with a larger error is not used
USELESS = 0.1
#: mag: a correction this far from those of the other frames was made by a neighbour
FAR = 0.3


@dataclass(frozen=True)
class Calibrated:
    """Magnitudes of a night.

    Attributes
    ----------
    stars : Table
        One row per star of the field.
    photometry : tuple of Table
        PHOTOMETRY of every measured frame, with calibrated magnitudes where there is a zero point;
        frames that were rejected keep their fluxes and have no part in the means.
    zero_points : Table
        ZEROPOINTS.
    residuals : Table
        The stars of the zero points, used or left out with the reason.
    color_terms : mapping of band to ColorTerm
    verdicts : tuple of Verdict
        One per light frame.
    transparency : mapping of path to (value, error)
    accepted_paths : frozenset of str
    matched : int
        Stars of the field that the catalogue has.
    notes : tuple of str
    coverage : mapping of path to Coverage
        Where in a frame the stars lose light.
    """

    stars: Table
    photometry: tuple[Table, ...]
    zero_points: Table
    residuals: Table
    verdicts: tuple[Verdict, ...]
    transparency: dict[str, tuple[float, float]]
    accepted_paths: frozenset[str]
    color_terms: dict[str, ColorTerm] = field(default_factory=dict)
    matched: int = 0
    notes: tuple[str, ...] = ()
    coverage: dict[str, Coverage] = field(default_factory=dict)

    @property
    def colors(self) -> dict[str, str]:
        """The colour of each band's colour term."""
        return {band: term.color for band, term in self.color_terms.items()}


def calibrate_magnitudes(
    reduced: Reduced, located: Located, catalog: Table | None, settings: Settings
) -> Calibrated:
    """Judge the frames, fit zero points where a catalogue helps, and average the stars."""
    measured = [m for m in reduced.lights if m.photometry is not None]
    tables = [_with_facts(m) for m in measured]
    relative = measure_transparency(tables, fit=_well_shaped(reduced.lights, settings)) if tables else Table()
    transparency = {
        m.detected.exposure.path: (float(row["transparency"]), float(row["transparency_err"]))
        for m, row in zip(measured, relative, strict=True)
    }
    coverage = measure_coverages(tables, relative) if tables else {}
    verdicts = judge_frames(_metrics(reduced.lights, transparency, coverage), **settings.of("judge"))
    accepted = frozenset(
        m.detected.exposure.path for m, v in zip(reduced.lights, verdicts, strict=True) if v.accepted
    )
    if not accepted:
        said = dict.fromkeys(reason for v in verdicts for reason in v.reasons)
        raise NightError(
            f"none of {len(verdicts)} light frames was accepted ({'; '.join(list(said)[:4])}); "
            "change the limits in [judge], or name the frames to keep there"
        )
    good = [t for t, m in zip(tables, measured, strict=True) if m.detected.exposure.path in accepted]
    rejected = [t for t, m in zip(tables, measured, strict=True) if m.detected.exposure.path not in accepted]
    zero_points, matched, notes = _zero_points(good, located, catalog, settings)
    mine = [m.detected.exposure.path in accepted for m in measured]
    done = standardize(good, located.field, zero_points, relative[mine])
    photometry = sorted([*done.photometry, *rejected], key=lambda t: in_time(t.meta["exposure"]))
    return Calibrated(
        done.stars,
        tuple(photometry),
        zero_points.table if zero_points else _no_zero_points(good, catalog),
        zero_points.residuals if zero_points else Table(),
        tuple(verdicts),
        transparency,
        accepted,
        dict(zero_points.colors) if zero_points else {},
        matched,
        (*notes, *_strangers(reduced.lights, settings), *_same_times(reduced.lights)),
        coverage,
    )


def _well_shaped(lights: Sequence[Measured], settings: Settings) -> list[bool]:
    """Measured frames that nothing is to be said against before their light is compared."""
    shapes = judge_frames(_metrics(lights, {}, {}), **settings.of("judge"))
    return [v.accepted for m, v in zip(lights, shapes, strict=True) if m.photometry is not None]


def fill_corrections(lights: Sequence[Measured]) -> tuple[Measured, ...]:
    """Give a frame without a usable aperture correction of its own the usual one of its band.

    Apertures follow the seeing, so frames of a night lose nearly the same share of the light. The scatter
    of the others is the error; a zero point must not jump where one frame had no star fit for its own.
    """
    known: dict[str, list[GrowthCurve]] = {}
    for light in lights:
        if light.growth is not None and light.growth.correction_err < USELESS:
            known.setdefault(light.detected.exposure.band, []).append(light.growth)
    return tuple(_with_correction(m, known.get(m.detected.exposure.band, [])) for m in lights)


def _with_correction(light: Measured, known: Sequence[GrowthCurve]) -> Measured:
    growth = light.growth
    if growth is None or not known:
        return light
    values = np.array([g.correction for g in known])
    usual = float(np.median(values))
    odd = len(known) >= 3 and abs(growth.correction - usual) > FAR
    if growth.correction_err < USELESS and not odd:
        return light
    spread = 1.4826 * float(np.median(np.abs(values - usual)))
    error = float(np.hypot(max(spread, LEAST_SPREAD), np.median([g.correction_err for g in known])))
    reason = f"aperture correction of the band's other frames ({len(known)})"
    return replace(light, growth=replace(growth, correction=usual, correction_err=error, reason=reason))


def _strangers(lights: Sequence[Measured], settings: Settings) -> list[str]:
    """Names in the settings that are no frame's: misspelt, most likely."""
    names = {Path(m.detected.exposure.path).name for m in lights}
    wanted = [(key, name) for key in ("drop", "keep") for name in settings.of("judge").get(key, ())]
    return [f"[judge] {key}: no light frame is named {name}" for key, name in wanted if name not in names]


def _same_times(lights: Sequence[Measured]) -> list[str]:
    """Times that several frames share: a clock that stood still, or copies of a frame."""
    shared = Counter(e.jd_utc for m in lights if np.isfinite((e := m.detected.exposure).jd_utc))
    return [
        f"{n} light frames have the same time, JD {time:.5f}: their order in time is not known"
        for time, n in shared.items()
        if n > 1
    ]


def _with_facts(light: Measured) -> Table:
    """The photometry, with what standardize asks of its meta."""
    assert light.photometry is not None
    table = light.photometry
    growth = light.growth
    table.meta |= {
        "aperture_correction": growth.correction if growth else nan,
        "aperture_correction_err": growth.correction_err if growth else nan,
        "aperture_scatter": lasting_scatter(growth, table.meta) if growth else nan,
        "missing": light.detected.missing,
    }
    return table


def lasting_scatter(growth: GrowthCurve, meta: Mapping[str, Any]) -> float:
    """By which single stars differ, without what changes with their place in a pixel from frame to frame."""
    return float(np.sqrt(max(growth.scatter**2 - (POGSON * meta.get("phase", 0.0)) ** 2, 0.0)))


def _metrics(
    lights: Sequence[Measured], transparency: dict[str, tuple[float, float]], coverage: dict[str, Coverage]
) -> Table:
    rows = [
        {
            "path": m.detected.exposure.path,
            "band": m.detected.exposure.band,
            "n_stars": m.detected.n_stars,
            "fwhm": m.detected.psf.fwhm,
            "elongation": m.detected.psf.elongation,
            "transparency": transparency.get(m.detected.exposure.path, (nan, nan))[0],
            "patchiness": _patchiness(coverage.get(m.detected.exposure.path)),
            "exptime": m.detected.exposure.exptime,
            "airmass": m.detected.exposure.airmass,
            "sky": m.detected.sky,
            **asdict(m.detected.metrics),
            "problem": "" if isinstance(m.transform, Transform) else m.transform.reason,
        }
        for m in lights
    ]
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _patchiness(coverage: Coverage | None) -> float:
    return nan if coverage is None else coverage.patchiness


def _zero_points(
    good: Sequence[Table], located: Located, catalog: Table | None, settings: Settings
) -> tuple[ZeroPoints | None, int, tuple[str, ...]]:
    if catalog is None or located.solution is None or not good:
        return None, 0, ()
    field_ = located.field
    epoch = epoch_of([t.meta["exposure"].jd_utc for t in good])
    flux = np.asarray(field_["flux"], float)
    rough = np.where(flux > 0, -2.5 * np.log10(np.where(flux > 0, flux, 1.0)), nan)
    matches = crossmatch(
        field_["ra"], field_["dec"], catalog, ids=np.asarray(field_["id"]), mag=rough, epoch=epoch
    )
    matches["flags"] |= known_bits(field_, matches["star"])
    fitted = fit_zero_points(
        good, matches, catalog, pixel_scale=located.pixel_scale, **settings.of("standardize")
    )
    missing = [
        f"the catalogue has no {band}: its magnitudes are instrumental"
        for band in dict.fromkeys(str(t.meta["exposure"].band) for t in good)
        if f"mag_{band}" not in catalog.colnames
    ]
    return fitted, len(matches), tuple(missing)


def _no_zero_points(tables: Sequence[Table], catalog: Table | None) -> Table:
    """ZEROPOINTS that say that there is none."""
    n = len(tables)
    exposures = [t.meta["exposure"] for t in tables]
    nothing = np.full(n, nan)
    return ZEROPOINTS.table(
        frame=[e.path for e in exposures],
        band=[e.band for e in exposures],
        zero_point=nothing,
        zero_point_err=nothing,
        scatter=nothing,
        n_used=np.zeros(n, int),
        color_term=np.zeros(n),
        sky_brightness=nothing,
        sky_brightness_err=nothing,
        limiting_mag=nothing,
        catalog=[str(catalog.meta.get("name", "")) if catalog is not None else ""] * n,
    )
