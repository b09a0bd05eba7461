"""A night of photometry whose truth is known."""

from dataclasses import dataclass, field

import numpy as np
from astropy.table import Table

from pogson.core.columns import CATALOG, FIELD, PHOTOMETRY
from pogson.core.frame import Exposure


@dataclass
class Night:
    seed: int = 1
    n: int = 300
    bands: str = "gr"
    frames: int = 3
    exptime: float = 60.0
    zero: float = 22.0
    cat_err: float = 0.02
    hidden: float = 0.0  # intrinsic scatter of the stars, the same in all frames
    sky: float = 60.0  # noise of the sky in the aperture, electron
    outliers: float = 0.0
    faintest: float = 18.0
    terms: dict = field(default_factory=dict)  # band: colour term in g-r
    clouds: dict = field(default_factory=dict)  # frame number: magnitudes lost
    colors: tuple = (0.1, 1.3)

    def __post_init__(self):
        rng = self.rng = np.random.default_rng(self.seed)
        self.ids = np.arange(1, self.n + 1)
        r = self.faintest - rng.exponential(1.5, self.n)
        self.color = rng.uniform(*self.colors, self.n)
        self.truth = {"r": r, "g": r + self.color, "i": r - 0.4 * self.color}
        self.own = {b: rng.normal(0, self.hidden, self.n) for b in self.bands}
        self.x, self.y = rng.uniform(0, 1000, (2, self.n))
        values = {}
        for b in self.bands:
            values[f"mag_{b}"] = self.truth[b] + rng.normal(0, self.cat_err, self.n)
            values[f"mag_{b}_err"] = np.full(self.n, self.cat_err)
        nothing = np.full(self.n, np.nan)
        self.catalog = CATALOG.table(
            {"name": "truth", "bands": ",".join(self.bands), "epoch": 2000.0},
            id=self.ids.astype(str),
            ra=nothing,
            dec=nothing,
            pmra=nothing,
            pmdec=nothing,
            flags=np.zeros(self.n),
            **values,
        )
        self.matches = Table({"star": self.ids, "row": np.arange(self.n), "flags": np.zeros(self.n, int)})
        zeros = np.zeros(self.n)
        self.field = FIELD.table(
            id=self.ids,
            x=self.x,
            y=self.y,
            x_err=zeros,
            y_err=zeros,
            ra=nothing,
            dec=nothing,
            flux=zeros,
            snr=zeros,
            n_detected=zeros,
            flags=zeros,
        )
        self.photometry, self.zeros = [], []
        for b in self.bands:
            for k in range(self.frames):
                self.zeros.append(self.zero - 0.05 * k - self.clouds.get(k, 0.0))
                self.photometry.append(self.shoot(b, k, self.zeros[-1]))

    def shoot(self, band, k, zero):
        rng = self.rng
        inst = self.truth[band] + self.own[band] - zero - self.terms.get(band, 0.0) * self.color
        electrons = 10 ** (-0.4 * inst) * self.exptime
        flux = electrons + rng.normal(0, np.sqrt(np.maximum(electrons, 0) + self.sky**2))
        bad = rng.uniform(size=self.n) < self.outliers
        flux = np.where(bad, flux * rng.uniform(1.1, 3.0, self.n), flux)  # blends: too bright
        source = np.sqrt(np.maximum(flux, 0))
        err = np.hypot(source, self.sky)
        full = {c.name: np.zeros(self.n) for c in PHOTOMETRY.columns}
        full |= {
            "star": self.ids,
            "frame": np.full(self.n, f"{band}{k}.fits"),
            "band": np.full(self.n, band),
            "x": self.x,
            "y": self.y,
            "flux": flux,
            "flux_err": err,
            "err_source": source,
            "err_sky": np.full(self.n, self.sky),
            "sky": rng.normal(500, 5, self.n),
            "flags": np.zeros(self.n, int),
            "mag": -2.5 * np.log10(np.where(flux > 0, flux, np.nan) / self.exptime),
        }
        exposure = Exposure(path=f"{band}{k}.fits", band=band, exptime=self.exptime, pixel_scale=0.5)
        return PHOTOMETRY.table({"exposure": exposure, "unit": "electron", "missing": ()}, **full)
