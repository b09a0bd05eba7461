"""Are the error bars right? A night whose truth is known is reduced, each error set against its mistake."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED, Star
from pogson.core.frame import Frame, Image
from pogson.core.transform import Transform
from pogson.io.catalogs import read_catalog
from pogson.io.files import write_atomic
from pogson.io.scan import scan_folder
from pogson.io.tables import write_table
from pogson.kernels.overlap import circle_pixel_overlap
from pogson.kernels.profiles import add_moffats
from pogson.pipeline.cache import Cache
from pogson.pipeline.calibrated import Calibrated, calibrate_magnitudes
from pogson.pipeline.coordinates import Located, locate_field
from pogson.pipeline.lights import Measured
from pogson.pipeline.night import prepare_night
from pogson.pipeline.prove_night import BETA, ProofNight
from pogson.pipeline.reduce import Reduced, reduce_lights
from pogson.pipeline.settings import Settings
from pogson.pipeline.simulated import write_night
from pogson.plots.pulls import figure_pulls
from pogson.plots.style import to_png
from pogson.simulate.light import star_rates
from pogson.simulate.night import Night
from pogson.steps.measure.annulus import block_stars
from pogson.steps.measure.budget import POGSON
from pogson.steps.measure.profile import enclosed_light
from pogson.steps.measure.stars import locate_stars

Values = NDArray[np.float64]

#: quantity, what its pulls share a mistake by (frame or band), signal-to-noise ratio, pull
Part = tuple[str, str, Values, Values]

#: edges of the bins in signal-to-noise ratio
SNR_EDGES = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)

#: what is proven: name -> in words
QUANTITIES = {
    "x": "position, x",
    "y": "position, y",
    "flux": "total flux",
    "sky": "sky level",
    "magnitude": "standard magnitude",
    "zero point": "zero point",
    "colour term": "colour term",
    "aperture correction": "aperture correction",
}

SPOILT = SPOILED | int(Star.NEIGHBOR | Star.FEW_SKY | Star.NO_COLOR)
PULLS = ("quantity", "group", "snr", "pull")


@dataclass(frozen=True)
class Pulls:
    """(measured - true) / error of one quantity in one bin.

    Attributes
    ----------
    quantity : str
    low, high : float
        Of the signal-to-noise ratio; 0 and infinity: all.
    n : int
    mean, mean_err : float
        Bias in units of the error.
    width, width_err : float
        Half of the range of the middle 68 %: 1 where the error is right; above 1 it is too small.
    """

    quantity: str
    low: float
    high: float
    n: int
    mean: float
    mean_err: float
    width: float
    width_err: float

    @property
    def verdict(self) -> str:
        """Whether the error bar holds, in words; two errors of the width and the mean are allowed."""
        if self.n < 20:
            return "too few to tell"
        if self.width - 2.0 * self.width_err > 1.05:
            return f"error too small by {100.0 * (self.width - 1.0):.0f} %"
        if self.width + 2.0 * self.width_err < 0.95:
            return f"error too large by {100.0 * (1.0 / self.width - 1.0):.0f} %"
        if abs(self.mean) - 2.0 * self.mean_err > 0.1:
            return f"biased by {self.mean:+.2f} errors"
        return "holds"


@dataclass(frozen=True)
class Proof:
    """The pulls of one night, or of several joined.

    Attributes
    ----------
    pulls : Table
        quantity, group (pulls of one group share an aperture correction or a zero point), snr (expected; NaN
        for a whole frame's), pull.
    """

    pulls: Table

    def of(self, quantity: str, low: float = 0.0, high: float = np.inf) -> Pulls:
        """One quantity in one bin."""
        mine = np.asarray(self.pulls["quantity"], str) == quantity
        if low > 0.0 or np.isfinite(high):
            snr = np.asarray(self.pulls["snr"], float)
            mine &= (snr >= low) & (snr < high)
        groups = np.asarray(self.pulls["group"], str)[mine]
        return summarize_pulls(quantity, low, high, np.asarray(self.pulls["pull"], float)[mine], groups)

    def bins(self, quantity: str, least: int = 20) -> list[Pulls]:
        """One quantity in each bin of the signal-to-noise ratio that holds enough."""
        found = [self.of(quantity, low, high) for low, high in pairwise(SNR_EDGES)]
        return [one for one in found if one.n >= least]

    @classmethod
    def join(cls, proofs: Sequence[Proof]) -> Proof:
        """Several nights as one."""
        return cls(vstack([p.pulls for p in proofs], metadata_conflicts="silent"))


def prove(given: ProofNight | None = None, *, seed: int = 1, workers: int = 0) -> Proof:
    """Simulate a sparse field as a camera sees it, reduce it, and compare every error with the mistake made.

    Parameters
    ----------
    given : ProofNight, optional
        Camera and sky.
    seed : int
        Another one makes another night of the same kind.
    workers : int
        Frames worked on at a time; 0 takes all processors.
    """
    chosen = given or ProofNight()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        write_table(where / "stars.csv", chosen.star_table(seed))
        night = write_night(chosen.recipe(seed, str(where / "stars.csv")), where / "night", workers=workers)
        reduced, done = _reduce(where, workers)
    pulls = _compare(night, reduced, done)
    pulls["group"] = [f"{seed} {group}" for group in pulls["group"]]
    return Proof(pulls)


def _reduce(where: Path, workers: int) -> tuple[Reduced, Calibrated]:
    """All steps of a run, without its pictures."""
    settings = Settings()
    catalog = read_catalog(where / "night" / "catalog.csv")
    ready = prepare_night(scan_folder(where / "night"), workers=workers)
    located: list[Located] = []

    def locate(found: Table, exposure: Any, _: Any) -> Table:
        located.append(locate_field(found, catalog, exposure))
        return located[0].field

    (where / "cache").mkdir()
    reduced = reduce_lights(ready, settings, locate=locate, cache=Cache(where / "cache"), workers=workers)
    return reduced, calibrate_magnitudes(reduced, located[0], catalog, settings)


def _compare(night: Night, reduced: Reduced, done: Calibrated) -> Table:
    truth = {str(row["name"]): row for row in night.frame_truth}
    parts: list[Part] = []
    best_snr: dict[str, Values] = {}
    known: dict[int, int] = {}
    for light in reduced.lights:
        if light.photometry is None or not isinstance(light.transform, Transform):
            continue
        name = Path(light.detected.exposure.path).name
        row = truth[name]
        x, y = night.positions(name)
        rates = star_rates(night.recipe, night.stars, str(row["band"]), row["zero_point"], row["airmass"])
        image = night.light(night.shots[night.names.index(name)])
        found, snr, ids = _compare_frame(light, reduced.field, image, row, x, y, rates * row["exptime"])
        parts += found
        known |= ids
        total = best_snr.setdefault(str(row["band"]), np.zeros(len(x)))
        total += np.nan_to_num(snr) ** 2
    parts += _compare_magnitudes(night, done, known, best_snr)
    parts += _compare_zero_points(night, done, truth)
    return _as_table(parts)


def _compare_frame(
    light: Measured, field: Table, image: Image, row: Any, x: Values, y: Values, total: Values
) -> tuple[list[Part], Values, dict[int, int]]:
    """Positions, fluxes, sky levels and the aperture correction of a frame; the SNR of each true star."""
    assert light.photometry is not None and light.growth is not None
    table = light.photometry
    fwhm, radius = float(row["fwhm"]), float(table.meta["radius"])
    tree = cKDTree(np.column_stack([x, y]))
    where, rows = tree.query(np.column_stack([table["x"], table["y"]]), distance_upper_bound=0.6 * fwhm + 0.5)
    ok = np.isfinite(where)
    at = np.where(ok, rows, 0)
    use = ok & ((np.asarray(table["flags"], int) & SPOILT) == 0)
    held = light_inside(radius, fwhm)
    flux, err = (np.asarray(table[n], float) for n in ("flux", "flux_err"))
    snr = np.full(len(x), np.nan)
    snr[at[use]] = (held * total[at] / err)[use]
    growth = light.growth
    factor = 10.0 ** (-0.4 * growth.correction)
    whole = factor * np.hypot(err, flux * growth.correction_err / POGSON)
    name = str(row["name"])
    parts: list[Part] = [("flux", name, snr[at[use]], ((factor * flux - total[at]) / whole)[use])]
    inner, outer = table.meta["annulus"]
    wings = np.diff(enclosed_light(np.array([inner, outer]), fwhm, BETA))[0] / (np.pi * (outer**2 - inner**2))
    level_err = np.asarray(table["err_annulus"], float) / (np.pi * radius**2)
    level = light_in_annuli(light, field, image, inner, outer)
    off = (np.asarray(table["sky"], float) - level) / level_err
    parts.append(("sky", name, snr[at[use]], off[use]))
    # what the annulus takes for sky is missing from the aperture, too
    seen = held - wings * np.pi * radius**2
    pull = (growth.correction - 2.5 * np.log10(seen)) / growth.correction_err
    parts.append(("aperture correction", name, np.array([np.nan]), np.array([pull])))
    stars = light.detected.stars
    where, rows = tree.query(np.column_stack([stars["x"], stars["y"]]), distance_upper_bound=0.6 * fwhm + 0.5)
    ok = np.isfinite(where) & ((np.asarray(stars["flags"], int) & SPOILED) == 0)
    at_star = rows[ok]
    for axis, true in (("x", x), ("y", y)):
        off = (np.asarray(stars[axis], float)[ok] - true[at_star]) / np.asarray(stars[f"{axis}_err"], float)[
            ok
        ]
        parts.append((axis, name, snr[at_star], off))
    ids = {int(star): int(k) for star, k in zip(table["star"][use], at[use], strict=True)}
    return parts, snr, ids


def light_in_annuli(light: Measured, field: Table, image: Image, inner: float, outer: float) -> Values:
    """What falls into the free part of each sky annulus, without any noise: sky, and wings of stars."""
    assert light.photometry is not None and isinstance(light.transform, Transform)
    stars = locate_stars(field, light.transform, light.detected.psf.fwhm)
    noise = np.full(image.shape, light.detected.noise**2, np.float32)
    frame = Frame(image, noise, np.zeros(image.shape, np.uint16), light.detected.exposure)
    blocked = block_stars(frame, stars.x, stars.y, stars.flux, fwhm=stars.fwhm, beta=stars.beta, limit=inner)
    levels = np.full(len(stars.x), np.nan)
    half = int(outer) + 1
    for k, (x, y) in enumerate(zip(stars.x, stars.y, strict=True)):
        i, j = (slice(max(int(v) - half, 0), int(v) + half + 2) for v in (y, x))
        rows, columns = np.ogrid[
            i.start : i.start + image[i, j].shape[0], j.start : j.start + image[i, j].shape[1]
        ]
        r2 = (columns - x) ** 2 + (rows - y) ** 2
        free = (r2 >= inner**2) & (r2 <= outer**2) & (blocked[i, j] == 0)
        if free.any():
            levels[k] = image[i, j][free].mean(dtype=float)
    return levels


def light_inside(radius: float, fwhm: float) -> float:
    """Share of a star's light in an aperture, over pixels, averaged over where in a pixel the star is."""
    half = int(radius) + 2
    shares = []
    for u, v in product((-0.4, -0.2, 0.0, 0.2, 0.4), repeat=2):
        image = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        one = [np.array([value]) for value in (half + u, half + v, 1.0, fwhm, BETA, 1.0, 0.0)]
        add_moffats(image, *one, 1e-9)
        weight = [
            [circle_pixel_overlap(i - half - u, j - half - v, radius) for i in range(2 * half + 1)]
            for j in range(2 * half + 1)
        ]
        shares.append(float((image * np.array(weight)).sum()))
    return float(np.mean(shares))


def _compare_magnitudes(
    night: Night, done: Calibrated, known: dict[int, int], power: dict[str, Values]
) -> list[Part]:
    """Mean standard magnitudes with their whole error; compared as fluxes, which are not skewed."""
    stars = done.stars
    at = np.array([known.get(int(s), -1) for s in stars["id"]])
    use = (at >= 0) & ((np.asarray(stars["flags"], int) & SPOILT) == 0)
    parts = []
    for band, squares in power.items():
        mag, err = (np.asarray(stars[f"mag_{band}{end}"], float) for end in ("", "_err"))
        ratio = 10.0 ** (-0.4 * (mag - np.asarray(night.stars[f"mag_{band}"], float)[at]))
        pull = (ratio - 1.0) / (ratio * err / POGSON)
        good = use & np.isfinite(pull)
        parts.append(("magnitude", band, np.sqrt(squares[at[good]]), pull[good]))
    return parts


def _compare_zero_points(night: Night, done: Calibrated, truth: dict[str, Any]) -> list[Part]:
    table = done.zero_points
    none = np.full(len(table), np.nan)
    true = np.array([truth[Path(str(f)).name]["zero_point"] for f in table["frame"]], float)
    pull = (np.asarray(table["zero_point"], float) - true) / np.asarray(table["zero_point_err"], float)
    # frames of one band share the catalogue's errors: only one of them is a test of its own
    first = np.unique(np.asarray(table["band"], str), return_index=True)[1]
    bands = np.asarray(table["band"], str)
    parts = [("zero point", str(bands[k]), none[k : k + 1], pull[k : k + 1]) for k in first]
    for band, term in done.color_terms.items():
        if term.err > 0.0:
            off = (term.value - night.recipe.bands[band].color_term) / term.err
            parts.append(("colour term", band, np.array([np.nan]), np.array([off])))
    return parts


def _as_table(parts: list[Part]) -> Table:
    names, groups = (np.concatenate([np.full(len(p[3]), p[i], "U40") for p in parts]) for i in (0, 1))
    snr, pull = (np.concatenate([p[i] for p in parts]) for i in (2, 3))
    good = np.isfinite(pull)
    return Table({name: values[good] for name, values in zip(PULLS, (names, groups, snr, pull), strict=True)})


def summarize_pulls(
    quantity: str, low: float, high: float, pulls: Values, groups: NDArray[np.str_] | None = None
) -> Pulls:
    """Mean and width of pulls, with their errors.

    Stars of a group share a mistake, so that a mean over them is not as certain as their number says: the
    errors are those of leaving out one group after the other (jackknife) where these are larger.
    """
    n = len(pulls)
    if n < 2:
        return Pulls(quantity, low, high, n, *([np.nan] * 4))
    mean, width = _mean_and_width(pulls)
    # of independent normal numbers: the quantiles scatter more than a standard deviation would
    errors = np.array([width, 0.92 * width]) / np.sqrt(n)
    names, number = np.unique(np.arange(n) if groups is None else groups, return_inverse=True)
    if 4 <= len(names) <= n // 5:
        left = np.array([_mean_and_width(pulls[number != k]) for k in range(len(names))])
        errors = np.maximum(errors, np.sqrt(len(names) - 1.0) * left.std(axis=0))
    return Pulls(quantity, low, high, n, mean, float(errors[0]), width, float(errors[1]))


def _mean_and_width(pulls: Values) -> tuple[float, float]:
    a, b = np.percentile(pulls, [15.865, 84.135])
    return float(np.mean(pulls)), float(b - a) / 2.0


def describe_proof(proof: Proof) -> list[str]:
    """The proof as lines of text."""
    lines = ["pull = (measured - true) / error: its width is 1 where the error bar is right, its mean 0"]
    for quantity, words in QUANTITIES.items():
        lines.append(_line(f"{words}", proof.of(quantity)))
        if quantity in ("x", "flux", "sky", "magnitude"):
            lines += [_line(f"    SNR {p.low:.0f} to {p.high:.0f}", p) for p in proof.bins(quantity)]
    return lines


def _line(words: str, p: Pulls) -> str:
    numbers = f"width {p.width:.3f} +- {p.width_err:.3f}  mean {p.mean:+.3f} +- {p.mean_err:.3f}"
    return f"{words:<24}{p.n:7d}  {numbers}  {p.verdict}"


def draw_proof(proof: Proof, path: str | Path) -> None:
    """pulls.png: histograms, width and mean against the signal-to-noise ratio."""
    quantities = [q for q in ("x", "flux", "sky", "magnitude") if proof.of(q).n >= 20]
    values = {
        QUANTITIES[q]: np.asarray(proof.pulls["pull"], float)[np.asarray(proof.pulls["quantity"], str) == q]
        for q in quantities
    }
    curves = {
        QUANTITIES[q]: np.array(
            [(np.sqrt(p.low * p.high), p.width, p.width_err, p.mean, p.mean_err) for p in proof.bins(q)]
        ).reshape(-1, 5)
        for q in quantities
    }
    write_atomic(path, to_png(figure_pulls(values, curves)))
