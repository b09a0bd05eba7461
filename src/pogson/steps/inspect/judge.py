"""Accept or reject the frames of a night, each verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.units import Fraction


@dataclass(frozen=True)
class Verdict:
    """What was decided about one frame.

    Attributes
    ----------
    accepted : bool
        The frame enters the products.
    reasons : tuple of str
        Why it was rejected, or what to know of an accepted frame.
    """

    accepted: bool
    reasons: tuple[str, ...] = ()


def judge_frames(
    frames: Table,
    *,
    min_stars: int = 3,
    min_transparency: Fraction = 0.3,
    cloudy_below: Fraction = 0.85,
    max_fwhm_ratio: float = 2.0,
    max_elongation_ratio: float = 1.5,
    max_patchiness: Fraction = 0.3,
    trailed_above: float = 1.6,
    drop: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> list[Verdict]:
    """Accept or reject each light frame of a night.

    Every limit is relative to the night itself: to the best frame of the band for the
    transparency, to the median of the band for seeing and elongation. A moonlit night is not
    rejected for its sky, nor one of poor tracking for its stars; a cloud is seen by the stars
    that lose light.

    Parameters
    ----------
    frames : Table
        One row per light frame: `path, band, n_stars, fwhm, elongation, transparency`, and
        `problem`, which is not empty where the frame could not be matched to the field.
    min_stars : int
        A frame with fewer stars is rejected.
    min_transparency : float
        A frame that gets less than this part of the light of the band's best frame is rejected.
    cloudy_below : float
        Below this transparency a frame is used, with a remark.
    max_fwhm_ratio : float
        A frame with stars wider than this many times the band's median is rejected.
    max_elongation_ratio : float
        A frame with stars longer (major over minor axis) than this many times the band's median is
        rejected.
    max_patchiness : float
        A frame is rejected of which a part gets so much less (or more) of its light than the rest: a tree,
        the dome, the edge of a cloud. Above a third of this it is used, with a remark.
    trailed_above : float
        Above this elongation a frame is used, with a remark.
    drop : tuple of str
        File names that are rejected whatever their quality.
    keep : tuple of str
        File names that are kept whatever their quality (where they could be matched).

    Returns
    -------
    list of Verdict
        In the order of the table.
    """
    width, length = (_median_by_band(frames, name) for name in ("fwhm", "elongation"))
    verdicts = []
    for row in frames:
        band = str(row["band"])
        name = str(row["path"]).replace("\\", "/").rpartition("/")[2]
        against = [str(row["problem"])] if row["problem"] else []
        forced = name in keep and not against
        if row["n_stars"] < min_stars:
            against.append(f"few stars: {row['n_stars']}")
        if row["transparency"] < min_transparency:
            against.append(f"cloud: {row['transparency']:.0%} of the light")
        if row["fwhm"] > max_fwhm_ratio * width[band]:
            against.append(f"seeing or focus: FWHM {row['fwhm']:.1f} px")
        if row["elongation"] > max_elongation_ratio * length[band]:
            against.append(f"trailed: elongation {row['elongation']:.2f}")
        patchy = float(row["patchiness"]) if "patchiness" in frames.colnames else nan
        if patchy > max_patchiness:
            against.append(f"covered in part: {patchy:.0%} of the light differs")
        if name in drop:
            against.append("dropped by the settings")
        remarks = []
        if min_transparency <= row["transparency"] < cloudy_below:
            remarks.append(f"cloud or haze: {row['transparency']:.0%} of the light")
        if max_patchiness / 3.0 < patchy <= max_patchiness:
            remarks.append(f"uneven: {patchy:.0%} of the light differs over the frame")
        if trailed_above < row["elongation"] <= max_elongation_ratio * length[band]:
            remarks.append(f"trailed: elongation {row['elongation']:.2f}")
        if forced:
            remarks += [*against, "kept by the settings"]
        verdicts.append(Verdict(forced or not against, tuple(remarks if forced or not against else against)))
    return verdicts


def _median_by_band(frames: Table, name: str) -> dict[str, float]:
    values: NDArray[np.float64] = np.asarray(frames[name], float)
    bands, problems = (np.asarray(frames[c], str) for c in ("band", "problem"))
    medians = {}
    for band in np.unique(bands):
        known = values[(bands == band) & (problems == "") & np.isfinite(values)]
        medians[str(band)] = float(np.median(known)) if known.size else np.inf
    return medians
