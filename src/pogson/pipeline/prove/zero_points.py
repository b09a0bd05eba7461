"""Are the errors of zero points and colour terms right? Hundreds of nights of photometry without pixels.

A night of pixels has one zero point and colour term for each band. To know the width of their pulls to 5 %
takes some hundreds, which only tables can give: fluxes and catalogues with the errors that they claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.columns import CATALOG, PHOTOMETRY
from pogson.core.frame import Exposure
from pogson.pipeline.prove.pulls import Proof, Values, join_pulls, make_pulls
from pogson.simulate.dice import dice_for
from pogson.steps.standardize.zeropoint import fit_zero_points

ZERO, EXPTIME = 22.5, 60.0
TERMS = {"g": 0.05, "r": -0.03}


@dataclass(frozen=True)
class Comparison:
    """The stars that zero points are made of.

    Attributes
    ----------
    stars : int
        Known to the catalogue and bright enough.
    catalog_err : float
        mag; 0: as the catalogue says it is, which is nothing.
    told : bool
        The catalogue tells its errors.
    scatter : float
        mag by which stars differ beyond all errors: variables, flats.
    outliers : float
        Share of stars with a neighbour in the aperture that nobody knows.
    correction_err : float
        mag, of the aperture correction.
    frames : int
        In each of two bands.
    """

    stars: int = 60
    catalog_err: float = 0.015
    told: bool = True
    scatter: float = 0.0
    outliers: float = 0.0
    correction_err: float = 0.001
    frames: int = 1


def prove_zero_points(given: Comparison, *, draws: int = 200, seed: int = 1) -> Proof:
    """Zero points and colour terms of many nights; every draw gives those of two bands."""
    parts = []
    for k in range(draws):
        dice = dice_for(seed, f"zero points {k}")
        red = 17.5 - np.minimum(dice.exponential(1.5, given.stars), 5.0)
        color = dice.uniform(0.1, 1.3, given.stars)
        true = {"g": red + 0.5 * color, "r": red - 0.5 * color}
        tables = [
            table for band in true for table in _photometry(given, true[band], color, band, dice)
        ]  # of g, then of r
        matches = Table(
            {n: np.arange(given.stars) for n in ("star", "row")} | {"flags": np.zeros(given.stars, int)}
        )
        found = fit_zero_points(tables, matches, _catalog(given, true, dice), color_term="fit")
        for row in found.table[:: given.frames]:
            pull = (float(row["zero_point"]) - ZERO) / float(row["zero_point_err"])
            parts.append(make_pulls("zero point", f"{k} {row['band']}", [pull]))
        for band, term in found.colors.items():
            parts.append(make_pulls("colour term", f"{k} {band}", [(term.value - TERMS[band]) / term.err]))
    return Proof(join_pulls(parts))


def _catalog(given: Comparison, true: dict[str, Values], dice: np.random.Generator) -> Table:
    n = given.stars
    columns = {name: np.full(n, np.nan) for name in ("ra", "dec", "pmra", "pmdec")}
    for band, mag in true.items():
        columns[f"mag_{band}"] = mag + given.catalog_err * dice.standard_normal(n)
        columns[f"mag_{band}_err"] = np.full(n, given.catalog_err if given.told else np.nan)
    meta = {"name": "truth", "bands": "g,r", "epoch": 2000.0}
    return CATALOG.table(meta, id=np.arange(n).astype(str), flags=np.zeros(n, int), **columns)


def _photometry(
    given: Comparison, mag: Values, color: Values, band: str, dice: np.random.Generator
) -> list[Table]:
    """The frames of one band: photons, sky, what is wrong with a star in all frames, and in this one."""
    n = given.stars
    own = given.scatter * dice.standard_normal(n)
    own -= 2.5 * np.log10(np.where(dice.uniform(size=n) < given.outliers, dice.uniform(1.1, 3.0, n), 1.0))
    electrons = 10.0 ** (-0.4 * (mag + own - ZERO - TERMS[band] * color)) * EXPTIME
    tables = []
    for k in range(given.frames):
        correction = given.correction_err * dice.standard_normal()
        light = electrons * 10.0 ** (0.4 * correction)
        sky = 60.0
        flux = dice.poisson(light) + sky * dice.standard_normal(n)
        source = np.sqrt(np.maximum(flux, 0.0))
        full: dict[str, Any] = {c.name: np.zeros(n) for c in PHOTOMETRY.columns}
        full |= {
            "star": np.arange(n), "frame": np.full(n, f"{band}{k}"), "band": np.full(n, band), "flux": flux,
            "flux_err": np.hypot(source, sky), "err_source": source, "err_sky": np.full(n, sky),
            "flags": np.zeros(n, int), "mag": -2.5 * np.log10(np.maximum(flux, 1.0) / EXPTIME),
        }  # fmt: skip
        meta = {
            "exposure": Exposure(path=f"{band}{k}", band=band, exptime=EXPTIME, gain=1.0),
            "unit": "electron",
            "aperture_correction": 0.0,
            "aperture_correction_err": given.correction_err,
        }
        tables.append(PHOTOMETRY.table(meta, **full))
    return tables
