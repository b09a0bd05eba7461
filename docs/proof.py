"""Prove the error bars, and write the page about it: ``python docs/proof.py`` (two minutes).

With a name or two, such as ``python docs/proof.py fwhm``, only those nights are made and printed, and
nothing is written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from pogson.pipeline.prove.describe import describe_proof, draw_proof
from pogson.pipeline.prove.night import prove, prove_camera
from pogson.pipeline.prove.pulls import BINS, OF_STARS, QUANTITIES, Proof, Pulls
from pogson.pipeline.prove.setup import ProofNight
from pogson.pipeline.prove.zero_points import Comparison, prove_zero_points

HERE = Path(__file__).parent
PAGE = HERE / "can-i-trust-the-error-bars.md"
BEGIN, END = "<!-- written by docs/proof.py: begin -->", "<!-- end -->"

#: nights of each kind; the seeds differ
NIGHTS = 3

GRID: dict[str, dict[str, Any]] = {
    **{f"FWHM {v:g} px": {"fwhm": v} for v in (1.5, 2.0, 3.0, 5.0)},
    "FWHM 8 px": {"fwhm": 8.0, "stars": 121},
    **{f"sky {v:g} e-": {"sky": v} for v in (10.0, 100.0, 1000.0, 5000.0)},
    **{f"gain {v:g} e-/ADU": {"gain": v} for v in (0.25, 1.0, 5.0)},
    "gain 5 e-/ADU, FWHM 5 px": {"gain": 5.0, "fwhm": 5.0},  # up to an SNR of 2000
    **{f"{v} calibration frames": {"calibrations": v} for v in (3, 10, 50)},
    "gain and read noise measured": {"told": False},
    "without bias": {"without": ("bias",)},
    "without dark": {"without": ("dark",)},
    "without flat": {"without": ("flat",)},
    "crowded": {"crowded": True, "stars": 400},
}

#: nights that lack what the errors rest on, and crowds: shown alone, not in the sum
ALONE = ("without dark", "without flat", "crowded")

#: zero points from tables
STARS = {
    "6 stars": Comparison(stars=6),
    "12 stars": Comparison(stars=12),
    "60 stars": Comparison(),
    "200 stars": Comparison(stars=200),
    "catalogue errors of 0.05 mag": Comparison(catalog_err=0.05),
    "stars differ by 0.02 mag beyond the errors": Comparison(scatter=0.02),
    "a catalogue that tells no errors": Comparison(told=False),
    "a tenth of the stars blended": Comparison(outliers=0.1),
    "aperture corrections of 0.01 mag": Comparison(correction_err=0.01),
}
DRAWS = 400

#: cameras that are measured
CAMERAS = {
    f"gain {g:g}, {n} frames": ProofNight(gain=g, calibrations=n) for g in (0.25, 1.5, 5.0) for n in (3, 10)
}
CAMERA_NIGHTS = 20

BIN_WORDS = {
    "snr": "SNR",
    "place": "place: 0 in the middle, 1 at the edge",
    "phase": "px to the centre of its pixel",
    "share": "neighbours' light over its own",
}


def make(task: tuple[str, int]) -> tuple[str, Proof]:
    """One night; every name has its own seeds."""
    name, seed = task
    return name, prove(ProofNight(**GRID[name]), seed=seed, workers=1)


def make_zero_points(name: str) -> tuple[str, Proof]:
    """Some hundreds of zero points of one kind."""
    return name, prove_zero_points(STARS[name], draws=DRAWS, seed=1 + list(STARS).index(name))


def make_cameras(name: str) -> tuple[str, Proof]:
    """Some cameras of one kind."""
    return name, prove_camera(CAMERAS[name], seed=1000 * list(CAMERAS).index(name) + 1, nights=CAMERA_NIGHTS)


def prove_nights(pool: ProcessPoolExecutor, names: Sequence[str]) -> dict[str, Proof]:
    """All nights of some names."""
    tasks = [(name, 100 * list(GRID).index(name) + k + 1) for name in names for k in range(NIGHTS)]
    found: dict[str, list[Proof]] = {}
    for name, proof in pool.map(make, tasks):
        found.setdefault(name, []).append(proof)
    return {name: Proof.join(proofs) for name, proofs in found.items()}


def table(head: str, names: Sequence[str], rows: Iterable[tuple[str, Iterable[Pulls]]]) -> list[str]:
    """Lines of a table: width and mean, a column for each quantity."""
    lines = [f"| {head} | " + " | ".join(QUANTITIES[q] for q in names) + " |", "|---|" + "---|" * len(names)]
    return lines + [f"| {first} | " + " | ".join(map(cell, pulls)) + " |" for first, pulls in rows]


def table_by(proof: Proof, by: str, names: Sequence[str]) -> list[str]:
    """The table of one proof, sorted into bins."""
    last = "all" if by == "snr" else ""
    rows = [
        (f"{low:g} to {high:g}", [proof.of(q, low, high, by=by) for q in names])
        for low, high in pairwise(BINS[by])
    ]
    return table(BIN_WORDS[by], names, rows + [(last, [proof.of(q) for q in names])] * bool(last))


def table_of_few(head: str, names: Sequence[str], proofs: dict[str, Proof]) -> list[str]:
    """What a frame, a band or a camera has one of: with the errors of width and mean."""
    lines = [f"| {head} | of | n | width | mean | |", "|---|---|---|---|---|---|"]
    for name, proof in proofs.items():
        for q in names:
            p = proof.of(q)
            numbers = f"{p.width:.2f} ± {p.width_err:.2f} | {p.mean:+.2f} ± {p.mean_err:.2f}"
            lines.append(f"| {name} | {QUANTITIES[q]} | {p.n} | {numbers} | {p.verdict} |")
    return lines


def cell(p: Pulls) -> str:
    """Width and mean; bold where the error bar does not hold; nothing where there are too few."""
    if p.n < 20:
        return ""
    text = f"{p.width:.2f} ({p.mean:+.2f})"
    return text if p.verdict == "holds" else f"**{text}**"


def failures(together: Proof) -> list[str]:
    """Bins of all nights together that do not hold, in words."""
    bins = [
        (by, p)
        for by in ("snr", "place", "phase")
        for q in OF_STARS
        for p in together.bins(q, by=by)
        if p.verdict not in ("holds", "too few to tell")
    ]
    return [
        f"- {QUANTITIES[p.quantity]}, {BIN_WORDS[by]} {p.low:g} to {p.high:g}: {p.verdict}" for by, p in bins
    ] or ["- none"]


def write_page(lines: list[str]) -> None:
    """Put the tables into the page, between its marks."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}", "utf-8")


def describe(
    nights: dict[str, Proof], together: Proof, zeros: dict[str, Proof], cameras: dict[str, Proof]
) -> list[str]:
    """All tables of the page."""
    frames = ("zero point", "colour term", "aperture correction")
    counted = sum(len(p.pulls) for p in (*nights.values(), *zeros.values(), *cameras.values()))
    return [
        f"{counted} pulls. All nights together, by signal-to-noise ratio: width (mean).",
        "",
        *table_by(together, "snr", OF_STARS),
        "",
        "By the place in the frame:",
        "",
        *table_by(together, "place", OF_STARS[:-1]),
        "",
        "By where in its pixel a star lies:",
        "",
        *table_by(together, "phase", OF_STARS[:-1]),
        "",
        "Bins of these three tables that do not hold:",
        "",
        *failures(together),
        "",
        f"Night by night ({NIGHTS} of each kind, about 200 stars, 2 bands, 3 frames each):",
        "",
        *table("night", OF_STARS, ((name, [p.of(q) for q in OF_STARS]) for name, p in nights.items())),
        "",
        "In the crowded nights, by the light of neighbours in the aperture:",
        "",
        *table_by(nights["crowded"], "share", OF_STARS[:-1]),
        "",
        "What a frame or a band has one of, in all nights together (zero points and colour terms from ten"
        " catalogues for each night):",
        "",
        *table_of_few("nights", frames, {"all": together, "crowded": nights["crowded"]}),
        "",
        f"Zero points and colour terms of tables of photometry ({DRAWS} draws of two bands: widths are known"
        " to 3 %):",
        "",
        *table_of_few("stars", frames[:2], zeros),
        "",
        f"Gain and read noise from bias frames and flats ({CAMERA_NIGHTS} cameras of each kind):",
        "",
        *table_of_few(
            "camera", ("gain", "read noise"), cameras | {"all": Proof.join(list(cameras.values()))}
        ),
    ]


def main(wanted: list[str]) -> None:
    """Make the nights, print and write what came out."""
    start = time.perf_counter()
    names = [n for n in GRID if not wanted or any(w.lower() in n.lower() for w in wanted)]
    with ProcessPoolExecutor(2) as pool:
        nights = prove_nights(pool, names)
        together = Proof.join([p for name, p in nights.items() if name not in ALONE or wanted])
        if wanted:
            print("\n".join([*table_by(together, "snr", OF_STARS), *describe_proof(together)]))
        else:
            zeros, cameras = dict(pool.map(make_zero_points, STARS)), dict(pool.map(make_cameras, CAMERAS))
            lines = describe(nights, together, zeros, cameras)
            print("\n".join(lines))
            draw_proof(together, HERE / "images" / "pulls.png")
            write_page(lines)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
