"""Which of all that was detected in a night are stars: those that come back wherever the field is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.core.units import Fraction

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sighting:
    """What one aligned frame shows of the field.

    Attributes
    ----------
    rows : int64 (k,)
        Stars of the field that were detected.
    whole : bool (k,)
        Whether no edge, bad pixel or cosmic ray had a part in it: these make peaks where no star is.
    transform : Transform
        From the field to the frame.
    exposure : Exposure
    """

    rows: NDArray[np.int64]
    whole: Mask
    transform: Transform
    exposure: Exposure


def seen_often(
    sightings: Sequence[Sighting], x: Values, y: Values, *, min_frames: int, min_fraction: Fraction
) -> Mask:
    """Stars that are detected in enough frames of one band, or of all, to be no accident.

    Of one or two frames all detections count. Of more, a star needs `min_frames`, and `min_fraction` of
    those in whose field it lies; and half of them where bad pixels, edges or cosmic rays had a part in
    all but fewer detections.

    Parameters
    ----------
    sightings : sequence of Sighting
        One for each aligned frame.
    x, y : (star,)
        Places in the field.
    min_frames : int
        Least number of detections.
    min_fraction : float
        And of the frames.
    """
    if len(sightings) < 3:
        return np.ones(len(x), bool)
    bands = dict.fromkeys(s.exposure.band for s in sightings)
    groups = [list(sightings), *([s for s in sightings if s.exposure.band == band] for band in bands)]
    enough = np.zeros(len(x), bool)
    total, clean, _ = _count(groups[0], x, y)
    for group in groups if len(bands) > 1 else groups[:1]:
        seen, whole, inside = _count(group, x, y)
        enough |= (whole >= min_fraction * inside) & (clean >= min_frames)
        enough |= (seen >= 0.5 * inside) & (total >= min_frames)
    return enough


def _count(sightings: Sequence[Sighting], x: Values, y: Values) -> tuple[Values, Values, Values]:
    """Detections of each star, whole ones, and frames that it lies in."""
    seen, whole, inside = (np.zeros(len(x)) for _ in range(3))
    for one in sightings:
        seen[one.rows] += 1.0
        whole[one.rows] += one.whole
        height, width = one.exposure.shape
        if not height:
            inside += 1.0
            continue
        at_x, at_y = one.transform.apply(x, y)
        inside += (at_x > -0.5) & (at_x < width - 0.5) & (at_y > -0.5) & (at_y < height - 0.5)
    # a star at the edge may be seen from where it does not lie
    return seen, whole, np.maximum(inside, seen)
