"""Time aperture photometry side by side with sep and photutils, in one run, on one thread.

python benchmarks/aperture.py
"""

import time

import numpy as np
import photutils.aperture as phot
import sep
from astropy.stats import SigmaClip
from astropy.table import Table

from pogson.core.flags import UNUSABLE
from pogson.core.frame import Exposure, Frame
from pogson.core.psf import PSF
from pogson.kernels.annulus import annulus_sky
from pogson.kernels.aperture import sum_apertures
from pogson.kernels.neighbors import paint_stars
from pogson.kernels.profiles import add_moffats
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth

STARS, SHAPE, RADIUS, INNER, OUTER = 2000, (1266, 1676), 6.0, 15.0, 25.0


def best(function, repeats):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, SHAPE[1] - 1, STARS), rng.uniform(0, SHAPE[0] - 1, STARS)
    flux = 10.0 ** rng.uniform(3.0, 5.0, STARS)
    data = np.zeros(SHAPE, np.float32)
    one = np.ones(STARS)
    add_moffats(data, x, y, flux, 4.0 * one, 3.0 * one, one, 0.0 * one)
    data = (rng.poisson(data + 200.0) + rng.normal(0.0, 5.0, SHAPE)).astype(np.float32)
    frame = Frame.from_array(data, variance=np.maximum(data, 0) + 25.0, exposure=Exposure(exptime=60.0))
    field = Table(
        {"id": np.arange(STARS), "x": x, "y": y, "flux": flux}, meta={"psf": PSF("moffat", 4.0, beta=3.0)}
    )
    none = np.empty((0, 0), np.float32)
    blocked = paint_stars(frame.mask, UNUSABLE, x, y, 4.0 * one, 10.0 * one)
    points = np.transpose([x, y])
    error = np.sqrt(frame.variance)

    def ours(**more):
        pixels = {"radius_pixels": RADIUS, "annulus_inner_pixels": INNER, "annulus_outer_pixels": OUTER}
        return measure_aperture(frame, field, **pixels, **more)

    def sums():
        planes = (none, none, none, none, 25.0, 0.1)
        sum_apertures(data, frame.variance, frame.mask, UNUSABLE, 0, x, y, np.array([RADIUS]), 2.0, *planes)

    def paint():
        paint_stars(frame.mask, UNUSABLE, x, y, 4.0 * one, 10.0 * one)

    def sep_sums(**annulus):
        sep.sum_circle(data, x, y, RADIUS, err=error, subpix=0, **annulus)

    def photutils_sums():
        aperture = phot.CircularAperture(points, RADIUS)
        phot.aperture_photometry(data, aperture, error=error, method="exact")

    def photutils_sky():
        annulus = phot.CircularAnnulus(points, INNER, OUTER)
        clip = SigmaClip(3.0, maxiters=10)
        return phot.ApertureStats(data, annulus, sigma_clip=clip, sum_method="center").median

    cases = [
        ("pogson measure_aperture: table with errors and flags", ours, 15),
        ("   of it: sums and terms", sums, 15),
        (
            "   of it: annulus, clipped median, neighbours out",
            lambda: annulus_sky(data, blocked, x, y, INNER, OUTER, 3.0, 50),
            15,
        ),
        ("   of it: painting the neighbours", paint, 15),
        ("pogson measure_aperture, four radii", lambda: ours(radii=(3.0, 4.0, 8.0)), 10),
        ("pogson fit_growth", lambda: fit_growth(frame, field), 5),
        ("sep sum_circle exact, with error", sep_sums, 10),
        ("sep, and annulus mean (not clipped)", lambda: sep_sums(bkgann=(INNER, OUTER)), 10),
        ("photutils aperture_photometry exact, with error", photutils_sums, 3),
        ("photutils ApertureStats, annulus clipped median", photutils_sky, 1),
    ]
    rows = [(name, best(function, repeats)) for name, function, repeats in cases]
    for name, ms in rows:
        print(f"{ms:9.2f} ms   {ms / rows[0][1]:7.2f} x   {name}")


if __name__ == "__main__":
    main()
