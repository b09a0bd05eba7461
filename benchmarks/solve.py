"""Random fields of the sky, as a camera would list their stars, to be found again.

python -m benchmarks.solve                1000 fields with hints, blind fields, unrelated lists
python -m benchmarks.solve 200 --peers    beside solve-field and PyPI `astrometry`, where they are
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pogson.io.tycho2 import tycho2_stars
from pogson.steps.match.tangent import to_plane

NX = NY = 2048


@dataclass(frozen=True)
class Sky:
    """A simulated field: what was detected, and the truth."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    ra: float  # of the centre, degree
    dec: float
    width: float  # degree
    matrix: np.ndarray  # pixels of the tangent plane's xi, eta, degree
    n_catalog: int  # catalogue stars in the field
    hint: tuple[float, float, float]  # ra, dec (degree), scale (arcsec / px)

    @property
    def scale(self) -> float:
        """Arcsec per pixel."""
        return 3600.0 * self.width / NX

    def places(self, ra, dec):
        """True pixels of positions."""
        return to_plane(ra, dec, self.ra, self.dec) @ self.matrix.T + [(NX - 1) / 2, (NY - 1) / 2]


def random_sky(rng, low=0.3, high=5.0, width=None):
    """8 to 500 detections of a random field: 15 % missing, 30 % more spurious, magnitudes off by 0.3."""
    width = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if width is None else width
    ra, dec = rng.uniform(0, 360), np.degrees(np.arcsin(rng.uniform(-1, 1)))
    t, s = rng.uniform(0, 2 * np.pi), NX / width
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    matrix = turn @ np.diag([-1.0 if rng.uniform() < 0.5 else 1.0, 1.0]) * s
    a, d, mag = tycho2_stars(ra, dec, width * 0.75)
    xy = to_plane(a, d, ra, dec) @ matrix.T + [(NX - 1) / 2, (NY - 1) / 2]
    inside = ((xy > 0) & (xy < [NX - 1, NY - 1])).all(1)
    xy, mag = xy[inside], mag[inside]
    kept = rng.uniform(size=len(mag)) > 0.15
    real = xy[kept] + rng.normal(0, 0.2, (kept.sum(), 2))
    real_mag = mag[kept] + rng.normal(0, 0.3, kept.sum())
    n = int(np.exp(rng.uniform(np.log(8), np.log(500))))
    chosen = np.argsort(real_mag)[: max(1, round(n / 1.3))]
    spurious = round(0.3 * len(chosen))
    faint = max(0, n - len(chosen) - spurious)  # stars beyond the catalogue's limit
    m = real_mag[chosen] if len(chosen) else np.array([12.0])
    places = [real[chosen], rng.uniform(0, [NX - 1, NY - 1], (spurious + faint, 2))]
    mags = [m[: len(chosen)], rng.choice(m, spurious), m.max() + rng.exponential(1.0, faint)]
    xy, mag = np.concatenate(places), np.concatenate(mags)
    order = np.argsort(mag)
    r, angle = width / 2 * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
    hint_dec = float(np.clip(dec + r * np.cos(angle), -90, 90))
    hint_ra = (ra + r * np.sin(angle) / max(np.cos(np.radians(dec)), 1e-3)) % 360
    hint = (hint_ra, hint_dec, 3600 * width / NX * rng.uniform(0.95, 1.05))
    return Sky(
        xy[order, 0],
        xy[order, 1],
        10 ** (-0.4 * (mag[order] - 25)),
        ra,
        dec,
        width,
        matrix,
        int(inside.sum()),
        hint,
    )
