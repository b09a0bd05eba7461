"""How far each frame is off its night, in units that mean something."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: what each metric means when it is far off the night's, and on which side it is a fault
PHYSICS = {
    "range": (-1, "stars fainter than usual: cloud, dew or closed dome"),
    "uniformity": (1, "uneven sky: trees, roof, cloud edge or twilight"),
    "sky": (1, "bright sky: twilight, moon or light"),
    "noise": (1, "noisy sky"),
    "fwhm": (1, "seeing or focus"),
    "elongation": (1, "trailed: wind or tracking"),
    "trail": (1, "all stars drawn out the same way: tracking"),
    "n_stars": (-1, "few stars: cloud"),
    "transparency": (-1, "cloud"),
    "patchiness": (1, "part of the field is covered: cloud edge, tree or roof"),
    "saturated": (1, "many saturated pixels"),
}

#: least difference that counts, whatever the night's spread: a steady night must not reject its own noise
LEAST = {
    "range": 0.3,  # of the night's median
    "uniformity": 1.0,
    "sky": 1.0,
    "noise": 0.5,
    "fwhm": 0.3,
    "elongation": 0.15,
    "trail": 0.1,
    "n_stars": 0.3,
    "transparency": 0.1,
    "patchiness": 1.0,
    "saturated": 3.0,
}


def score_frames(frames: Table) -> Table:
    """How far each frame is off its night, metric by metric, and in words what that means.

    The score is the difference from the median of the band's frames in units of 1.4826 times the median
    absolute deviation, but at least of a difference that would matter; positive is worse. A bright but
    steady sky, as under the moon, scores 0: only what differs from the night itself counts.

    Parameters
    ----------
    frames : Table
        One row per frame: band, and any of the metrics.

    Returns
    -------
    Table
        `score_<metric>` for each metric that is there, `worst` (the largest) and `why`, empty where no
        score is above 5.
    """
    bands = np.asarray(frames["band"], str) if "band" in frames.colnames else np.zeros(len(frames), str)
    names = [name for name in PHYSICS if name in frames.colnames]
    scores = np.zeros((len(frames), max(len(names), 1)))
    for k, name in enumerate(names):
        values = np.asarray(frames[name], float)
        for band in np.unique(bands):
            mine = (bands == band) & np.isfinite(values)
            if mine.any():
                scores[mine, k] = PHYSICS[name][0] * _off(values[mine], LEAST[name])
    worst = scores.max(1)
    why = [PHYSICS[names[int(np.argmax(s))]][1] if names and s.max() > 5.0 else "" for s in scores]
    columns = {f"score_{name}": scores[:, k] for k, name in enumerate(names)}
    return Table({**columns, "worst": worst, "why": np.array(why, str)})


def _off(values: Values, least: float) -> Values:
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    # a score of 5 needs a difference of `least` of the median itself
    return np.asarray((values - middle) / max(spread, abs(middle) * least / 5.0, 1e-12), float)
