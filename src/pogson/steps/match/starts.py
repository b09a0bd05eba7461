"""What a header says of the place of its frame: first guesses, to be proven by stars."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure
from pogson.steps.match.tangent import to_plane

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Start:
    """Catalogue stars where a first guess puts them in the frame."""

    xy: Values
    scale_tolerance: float
    drift: float
    ra0: float
    dec0: float
    source: str


def shape_of(exposure: Exposure, xy: Values) -> tuple[float, float]:
    """Height and width of the frame."""
    if min(exposure.shape) > 0:
        return float(exposure.shape[0]), float(exposure.shape[1])
    return float(xy[:, 1].max() + 1.0), float(xy[:, 0].max() + 1.0)


def starts_of(
    exposure: Exposure, ra: Values, dec: Values, shape: tuple[float, float], drift: float
) -> Iterator[Start]:
    """The header's WCS, then its pointing with the pixel scale, as far as they are there."""
    centre = np.array([[(shape[1] - 1.0) / 2.0, (shape[0] - 1.0) / 2.0]])
    half = float(np.hypot(*shape)) / 2.0
    wcs = read_wcs(exposure)
    if wcs is not None:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ra0, dec0 = (float(v) for v in wcs.all_pix2world(centre, 0)[0])
            near = np.hypot(*to_plane(ra, dec, ra0, dec0).T)
            size = float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
            close = near < 1.5 * half * size
            xy = np.full((len(ra), 2), np.nan)
            if np.isfinite(ra0) and close.any():
                xy[close] = wcs.all_world2pix(np.column_stack([ra[close], dec[close]]), 0, quiet=True)
        if np.isfinite(xy).any():
            yield Start(xy, 0.03, drift, ra0, dec0, "the header's WCS")
    if np.isfinite([exposure.ra, exposure.dec, exposure.pixel_scale]).all():
        plane = to_plane(ra, dec, exposure.ra, exposure.dec) * 3600.0 / exposure.pixel_scale
        # north up, east left; turns and mirror images are found by the patterns
        xy = plane * (-1.0, 1.0) + centre
        yield Start(xy, 0.1, 0.0, exposure.ra, exposure.dec, "the pointing and the pixel scale")


def read_wcs(exposure: Exposure) -> Any:
    """The header's WCS for 0-based pixels of the trimmed frame, or None where there is no usable one."""
    cards = {str(key).upper(): value for key, value in exposure.cards.items()}
    if "CRVAL1" not in cards or "RA" not in str(cards.get("CTYPE1", "")) + str(cards.get("CTYPE2", "")):
        return None
    if any(key.startswith("CD") and "_" in key for key in cards):
        # both forms are often there: the matrix counts
        cards = {k: v for k, v in cards.items() if not k.startswith(("CDELT", "CROTA", "PC"))}
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(Header({k: v for k, v in cards.items() if v is not None}), naxis=2)
            size = np.linalg.det(wcs.pixel_scale_matrix)
            wcs.wcs.set()
    except Exception:  # a damaged WCS is no WCS
        return None
    if not np.isfinite(size) or size == 0.0 or not wcs.has_celestial:
        return None
    if exposure.trim is not None:
        y0, _, x0, _ = exposure.trim
        wcs.wcs.crpix = wcs.wcs.crpix - np.array([x0, y0])
        if wcs.sip is not None:
            from astropy.wcs import Sip

            sip = wcs.sip
            wcs.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, wcs.wcs.crpix)
    return wcs
