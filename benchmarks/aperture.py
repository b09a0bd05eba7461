"""Aperture photometry: beside sep and photutils."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from astropy.table import Table

from benchmarks.race import Case, available
from benchmarks.scene import Scene
from pogson.steps.measure.aperture import measure_aperture

RADIUS, INNER, OUTER = 6.0, 15.0, 25.0
STARS = 2000


def cases(scene: Scene) -> Iterator[Case]:
    """2000 stars with the sky of an annulus each."""
    field, frame = scene.brightest(STARS), scene.frame
    points = np.transpose([field["x"], field["y"]])
    error = np.sqrt(frame.variance)
    pixels = {"radius_pixels": RADIUS, "annulus_inner_pixels": INNER, "annulus_outer_pixels": OUTER}
    yield Case(
        f"{len(field)} apertures, exact, each with the sky of its annulus",
        lambda: measure_aperture(frame, field, **pixels),
        available(
            sep=lambda: sep_fluxes(frame.data, error, points),
            photutils=lambda: photutils_fluxes(frame.data, error, points),
        ),
        "pogson's sky is a clipped median without the neighbours, photutils' a clipped median; sep's "
        "is a mean of all pixels: cheap, but the light of neighbours counts as sky. sep, and "
        "photutils before 3.1, weight the variance of a pixel cut by the circle with its overlap "
        "instead of the overlap's square (errors up to 10 % too large), and neither adds the error of"
        " the sky level.",
    )


def sep_fluxes(data: np.ndarray, error: np.ndarray, points: np.ndarray) -> Table:
    """Fluxes above the mean of the annulus."""
    import sep

    x, y = np.ascontiguousarray(points.T)
    flux, err, flags = sep.sum_circle(data, x, y, RADIUS, err=error, subpix=0, bkgann=(INNER, OUTER))
    return Table({"x": x, "y": y, "flux": flux, "flux_err": err, "flags": flags})


def photutils_fluxes(data: np.ndarray, error: np.ndarray, points: np.ndarray) -> Table:
    """Fluxes above the clipped median of the annulus."""
    from astropy.stats import SigmaClip
    from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry

    aperture = CircularAperture(points, RADIUS)
    table = aperture_photometry(data, aperture, error=error, method="exact")
    annulus = CircularAnnulus(points, INNER, OUTER)
    clip = SigmaClip(3.0, maxiters=10)
    sky = ApertureStats(data, annulus, sigma_clip=clip, sum_method="center").median
    table["flux"] = table["aperture_sum"] - sky * aperture.area
    return table
