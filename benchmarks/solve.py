"""Random fields of the sky, as a camera would list their stars, to be found again.

python -m benchmarks.solve                1000 fields with hints, blind fields, unrelated lists
python -m benchmarks.solve 200 --peers    beside solve-field and PyPI `astrometry`, where they are
"""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.io.astrometry_net import StarList, find_engine, solve_by_engine
from pogson.io.tycho2 import tycho2_sky, tycho2_stars
from pogson.steps.match.solution import solve_pairs
from pogson.steps.match.solve import Hint, solve_stars
from pogson.steps.match.tangent import to_plane

NX = NY = 2048
EVERY = 10  # `solve-field` takes a second or more for each field


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


@dataclass
class Score:
    """What came of many fields."""

    what: str
    found: int = 0
    false: int = 0
    tried: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, answer, sky: Sky, seconds: float) -> None:
        """One more field; `answer` gives pixels of positions, or is None."""
        self.tried += 1
        self.seconds.append(seconds)
        if answer is None:
            return
        a, d, _ = tycho2_stars(sky.ra, sky.dec, sky.width / 2)
        good = float(np.median(np.hypot(*(answer(a, d) - sky.places(a, d)).T))) < 3.0
        self.found += good
        self.false += not good

    def __str__(self) -> str:
        ms = 1e3 * np.percentile(self.seconds or [np.nan], (50, 95, 100))
        return (
            f"{self.what:46}{self.found:5} of {self.tried:5} = {self.found / max(self.tried, 1):7.2%}"
            f"{self.false:5} false{ms[0]:9.1f}{ms[1]:9.1f}{ms[2]:9.1f} ms (median, 95 %, worst)"
        )


def solve_with_pogson(sky: Sky, hint: Hint, blind: bool):
    """Pixels of positions by pogson's solution; None where it finds none."""
    table = Table({"x": sky.x, "y": sky.y, "flux": sky.flux})
    try:
        found = solve_stars(
            table, shape=(NY, NX), cone=tycho2_stars, hint=hint, sky=tycho2_sky, blind=blind, search=0.0
        )
    except MatchError:
        return None
    return lambda ra, dec: np.column_stack(found.wcs.all_world2pix(ra, dec, 0))


def timed(solve, *arguments):
    """An answer, and the processor's seconds it took, of this process and of those it started."""
    start = seconds()
    answer = solve(*arguments)
    return answer, seconds() - start


def seconds() -> float:
    """Of the processor, used so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(n: int, peers: bool) -> None:
    """Print one line for each kind of field."""
    rng = np.random.default_rng(20)
    hinted, poor = Score("hinted, 10 catalogue stars or more"), Score("hinted, fewer than 10")
    unrelated = Score("unrelated lists (none must be found)")
    rivals = _rivals("hinted, the same fields") if peers else {}
    for k in range(n):
        sky = random_sky(rng)
        ra, dec, scale = sky.hint
        score = hinted if sky.n_catalog >= 10 else poor
        score.add(*_swap(sky, timed(solve_with_pogson, sky, Hint(ra, dec, scale), False)))
        far = Hint((ra + 120.0) % 360.0, -dec, scale)
        unrelated.add(*_swap(sky, timed(solve_with_pogson, sky, far, False)))
        if sky.n_catalog >= 10:
            _add(rivals, sky, sky.hint, k)
    print(hinted, poor, unrelated, *rivals.values(), sep="\n", flush=True)
    for low, high in ((0.8, 1.5), (1.5, 3.0), (3.0, 5.0)):
        first = Score(f"the first without a pointing, {low} to {high} deg")
        blind = Score(f"no pointing, scale +-5 %, {low} to {high} deg")
        nothing = Score("nothing known, the same fields")
        rivals = _rivals("the same fields") if peers else {}
        tried = [sky for sky in (random_sky(rng, low, high) for _ in range(n // 10)) if sky.n_catalog >= 10]
        # figures of the sky are made once
        first.add(*_swap(tried[0], timed(solve_with_pogson, tried[0], Hint(scale=tried[0].scale), True)))
        for k, sky in enumerate(tried):
            blind.add(*_swap(sky, timed(solve_with_pogson, sky, Hint(scale=sky.hint[2]), True)))
            nothing.add(*_swap(sky, timed(solve_with_pogson, sky, Hint(), True)))
            _add(rivals, sky, (np.nan, np.nan, sky.hint[2]), k)
        print(first, blind, nothing, *rivals.values(), sep="\n", flush=True)


def _rivals(what: str) -> dict[str, Score]:
    """The other engines that are here."""
    found = {}
    if find_spec("astrometry"):
        found["astrometry"] = Score(f"  PyPI astrometry, {what}")
    if find_engine():
        found["solve-field"] = Score(f"  solve-field, every {EVERY}th of them")
    return found


def _add(rivals: dict[str, Score], sky: Sky, hint, number: int) -> None:
    if "astrometry" in rivals:
        rivals["astrometry"].add(*_swap(sky, timed(solve_with_astrometry, sky, hint)))
    if "solve-field" in rivals and number % EVERY == 0:
        rivals["solve-field"].add(*_swap(sky, timed(solve_with_engine, sky, hint)))


def _swap(sky, answer):
    return answer[0], sky, answer[1]


def solve_with_astrometry(sky: Sky, hint):
    """The same by the package `astrometry`, with Debian's index files of Tycho-2 (1-based pixels)."""
    import astrometry

    ra, dec, scale = hint
    solver = _peer()
    known = None if np.isnan(ra) else astrometry.PositionHint(ra, dec, 1.3 * sky.width)
    found = solver.solve(
        stars=np.column_stack([sky.x + 1, sky.y + 1])[:100],
        size_hint=astrometry.SizeHint(0.94 * scale, 1.06 * scale),
        position_hint=known,
        solution_parameters=astrometry.SolutionParameters(
            logodds_callback=lambda odds: astrometry.Action.STOP, maximum_quads=200_000
        ),
    )
    if not found.has_match():
        return None
    wcs = found.best_match().astropy_wcs()
    return lambda a, d: np.column_stack(wcs.all_world2pix(a, d, 0))


def solve_with_engine(sky: Sky, hint):
    """The same by `solve-field`, which may take 20 s."""
    ra, dec, scale = hint
    place = None if np.isnan(ra) else (ra, dec, 1.3 * sky.width)
    stars = StarList(sky.x, sky.y, (NY, NX), place, (0.94 * scale, 1.06 * scale))
    try:
        found = solve_by_engine(stars, seconds=20.0)
        fit = solve_pairs(found.xy, found.ra, found.dec, shape=(NY, NX), source="")
    except MatchError:
        return None
    return lambda a, d: np.column_stack(fit.wcs.all_world2pix(a, d, 0))


@lru_cache(maxsize=1)
def _peer():
    import astrometry

    folder = Path(os.environ.get("ASTROMETRY_DATA", "/usr/share/astrometry"))
    return astrometry.Solver(sorted(folder.glob("index-tycho2-*.fits"))).__enter__()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 1000, "--peers" in sys.argv)
