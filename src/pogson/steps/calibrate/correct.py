"""From a raw frame to electrons with their variance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Pixel
from pogson.core.frame import Calibration, Exposure, Frame, Image, Mask, RawFrame
from pogson.core.units import Fraction, Kelvins, Pixels, Sigma
from pogson.kernels.decode import calibrate_adu, calibrate_stored, grow_saturated
from pogson.kernels.sharp import calibrate_searched
from pogson.steps.calibrate.badpixels import merge_masks
from pogson.steps.calibrate.collection import Masters, Matched
from pogson.steps.calibrate.cosmics import flag_cosmics, judge_sharp
from pogson.steps.calibrate.noise import local_variance
from pogson.steps.calibrate.overscan import Overscan, converter_step, measure_overscan, useful_section

_EMPTY: Image = np.empty((0, 0), np.float32)
_KEEP_PIXELS = 16_000_000  # of prepared planes that are kept: 30 bytes each


def calibrate_frame(
    raw: RawFrame,
    masters: Masters | None = None,
    *,
    temperature_tolerance: Kelvins = 2.0,
    dark_exptime_tolerance: Fraction = 0.02,
    cosmics: bool = True,
    cosmic_threshold: Sigma = 5.0,
    narrowest: Pixels = 1.5,
) -> Frame:
    """Subtract bias and dark, divide by the flat, convert to electrons; know the noise of every pixel.

    Parameters
    ----------
    raw : RawFrame
        Its exposure tells gain, read noise, saturation, overscan and useful part.
    masters : Masters or None
        Those that fit are used; what is missing is noted, never fatal.
    temperature_tolerance : float
        Largest difference in temperature between a frame and its dark that is not remarked upon.
    dark_exptime_tolerance : float
        Relative difference in exposure time up to which a dark that still contains its bias is used as it is.
    cosmics : bool
        Flag pixels hit by cosmic rays.
    cosmic_threshold : float
        Significance from which a pixel sharper than any star counts as hit.
    narrowest : float
        FWHM of the narrowest star that may be in the frame; 2 and more finds more cosmic rays.

    Returns
    -------
    Frame
        Electrons; ADU with a variance measured from the image where the gain is unknown.

    Notes
    -----
    With s the ratio of the exposure times, B, D, F the masters and g the gain [1]_ [2]_::

        data     = g (raw - B - s D) / F
        variance = [g (raw - B) + RN^2 + (g q)^2 / 12 + g^2 (var_B' + s^2 var_D)] / F^2 + data^2 var_F / F^2

    q is the converter's step. Where the dark was made with the same bias, both errors are one and the same
    and partly cancel: ``var_B' = (1 - 2 s) var_B``. The photon term uses the number itself, also where
    noise drives it below zero, so that the variance is right on average; it is never less
    than a quarter of the variance without light.

    References
    ----------
    .. [1] Newberry, M. V. 1991, PASP, 103, 122.
    .. [2] Howell, S. B. 2006, Handbook of CCD Astronomy, section 4.
    """
    exposure = raw.exposure
    y0, y1, x0, x1 = useful_section(raw)
    shape = (y1 - y0, x1 - x0)
    exposure = replace(exposure, shape=shape)
    matched = (
        Matched()
        if exposure.reduced
        else (masters or Masters()).match(
            exposure, temperature_tolerance=temperature_tolerance, exptime_tolerance=dark_exptime_tolerance
        )
    )
    step = converter_step(raw)
    planes = _planes(matched, exposure, step, masters)
    overscan = measure_overscan(raw)
    cosmics = cosmics and not exposure.bayer
    # of integers and with a known gain, the search for cosmic rays begins while the numbers are at hand
    at_once = cosmics and raw.swapped and planes.known_gain
    data, variance, mask, sharp = _correct(raw, planes, overscan.level, cosmic_threshold if at_once else None)
    if sharp is not None:
        judge_sharp(data, variance, mask, sharp, threshold=cosmic_threshold, fwhm=narrowest)
    if not planes.known_gain:
        measured = local_variance(data, step=2 if exposure.bayer else 1)
        variance = np.maximum(measured, np.float32(max(step**2 / 12.0, 1e-6)))
    notes = (*exposure.notes, *(() if exposure.reduced else matched.notes), *planes.notes)
    frame = Frame(
        data,
        variance,
        mask,
        replace(exposure, notes=tuple(dict.fromkeys(notes))),
        planes.calibration,
        unit="electron" if planes.known_gain else "adu",
        zero_variance=_zero_variance(planes, overscan),
        zero_rows=overscan.rows,
    )
    if cosmics and not at_once:
        frame = flag_cosmics(frame, threshold=cosmic_threshold, fwhm=narrowest)
    return frame


@dataclass(frozen=True)
class _Planes:
    """What the kernel needs, the same for all frames of one kind."""

    gain: float  # 1 where unknown
    known_gain: bool
    offset: Image
    factor: Image
    base: Image
    relative: Image
    bits: Mask
    calibration: Calibration
    notes: tuple[str, ...]


def _planes(matched: Matched, exposure: Exposure, step: float, masters: Masters | None) -> _Planes:
    e, used = exposure, tuple(map(id, (matched.bias, matched.dark, matched.flat)))
    # As text, because an unknown number is never equal to itself.
    key = repr(
        (used, matched.dark_scale, e.gain, e.read_noise, e.offset, e.overscan, e.shape, e.reduced, step)
    )
    if masters is None:
        return _prepare(matched, exposure, step)
    bad = None if e.reduced else masters.bad.get(e.shape)
    with masters.turn:
        found: _Planes | None = masters.prepared.get(key)
        if found is None:
            found = _prepare(matched, exposure, step, bad)
            keep = min(max(_KEEP_PIXELS // found.offset.size, 1), 8)
            for old in list(masters.prepared)[: max(len(masters.prepared) + 1 - keep, 0)]:
                masters.prepared.pop(old, None)
            masters.prepared[key] = found
            masters.rest()
    return found


def _zero_variance(planes: _Planes, overscan: Overscan) -> float:
    """Of a frame's zero level, squared electrons: its own and that of its masters."""
    made = planes.calibration
    own = planes.gain**2 * overscan.variance
    return made.zero_variance + (own if isfinite(own) else made.drift_variance)


def _prepare(m: Matched, exposure: Exposure, step: float, bad: Mask | None = None) -> _Planes:
    shape, s = exposure.shape, m.dark_scale
    known = isfinite(exposure.gain) and exposure.gain > 0.0
    gain = exposure.gain if known else 1.0
    notes = [] if known else ["gain unknown: the image stays in ADU, its variance is measured from the image"]
    read = exposure.read_noise**2 if known and isfinite(exposure.read_noise) else 0.0
    if known and not isfinite(exposure.read_noise):
        notes.append("read noise unknown: left out of the variance")
    if exposure.bayer:
        notes.append(f"a mosaic of colours ({exposure.bayer}): the pixels of all colours are in one image")
    rounding = (gain * step) ** 2 / 12.0 if known else 0.0

    alone = "bias" in m.missing and exposure.overscan is None and not exposure.reduced
    level = exposure.offset if alone and isfinite(exposure.offset) else 0.0
    dark = _EMPTY if m.dark is None or m.dark.has_bias else (gain * s * m.dark.data).astype(np.float32)
    master = np.float32(gain**2) * _master_variance(m, shape)
    zero, drift = _zero_variances(m)
    offset = np.full(shape, level, np.float32)
    if m.bias is not None:
        offset += m.bias.data
    if m.dark is not None:
        offset += np.float32(s) * m.dark.data
    np.nan_to_num(offset, copy=False)  # masters without a number there have flagged it
    np.nan_to_num(master, copy=False)
    inverse = np.float32(1.0) / m.flat.data if m.flat is not None else np.ones(shape, np.float32)
    base = master + np.float32(max(read + rounding, 1e-6))
    if dark.size:
        base += np.maximum(np.nan_to_num(dark), 0.0)
    calibration = Calibration(
        flat=_EMPTY if m.flat is None else m.flat.data,
        flat_variance=_EMPTY if m.flat is None else m.flat.variance,
        dark=np.nan_to_num(dark, copy=False),
        master_variance=master if m.bias is not None or m.dark is not None else _EMPTY,
        read_variance=read,
        quantisation_variance=rounding,
        zero_variance=gain**2 * zero,
        drift_variance=gain**2 * drift,
        masters=m.names,
        missing=() if exposure.reduced else m.missing,
    )
    relative = np.zeros(shape, np.float32) if m.flat is None else m.flat.variance * inverse**2
    bits = merge_masks(shape, bad, *(x.mask for x in (m.bias, m.dark, m.flat) if x is not None))
    if bad is not None:
        columns = int(((bad & int(Pixel.BAD)) != 0).any(axis=0).sum())
        hot = int(((bad & int(Pixel.HOT)) != 0).sum())
        notes.append(f"as the light frames themselves show, {columns} columns are bad and {hot} pixels hot")
    return _Planes(
        gain, known, offset, np.float32(gain) * inverse, base * inverse**2, relative, bits, calibration,
        tuple(notes),
    )  # fmt: skip


def _master_variance(m: Matched, shape: tuple[int, int]) -> Image:
    """ADU^2 of what is subtracted: bias and scaled dark, of which the dark may contain the same bias."""
    total = np.zeros(shape, np.float32)
    s = m.dark_scale
    if m.dark is not None:
        total += np.float32(s**2) * m.dark.variance
    if m.bias is not None:
        total += np.float32(1.0 - 2.0 * s if _share_bias(m) else 1.0) * m.bias.variance
    return np.maximum(total, 0.0)


def _share_bias(m: Matched) -> bool:
    return m.dark is not None and m.bias is not None and m.bias.name in m.dark.sources


def _zero_variances(m: Matched) -> tuple[float, float]:
    """ADU^2 of the zero level of what is subtracted, and of a single frame: that of all frames together."""
    known = [one for one in (m.bias, m.dark) if one is not None and isfinite(one.zero_variance)]
    if not known:
        return 0.0, 0.0
    single = float(np.average([k.zero_variance for k in known], weights=[max(k.n - 1, 1) for k in known]))
    times, s = 0.0, m.dark_scale
    if m.dark is not None:
        times += s**2 / m.dark.n
    if m.bias is not None:
        times += ((1.0 - s) ** 2 if _share_bias(m) else 1.0) / m.bias.n
    return single * times, single


def _correct(
    raw: RawFrame, planes: _Planes, level: Image, threshold: float | None
) -> tuple[Image, Image, Mask, NDArray[np.int32] | None]:
    """Data, variance, mask; and where a threshold is given the pixels that may be hit by a cosmic ray."""
    e = raw.exposure
    y0, y1, x0, x1 = useful_section(raw)
    shape = (y1 - y0, x1 - x0)
    out = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint16)
    data, _, mask = out
    bits, sharp = planes.bits, None
    if raw.mask is not None:
        known = raw.mask if raw.mask.shape == shape else raw.mask[y0:y1, x0:x1]
        bits = bits | known.astype(np.uint16)
    limits = np.array([e.saturation, e.linearity], np.float32)
    rest = (
        level, y0, x0, limits, np.float32(planes.gain), planes.offset, planes.factor,
        planes.base, planes.relative, bits, *out,
    )  # fmt: skip
    stored = raw.pixels, np.float32(raw.scale), np.float32(raw.zero)
    if threshold is not None:
        saturated, sharp = calibrate_searched(*stored, *rest, 1.0, float(threshold))
    elif raw.swapped:
        saturated = calibrate_stored(*stored, *rest)
    else:
        saturated = calibrate_adu(_native(raw), *rest)
    if saturated:
        floor = 0.05 * planes.gain * e.saturation
        grow_saturated(data, mask, np.uint16(Pixel.SATURATED), np.uint16(Pixel.BLEED), float(floor))
    return *out, sharp


def _native(raw: RawFrame) -> NDArray[np.float32]:
    plain = raw.pixels.dtype == np.float32 and raw.pixels.dtype.isnative and raw.pixels.flags.c_contiguous
    return raw.pixels if plain and raw.scale == 1.0 and raw.zero == 0.0 else raw.adu()
