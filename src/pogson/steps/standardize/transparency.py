"""How much light of the stars came through, frame by frame: clouds show themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED
from pogson.core.medians import row_median
from pogson.core.units import Sigma
from pogson.steps.standardize.gather import POGSON, Shot, Values
from pogson.steps.standardize.robust import fit_levels

#: mag: a frame whose offset is known no better is no scale
SURE = 0.1

_BLOCK = 64  # frames compared at a time


def measure_transparency(
    photometry: Sequence[Table],
    *,
    fit: Sequence[bool] | None = None,
    min_snr: Sigma = 20.0,
    clip: Sigma = 4.0,
) -> Table:
    """Ratio of the stars' fluxes, per second of exposure, to those in the best frame of the band.

    It is all that came through, the clear air included: at airmass 2 it is lower by what one more airmass
    takes. What the air takes is not known before the clouds are, and a faint frame is as noisy for either.

    Parameters
    ----------
    photometry : sequence of Table
        PHOTOMETRY of each frame; meta: exposure, and aperture_correction where known.
    fit : sequence of bool, optional
        Frames that the others may be compared with. A trailed or blurred frame loses light from its
        apertures, and gets too much of it put back: it is no scale. All, where none of a band is.
    min_snr : float
        Least signal-to-noise ratio of a star, in the frame that it is compared with.
    clip : float
        Stars beyond this many of their errors are left out.

    Returns
    -------
    Table
        One row per frame, in the order given: frame, band, transparency, transparency_err, n, and
        offset, offset_err: the magnitude to add to those of the frame to get the scale of
        its band's best frame. NaN where fewer than 3 stars could be compared.
    """
    shots = [Shot.of(table) for table in photometry]
    ratio = np.full((len(shots), 3), np.nan)
    fine = np.ones(len(shots), bool) if fit is None else np.array(fit, bool)
    bands = np.array([shot.band for shot in shots], str)
    for band in dict.fromkeys(bands.tolist()):
        mine = np.flatnonzero(bands == band)
        fine[mine] |= not fine[mine].any()
        ratio[mine] = _compare([shots[k] for k in mine], fine[mine], min_snr, clip)
    with np.errstate(invalid="ignore"):
        scale = 10.0 ** (0.4 * (ratio[:, 0] + _uncorrected(shots)))
        for band in dict.fromkeys(bands.tolist()):
            same = bands == band
            known = scale[same & fine & (ratio[:, 1] < SURE)]
            if len(known):
                scale[same] /= known.max()
        table = Table(
            {
                "frame": np.array([shot.frame for shot in shots], str),
                "band": bands,
                "transparency": scale,
                "transparency_err": scale * ratio[:, 1] / POGSON,
                "n": np.nan_to_num(ratio[:, 2]).astype(np.int64),
                "offset": ratio[:, 0],
                "offset_err": ratio[:, 1],
            }
        )
    table["offset"].unit = table["offset_err"].unit = "mag"
    return table


def _uncorrected(shots: list[Shot]) -> Values:
    """What takes the aperture corrections out again, in bands where a frame has none."""
    lacking = {shot.band for shot in shots if not shot.corrected}
    return np.array([shot.aperture_correction if shot.band in lacking else 0.0 for shot in shots])


def _compare(shots: list[Shot], fine: NDArray[np.bool_], min_snr: float, clip: float) -> Values:
    """(n, 3): magnitude offset to the best of the fine frames, its error, and the number of stars."""
    stars = np.unique(np.concatenate([np.asarray(shot.table["star"], np.int64) for shot in shots]))
    flux, err = np.full((2, len(shots), len(stars)), np.nan)
    for k, shot in enumerate(shots):
        at = np.searchsorted(stars, np.asarray(shot.table["star"], np.int64))
        good = (shot.flags & SPOILED) == 0
        rate, rate_err = shot.rate
        flux[k, at], err[k, at] = np.where(good, rate, np.nan), np.where(good, rate_err, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        bright = flux / err > min_snr
    first = int(np.argmax(np.where(fine, bright.sum(1), -1)))
    # chosen by the brightness in the other frame: a limit in this one would favour lucky stars
    flux, err = flux[:, bright[first]], err[:, bright[first]]
    parts = [slice(k, k + _BLOCK) for k in range(0, len(shots), _BLOCK)]
    result = np.concatenate([_ratios(flux[s], err[s], flux[first], err[first], clip) for s in parts])
    result[first, :2] = 0.0 if result[first, 2] > 0.0 else np.nan
    with np.errstate(invalid="ignore"):
        known = result[fine & (result[:, 1] < SURE), 0]
    result[:, 0] = (known.min() if len(known) else 0.0) - result[:, 0]
    return result


def _ratios(flux: Values, err: Values, base: Values, base_err: Values, clip: float) -> Values:
    """(n, 3): magnitude of each frame's fluxes over those of one, its error, and the number of stars."""
    # a ratio of fluxes, not of magnitudes: a star lost in cloud counts with its noise
    ratio = np.where(err > 0.0, flux / base, np.nan)
    result = np.full((len(flux), 3), np.nan)
    seen = np.flatnonzero(np.isfinite(ratio).sum(1) >= 3)
    guess = np.maximum(row_median(ratio[seen]), 0.0)
    sigma = np.where(np.isnan(ratio[seen]), np.nan, np.hypot(err[seen], guess[:, None] * base_err) / base)
    level, level_err, result[seen, 2] = fit_levels(ratio[seen], sigma, clip=clip)
    known = level > 0.0
    level, level_err, seen = level[known], level_err[known], seen[known]
    result[seen, 0], result[seen, 1] = -2.5 * np.log10(level), POGSON * level_err / level
    return result
