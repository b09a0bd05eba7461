"""Accept or reject the frames of a night, each verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.units import Fraction
from pogson.steps.inspect.scores import FAR, score, usual

Values = NDArray[np.float64]

#: why a frame is rejected: a word that stays the same, and a sentence
REJECTED = {
    "saturated": "saturated: {saturated:.0%} of the pixels",
    "few-stars": "few stars: {n_stars:.0f}",
    "cloud": "cloud: {transparency:.0%} of the light",
    "focus": "seeing or focus: FWHM {fwhm:.1f} px, usually {usual_fwhm:.1f} px",
    "trailed": "trailed: elongation {elongation:.2f}, usually {usual_elongation:.2f}",
    "covered": "covered in part: {patchiness:.0%} of the light differs",
    "range": "dynamic range: {dynamic_range:.0f}, below {least_range:g}",
    "uneven": "uneven sky: {uniformity:.1f} from part to part, above {most_uneven:g}",
    "no-match": "{problem}",
    "dropped": "dropped by the settings",
}

#: what to know of a frame that is used
REMARKS = {
    "haze": "cloud or haze: {transparency:.0%} of the light{at_airmass}",
    "wide": "seeing or focus: FWHM {fwhm:.1f} px, usually {usual_fwhm:.1f} px",
    "long": "trailed: elongation {elongation:.2f}",
    "patchy": "uneven: {patchiness:.0%} of the light differs over the frame",
    "few": "few stars: {n_stars:.0f}, usually {usual_n_stars:.0f}",
    "bright": "bright sky: {sky:.0f}, usually {usual_sky:.0f}",
    "shade": "uneven sky: {uniformity:.1f} from part to part, usually {usual_uniformity:.1f}",
}

#: the remark that says the same as a reason
SAME = {
    "cloud": "haze",
    "focus": "wide",
    "trailed": "long",
    "covered": "patchy",
    "few-stars": "few",
    "uneven": "shade",
}

METRICS = (
    "n_stars",
    "fwhm",
    "elongation",
    "transparency",
    "patchiness",
    "saturated",
    "dynamic_range",
    "uniformity",
    "sky",
    "airmass",
)

#: what grows with the exposure time
GROWING = ("n_stars", "dynamic_range", "uniformity", "sky")

#: above this airmass the air itself takes a good part of the light
LOW = 1.5


@dataclass(frozen=True)
class Verdict:
    """What was decided about one frame.

    Attributes
    ----------
    accepted : bool
        The frame enters the products.
    reasons : tuple of str
        Why it was rejected, or what to know of an accepted frame.
    codes : tuple of str
        Why it was rejected, in words of `REJECTED`; empty where it was accepted.
    """

    accepted: bool
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def judge_frames(
    frames: Table,
    *,
    min_stars: int = 3,
    min_transparency: Fraction = 0.3,
    cloudy_below: Fraction = 0.85,
    max_fwhm_ratio: float = 2.0,
    max_elongation_ratio: float = 1.5,
    max_patchiness: Fraction = 0.3,
    max_saturated: Fraction = 0.1,
    trailed_above: float = 1.6,
    dynamic_range: float = 0.0,
    uniformity: float = 0.0,
    drop: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> list[Verdict]:
    """Accept or reject each light frame of a night.

    Every limit that works by itself is relative to the night: to the best frame of the band for the
    transparency, to the median and the scatter of the band for seeing and elongation. A moonlit night
    is not rejected for its sky, nor one of poor tracking for its stars; a cloud is seen by the
    stars that lose light.

    Parameters
    ----------
    frames : Table
        One row per light frame: `path, band, n_stars, fwhm, elongation, transparency`; `problem`, which is
        not empty where the frame could not be matched to the field; and, where known, `exptime, airmass,
        patchiness, saturated, dynamic_range, uniformity, sky`.
    min_stars : int
        A frame with fewer stars is rejected.
    min_transparency : float
        A frame that gets less than this part of the light of the band's best frame is rejected.
    cloudy_below : float
        Below this transparency a frame is used, with a remark.
    max_fwhm_ratio : float
        A frame with stars wider than this many times the band's median is rejected, if it is also 5 sigma
        of the night's scatter off.
    max_elongation_ratio : float
        A frame with stars longer (major over minor axis) than this many times the band's median is
        rejected, if it is also 5 sigma off.
    max_patchiness : float
        A frame is rejected of which a part gets so much less (or more) of its light than the rest: a tree,
        the dome, the edge of a cloud. Above a third of this it is used, with a remark.
    max_saturated : float
        A frame of which a larger part is saturated is rejected: twilight, or a lamp.
    trailed_above : float
        Above this elongation a frame is used, with a remark.
    dynamic_range : float
        A frame whose brightest stars stand less above the sky is rejected, in electrons (ADU where the gain
        is unknown); 0 is no limit.
    uniformity : float
        A frame whose sky differs by more between its parts is rejected, in electrons (ADU where the
        gain is unknown); 0 is no limit.
    drop : tuple of str
        File names that are rejected whatever their quality.
    keep : tuple of str
        File names that are kept whatever their quality (where they could be matched).

    Returns
    -------
    list of Verdict
        In the order of the table.
    """
    night = _Night(frames)
    names = np.array([str(path).replace("\\", "/").rpartition("/")[2] for path in frames["path"]])
    light, patchy = night["transparency"], night["patchiness"]
    wide, long = (night.off(name, least) > FAR for name, least in (("fwhm", 0.3), ("elongation", 0.15)))
    rejected = {
        "saturated": night["saturated"] > max_saturated,
        "few-stars": night["n_stars"] < min_stars,
        "cloud": light < min_transparency,
        "focus": wide & (night["fwhm"] > max_fwhm_ratio * night["usual_fwhm"]),
        "trailed": long & (night["elongation"] > max_elongation_ratio * night["usual_elongation"]),
        "covered": patchy > max_patchiness,
        "range": night["dynamic_range"] < dynamic_range,
        "uneven": (night["uniformity"] > uniformity) & (uniformity > 0.0),
        "no-match": night.problem != "",
        "dropped": np.isin(names, drop),
    }
    remarked = {
        "haze": (light < cloudy_below) | (night.off("transparency", -0.1) > FAR),
        "wide": wide,
        "long": (night["elongation"] > trailed_above) | long,
        "patchy": patchy > max_patchiness / 3.0,
        "few": night.off("n_stars", -0.3) > FAR,
        "bright": night.off("sky", 1.0) > FAR,
        "shade": night.off("uniformity", 0.05, of="sky") > FAR,
    }
    limits = {"least_range": dynamic_range, "most_uneven": uniformity}
    verdicts = []
    for i, name in enumerate(names):
        codes = tuple(code for code, wrong in rejected.items() if wrong[i])
        facts = night.facts(i) | limits
        against = [REJECTED[code].format(**facts) for code in codes]
        if codes and (name not in keep or "no-match" in codes):
            verdicts.append(Verdict(False, tuple(against), codes))
            continue
        told = [SAME.get(code) for code in codes]
        remarks = [
            REMARKS[word].format(**facts) for word, odd in remarked.items() if odd[i] and word not in told
        ]
        kept = [*against, "kept by the settings"] if name in keep else []
        verdicts.append(Verdict(True, (*remarks, *kept)))
    return verdicts


class _Night:
    """The metrics of a night's frames, and what is usual in each band."""

    def __init__(self, frames: Table) -> None:
        self.problem = np.asarray(frames["problem"], str)
        self.bands = np.asarray(frames["band"], str)
        times = np.asarray(frames["exptime"], str) if "exptime" in frames.colnames else ""
        self.exposures = np.char.add(np.char.add(self.bands, " "), times)
        self.columns: dict[str, Values] = {}
        for name in METRICS:
            known = name in frames.colnames
            value = np.asarray(frames[name], float) if known else np.full(len(frames), np.nan)
            self.columns[name] = value
            # a frame of another field says nothing of this one
            self.columns[f"usual_{name}"] = usual(value, self.groups(name), among=self.problem == "")

    def __getitem__(self, name: str) -> Values:
        return self.columns[name]

    def groups(self, name: str) -> NDArray[np.str_]:
        """What a frame is compared with: its band, and where light adds up, of the same exposure time."""
        return self.exposures if name in GROWING else self.bands

    def off(self, name: str, least: float, *, of: str = "") -> Values:
        """Score of a metric; a difference matters from `least` of the usual; below 0 where small is bad."""
        matters = np.abs(least * self[f"usual_{of or name}"])
        value = np.sign(least) * self[name]
        return score(value, self.groups(name), matters=matters, among=self.problem == "")

    def facts(self, i: int) -> dict[str, float | str]:
        """Everything of one frame, for a sentence."""
        known: dict[str, float | str] = {name: float(values[i]) for name, values in self.columns.items()}
        air = self["airmass"][i]
        at = f" at airmass {air:.1f}" if air > LOW else ""
        return known | {"problem": str(self.problem[i]), "at_airmass": at}
