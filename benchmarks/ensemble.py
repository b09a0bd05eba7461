"""Light curves of 464 frames: collect, compare, find variables, periods; beside plain ways to do it.

    python benchmarks/ensemble.py [--stars N] [--frames N] [--repeat N]

Every frame has clouds, half of the stars miss 2 % of their points, and 9 stars vary. Each time is the least
CPU time of N runs. The accuracy is that of the frames' offsets, which are known, and of the constant stars'
scatter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.period import find_periods
from pogson.steps.timeseries.variability import measure_variability

#: star and amplitude, magnitudes
VARIABLES = {0: 0.1, 5: 0.1, 10: 0.1, 50: 0.004, 300: 0.005, 700: 0.02, 900: 0.03, 1200: 0.06, 1500: 0.15}


def make_night(stars: int, frames: int) -> tuple[LightCurves, np.ndarray]:
    rng = np.random.default_rng(1)
    mag = -np.sort(rng.uniform(3.5, 12.0, stars))[::-1]
    loss = 0.3 * rng.uniform(size=frames)
    expected = 60.0 * 10.0 ** (-0.4 * (mag[:, None] + loss))
    for k, amplitude in VARIABLES.items():
        if k < stars:
            expected[k] *= 10.0 ** (-0.4 * amplitude * np.sin(np.arange(frames) / 40.0))
    flux = expected + rng.normal(size=expected.shape) * np.sqrt(expected + 1e4)
    err = np.sqrt(np.maximum(flux, 1.0) + 1e4)
    flux[(rng.uniform(size=flux.shape) < 0.02) & (rng.uniform(size=(stars, 1)) < 0.5)] = np.nan
    t = 2460000.0 + np.arange(frames) / 2000.0
    table = Table({"frame": [f"f{k}" for k in range(frames)], "bjd_tdb": t, "fwhm": np.full(frames, 3.0)})
    place = {"x": rng.uniform(0, 1676, stars), "y": rng.uniform(0, 1266, stars)}
    curves = LightCurves(
        t,
        flux / 60,
        err / 60,
        np.zeros(flux.shape, np.int64),
        Table({"id": np.arange(1, stars + 1), **place}),
        table,
    )
    return curves, loss - loss.mean()


def best(repeat: int, function: Callable[[], Any]) -> tuple[float, Any]:
    times, made = [], None
    for _ in range(repeat):
        start = time.process_time()
        made = function()
        times.append(time.process_time() - start)
    return 1e3 * min(times), made


def sum_of_brightest(curves: LightCurves, n: int = 20) -> np.ndarray:
    """The common way: the summed flux of the brightest stars; a gap of one is a gap of all."""
    total = curves.flux[:n].sum(0)
    return -2.5 * np.log10(total / np.nanmedian(total))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stars", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=464)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    curves, loss = make_night(args.stars, args.frames)
    print(f"{args.stars} stars, {args.frames} frames")
    took, ours = best(args.repeat, lambda: compare_ensemble(curves))
    took_plain, plain = best(args.repeat, lambda: compare_ensemble(curves, method="best 20 of 40"))
    took_var, variability = best(args.repeat, lambda: measure_variability(ours))
    took_period, _ = best(1, lambda: find_periods(ours, variability))
    rows = [
        ("ensemble", took, ours.frame_mag),
        ("best 20 of 40", took_plain, plain.frame_mag),
        (
            "sum of the 20 brightest",
            best(args.repeat, lambda: sum_of_brightest(curves))[0],
            sum_of_brightest(curves),
        ),
    ]
    print(f"{'':28}{'ms':>9}{'frames known':>14}{'offsets off by':>16}")
    for name, ms, frame in rows:
        known = np.isfinite(frame)
        off = frame[known] - loss[known]
        print(f"{name:28}{ms:9.1f}{known.sum():14d}{1e3 * (off - off.mean()).std():11.2f} mmag")
    print(f"{'noise and rank':28}{took_var:9.1f}\n{'20 periods':28}{took_period:9.1f}")
    constant = ~np.isin(np.arange(args.stars), list(VARIABLES))
    bright = constant & (variability["expected_rms"] < 1.0857 / 20)
    ratio = variability["rms"][bright] / variability["expected_rms"][bright]
    ranks = np.sort([int(variability["rank"][k]) for k in VARIABLES if k < args.stars])
    print(f"constant stars: rms / expected {np.median(ratio):.3f}; ranks of the variables: {ranks.tolist()}")


if __name__ == "__main__":
    main()
