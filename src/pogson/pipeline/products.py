"""The tables that a run writes: names and columns are a contract."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict
from math import nan
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import FRAMES, PHOTOMETRY, Rows
from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.pipeline.lights import Measured
from pogson.pipeline.workers import Failure
from pogson.steps.inspect.coverage import Coverage
from pogson.steps.inspect.judge import Verdict
from pogson.steps.inspect.tracking import measure_tracking, slow_trend

#: a picture of errors shows no more with more measurements, or with more frames of a band
SAMPLE_ROWS = 100_000
LEAST_SAMPLE = 20
#: columns that such a picture needs
DRAWN = ("star", "band", "flux", "flux_err", "mag", "mag_err", "flags")

#: frames of which parts differ by more than this fraction of the light are shown
UNEVEN = 0.1
BLURRED = {"focus", "trailed"}

#: further columns of frames.ecsv: name -> (unit, description)
MORE: dict[str, tuple[str, str]] = {
    "target": ("", "target, as the header says"),
    "jd_utc": ("d", "Julian date of mid-exposure, UTC"),
    "gain_err": ("electron / adu", "error of gain, 1 sigma"),
    "read_noise_err": ("electron", "error of read_noise, 1 sigma"),
    "saturation": ("adu", "raw level from which a pixel counts as saturated"),
    "saturation_source": ("", "where the saturation level came from"),
    "linearity": ("adu", "raw level above which the camera is not linear"),
    "temperature": ("deg_C", "temperature of the detector"),
    "unit": ("", "unit of sky and fluxes: adu where the gain is unknown"),
    "noise": ("electron", "noise of a sky pixel"),
    "fwhm_trend": ("pix", "slow part of fwhm: median of the nine frames of the band around this one"),
    "elongation": ("", "median major over minor axis of the stars"),
    "trail": (
        "",
        "0 where stars are round or point everywhere, else 1 - minor / major axis",
    ),
    "trail_angle": ("deg", "direction of the trail, from x towards y"),
    "minimum": ("electron", "smallest usable pixel"),
    "maximum": ("electron", "largest usable pixel: one hot pixel makes it"),
    "dynamic_range": ("electron", "how far the brightest unsaturated stars stand above the sky"),
    "uniformity": ("electron", "largest difference of the sky between 4 x 4 areas of the frame"),
    "saturated": ("", "fraction of saturated pixels"),
    "patchiness": ("", "largest difference of transparency between parts of the frame, as a fraction"),
    "transparency_err": ("", "error of transparency, 1 sigma"),
    "aperture_radius": ("pix", "radius of the aperture"),
    "aperture_correction": ("mag", "to add to a magnitude of the aperture for all the light"),
    "aperture_correction_err": ("mag", "error of aperture_correction, 1 sigma"),
    "aperture_scatter": ("mag", "by which single stars differ from aperture_correction, beyond noise"),
    "dx": ("pix", "shift of the frame's centre against the reference frame, columns"),
    "dy": ("pix", "the same, rows"),
    "tracking": ("pix", "how far the field moved since the frame before"),
    "rotation": ("deg", "rotation against the reference frame"),
    "scale": ("", "scale against the reference frame"),
    "match_rms": ("pix", "distance of the matched stars, root mean square"),
    "reason_codes": ("", "why rejected, in words that stay the same; empty when accepted"),
    "masters": ("", "masters applied"),
    "missing": ("", "kinds of calibration that were not there"),
    "time_source": ("", "where the time came from"),
    "band_source": ("", "where the band came from"),
    "kind_source": ("", "where the kind came from"),
}


def frames_table(
    lights: Sequence[Measured],
    verdicts: Sequence[Verdict],
    transparency: Mapping[str, tuple[float, float]],
    others: Sequence[Exposure],
    failures: Sequence[Failure],
    unread: Sequence[tuple[str, str]],
    coverage: Mapping[str, Coverage] | None = None,
) -> Table:
    """FRAMES: one row for every file of the night, also those that could not be used.

    Parameters
    ----------
    lights, verdicts : sequences
        Measured light frames, and what was decided about each.
    transparency : mapping of path to (value, error)
        Light of the stars, relative to the best frame of the band.
    others : sequence of Exposure
        Every other frame: calibration frames, frames of unknown kind, light frames that failed.
    failures : sequence of Failure
        Frames that were tried and could not be used; `item` is the path.
    unread : sequence of (path, reason)
        Files that could not be read at all.
    coverage : mapping of path to Coverage, optional
        Where in a frame light was lost; the maps of uneven frames become meta `transparency_maps`.
    """
    failed = {f.item: f.reason for f in failures}
    rows = [
        _light_row(light, verdict, transparency.get(light.detected.exposure.path, (nan, nan)))
        for light, verdict in zip(lights, verdicts, strict=True)
    ]
    covered = coverage or {}
    for row in rows:
        row["patchiness"] = covered[row["path"]].patchiness if row["path"] in covered else nan
    _compare_frames(rows)
    for exposure in others:
        reason = failed.get(exposure.path, "")
        refused = bool(reason) or exposure.kind == "unknown"
        reason = reason.removeprefix(f"{exposure.path}: ")
        said = reason or ("kind unknown: not used" if refused else "; ".join(exposure.notes))
        code = "failed" if reason else "unknown-kind" if refused else ""
        rows.append(_facts(exposure) | {"accepted": not refused, "reasons": said, "reason_codes": code})
    for path, reason in unread:
        facts = {"accepted": False, "reasons": reason, "reason_codes": "unread"}
        rows.append(_facts(Exposure(path=path)) | facts)
    names = [*FRAMES.names, *MORE]
    blank = {c.name: "" if c.dtype is str else 0 if c.dtype is int else nan for c in FRAMES.columns}
    columns: dict[str, Any] = {
        n: [row.get(n, blank.get(n, "" if _is_text(n) else nan)) for row in rows] for n in names
    }
    table = FRAMES.table(**columns)
    for name, (unit, about) in MORE.items():
        table[name].unit = unit or None
        table[name].description = about
    # a blurred or trailed star loses light from its aperture
    shapes = {row["path"] for row in rows if BLURRED & set(row.get("reason_codes", "").split(", "))}
    uneven = {p: c.transparency for p, c in covered.items() if c.patchiness > UNEVEN and p not in shapes}
    if uneven:
        table.meta["transparency_maps"] = {path: np.round(m, 3).tolist() for path, m in uneven.items()}
    return table


def _is_text(name: str) -> bool:
    return name.endswith("_source") or name in ("target", "unit", "reason_codes", "masters", "missing")


def _compare_frames(rows: list[dict[str, Any]]) -> None:
    """What shows only beside the other frames: tracking, and the trend of the focus."""
    dx, dy, fwhm = (np.array([row.get(name, nan) for row in rows], float) for name in ("dx", "dy", "fwhm"))
    moved = measure_tracking(dx, dy)
    trend = slow_trend(fwhm, [row["band"] for row in rows])
    for row, tracking, focus in zip(rows, moved, trend, strict=True):
        row |= {"tracking": float(tracking), "fwhm_trend": float(focus)}


def _facts(exposure: Exposure) -> dict[str, Any]:
    source = exposure.sources.get
    return {
        "path": exposure.path,
        "kind": exposure.kind,
        "band": exposure.band,
        "exptime": exposure.exptime,
        "bjd_tdb": exposure.bjd_tdb,
        "jd_utc": exposure.jd_utc,
        "airmass": exposure.airmass,
        "gain": exposure.gain,
        "gain_err": exposure.gain_err,
        "gain_source": source("gain", "unknown"),
        "read_noise": exposure.read_noise,
        "read_noise_err": exposure.read_noise_err,
        "read_noise_source": source("read_noise", "unknown"),
        "saturation": exposure.saturation,
        "saturation_source": source("saturation", "unknown"),
        "linearity": exposure.linearity,
        "temperature": exposure.temperature,
        "target": exposure.target,
        "time_source": source("jd_utc", source("jd_start", "unknown")),
        "band_source": source("band", "unknown"),
        "kind_source": source("kind", "unknown"),
    }


def _light_row(light: Measured, verdict: Verdict, transparency: tuple[float, float]) -> dict[str, Any]:
    detected, growth, transform = light.detected, light.growth, light.transform
    remarks = [*verdict.reasons]
    if verdict.accepted:
        remarks += [*detected.exposure.notes, *([growth.reason] if growth and growth.reason else [])]
    row = _facts(detected.exposure) | {
        "unit": detected.unit,
        "sky": detected.sky,
        "noise": detected.noise,
        "fwhm": detected.psf.fwhm,
        "elongation": detected.psf.elongation,
        "n_stars": detected.n_stars,
        "transparency": transparency[0],
        "transparency_err": transparency[1],
        "masters": ", ".join(detected.masters),
        "missing": ", ".join(detected.missing),
        "accepted": verdict.accepted,
        "reasons": "; ".join(remarks),
        "reason_codes": ", ".join(verdict.codes),
        **asdict(detected.metrics),
    }
    if growth is not None:
        row |= {
            "aperture_radius": growth.radius,
            "aperture_correction": growth.correction,
            "aperture_correction_err": growth.correction_err,
            "aperture_scatter": growth.scatter,
        }
    if isinstance(transform, Transform):
        # of the centre: a turn about it is no shift
        center = (np.array(detected.exposure.shape[::-1]) - 1.0) / 2.0
        dx, dy = np.array(transform.apply(*center)) - center
        row |= {
            "dx": float(dx),
            "dy": float(dy),
            "rotation": transform.rotation,
            "scale": transform.scale,
            "match_rms": transform.rms,
        }
    return row


def photometry_parts(tables: Sequence[Rows]) -> Iterator[dict[str, Any]]:
    """PHOTOMETRY of one frame after the other, as plain columns: most of them are read from their files."""
    for table in tables:
        yield {name: table[name] for name in table.colnames}


def photometry_sample(tables: Sequence[Rows], *, most: int = SAMPLE_ROWS) -> Table:
    """Fluxes, errors and flags of frames enough for a picture, evenly spread over the night of each band."""
    bands: dict[str, list[Rows]] = {}
    for table in tables:
        bands.setdefault(str(table.meta["exposure"].band), []).append(table)
    rows = sum(len(table) for table in tables)
    chosen = []
    for mine in bands.values():
        n = min(len(mine), max(LEAST_SAMPLE, len(mine) * most // max(rows, 1)))
        chosen += [mine[k] for k in np.unique(np.linspace(0, len(mine) - 1, n).astype(int))]
    if not chosen:
        return PHOTOMETRY.empty()
    names = [name for name in chosen[0].colnames if name in DRAWN or name.startswith("err_")]
    columns: dict[str, Any] = {name: np.concatenate([t[name] for t in chosen]) for name in names}
    # a number says as much as a path, and is much smaller
    columns["frame"] = np.repeat(np.arange(len(chosen)), [len(t) for t in chosen])
    return PHOTOMETRY.describe(Table(columns, copy=False))


def observed_bands(lights: Sequence[Measured], accepted: Container[str]) -> list[str]:
    """Bands of the frames that were accepted, in the order of their first."""
    exposures = [m.detected.exposure for m in lights]
    return list(dict.fromkeys(e.band for e in exposures if e.path in accepted))


def file_name(name: str) -> str:
    """A name that can stand in a folder: filters may be called "Ha/OIII"."""
    return re.sub(r"[^\w.+-]", "_", name)


def typical(values: Any) -> float:
    """Median of the finite values; NaN where there is none."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else nan
