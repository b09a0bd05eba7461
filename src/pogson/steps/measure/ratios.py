"""How the light of single stars grows with the aperture: ratios to the largest one, and their weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import UNUSABLE, Pixel
from pogson.core.frame import Frame
from pogson.steps.measure.annulus import measure_annulus
from pogson.steps.measure.aperture import sum_stars
from pogson.steps.measure.stars import Stars, contamination

Array = NDArray[np.float64]

MOST = 64  # stars that are looked at, the brightest
BEST = 5  # of them set what precise means in this frame
USUAL_SCATTER = 0.003  # of the ratios over a field
MORE_LIKELY = 2.0  # in ln likelihood: clearly
AMPLITUDES = np.append(0.0, np.geomspace(1e-4, 0.3, 60))


@dataclass(frozen=True)
class Ratios:
    """Light within each radius over that within the largest, of n stars.

    Attributes
    ----------
    radii : (k,)
        Pixels, rising.
    main : int
        Which of them is the main aperture's.
    each : (n, k)
        The ratios.
    covariance : (n, k, k)
        Of each star's ratios, by the noise of pixels and sky.
    weight : (n,)
        Of each star; they add up to 1.
    scatter : float
        Of the stars' main ratios beyond their noise: the profile is not the same everywhere.
    stray : (n,)
        What light of unseen neighbours does to each star's main ratio.
    """

    radii: Array
    main: int
    each: Array
    covariance: Array
    weight: Array
    scatter: float
    stray: Array

    @property
    def mean(self) -> Array:
        """Weighted mean over the stars."""
        return self.weight @ self.each


def isolated(frame: Frame, stars: Stars, radius: float) -> Stars:
    """The brightest stars whose neighbours leave them alone, and whose centre is not saturated."""
    share, _ = contamination(stars, radius)
    ny, nx = frame.shape
    with np.errstate(invalid="ignore"):
        inside = (stars.x > -0.5) & (stars.x < nx - 0.5) & (stars.y > -0.5) & (stars.y < ny - 0.5)
    chosen = np.flatnonzero((share < 0.005) & inside)
    center = np.rint(stars.y[chosen]).astype(int), np.rint(stars.x[chosen]).astype(int)
    chosen = chosen[frame.mask[center] & UNUSABLE == 0]
    chosen = chosen[np.argsort(-stars.flux[chosen], kind="stable")][:MOST]
    return stars.some(chosen)


def measure_ratios(
    frame: Frame,
    stars: Stars,
    blocked: NDArray[np.uint8],
    radii: Array,
    main: float,
    annulus: tuple[float, float],
) -> Ratios:
    """Ratios of the stars that are whole and precise; none is left where no star is."""
    sky = measure_annulus(frame, stars, blocked, inner=annulus[0], outer=annulus[1], method="mean")
    # the largest radius first: bits and peak belong to it
    ends = np.array([radii[-1], main])
    sums, variances, coverage, bits, _, _ = sum_stars(frame, stars, ends)
    area = pi * radii[-1] ** 2
    flux = sums[:, 0] - sky.level * area
    noise = np.sqrt(variances[:, 0] + (sky.level_err * area) ** 2)
    good = (coverage[:, 0] == 1.0) & (bits & (UNUSABLE | int(Pixel.NONLINEAR)) == 0) & ~sky.few
    good &= flux > 50.0 * noise
    each, covariance = _ratios(
        sums[good, ::-1], variances[good, ::-1], sky.level[good], sky.level_err[good], ends[::-1]
    )
    weight, scatter, stray = _weights(each[:, 0], np.sqrt(covariance[:, 0, 0]), flux[good])
    used = np.flatnonzero(good)[weight > 0.0]
    # the whole curve of those only which count
    sums, variances, *_ = sum_stars(frame, stars.some(used), radii)
    each, covariance = _ratios(sums, variances, sky.level[used], sky.level_err[used], radii)
    k = int(np.searchsorted(radii, main))
    return Ratios(radii, k, each, covariance, weight[weight > 0.0], scatter, stray[weight > 0.0])


def _ratios(
    sums: Array, variances: Array, level: Array, level_err: Array, radii: Array
) -> tuple[Array, Array]:
    """Ratios of each star's light within the radii to that within the last, and their covariance."""
    area = pi * radii**2
    flux = sums - level[:, None] * area
    total = flux[:, -1:]
    each = flux / total
    usual = _median(each) if len(each) else radii
    return each, _covariance(usual, variances / total**2, (level_err / total[:, 0])[:, None] * area)


def _covariance(ratio: Array, variance: Array, sky: Array) -> Array:
    """Of the ratios of each star: a smaller aperture is a part of each larger one, and they share a sky."""
    order = np.arange(variance.shape[1])
    crossed = ratio[:, None] * variance[:, None, :]
    noise = variance[:, np.minimum.outer(order, order)] - crossed - crossed.transpose(0, 2, 1)
    offset = sky - ratio * sky[:, -1:]
    return np.asarray(
        noise + np.outer(ratio, ratio) * variance[:, -1:, None] + offset[:, :, None] * offset[:, None, :]
    )


def _weights(ratio: Array, error: Array, flux: Array) -> tuple[Array, float, Array]:
    """Weights of the stars; the scatter of their ratios beyond noise; what stray light does to each.

    Light of unseen neighbours only lowers a ratio, the more the fainter the star. So only stars about as
    precise as the best five are compared, and their ratios are clipped about their mode. What
    they scatter by beyond their noise is either the same share for all (the profile varies) or the
    same light for all (unseen neighbours): the likelier of the two, fainter stars included.
    """
    if len(ratio) == 0:
        return np.empty(0), 0.0, np.empty(0)
    fine = error <= 2.0 * np.sort(error)[:BEST][-1]
    mode = _half_sample_mode(ratio[fine])
    off = np.abs(ratio - mode)
    closest = np.sort(off[fine])
    quarter = np.interp(0.25 * (len(closest) - 1), np.arange(len(closest)), closest)
    spread = quarter / 0.3186  # as if normally distributed
    keep = fine & (off <= 3.0 * np.hypot(spread, np.hypot(np.minimum(error, 0.01), USUAL_SCATTER)))
    n = np.count_nonzero(keep)
    usual = float(_median(flux[keep]))
    light = usual / flux
    # the faint stars tell which: stray light would throw them about
    same, fading = (extra_error(ratio, error**2, shape)[1] for shape in (np.ones(len(ratio)), light))
    scatter, stray = 0.0, 0.0
    if fading > same + MORE_LIKELY:
        stray = extra_error(ratio[keep], error[keep] ** 2, light[keep])[0]
    else:
        scatter = extra_error(ratio[keep], error[keep] ** 2, np.ones(n))[0]
    scatter = float(np.hypot(scatter, USUAL_SCATTER / n))  # few stars may agree by chance
    weight = np.where(keep, 1.0 / (error**2 + scatter**2 + (stray * light) ** 2), 0.0)
    return weight / weight.sum(), scatter, stray * light


def extra_error(value: Array, variance: Array, shape: Array) -> tuple[float, float]:
    """The likeliest extra error in proportion to `shape`, and its ln likelihood.

    Restricted likelihood: the mean is not known, but comes from the same values.
    """
    total = variance + (AMPLITUDES[:, None] * shape) ** 2
    mean = np.sum(value / total, axis=1) / np.sum(1.0 / total, axis=1)
    chi2 = np.sum((value - mean[:, None]) ** 2 / total, axis=1)
    ln_likelihood = -0.5 * (chi2 + np.sum(np.log(total), axis=1) + np.log(np.sum(1.0 / total, axis=1)))
    best = int(np.argmax(ln_likelihood))
    return float(AMPLITUDES[best]), float(ln_likelihood[best])


def _half_sample_mode(values: Array) -> float:
    """Where the values lie closest together: the shortest half of the shortest half, and so on."""
    v = np.sort(values)
    while len(v) > 3:
        half = (len(v) + 1) // 2
        start = int(np.argmin(v[half - 1 :] - v[: len(v) - half + 1]))
        v = v[start : start + half]
    return float(_median(v))


def _median(values: Array) -> Array:
    """Along the first axis; `np.median` takes ten times as long for so few."""
    ordered, n = np.sort(values, axis=0), len(values)
    return np.asarray(0.5 * (ordered[(n - 1) // 2] + ordered[n // 2]))
