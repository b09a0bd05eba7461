"""The shape of a star: numbers, not code."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True)
class PSF:
    """A round stellar profile.

    Attributes
    ----------
    profile : str
        "moffat" or "gaussian".
    fwhm, fwhm_err : float
        Full width at half maximum, pixels, and its error (1 sigma).
    beta : float
        Exponent of the Moffat profile; NaN for a Gaussian.
    elongation : float
        Median major over minor axis of the stars used.
    n : int
        Stars used.
    """

    profile: str
    fwhm: float
    fwhm_err: float = nan
    beta: float = nan
    elongation: float = nan
    n: int = 0
