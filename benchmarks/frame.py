"""Alignment, and a whole frame from its file to its table: beside the peers put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from astropy.io import fits
from astropy.table import Table

from benchmarks.aperture import photutils_fluxes, sep_fluxes
from benchmarks.detect import photutils_stars, sep_stars
from benchmarks.race import Case, available, present
from benchmarks.scene import Scene, master_planes
from pogson.io.fits import read_raw
from pogson.pipeline.lights import TELLING
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.cosmics import flag_cosmics
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.align import match_stars
from pogson.steps.measure.annulus import lay_out
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth

BRIGHTEST = 50  # stars that astroalign looks at by itself


def align_cases(scene: Scene) -> Iterator[Case]:
    """One star list against another."""
    field, other = _points(scene.stars), _points(scene.other)
    yield Case(
        "align two star lists, nothing known before",
        lambda: match_stars(scene.other, scene.stars),
        available(astroalign=lambda: astroalign_matrix(field, other)),
        f"pogson fits all common stars and gives the chance of a false match; astroalign fits the "
        f"{BRIGHTEST} brightest.",
    )


def frame_cases(scene: Scene) -> Iterator[Case]:
    """A light frame on disk to the fluxes of the stars of a field."""
    exposure, masters = scene.night.lights[1], scene.night.masters
    field = scene.brightest(2000)
    reference = scene.stars

    def ours(all_of_it: bool = False):
        frame = calibrate_frame(read_raw(exposure), masters, cosmics=all_of_it)
        stars = detect_stars(frame)
        transform = match_stars(stars, reference)
        fwhm = stars.meta["psf"].fwhm
        pixels = {"radius_pixels": 6.0, "annulus_inner_pixels": 15.0, "annulus_outer_pixels": 25.0}
        layout = lay_out(frame, field, at=transform, fwhm=fwhm, annulus_inner_pixels=15.0)
        table = measure_aperture(frame, field, at=transform, fwhm=fwhm, layout=layout, **pixels)
        if not all_of_it:
            return table
        return table, fit_growth(frame, field, at=transform, fwhm=fwhm, layout=layout)

    yield Case(
        f"whole frame: file to table of {len(field)} fluxes",
        ours,
        {
            f"{name} + astroalign": run
            for name, run in _others(scene, field).items()
            if present(name) and present("astroalign")
        },
        "Read, calibrate, find the sky and the stars, align, measure. The peers calibrate with plain numpy.",
    )
    yield Case("the same with cosmic rays flagged and the curve of growth", lambda: ours(True))


def part_cases(scene: Scene) -> Iterator[Case]:
    """Where pogson's time for a frame goes."""
    exposure, masters, frame, stars = scene.night.lights[0], scene.night.masters, scene.frame, scene.stars
    field = scene.brightest(2000)
    guess = match_stars(scene.other, stars)
    yield Case("read the file", lambda: read_raw(exposure))
    yield Case("calibrate", lambda: calibrate_frame(scene.raw, masters, cosmics=False))
    yield Case("flag cosmic rays", lambda: flag_cosmics(frame))
    yield Case("detect", lambda: detect_stars(frame))
    yield Case(
        "detect, where the field is known",
        lambda: detect_stars(frame, brightest=TELLING, resolve=False),
    )
    yield Case("align", lambda: match_stars(scene.other, stars))
    yield Case(
        "align, with the map of a frame near in time", lambda: match_stars(scene.other, stars, guess=guess)
    )
    yield Case("measure", lambda: measure_aperture(frame, field, fwhm=scene.fwhm))
    yield Case("curve of growth", lambda: fit_growth(frame, field, fwhm=scene.fwhm))


def _others(scene: Scene, field: Table) -> dict[str, Callable[[], Table]]:
    planes, known = master_planes(scene), scene.raw.exposure
    here, reference = np.transpose([field["x"], field["y"]]), _points(scene.stars)
    fwhm, gain = scene.fwhm, np.float32(known.gain)

    def calibrated() -> np.ndarray:
        with fits.open(scene.paths[1]) as file:
            adu = file[0].data.astype(np.float32)
        return (adu - planes["bias"] - planes["dark"]) * gain / planes["flat"]

    def noise(data: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(data, 0) + np.float32(known.read_noise**2))

    def moved(points: np.ndarray) -> np.ndarray:
        matrix = astroalign_matrix(reference, points)
        return here @ matrix[:2, :2].T + matrix[:2, 2]

    def with_sep() -> Table:
        data = calibrated()
        stars = sep_stars(data)
        stars = stars[np.argsort(-stars["flux"])]
        return sep_fluxes(data, noise(data), moved(np.transpose([stars["x"], stars["y"]])))

    def with_photutils() -> Table:
        data = calibrated()
        stars = photutils_stars(data, fwhm)
        stars.sort("flux", reverse=True)
        x, y = ("x_centroid", "y_centroid") if "x_centroid" in stars.colnames else ("xcentroid", "ycentroid")
        return photutils_fluxes(data, noise(data), moved(np.transpose([stars[x], stars[y]])))

    return {"sep": with_sep, "photutils": with_photutils}


def astroalign_matrix(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity from one list of points, brightest first, to another."""
    import astroalign

    transform, _ = astroalign.find_transform(source, target, max_control_points=BRIGHTEST)
    return np.asarray(transform.params)


def _points(stars: Table) -> np.ndarray:
    return np.transpose([stars["x"], stars["y"]])
