"""A night that is made to test error bars: single stars of every brightness, under a kind sky."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil, pi, sqrt
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.simulate.dice import dice_for

EXPTIME = 60.0  # s
BETA = 3.2  # exponent of the stars' Moffat profile

#: electrons by dark current in a light frame, per pixel
DARK = 3.0

RANGES = {
    "gain": (0.01, 100.0, "electron / ADU"),
    "read_noise": (0.0, 1000.0, "electron"),
    "fwhm": (1.2, 15.0, "pixels"),
    "sky": (0.0, 50000.0, "electron / pixel"),
    "calibrations": (0, 200, "frames"),
    "frames": (1, 100, "per band"),
    "stars": (25, 2000, "stars"),
}


@dataclass(frozen=True)
class ProofNight:
    """The camera and the sky for which error bars are to be proven.

    Attributes
    ----------
    gain : float
        electron / ADU.
    read_noise : float
        electron.
    fwhm : float
        Of the stars, pixels.
    sky : float
        electron / pixel in a light frame.
    calibrations : int
        Bias, dark and flat frames, of each kind (flats: of each band).
    without : tuple of str
        Kinds of calibration that are not there: bias, dark, flat.
    frames : int
        Light frames in each of two bands.
    stars : int
        Spread evenly, so that none is crowded.
    crowded : bool
        The stars fall at random, one in 25 square widths.
    told : bool
        Headers tell gain and read noise; else they are measured from pairs of frames.

    Raises
    ------
    SettingError
        If a number is impossible.
    """

    gain: float = 1.5
    read_noise: float = 6.0
    fwhm: float = 3.0
    sky: float = 200.0
    calibrations: int = 10
    without: tuple[str, ...] = ()
    frames: int = 3
    stars: int = 196
    crowded: bool = False
    told: bool = True

    def __post_init__(self) -> None:
        for name, (low, high, unit) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                words = name.replace("_", " ")
                raise SettingError(f"{words} must be from {low:g} to {high:g} {unit}, got {value:g}")
        for kind in self.without:
            if kind not in ("bias", "dark", "flat"):
                raise SettingError(f"without: there is bias, dark and flat, not '{kind}'")
        if self.sky > 0.5 * self.top:
            raise SettingError(
                f"a sky of {self.sky:g} electron saturates 16 bits at {self.gain:g} electron / ADU; give less"
            )

    @property
    def top(self) -> float:
        """Electrons that 16 bits hold above the bias."""
        return 63000.0 * self.gain

    @property
    def side(self) -> int:
        """Columns and rows of a frame."""
        apart = 5.0 * self.fwhm if self.crowded else max(36.0, 12.0 * self.fwhm)
        return max(ceil(sqrt(self.stars)) * ceil(apart) + 8, 160)

    @property
    def parts(self) -> int:
        """Work of a night: frames are made, light frames also searched and measured."""
        kinds = [1 if kind != "flat" else 2 for kind in ("bias", "dark", "flat") if kind not in self.without]
        return self.calibrations * sum(kinds) + 3 * 2 * self.frames

    def recipe(self, seed: int, table: str) -> dict[str, Any]:
        """Recipe of a night without clouds, gradients and cosmic rays, near the zenith; 1 arcsec a pixel."""
        darkness = 2.5 * np.log10(max(self.sky, 1e-3) / EXPTIME)
        n = {kind: 0 if kind in self.without else self.calibrations for kind in ("bias", "dark", "flat")}
        return {
            "name": "proof",
            "seed": seed,
            "detector": {
                "nx": self.side,
                "ny": self.side,
                "overscan": 24,
                "gain": self.gain,
                "read_noise": self.read_noise,
                "full_well": self.top,
                "dark_current": DARK / EXPTIME,
                "bad_columns": 0,
                "cosmic_rays": 0.0,
            },
            "telescope": {"diameter": 1.0, "pixel_scale": 1.0, "beta": BETA, "elongation": 1.0},
            # no header of this dialect tells the height, which scintillation hangs on
            "site": {"height": 0.0},
            "sky": {"seeing": self.fwhm, "seeing_spread": 0.02, "gradient": 0.0, "cloudy": []},
            "bands": {
                "g": {"zero_point": 22.6, "sky": 22.6 - darkness},
                "r": {"zero_point": 22.4, "sky": 22.4 - darkness},
            },
            "field": {"name": "PROOF", "dec": 37.0, "catalog_share": 0.6, "table": table},
            "night": {
                "start": "2024-06-12T00:40:00",
                "exposures": [["g", EXPTIME, self.frames], ["r", EXPTIME, self.frames]],
                "tells": ["gain", "read_noise", "saturation"] if self.told else ["saturation"],
            },
            "calibration": {"dark_exptime": EXPTIME, **n},
        }

    def star_table(self, seed: int) -> Table:
        """Stars near the knots of a grid; from SNR 4 on over 10 magnitudes, or up to saturation."""
        dice = dice_for(seed, "proof")
        x, y = self._places(dice)
        noise = pi * (1.5 * self.fwhm) ** 2 * (self.sky + DARK + self.read_noise**2)
        faintest = 0.5 * (16.0 + sqrt(256.0 + 64.0 * noise))
        # the share of the light that the brightest pixel takes, at most
        peak = (BETA - 1.0) / (pi * (self.fwhm / 0.98) ** 2)
        brightest = min(0.8 * (self.top - self.sky) / min(peak, 1.0), faintest * 10.0 ** (0.4 * 10.0))
        flux = np.exp(dice.uniform(np.log(faintest), np.log(brightest), self.stars))
        red = 22.3 - 2.5 * np.log10(flux / EXPTIME)
        color = dice.uniform(0.0, 1.2, self.stars)
        # about as bright in both bands
        return Table({"x": x, "y": y, "mag_g": red + 0.5 * color, "mag_r": red - 0.5 * color, "color": color})

    def _places(self, dice: np.random.Generator) -> NDArray[np.float64]:
        """Columns and rows of the stars."""
        if self.crowded:
            return 3.5 + (self.side - 8.0) * dice.uniform(size=(2, self.stars))
        k = ceil(sqrt(self.stars))
        step = (self.side - 8.0) / k
        knots = np.array(list(product(range(k), repeat=2)), float)[dice.permutation(k * k)[: self.stars]]
        return np.asarray(3.5 + step * (knots + 0.5 + dice.uniform(-0.12, 0.12, knots.shape))).T
