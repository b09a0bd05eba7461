"""The nouns that travel: a raw image, its exposure, a calibrated frame, a master."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import FrameError

Image = NDArray[np.float32]
Mask = NDArray[np.uint16]

#: rows and columns of a part of the detector, 0-based, stop excluded: (y0, y1, x0, x1)
Section = tuple[int, int, int, int]


@dataclass(frozen=True)
class Site:
    """Where the telescope stands."""

    latitude: float  # degree, north positive
    longitude: float  # degree, east positive
    height: float = nan  # metre above sea level
    name: str = ""


@dataclass(frozen=True)
class Exposure:
    """What is known about one exposure, and where each value came from.

    Unknown numbers are NaN, unknown words are empty. `sources` tells for each field
    by name which card, rule or setting it came from.
    """

    path: str = ""
    kind: str = "unknown"  # light, bias, dark, flat, unknown
    target: str = ""
    band: str = ""  # canonical
    exptime: float = nan  # s
    jd_start: float = nan  # JD UTC
    jd_utc: float = nan  # JD UTC of mid-exposure
    bjd_tdb: float = nan  # BJD TDB of mid-exposure
    airmass: float = nan
    ra: float = nan  # degree, pointing
    dec: float = nan
    gain: float = nan  # electron / ADU
    gain_err: float = nan
    read_noise: float = nan  # electron
    read_noise_err: float = nan
    saturation: float = nan  # ADU, of the raw number
    linearity: float = nan  # ADU, of the raw number
    offset: float = nan  # ADU to subtract where no bias is known (PEDESTAL and the like)
    temperature: float = nan  # degree C of the detector
    binning: tuple[int, int] = (1, 1)  # x, y
    shape: tuple[int, int] = (0, 0)  # ny, nx of the useful part
    trim: Section | None = None
    overscan: Section | None = None
    pixel_scale: float = nan  # arcsec / px, from the optics
    diameter: float = nan  # m, of the telescope
    site: Site | None = None
    camera: str = ""
    bayer: str = ""  # RGGB ... of a colour mosaic
    reduced: bool = False  # already calibrated by somebody else
    cards: Mapping[str, Any] = field(default_factory=dict, repr=False)  # WCS cards, whitelisted
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()  # what a user should know

    def with_values(self, source: str, **values: Any) -> Exposure:
        """A copy with other values, each said to come from `source`."""
        return replace(self, **values, sources={**self.sources, **dict.fromkeys(values, source)})


@dataclass(frozen=True)
class RawFrame:
    """An image as the camera wrote it: ADU, not trimmed, not converted.

    Attributes
    ----------
    pixels : (ny, nx)
        The stored numbers. Where `swapped`, they are big-endian 16-bit integers seen
        through a native uint16 view, so that one kernel can decode and calibrate them.
    scale, zero : float
        ADU = zero + scale * stored number.
    """

    pixels: NDArray[Any]
    exposure: Exposure
    scale: float = 1.0
    zero: float = 0.0
    swapped: bool = False
    mask: Mask | None = None  # known before calibration: a bad-pixel extension, blanks

    def adu(self) -> Image:
        """All pixels in ADU, float32, native byte order (overscan included)."""
        stored = self.pixels.view(">i2") if self.swapped else self.pixels
        return (stored.astype(np.float32) * np.float32(self.scale) + np.float32(self.zero)).astype(np.float32)


@dataclass(frozen=True)
class Master:
    """A combined calibration image, with its own noise.

    `data` is in ADU for a bias, in ADU for a dark (bias subtracted unless `has_bias`, collected in
    `exptime` seconds) and relative to a median of 1 for a flat.
    """

    kind: str  # bias, dark, flat
    data: Image
    variance: Image
    mask: Mask
    n: int
    band: str = ""
    exptime: float = nan
    temperature: float = nan
    binning: tuple[int, int] = (1, 1)
    has_bias: bool = False
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""
    rejected: tuple[tuple[str, str], ...] = ()  # files that were refused, and why
    zero_variance: float = nan  # ADU^2: of the zero level of one of its frames, shared by its pixels


@dataclass(frozen=True)
class Calibration:
    """What was taken from, or divided out of, a frame: needed to split its noise into terms.

    All planes are (ny, nx) float32; a plane of shape (0, 0) stands for "none".
    """

    flat: Image  # relative response
    flat_variance: Image
    dark: Image  # electron collected from dark current in this exposure
    master_variance: Image  # electron^2: noise of the master bias and of the scaled master dark
    read_variance: float = 0.0  # electron^2
    quantisation_variance: float = 0.0  # electron^2
    zero_variance: float = 0.0  # electron^2: of the masters' zero level, an error that all pixels share
    drift_variance: float = 0.0  # electron^2: the same of one frame, where it has no overscan
    masters: tuple[str, ...] = ()  # names of the masters applied
    missing: tuple[str, ...] = ()  # kinds of calibration that were not there

    @classmethod
    def none(cls) -> Calibration:
        """Nothing was applied."""
        empty = np.empty((0, 0), np.float32)
        return cls(empty, empty, empty, empty)


@dataclass(frozen=True)
class Frame:
    """One calibrated exposure: an array that cannot lose its noise.

    Attributes
    ----------
    data : float32 (ny, nx)
        Signal in electrons, or in ADU where `unit` says so (gain unknown).
    variance : float32 (ny, nx)
        Variance of `data`.
    mask : uint16 (ny, nx)
        Bits of `core.flags.Pixel`; 0 is a good pixel.
    exposure : Exposure
    calibration : Calibration
    wcs : astropy.wcs.WCS or None
    unit : str
        "electron" or "adu".
    correlation : float
        Noise of a sum over many pixels, over that of uncorrelated pixels; above 1 where resampled.
    zero_variance : float
        Of the zero level, in the unit squared: an error that pixels of nearby rows share; not in `variance`.
    zero_rows : float
        Over which the zero level was averaged; infinite where it is one number for all rows.
    """

    data: Image
    variance: Image
    mask: Mask
    exposure: Exposure = field(default_factory=Exposure)
    calibration: Calibration = field(default_factory=Calibration.none)
    wcs: Any = None
    unit: str = "electron"
    correlation: float = 1.0
    zero_variance: float = 0.0
    zero_rows: float = inf

    def __post_init__(self) -> None:
        if self.data.ndim != 2:
            raise FrameError(f"a frame is two-dimensional; data has shape {self.data.shape}")
        for name in ("variance", "mask"):
            shape = getattr(self, name).shape
            if shape != self.data.shape:
                raise FrameError(f"{name} has shape {shape}, data has {self.data.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    @classmethod
    def from_array(
        cls,
        data: NDArray[Any],
        *,
        variance: NDArray[Any] | float,
        mask: NDArray[Any] | None = None,
        exposure: Exposure | None = None,
        unit: str = "electron",
    ) -> Frame:
        """A frame from plain arrays; `mask` may be boolean (True is bad)."""
        pixels = np.ascontiguousarray(data, np.float32)
        spread = np.broadcast_to(np.asarray(variance, np.float32), pixels.shape).copy()
        bits = np.zeros(pixels.shape, np.uint16) if mask is None else np.asarray(mask).astype(np.uint16)
        bits = bits | ~np.isfinite(pixels)
        return cls(pixels, spread, bits.astype(np.uint16), exposure or Exposure(), unit=unit)

    @classmethod
    def from_ccddata(cls, ccd: Any) -> Frame:
        """A frame from an `astropy.nddata.CCDData`; its uncertainty must be there."""
        if ccd.uncertainty is None:
            raise FrameError("this CCDData has no uncertainty; set ccd.uncertainty first")
        variance = (
            ccd.uncertainty.represent_as("var").array if hasattr(ccd.uncertainty, "represent_as") else None
        )
        if variance is None:
            raise FrameError("the uncertainty of this CCDData cannot be turned into a variance")
        frame = cls.from_array(ccd.data, variance=variance, mask=ccd.mask, unit=str(ccd.unit))
        return replace(frame, wcs=ccd.wcs)

    def to_ccddata(self) -> Any:
        """The frame as `astropy.nddata.CCDData`, with standard deviation and boolean mask."""
        from astropy.nddata import CCDData, StdDevUncertainty

        return CCDData(
            self.data,
            unit=self.unit,
            uncertainty=StdDevUncertainty(np.sqrt(self.variance)),
            mask=self.mask != 0,
            wcs=self.wcs,
        )
