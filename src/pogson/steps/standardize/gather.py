"""What a photometry table says about its frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import nan

import numpy as np
from numpy.typing import NDArray

from pogson.core.columns import Rows
from pogson.core.frame import Exposure

Values = NDArray[np.float64]

POGSON = 2.5 / np.log(10.0)

#: bands that lie next to each other
SEQUENCES = (("u", "g", "r", "i", "z", "y"), ("U", "B", "V", "R", "I"), ("BP", "G", "RP"), ("J", "H", "K"))


@dataclass(frozen=True)
class Shot:
    """One frame's photometry, with what is needed to turn its fluxes into magnitudes."""

    table: Rows
    frame: str
    band: str
    exptime: float
    aperture_correction: float  # magnitude to add; 0 where unknown
    aperture_correction_err: float
    aperture_scatter: float  # mag: single stars differ by so much from the correction
    electrons: bool  # false where the gain is unknown
    corrected: bool = True  # whether the aperture correction is known
    reach: float = nan  # px: aperture and half of a star's width
    pixel_scale: float = nan  # arcsec / px
    gain_err: float = 0.0  # relative

    @classmethod
    def of(cls, table: Rows) -> Shot:
        """From a PHOTOMETRY table; its meta holds the exposure and, where known, the aperture correction."""
        exposure = table.meta.get("exposure", Exposure())
        frame = str(table["frame"][0]) if len(table) else exposure.path
        band = str(table["band"][0]) if len(table) else exposure.band
        correction = float(table.meta.get("aperture_correction", nan))
        error = float(table.meta.get("aperture_correction_err", nan))
        known = bool(np.isfinite(correction))
        return cls(
            table,
            frame,
            band,
            float(exposure.exptime),
            correction if known else 0.0,
            error if known and np.isfinite(error) else 0.0,
            float(np.nan_to_num(table.meta.get("aperture_scatter", 0.0))),
            table.meta.get("unit", "electron") == "electron",
            known,
            float(table.meta.get("radius", nan)) + 0.5 * float(table.meta.get("fwhm", 0.0)),
            float(exposure.pixel_scale),
            float(np.nan_to_num(exposure.gain_err / exposure.gain)),
        )

    @property
    def rate(self) -> tuple[Values, Values]:
        """Flux of each star per second, corrected to all of its light, and its error."""
        factor = 10.0 ** (-0.4 * self.aperture_correction) / self.exptime
        return self.column("flux") * factor, self.column("flux_err") * factor

    @property
    def background_err(self) -> Values:
        """Error of each flux without the star's own photons."""
        total, source = self.column("flux_err") ** 2, self.column("err_source") ** 2
        return np.sqrt(np.maximum(total - source, 0.01 * total))

    def column(self, name: str) -> Values:
        """A column of the table as float64."""
        return np.asarray(self.table[name], float)

    @property
    def flags(self) -> NDArray[np.int64]:
        """The flags of the table."""
        return np.asarray(self.table["flags"], np.int64)


def near_colors(band: str, has: list[str], seen: list[str]) -> list[str]:
    """Colours with `band`, of neighbouring bands that the catalogue `has`; the `seen` ones first."""
    found = []
    for sequence in SEQUENCES:
        bands = [b for b in sequence if b in has]
        pairs = [pair for pair in pairwise(bands) if band in pair]
        found += [f"{blue}-{red}" for blue, red in pairs]
    return sorted(found, key=lambda color: -sum(b in seen for b in color.split("-")))
