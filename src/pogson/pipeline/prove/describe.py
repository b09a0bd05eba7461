"""A proof for people: lines of text, and a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pogson.io.files import write_atomic
from pogson.pipeline.prove.pulls import OF_STARS, QUANTITIES, Proof, Pulls
from pogson.plots.pulls import figure_pulls
from pogson.plots.style import to_png

#: quantities that the picture shows, and those told by brightness
DRAWN = ("x", "flux", "sky", "magnitude")


def describe_proof(proof: Proof) -> list[str]:
    """The proof as lines of text."""
    lines = ["pull = (measured - true) / error: its width is 1 where the error bar is right, its mean 0"]
    for quantity, words in QUANTITIES.items():
        found = proof.of(quantity)
        if quantity in OF_STARS or found.n:
            lines.append(_line(words, found))
        if quantity in DRAWN:
            lines += [_line(f"    SNR {p.low:.0f} to {p.high:.0f}", p) for p in proof.bins(quantity)]
    return lines


def _line(words: str, p: Pulls) -> str:
    numbers = f"width {p.width:.3f} +- {p.width_err:.3f}  mean {p.mean:+.3f} +- {p.mean_err:.3f}"
    return f"{words:<24}{p.n:7d}  {numbers}  {p.verdict}" if p.n > 1 else f"{words:<24}{p.n:7d}  {p.verdict}"


def draw_proof(proof: Proof, path: str | Path) -> None:
    """pulls.png: histograms, width and mean against the signal-to-noise ratio."""
    quantities = [q for q in DRAWN if proof.of(q).n >= 20]
    kept = ~np.asarray(proof.pulls["neighbor"], bool)
    names, pulls = np.asarray(proof.pulls["quantity"], str)[kept], np.asarray(proof.pulls["pull"])[kept]
    values = {QUANTITIES[q]: pulls[names == q] for q in quantities}
    curves = {
        QUANTITIES[q]: np.array(
            [(np.sqrt(p.low * p.high), p.width, p.width_err, p.mean, p.mean_err) for p in proof.bins(q)]
        ).reshape(-1, 5)
        for q in quantities
    }
    write_atomic(path, to_png(figure_pulls(values, curves)))
