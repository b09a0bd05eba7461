"""Measure the flux of every star of a field in circular apertures."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan, pi, sqrt
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import PHOTOMETRY
from pogson.core.errors import FrameError, SettingError
from pogson.core.flags import UNUSABLE, Pixel, Star
from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels
from pogson.kernels.aperture import sum_apertures
from pogson.steps.measure.annulus import Layout, lay_out, measure_annulus
from pogson.steps.measure.budget import POGSON, scintillation, split_variance, zero_errors
from pogson.steps.measure.phase import phase_scatter
from pogson.steps.measure.stars import Stars, contamination

Array = NDArray[np.float64]

#: pixels that a sum may not use; saturated ones are kept: the flux is then a lower limit, and flagged
FILLED = UNUSABLE & ~int(Pixel.SATURATED | Pixel.BLEED)

#: what bits of the mask in an aperture make of a star
FLAGS = [
    (int(pixel), int(star))
    for pixel, star in (
        (Pixel.BAD | Pixel.HOT | Pixel.FLAT, Star.BAD_PIXEL),
        (Pixel.COSMIC, Star.COSMIC),
        (Pixel.SATURATED | Pixel.BLEED, Star.SATURATED),
        (Pixel.NONLINEAR, Star.NONLINEAR),
        (Pixel.EMPTY, Star.EDGE),
    )
]


def measure_aperture(
    frame: Frame,
    field: Table,
    *,
    at: Transform | None = None,
    radius: Fwhms = 1.5,
    annulus_inner: Fwhms = 4.0,
    annulus_outer: Fwhms = 7.0,
    radius_pixels: Pixels = 0.0,
    annulus_inner_pixels: Pixels = 0.0,
    annulus_outer_pixels: Pixels = 0.0,
    radii: tuple[float, ...] = (),
    sky_method: str = "median",
    min_sky_pixels: int = 50,
    fwhm: Pixels = nan,
    layout: Layout | None = None,
) -> Table:
    """Flux of every star of the field in this frame, above the local sky, with its error budget.

    No star is dropped: one that lies off the frame gets NaN and a flag.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    field : Table
        Stars: id, x, y, and flux where it is known; `meta["psf"]` may hold their PSF.
    at : Transform or None
        From the field's pixels to this frame's; None where they are the same.
    radius : float
        Radius of the aperture.
    annulus_inner, annulus_outer : float
        Radii of the sky annulus; it is widened to hold at least 300 pixels.
    radius_pixels, annulus_inner_pixels, annulus_outer_pixels : float
        The same in pixels; 0 takes the radius in units of the FWHM.
    radii : tuple of float
        More radii in pixels; each adds columns flux_r1, flux_r1_err, contamination_r1 and so on.
    sky_method : str
        How the sky level comes from the annulus: median, mean or mode.
    min_sky_pixels : int
        Below this number of sky pixels a star is flagged, and more pixels are let in.
    fwhm : float
        Full width at half maximum of this frame's stars; NaN takes it from the field.
    layout : Layout or None
        From `lay_out` with the same arguments, where it is known already.

    Returns
    -------
    Table
        PHOTOMETRY, one row per star in the field's order; `mag` is -2.5 log10(flux / exptime).

    Raises
    ------
    ColumnError, FrameError, SettingError
        If the field lacks a column, the exposure time is unknown, or a radius makes no sense.

    Notes
    -----
    A pixel counts with its exact area in the circle, its variance with the square of that.
    Unusable pixels are filled from those at the same distance from the star, or make the flux
    NaN (see `sum_apertures`). Saturated pixels stay: the flux is then a lower limit, and flagged.
    The terms of the error are derived in `docs/theory/noise.md`.

    References
    ----------
    Howell 1989, PASP 101, 616; Merline & Howell 1995, Exp. Astron. 6, 163; Stetson 1987, PASP 99, 191.
    """
    layout = layout or lay_out(
        frame,
        field,
        at=at,
        fwhm=fwhm,
        annulus_inner=annulus_inner,
        annulus_inner_pixels=annulus_inner_pixels,
    )
    stars = layout.stars
    if not frame.exposure.exptime > 0.0:
        raise FrameError(f"{_name(frame)}: exposure time unknown; give exptime for a magnitude per second")
    aperture = radius_pixels or radius * stars.fwhm
    inner = annulus_inner_pixels or annulus_inner * stars.fwhm
    outer = max(annulus_outer_pixels or annulus_outer * stars.fwhm, sqrt(inner**2 + 300.0 / pi))
    if not 0.0 < aperture <= inner:
        raise SettingError(
            f"the aperture's radius ({aperture:g} px) must be above 0 and not above the annulus' inner "
            f"radius ({inner:g} px); change radius or annulus_inner"
        )
    sky = measure_annulus(
        frame,
        stars,
        layout.blocked,
        inner=inner,
        outer=outer,
        method=sky_method,
        min_pixels=min_sky_pixels,
    )
    all_radii = np.array([aperture, *radii], float)
    sums, variances, coverage, bits, peak, terms = sum_stars(frame, stars, all_radii)
    variances = variances * frame.correlation**2
    area = pi * all_radii**2
    fluxes = sums - sky.level[:, None] * area
    zero = _zero_errors(frame, inner, outer, all_radii)
    annulus = np.hypot(sky.level_err[:, None] * frame.correlation, zero[:, 1]) * area
    flicker = scintillation(frame.exposure)
    scatter = (0.0 if isnan(flicker) else flicker) * np.abs(fluxes)
    phase = np.array([phase_scatter(r, stars.fwhm, stars.beta) for r in all_radii]) * np.abs(fluxes)

    flags = flag_pixels(bits, coverage[:, 0], sums[:, 0], stars, aperture, frame.shape)
    flags |= np.where(sky.few, int(Star.FEW_SKY), 0)
    if not np.any(stars.flux > 0.0):
        stars = replace(stars, flux=fluxes[:, 0])
    share, touched = _find_neighbors(stars, aperture)
    flags |= touched
    if frame.unit == "adu":
        flags |= int(Star.EMPIRICAL)
        parts = {name: np.zeros(len(peak)) for name in ("source", "dark", "read", "flat", "quantisation")}
        parts["sky"] = np.maximum(variances[:, 0], 0.0)
        scatter = phase = np.zeros_like(fluxes)
    else:
        parts = split_variance(variances[:, 0], terms, sky.level)
    flux = fluxes[:, 0]
    lost = np.isnan(flux)
    parts |= {"annulus": annulus[:, 0] ** 2, "scintillation": scatter[:, 0] ** 2, "phase": phase[:, 0] ** 2}
    errors = {f"err_{name}": np.where(lost, nan, np.sqrt(value)) for name, value in parts.items()}
    flux_err = np.where(lost, nan, np.sqrt(sum(parts.values())))
    flags |= np.where(flux <= 0.0, int(Star.NEGATIVE), 0)
    bright = np.where(flux > 0.0, flux, nan)
    total = np.sqrt(np.maximum(variances, 0.0) + annulus**2 + scatter**2 + phase**2)
    extra: dict[str, Any] = {f"flux_r{k}": fluxes[:, k] for k in range(1, len(all_radii))}
    extra |= {f"flux_r{k}_err": total[:, k] for k in range(1, len(all_radii))}
    extra |= {f"contamination_r{k}": contamination(stars, r)[0] for k, r in enumerate(radii, 1)}
    return PHOTOMETRY.table(
        meta={
            "exposure": frame.exposure,
            "unit": frame.unit,
            "fwhm": stars.fwhm,
            "radius": aperture,
            "radii": tuple(radii),
            "annulus": (inner, outer),
            "sky_method": sky_method,
            "sky_zero_err": float(zero[0, 0]),  # of all sky levels together; fluxes do not have it
            "phase": phase_scatter(aperture, stars.fwhm, stars.beta),
            "scintillation": flicker,  # NaN: unknown, the term is 0
        },
        star=stars.id,
        frame=np.full(len(flux), _name(frame)),
        band=np.full(len(flux), frame.exposure.band),
        bjd_tdb=np.full(len(flux), frame.exposure.bjd_tdb),
        x=stars.x,
        y=stars.y,
        flux=flux,
        flux_err=flux_err,
        sky=sky.level,
        n_sky=sky.n,
        coverage=coverage[:, 0],
        contamination=share,
        peak=peak - sky.level,
        mag=-2.5 * np.log10(bright / frame.exposure.exptime),
        mag_err=POGSON * flux_err / bright,
        flags=flags,
        **errors,
        **extra,
    )


def _zero_errors(frame: Frame, inner: float, outer: float, radii: Array) -> Array:
    """What is left of the zero level, for each radius: in the sky level, and in the flux per pixel."""
    height = frame.shape[0]
    both = [
        zero_errors(frame.zero_variance, frame.zero_rows, inner=inner, outer=outer, radius=r, height=height)
        for r in radii
    ]
    return np.array(both)


def sum_stars(frame: Frame, stars: Stars, radii: Array) -> tuple[Any, ...]:
    """Sums of a frame's pixels in apertures, as from `sum_apertures`; no sky is subtracted."""
    made = frame.calibration
    return sum_apertures(
        frame.data,
        frame.variance,
        frame.mask,
        FILLED,
        int(Pixel.EMPTY),
        stars.x,
        stars.y,
        stars.order,
        radii,
        0.5 * stars.fwhm,
        made.flat,
        made.flat_variance,
        made.dark,
        made.master_variance,
        float(made.read_variance),
        float(made.quantisation_variance),
    )


def _find_neighbors(stars: Stars, radius: float) -> tuple[Array, NDArray[np.int64]]:
    """Light of neighbours in the aperture over the star's own, and the flags that follow."""
    share, nearest = contamination(stars, radius)
    touched = share > 0.01
    flags: NDArray[np.int64] = np.zeros(len(share), np.int64)
    flags[touched] |= int(Star.NEIGHBOR)
    flags[touched & (nearest < stars.fwhm)] |= int(Star.BLENDED)
    return share, flags


def flag_pixels(
    bits: NDArray[np.int64], coverage: Array, sums: Array, stars: Stars, radius: float, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """What the mask says about the pixels in each aperture."""
    flags: NDArray[np.int64] = np.zeros(len(bits), np.int64)
    for pixel, star in FLAGS:
        flags |= np.where(bits & pixel, star, 0)
    ny, nx = shape
    inside = (stars.x - radius >= -0.5) & (stars.x + radius <= nx - 0.5)
    inside &= (stars.y - radius >= -0.5) & (stars.y + radius <= ny - 0.5)
    flags |= np.where(inside, 0, int(Star.EDGE))
    flags |= np.where((coverage < 1.0) | np.isnan(sums), int(Star.INCOMPLETE), 0)
    return flags


def _name(frame: Frame) -> str:
    return frame.exposure.path or "this frame"
