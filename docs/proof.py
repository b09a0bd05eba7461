"""Prove the error bars, and write the page about it: ``python docs/proof.py`` (a few minutes).

With a name or two, such as ``python docs/proof.py fwhm``, only those nights are made and printed, and
nothing is written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from pogson.pipeline.prove import QUANTITIES, Proof, Pulls, describe_proof, draw_proof, prove
from pogson.pipeline.prove_night import ProofNight

HERE = Path(__file__).parent
PAGE = HERE / "can-i-trust-the-error-bars.md"
BEGIN, END = "<!-- written by docs/proof.py: begin -->", "<!-- end -->"

#: what a frame or band has one of
FRAME = ("zero point", "colour term", "aperture correction")

#: nights of each kind; the seeds differ
NIGHTS = 3

GRID: dict[str, dict[str, Any]] = {
    **{f"FWHM {v:g} px": {"fwhm": v} for v in (1.5, 2.0, 3.0, 5.0)},
    "FWHM 8 px": {"fwhm": 8.0, "stars": 121},
    **{f"sky {v:g} e-": {"sky": v} for v in (10.0, 100.0, 1000.0, 5000.0)},
    **{f"gain {v:g} e-/ADU": {"gain": v} for v in (0.25, 1.0, 5.0)},
    **{f"{v} calibration frames": {"calibrations": v} for v in (3, 10, 50)},
    "without bias": {"without": ("bias",)},
    "without dark": {"without": ("dark",)},
    "without flat": {"without": ("flat",)},
}

#: nights that lack what the errors rest on: shown alone, not in the sum
LACKING = ("without dark", "without flat")


def make(task: tuple[str, int]) -> tuple[str, Proof]:
    """One night; every name has its own seeds."""
    name, seed = task
    return name, prove(ProofNight(**GRID[name]), seed=seed, workers=1)


def prove_all(names: list[str], nights: int) -> dict[str, Proof]:
    """All nights of some names, two at a time."""
    tasks = [(name, 100 * list(GRID).index(name) + k + 1) for name in names for k in range(nights)]
    found: dict[str, list[Proof]] = {}
    with ProcessPoolExecutor(2) as pool:
        for name, proof in pool.map(make, tasks):
            found.setdefault(name, []).append(proof)
    return {name: Proof.join(proofs) for name, proofs in found.items()}


def rows_by_night(proofs: dict[str, Proof]) -> Iterable[str]:
    """A line of the table for each kind of night."""
    names = ("x", "y", "flux", "sky", "magnitude")
    yield "| night | " + " | ".join(QUANTITIES[q] for q in names) + " |"
    yield "|---|" + "---|" * len(names)
    for name, proof in proofs.items():
        cells = (cell(proof.of(q)) for q in names)
        yield f"| {name} | " + " | ".join(cells) + " |"


def rows_of_frames(proofs: dict[str, Proof]) -> Iterable[str]:
    """A line for each kind of night: what a frame or band has one of."""
    for name, proof in proofs.items():
        yield f"{name:<24}" + "  ".join(f"{q}: {cell(proof.of(q))}" for q in FRAME)


def rows_by_snr(proof: Proof) -> Iterable[str]:
    """Lines of the table of all nights together: by brightness, then for frames."""
    names = ("x", "y", "flux", "sky", "magnitude")
    yield "| SNR | " + " | ".join(QUANTITIES[q] for q in names) + " |"
    yield "|---|" + "---|" * len(names)
    lows = {q: {p.low: p for p in proof.bins(q)} for q in names}
    for low in sorted({low for found in lows.values() for low in found}):
        any_of = next(found[low] for found in lows.values() if low in found)
        cells = (cell(lows[q][low]) if low in lows[q] else "" for q in names)
        yield f"| {low:.0f} to {any_of.high:.0f} | " + " | ".join(cells) + " |"
    yield "| all | " + " | ".join(cell(proof.of(q)) for q in names) + " |"
    yield ""
    yield "| of a frame or band | n | width | mean | |"
    yield "|---|---|---|---|---|"
    for q in FRAME:
        p = proof.of(q)
        numbers = f"{p.width:.2f} ± {p.width_err:.2f} | {p.mean:+.2f} ± {p.mean_err:.2f}"
        yield f"| {QUANTITIES[q]} | {p.n} | {numbers} | {p.verdict} |"


def cell(p: Pulls) -> str:
    """Width and mean; bold where the error bar does not hold."""
    text = f"{p.width:.2f} ({p.mean:+.2f})"
    return text if p.verdict in ("holds", "too few to tell") else f"**{text}**"


def write_page(proofs: dict[str, Proof], together: Proof) -> None:
    """Put the tables into the page, between its marks."""
    lines = [
        f"All nights together, {len(together.pulls)} pulls: width (mean), by signal-to-noise ratio.",
        "",
        *rows_by_snr(together),
        "",
        f"Night by night ({NIGHTS} of each kind, about 200 stars, 2 bands, 3 frames each): width (mean).",
        "",
        *rows_by_night(proofs),
    ]
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}", "utf-8")


def main(wanted: list[str]) -> None:
    """Make the nights, print and write what came out."""
    start = time.perf_counter()
    names = [n for n in GRID if not wanted or any(w.lower() in n.lower() for w in wanted)]
    proofs = prove_all(names, NIGHTS)
    together = Proof.join([p for name, p in proofs.items() if name not in LACKING or wanted])
    print(
        "\n".join(
            [
                *rows_by_night(proofs),
                "",
                *rows_by_snr(together),
                "",
                *rows_of_frames(proofs),
                "",
                *describe_proof(together),
            ]
        )
    )
    if not wanted:
        draw_proof(together, HERE / "images" / "pulls.png")
        write_page(proofs, together)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
