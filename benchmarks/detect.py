"""Sky and detection: beside sep and photutils."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.race import Case, available, quiet
from benchmarks.scene import Scene
from pogson.steps.detect.find import detect_stars
from pogson.steps.detect.sky import estimate_sky

THRESHOLD = 5.0  # sigma of the filtered image


def cases(scene: Scene) -> Iterator[Case]:
    """The maps of sky and noise; stars from the calibrated frame."""
    frame = scene.frame

    def maps() -> None:
        sky = estimate_sky(frame)
        _ = sky.level, sky.noise

    yield Case(
        "sky: maps of level and noise, boxes of 64 px",
        maps,
        available(sep=lambda: sep_sky(frame.data), photutils=lambda: photutils_sky(frame.data)),
    )
    peers = available(
        sep=lambda: sep_stars(frame.data), photutils=lambda: photutils_stars(frame.data, scene.fwhm)
    )
    with quiet():
        found = {name: len(run()) for name, run in peers.items()}
    counts = "".join(f", {n} by {name}" for name, n in found.items())
    yield Case(
        "detect: sky, stars, centroids",
        lambda: detect_stars(frame),
        peers,
        f"{len(scene.stars)} stars by pogson{counts}, of {scene.n_true} in the frame. pogson also "
        f"measures the errors of the centroids, the width of every star and the profile of the frame.",
    )


def sep_sky(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level and noise."""
    import sep

    background = sep.Background(data)
    return background.back(), background.rms()


def photutils_sky(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level and noise."""
    from photutils.background import Background2D

    background = Background2D(data, 64)
    return background.background, background.background_rms


def sep_stars(data: np.ndarray) -> np.ndarray:
    """Objects as SExtractor finds them: five pixels above a threshold of the smoothed image."""
    import sep

    level, noise = sep_sky(data)
    return sep.extract(data - level, 1.5, err=noise)


def photutils_stars(data: np.ndarray, fwhm: float):
    """Stars as DAOFIND finds them."""
    from photutils.detection import DAOStarFinder

    level, noise = photutils_sky(data)
    return DAOStarFinder(THRESHOLD * float(np.median(noise)), fwhm)(data - level)
