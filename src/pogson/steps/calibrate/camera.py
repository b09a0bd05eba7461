"""Gain, read noise, saturation and linearity of the camera, each with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import hypot, inf, isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure, Image, RawFrame
from pogson.core.units import Sigma
from pogson.steps.calibrate.noise import robust_variance
from pogson.steps.calibrate.overscan import converter_step, useful_adu, useful_section
from pogson.steps.calibrate.saturation import BY_TYPE, estimate_losses, estimate_saturation
from pogson.steps.calibrate.transfer import (
    Each,
    Values,
    boxes_of,
    clipped_mean,
    combine_measures,
    fit_line,
    mean_points,
    neighbor_correlation,
    pair_points,
    slope_through,
    without_stars,
)

_WITH_ERROR = ("gain", "read_noise")
# Relative scatter of the noise in boxes of about 1000 pixels: 5 % from counting alone.
_UNEVEN = 0.15
# Correlation of neighbours from which something else than photons is in a box: three errors of it.
_CORRELATED = 0.07
# What stars too faint to be seen may do to a gain from light frames.
_UNSEEN = 0.1


@dataclass(frozen=True)
class Camera:
    """What is known about the camera; NaN and "unknown" where nothing could be known.

    The read noise is that of the amplifier: the converter's rounding, step^2 / 12, is not part of it and is
    added wherever noise is computed. A read noise that was measured from pixels has had it taken out.
    """

    gain: float = nan  # electron / ADU
    gain_err: float = nan
    gain_source: str = "unknown"
    read_noise: float = nan  # electron
    read_noise_err: float = nan
    read_noise_source: str = "unknown"
    saturation: float = nan  # ADU, of the raw number
    saturation_source: str = "unknown"
    linearity: float = nan  # ADU, of the raw number
    linearity_source: str = "unknown"
    offset: float = nan  # ADU: level without light, where no bias frame tells
    offset_source: str = "unknown"
    step: float = 1.0  # ADU, of the converter; 0 where the numbers are no whole numbers
    measured: tuple[tuple[str, float, float], ...] = field(default=(), repr=False)  # band, gain, error
    # level (ADU) and variance (ADU^2) of boxes of the flats
    levels: Values = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    variances: Values = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    notes: tuple[str, ...] = ()

    @property
    def read_variance_adu(self) -> float:
        """ADU^2 of one pixel without light: read noise and rounding; NaN where not known."""
        return (self.read_noise / self.gain) ** 2 + self.step**2 / 12.0

    def applied_to(self, exposure: Exposure) -> Exposure:
        """The exposure with its unknown values filled in from the camera, and where they come from."""
        found: dict[str, float] = {}
        sources: dict[str, str] = {}
        for name in ("gain", "read_noise", "saturation", "linearity", "offset"):
            if isfinite(getattr(self, name)) and not isfinite(getattr(exposure, name)):
                for one in (name, f"{name}_err") if name in _WITH_ERROR else (name,):
                    found[one] = getattr(self, one)
                    sources[one] = getattr(self, f"{name}_source")
        return replace(exposure, **found, sources={**exposure.sources, **sources})  # type: ignore[arg-type]


def measure_camera(
    biases: Sequence[RawFrame] = (),
    flats: Sequence[RawFrame] = (),
    lights: Sequence[RawFrame] = (),
    *,
    significance: Sigma = 5.0,
    each: Each = map,
) -> Camera:
    """Find out what the camera does, in the order of trust: given, header, flats and biases, lights.

    Parameters
    ----------
    biases, flats, lights : sequence of RawFrame
        Of one camera and binning; a few of each are enough, none are needed. Flats of several bands may
        be mixed, they are compared with their own kind only.
    significance : float
        A gain from frames without bias counts only where noise rises with light by this many of its errors.
    each : function
        Does the same to many things: `map`, or that of a pool of threads.

    Returns
    -------
    Camera
        With the source of each value in words.

    Notes
    -----
    Photon transfer after Janesick [1]_: ``1 / gain = [var(f1 - f2) - var(b1 - b2)] / (m1 + m2 - b1 - b2)``
    in boxes, over all pairs of flats of a band, the second flat scaled to the first. Without bias
    frames noise against level is fitted with a free intercept; in that case the offset returned
    contains the read noise.

    References
    ----------
    .. [1] Janesick, J. R. 2001, Scientific Charge-Coupled Devices, SPIE, section 2.2.
    """
    biases, flats, lights = _of_one_shape(biases, flats, lights)
    every = [*flats, *lights, *biases]
    if not every:
        return Camera()
    camera = Camera(step=converter_step(every[0]), notes=())
    camera = _from_header(camera, [r.exposure for r in every])
    camera = _with_saturation(camera, [*flats, *lights])
    bias, dark, dark_err = _bias_level(biases, each)
    if bias is not None and len({r.exposure.exptime for r in flats}) > 3:
        camera = _with_linearity(camera, flats, bias)
    measured, levels, variances = _gain_of_flats(flats, bias, dark, dark_err, camera, each)
    gain, gain_err = combine_measures((g, e) for _, g, e in measured)
    if isfinite(gain):
        frames = sum(len(v) for v in _by_band(flats).values() if len(v) > 1)
        camera = _with_gain(
            camera, gain, gain_err, f"photon transfer, {frames} flats and {len(biases)} biases"
        )
        camera = replace(camera, measured=tuple(measured), levels=levels, variances=variances)
    elif not isfinite(camera.gain):
        camera = _from_pairs_alone(camera, flats, lights, bias, dark, dark_err, significance)
    return _with_read_noise(camera, dark, dark_err, len(biases))


def _of_one_shape(*kinds: Sequence[RawFrame]) -> list[list[RawFrame]]:
    """Only the frames whose useful part has the shape that most have."""
    shapes = [_shape(r) for kind in kinds for r in kind]
    usual = max(set(shapes), key=shapes.count, default=(0, 0))
    return [[r for r in kind if _shape(r) == usual] for kind in kinds]


def _shape(raw: RawFrame) -> tuple[int, int]:
    y0, y1, x0, x1 = useful_section(raw)
    return y1 - y0, x1 - x0


def _from_header(camera: Camera, exposures: Sequence[Exposure]) -> Camera:
    for name in ("gain", "read_noise", "saturation", "linearity"):
        known = [e for e in exposures if isfinite(getattr(e, name))]
        if known:
            source = known[0].sources.get(name, "header")
            values: dict[str, float | str] = {name: getattr(known[0], name), f"{name}_source": source}
            if name in _WITH_ERROR:
                values[f"{name}_err"] = getattr(known[0], f"{name}_err")
            camera = replace(camera, **values)  # type: ignore[arg-type]
            if len({getattr(e, name) for e in known}) > 1:
                camera = _noted(camera, f"the frames disagree about {name}: that of {known[0].path} is used")
    return camera


def _with_saturation(camera: Camera, raws: Sequence[RawFrame]) -> Camera:
    if isfinite(camera.saturation):
        return camera
    value, source = estimate_saturation(raws)
    return replace(camera, saturation=value, saturation_source=source)


def _bias_level(biases: Sequence[RawFrame], each: Each) -> tuple[Image | None, float, float]:
    """Mean bias, and ADU^2 of one frame without light, with its error."""
    if not biases:
        return None, nan, nan
    total = useful_adu(biases[0])
    boxes = [boxes_of(total).copy()]
    for bias in biases[1:10]:
        image = useful_adu(bias)
        total += image
        boxes.append(boxes_of(image).copy())
    mean: Image = total / np.float32(len(boxes))
    if len(boxes) == 1:
        return mean, *clipped_mean(robust_variance(boxes_of(mean[:, 2:] - mean[:, :-2])) / 2.0)
    # neighbours in time; the median, because a pair across a jump of the electronics tells nothing
    values = list(each(lambda pair: robust_variance(pair[1] - pair[0]) / 2.0, pairwise(boxes)))
    return mean, *clipped_mean(np.median(values, axis=0))


def _by_band(flats: Sequence[RawFrame]) -> dict[str, list[RawFrame]]:
    bands: dict[str, list[RawFrame]] = {}
    for raw in flats:
        bands.setdefault(raw.exposure.band, []).append(raw)
    return bands


def _gain_of_flats(
    flats: Sequence[RawFrame], bias: Image | None, dark: float, dark_err: float, camera: Camera, each: Each
) -> tuple[list[tuple[str, float, float]], Values, Values]:
    """Gain and error of each band; level and variance of the boxes that told it."""
    found: list[tuple[str, float, float]] = []
    levels, variances = [np.empty(0)], [np.empty(0)]
    if bias is None or not isfinite(dark):
        return found, levels[0], variances[0]
    for band, raws in _by_band(flats).items():
        values = []
        ceiling = np.nanmin([0.8 * camera.saturation, camera.linearity, inf]) - float(np.median(bias))
        boxes = each(lambda raw: boxes_of(useful_adu(raw) - bias), raws)
        for frames in _alike([b for b in boxes if np.percentile(b, 95.0) < ceiling]):
            level, variance = mean_points(frames[:6], each=each)
            use = (level < ceiling) & (level > 0.0)
            if use.sum() >= 3:
                line = slope_through(level[use], variance[use], dark, dark_err)
                levels.append(level[use])
                variances.append(variance[use])
                if isfinite(line.slope_err) and line.slope > 3.0 * line.slope_err:
                    values.append((1.0 / line.slope, line.slope_err / line.slope**2))
        gain, err = combine_measures(values)
        if isfinite(gain):
            found.append((band, gain, err))
    return found, np.concatenate(levels), np.concatenate(variances)


def _alike(frames: Sequence[NDArray[np.float32]]) -> list[list[NDArray[np.float32]]]:
    """Sort frames into groups of two or more whose levels are within 30 % of each other."""
    levels = [float(np.median(f)) for f in frames]
    groups: list[list[NDArray[np.float32]]] = []
    lowest = nan
    for i in np.argsort(levels, kind="stable"):
        if groups and levels[i] < 1.3 * lowest:
            groups[-1].append(frames[i])
        else:
            groups.append([frames[i]])
            lowest = levels[i]
    return [g for g in groups if len(g) > 1]


def _from_pairs_alone(
    camera: Camera,
    flats: Sequence[RawFrame],
    lights: Sequence[RawFrame],
    bias: Image | None,
    dark: float,
    dark_err: float,
    significance: float,
) -> Camera:
    """Gain from noise against level: flats without bias frames, then pairs of lights."""
    for name, raws in (("flats", flats), ("lights", lights)):
        level, variance = _disjoint_pairs(raws, bias, camera.saturation, quiet=name == "lights")
        if level.size < 10:
            if len(raws) > 1:
                camera = _noted(camera, f"the {name} hold too few places without stars: no gain from them")
            continue
        known = bias is not None and isfinite(dark)
        line = slope_through(level, variance, dark, dark_err) if known else fit_line(level, variance)
        if not line.slope > significance * line.slope_err:
            camera = _noted(
                camera, f"the noise of the {name} does not rise with their level: no gain from them"
            )
            continue
        if line.width > _UNEVEN:
            camera = _noted(
                camera,
                f"the noise of the {name} scatters by {100 * line.width:.0f} % from box to box, "
                "stars are in the way: no gain from them",
            )
            continue
        gain = 1.0 / line.slope
        source = f"pairs of {name}, {'and biases' if known else 'without bias'}"
        doubt = _UNSEEN * gain if name == "lights" else 0.0
        camera = _with_gain(camera, gain, hypot(line.slope_err * gain**2, doubt), source)
        if known:
            return camera
        alone = max(line.intercept - camera.step**2 / 12.0, 0.0)
        return replace(
            camera,
            read_noise=gain * sqrt(alone),
            read_noise_source=source if alone > 0.0 else f"{source}: contained in the offset",
            offset=max(0.0, (camera.step**2 / 12.0 - line.intercept) * gain),
            offset_source=source,
        )
    return camera


def _disjoint_pairs(
    raws: Sequence[RawFrame], bias: Image | None, saturation: float, *, quiet: bool, most: int = 12
) -> tuple[Values, Values]:
    """Levels and variances of boxes in pairs of consecutive frames; of lights only where no star is."""
    alike: dict[str, list[RawFrame]] = {}
    for raw in raws:  # flats of any length are scaled to each other; two unknown lengths are equal as text
        alike.setdefault(f"{raw.exposure.band} {raw.exposure.exptime if quiet else ''}", []).append(raw)
    pairs = [p for group in alike.values() for p in zip(group[::2], group[1::2], strict=False)]
    levels, variances = [np.empty(0)], [np.empty(0)]
    for a, b in pairs[:: max(1, -(-len(pairs) // most))]:
        images = [useful_adu(r) - (np.float32(0.0) if bias is None else bias) for r in (a, b)]
        first, second = (boxes_of(without_stars(i) if quiet else i) for i in images)
        full = np.isfinite(first + second).mean(axis=1) > 0.5
        level, variance = pair_points(first[full], second[full])
        use = level < 0.8 * saturation if isfinite(saturation) else np.isfinite(level)
        if quiet:
            use &= neighbor_correlation(first[full], second[full]) < _CORRELATED
        levels.append(level[use])
        variances.append(variance[use])
    return np.concatenate(levels), np.concatenate(variances)


def _with_gain(camera: Camera, gain: float, err: float, source: str) -> Camera:
    if not isfinite(camera.gain):
        return replace(camera, gain=gain, gain_err=err, gain_source=source)
    if abs(gain / camera.gain - 1.0) > max(0.1, 5.0 * err / gain):
        return _noted(
            camera,
            f"gain {camera.gain:.3g} ({camera.gain_source}) is used, but {source} gives "
            f"{gain:.3g} +- {err:.2g} electrons per ADU",
        )
    return camera


def _with_read_noise(camera: Camera, dark: float, dark_err: float, n: int) -> Camera:
    if isfinite(camera.read_noise) or not isfinite(camera.gain) or not isfinite(dark):
        return camera
    alone = max(dark - camera.step**2 / 12.0, 0.0)
    value = camera.gain * sqrt(alone)
    gain_err = camera.gain_err if isfinite(camera.gain_err) else 0.0
    err = sqrt(
        (camera.gain * dark_err / (2.0 * sqrt(max(alone, 1e-12)))) ** 2 + (sqrt(alone) * gain_err) ** 2
    )
    if sqrt(dark) < 0.5 * camera.step:
        err = max(err, camera.gain * camera.step / sqrt(12.0))
        note = "the read noise is smaller than the converter's step and poorly known; the sum of both is not"
        camera = _noted(camera, note)
    source = f"differences of {n} biases" if n > 1 else "a single bias: fixed pattern included"
    return replace(camera, read_noise=value, read_noise_err=err, read_noise_source=source)


def _with_linearity(camera: Camera, flats: Sequence[RawFrame], bias: Image) -> Camera:
    """Fill in what flats of different length tell."""
    linearity, saturation = estimate_losses(flats, bias, 0.02, 0.10)
    source = f"{len(flats)} flats of different length: %d %% of the light lost"
    if isfinite(linearity) and not isfinite(camera.linearity):
        camera = replace(camera, linearity=linearity, linearity_source=source % 2)
    if isfinite(saturation) and camera.saturation_source in ("unknown", BY_TYPE):
        camera = replace(camera, saturation=saturation, saturation_source=source % 10)
    return camera


def _noted(camera: Camera, note: str) -> Camera:
    return replace(camera, notes=(*camera.notes, note))
