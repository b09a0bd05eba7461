"""A pipeline of the peers for a night: `python -m benchmarks.series_peer LIBRARY NIGHT OUT STARS WORKERS`."""

from __future__ import annotations

import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from benchmarks.aperture import OUTER, photutils_fluxes, sep_fluxes
from benchmarks.detect import photutils_stars, sep_stars
from benchmarks.frame import astroalign_matrix
from benchmarks.race import quiet

GAIN, READ_NOISE, FWHM = 0.9, 8.0, 3.8  # told: the peers do not measure them


class Pipeline:
    """Calibrate with plain numpy, find the stars, align, measure in fixed apertures."""

    def __init__(self, library: str, night: Path, most: int) -> None:
        self.library = library
        files: dict[str, list[Path]] = {}
        for path in sorted(night.glob("*.fits")):
            files.setdefault(fits.getval(path, "IMAGETYP").strip().lower(), []).append(path)
        self.bias = _mean(files["bias"])
        self.dark = _mean(files["dark"]) - self.bias
        flat = _mean(files["flat"]) - self.bias
        self.flat = flat / np.median(flat)
        self.lights = files["light"]
        self.reference = self.points(self.read(self.lights[len(self.lights) // 4]))
        self.field = self.reference[:most]

    def read(self, path: Path) -> np.ndarray:
        """Electrons."""
        return (_read(path) - self.bias - self.dark) * np.float32(GAIN) / self.flat

    def points(self, data: np.ndarray) -> np.ndarray:
        """x, y of the stars, brightest first."""
        if self.library == "sep":
            stars = sep_stars(data)
            return np.transpose([stars["x"], stars["y"]])[np.argsort(-stars["flux"])]
        stars = photutils_stars(data, FWHM)
        stars.sort("flux", reverse=True)
        names = ("x_centroid", "y_centroid") if "x_centroid" in stars.colnames else ("xcentroid", "ycentroid")
        return np.transpose([stars[name] for name in names])

    def measure(self, path: Path) -> np.ndarray:
        """Fluxes of the field; NaN where the frame does not fit."""
        data = self.read(path)
        try:
            matrix = astroalign_matrix(self.reference, self.points(data))
        except Exception:
            return np.full(len(self.field), np.nan)
        moved = self.field @ matrix[:2, :2].T + matrix[:2, 2]
        noise = np.sqrt(np.maximum(data, 0) + np.float32(READ_NOISE**2))
        ny, nx = data.shape
        inside = ((moved > OUTER) & (moved < np.array([nx, ny]) - OUTER)).all(
            1
        )  # sep stops at an empty annulus
        table: Table = (sep_fluxes if self.library == "sep" else photutils_fluxes)(data, noise, moved[inside])
        flux = np.full(len(moved), np.nan)
        flux[inside] = table["flux"]
        return flux


def _read(path: Path) -> np.ndarray:
    with fits.open(path) as file:
        return file[0].data.astype(np.float32)


def _mean(paths: list[Path]) -> np.ndarray:
    return np.mean([_read(path) for path in paths], axis=0, dtype=np.float64).astype(np.float32)


def _measure(path: Path) -> np.ndarray:
    with quiet():
        return PIPELINE.measure(path)


if __name__ == "__main__":
    library, night, out, most, workers = sys.argv[1:]
    with quiet():
        PIPELINE = Pipeline(library, Path(night), int(most))
    if int(workers) > 1:
        with Pool(int(workers)) as pool:  # forked: the masters are shared
            fluxes = pool.map(_measure, PIPELINE.lights, chunksize=1)
    else:
        fluxes = [_measure(path) for path in PIPELINE.lights]
    np.savez(out, flux=np.transpose(fluxes))
