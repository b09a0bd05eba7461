"""Sky and detection beside photutils and sep, in one run, on one thread.

    python benchmarks/detect.py [--repeat N]

The frame is 1676 x 1266 with 2500 Moffat stars. Each number is the least CPU time of N runs. The peers do
less than detect_stars: it also measures the FWHM, centroid errors, moments of every star and the frame's PSF.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sep
from photutils.background import Background2D
from photutils.detection import DAOStarFinder

from pogson.core.frame import Frame
from pogson.kernels.profiles import add_moffats
from pogson.steps.detect import find
from pogson.steps.detect.centroid import measure_centroids
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.peaks import filter_frame, peaks_above
from pogson.steps.detect.shape import fit_psf, measure_shapes
from pogson.steps.detect.sky import estimate_sky

SHAPE, N, FWHM, SKY, READ_NOISE = (1266, 1676), 2500, 3.5, 200.0, 5.0


def make_frame() -> tuple[Frame, np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, SHAPE[1], N), rng.uniform(0, SHAPE[0], N)
    flux = 10 ** rng.uniform(2.5, 5.5, N)
    image = np.zeros(SHAPE, np.float32)
    one = np.ones(N)
    add_moffats(image, x, y, flux, FWHM * one, 3.5 * one, one, 0 * one, 1e-2)
    start = time.process_time()
    add_moffats(np.zeros(SHAPE, np.float32), x, y, flux, FWHM * one, 3.5 * one, one, 0 * one, 1e-2)
    simulated = time.process_time() - start
    image += SKY
    variance = image + READ_NOISE**2
    image += rng.normal(size=SHAPE) * np.sqrt(variance)
    return Frame.from_array(image, variance=variance), x, y, simulated


def best(repeat: int, function: Callable[[], Any]) -> float:
    function()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    warnings.simplefilter("ignore")
    frame, _, _, simulated = make_frame()
    data = frame.data

    def sky_maps() -> None:
        sky = estimate_sky(frame)
        _ = sky.level, sky.noise

    def sep_maps() -> None:
        background = sep.Background(data)
        _ = background.back(), background.rms()

    def photutils_maps() -> None:
        background = Background2D(data, 64)
        _ = background.background, background.background_rms

    sky = estimate_sky(frame)
    clean = data - sky.level
    background = sep.Background(data)
    subtracted, rms = data - background.back(), background.rms()
    finder = DAOStarFinder(threshold=5 * sky.median_noise / 2, fwhm=FWHM)
    few = max(1, repeat // 3)
    height = filter_frame(frame, sky, FWHM)
    peaks = peaks_above(frame, sky, height, 5.0, FWHM)
    stars = detect_stars(frame)
    stars.sort("y")  # as detect_stars itself measures them
    place = stars["x"].data, stars["y"].data, stars["sky"].data

    rows = [
        ("simulate 2500 Moffat stars", 1e3 * simulated, None, None),
        ("sky: mesh", best(repeat, lambda: estimate_sky(frame)), None, None),
        (
            "sky: mesh and both maps",
            best(repeat, sky_maps),
            best(repeat, sep_maps),
            best(few, photutils_maps),
        ),
        ("filter", best(repeat, lambda: filter_frame(frame, sky, FWHM)), None, None),
        ("peaks", best(repeat, lambda: peaks_above(frame, sky, height, 5.0, FWHM)), None, None),
        ("stars' pixels", best(repeat, lambda: find.star_pixels(frame.shape, peaks, FWHM)), None, None),
        ("centroids", best(repeat, lambda: measure_centroids(frame, *place, fwhm=FWHM)), None, None),
        ("shapes", best(repeat, lambda: measure_shapes(frame, *place, fwhm=FWHM)), None, None),
        ("PSF", best(repeat, lambda: fit_psf(frame, stars, fwhm=FWHM)), None, None),
        (
            "detect_stars, sky included (peers: find only)",
            best(repeat, lambda: detect_stars(frame)),
            best(few, lambda: sep.extract(subtracted, 2.0, err=rms)),
            best(few, lambda: finder(clean)),
        ),
    ]
    print(f"{'':47}{'pogson':>9}{'sep':>9}{'photutils':>11}{'sep/':>8}{'photutils/':>11}")
    for name, own, *peers in rows:
        times = "".join(f"{p:{w}.1f}" if p else " " * w for p, w in zip(peers, (9, 11), strict=True))
        ratios = "".join(f"{p / own:{w}.1f}" if p else " " * w for p, w in zip(peers, (8, 11), strict=True))
        print(f"{name:47}{own:9.1f}{times}{ratios}")
    print(f"times in ms; {len(stars)} stars here, {len(sep.extract(subtracted, 2.0, err=rms))} by sep, "
          f"{len(finder(clean))} by DAOStarFinder")  # fmt: skip


if __name__ == "__main__":
    main()
