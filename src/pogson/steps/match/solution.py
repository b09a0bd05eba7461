"""A plate solution, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.steps.match.tangent import Plane, fit_plane

Values = NDArray[np.float64]

_LEAST = 6  # stars of a solution that another engine found
_CHANCE = 1e-9  # of a false one, by its own standard: odds of 10^9

_LEAST = 6  # stars of a solution that another engine found


@dataclass(frozen=True)
class Solution:
    """A plate solution, proven against a catalogue.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        For 0-based pixels: call it with origin 0.
    rms : float
        Root mean square distance of the stars used from the catalogue, arcsec.
    n : int
        Stars used.
    chance : float
        Expected number of accidental solutions as good as this.
    pixel_scale : float
        arcsec / px.
    source : str
        In words: what the solution started from.
    order : int
        1 for TAN; 2 to 4 for TAN-SIP.
    notes : tuple of str
        What a user should know: the header was wrong ...
    """

    wcs: Any
    rms: float
    n: int
    chance: float
    pixel_scale: float
    source: str
    order: int = 1
    notes: tuple[str, ...] = ()

    @property
    def log_odds(self) -> float:
        """Natural logarithm of the odds against accident."""
        return -float(np.log(max(self.chance, 1e-300)))


def solution_of(plane: Plane, chance: float, source: str) -> Solution:
    """A fitted plane as a solution."""
    scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(plane.terms[1:3]))))
    return Solution(plane.wcs(), plane.rms, int(plane.used.sum()), chance, scale, source, plane.order)


def solve_pairs(xy: Values, ra: Values, dec: Values, *, shape: tuple[int, int], source: str) -> Solution:
    """Fit the stars that another engine matched; its own word is taken for the odds.

    Parameters
    ----------
    xy : (n, 2)
        Pixels, 0-based.
    ra, dec : (n,)
        Degree.
    shape : (ny, nx)
        Of the frame.
    source : str
        In words: who matched them.

    Raises
    ------
    MatchError
        If they are fewer than 6, or make no picture of the sky.
    """
    if len(xy) >= _LEAST:
        a, d = np.radians(ra), np.radians(dec)
        x, y, z = (float(v.mean()) for v in (np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)))
        near = (np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y))))
        centre = ((shape[1] - 1.0) / 2.0, (shape[0] - 1.0) / 2.0)
        plane = fit_plane(xy, ra, dec, np.full(len(xy), 0.3), centre=centre, ra0=near[0], dec0=near[1])
        found = solution_of(plane, _CHANCE, source)
        large, small = np.linalg.svd(plane.terms[1:3], compute_uv=False)
        if found.n >= _LEAST and found.rms < 2.0 * found.pixel_scale and large < 1.03 * small:
            return found
    raise MatchError(f"the {len(xy)} stars that {source} matches make no picture of the sky")
