"""The pictures of a run: drawn once, used as files and in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import Rows
from pogson.core.flags import SPOILED
from pogson.core.frame import Exposure, Frame
from pogson.io.files import write_atomic
from pogson.pipeline.lights import Measured
from pogson.pipeline.products import photometry_sample
from pogson.pipeline.report.page import Picture
from pogson.plots.products import (
    figure_budget,
    figure_camera,
    figure_covered,
    figure_detection,
    figure_diagram,
    figure_frames,
    figure_growth,
    figure_magnitudes,
    figure_masters,
    figure_noise,
    figure_profile,
    figure_shifts,
    figure_zero_point,
)
from pogson.plots.style import to_png
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.detect.shape import measure_profile
from pogson.steps.inspect.repeats import compare_repeats

#: bands from blue to red: a colour is the bluer minus the redder one
BLUE_TO_RED = ["u", "U", "B", "BP", "TB", "g", "V", "G", "TG", "r", "R", "RP", "TR", "i", "I", "z", "y"]

#: a star enters a diagram with errors up to this
DIAGRAM_ERROR = 0.1

Drawn = Iterator[tuple[str, Picture]]


def draw_frames(frames: Table, zero_points: Table) -> Drawn:
    """The night at a glance."""
    lights = frames[np.asarray(frames["kind"], str) == "light"]
    caption = (
        "One point per light frame; crosses were rejected, for the reason above. Clouds show as lost "
        "transparency, a tree as an uneven sky and light lost in part of the field, bad focus as a wide "
        "FWHM (line: its trend), wind and bad tracking as trails."
    )
    png = to_png(figure_frames(lights, zero_points=zero_points))
    yield "frames.png", Picture("Frames", "The night", caption, png)
    if len(lights) > 1:
        caption = (
            "How the field moved over the detector. A slope is the drift of a badly aligned mount, a wave "
            "in what is left without it the periodic error, a turn by 180 degrees the meridian flip."
        )
        yield "shifts.png", Picture("Frames", "Shifts", caption, to_png(figure_shifts(lights)))
    maps = lights.meta.get("transparency_maps", {})
    if maps:
        caption = "Frames that lost light in a part of the field: what came through, against the usual night."
        yield "covered.png", Picture("Frames", "Covered in part", caption, to_png(figure_covered(maps)))


def draw_calibration(masters: Masters, cameras: Mapping[str, Camera]) -> Drawn:
    """Masters, and the photon transfer from which the gain comes."""
    if masters.masters:
        caption = (
            "Master frames. A good flat shows dust and vignetting, and no stars; a good dark no pattern."
        )
        png = to_png(figure_masters(masters.masters, rest=masters.rest))
        yield "masters.png", Picture("Calibration", "Masters", caption, png)
    for n, camera in enumerate(cameras.values()):
        if not len(camera.levels):
            continue
        caption = "Photon transfer: noise grows with light; the slope is one over the gain."
        png = to_png(
            figure_camera(
                camera.levels,
                camera.variances,
                gain=camera.gain,
                gain_err=camera.gain_err,
                read_noise=camera.read_noise,
                read_noise_err=camera.read_noise_err,
                saturation=nan,
            )
        )
        name = "camera.png" if n == 0 else f"camera_{n + 1}.png"
        yield name, Picture("Camera", "Photon transfer", caption, png)


def draw_stars(
    posters: Mapping[str, Exposure],
    calibrate: Callable[[Exposure], Frame],
    lights: Sequence[Measured],
    reference: Measured,
) -> Drawn:
    """The best frame of each band with its stars; the profile and the curve of growth of one."""
    by_path = {m.detected.exposure.path: m for m in lights}
    posters = {band: exposure for band, exposure in posters.items() if exposure.path in by_path}
    for band, exposure in posters.items():
        measured = by_path[exposure.path]
        stars = measured.detected.read_stars()
        radius = 1.5 * measured.detected.psf.fwhm
        radius = radius if radius > 0 else 8.0
        png = to_png(figure_detection(calibrate(exposure), stars=stars, radius=radius))
        caption = f"{len(stars)} stars found. Look for stars without a circle, and circles without a star."
        yield f"detection_{band or 'none'}.png", Picture("Detection", f"Band {band}", caption, png)
    chosen = posters.get(reference.detected.exposure.band)
    if chosen is None:
        return
    one = by_path[chosen.path]
    psf, growth, photometry = one.detected.psf, one.growth, one.photometry
    if not psf.fwhm > 0 or photometry is None or growth is None:
        return
    profile = measure_profile(calibrate(chosen), one.detected.read_stars(), fwhm=psf.fwhm)
    png = to_png(
        figure_profile(
            profile.r,
            profile.value,
            err=profile.err,
            psf=psf,
            aperture=growth.radius,
            annulus=photometry.meta["annulus"],
        )
    )
    caption = "Stacked profile of isolated stars and the fitted Moffat; the aperture and the sky annulus."
    yield "profile.png", Picture("PSF and growth", "Radial profile", caption, png)
    png = to_png(
        figure_growth(
            growth.radii,
            growth.fraction,
            err=growth.fraction_err,
            aperture=growth.radius,
            correction=(growth.correction, growth.correction_err),
        )
    )
    caption = "Light inside each radius. It must level off: a rise at the end is the neighbours' light."
    yield "growth.png", Picture("PSF and growth", "Curve of growth", caption, png)


def draw_errors(photometry: Sequence[Rows], bands: Sequence[str]) -> Drawn:
    """Error terms against magnitude; scatter of repeated measurements over the expected error."""
    sample = photometry_sample(photometry)
    repeats = compare_repeats(sample)
    for band in bands:
        rows, again = (t[np.asarray(t["band"], str) == band] for t in (sample, repeats))
        caption = "Median error of each term; points: the scatter that repeated measurements really show."
        png = to_png(figure_budget(rows, band=band, repeats=again))
        yield f"budget_{band or 'none'}.png", Picture("Error budget", f"Band {band}", caption, png)
    caption = (
        "Observed scatter over expected error, the frames' zero points taken out: 1 where errors are right. "
        "Neighbours' light comes and goes with the seeing; what is above 1 without them no term explains."
    )
    yield (
        "noise.png",
        Picture("Error budget", "Are the errors right?", caption, to_png(figure_noise(repeats))),
    )


def draw_zero_points(residuals: Table, zero_points: Table, colors: Mapping[str, str]) -> Drawn:
    """Residuals against magnitude, colour and place, per band."""
    bands = np.asarray(residuals["band"], str) if len(residuals) else np.empty(0, str)
    for band in dict.fromkeys(str(b) for b in bands):
        used = zero_points[np.asarray(zero_points["band"], str) == band]
        scatter = float(np.nanmedian(used["scatter"])) if np.isfinite(used["scatter"]).any() else nan
        mine, color = residuals[bands == band], colors.get(band, "")
        png = to_png(figure_zero_point(mine, band=band, color=color, scatter=scatter))
        caption = (
            "Measured minus catalogue. A slope with colour asks for a colour term, one with place for a flat."
        )
        yield f"zeropoint_{band}.png", Picture("Zero points", f"Band {band}", caption, png)


def draw_diagrams(stars: Table, bands: Sequence[str]) -> Drawn:
    """Colour-magnitude diagrams of neighbouring bands, and how many stars of which magnitude."""
    for blue, red in color_pairs(bands):
        prefix = "mag" if f"mag_{blue}" in stars.colnames and f"mag_{red}" in stars.colnames else "inst"
        good = clean_stars(stars, (blue, red), prefix)
        if not len(good):
            continue
        color = f"{blue}-{red}"
        png = to_png(figure_diagram(good, color=color, mag=blue))
        kind = "" if prefix == "mag" else " (instrumental: no catalogue)"
        caption = (
            f"{len(good)} stars with errors below {DIAGRAM_ERROR:g} mag{kind}. "
            "A cluster shows a sequence; field stars scatter about it."
        )
        yield f"cmd_{color}_{blue}.png", Picture("Diagram", f"{blue} against {color}", caption, png)
    yield (
        "magnitudes.png",
        Picture("Stars", "Magnitudes", "How many stars were measured.", to_png(figure_magnitudes(stars))),
    )


def color_pairs(bands: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbouring bands, bluer first."""
    known = sorted((b for b in set(bands) if b in BLUE_TO_RED), key=BLUE_TO_RED.index)
    return list(pairwise(known))


def clean_stars(stars: Table, bands: Sequence[str], prefix: str = "mag") -> Table:
    """Stars with small errors in all bands and without a spoiling flag."""
    keep = (np.asarray(stars["flags"], int) & SPOILED) == 0
    for band in bands:
        keep &= np.asarray(stars[f"{prefix}_{band}_err"], float) < DIAGRAM_ERROR
    good = stars[keep]
    if prefix == "inst":
        for band in bands:
            good[f"mag_{band}"], good[f"mag_{band}_err"] = good[f"inst_{band}"], good[f"inst_{band}_err"]
    return good


def plot_diagram(stars: Table, *, color: str, mag: str, path: str | None = None) -> Any:
    """Colour-magnitude diagram of a table of stars: a matplotlib Figure, which a notebook shows.

    Parameters
    ----------
    stars : Table
        From `standardize`.
    color, mag : str
        Such as "g-r" and "g".
    path : str, optional
        Also written there, as PNG.
    """
    blue, _, red = color.partition("-")
    calibrated = str(stars.meta.get("calibrated_bands", "")).split(",")
    prefix = "mag" if {blue, red} <= set(calibrated) else "inst"
    figure = figure_diagram(clean_stars(stars, (blue, red), prefix), color=color, mag=mag)
    if path is not None:
        write_atomic(path, to_png(figure))
    return figure
