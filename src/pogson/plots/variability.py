"""Noise against magnitude: what the night can do, and the stars that do more."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes

from pogson.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    RED,
    add_legend,
    binned,
    numbers,
    plain_log,
    say_empty,
    steps_of,
    words,
)  # fmt: skip

#: stars of like brightness of which most are constant
MANY = 8
#: role, ink, size
ROLES = (("comparison", ORANGE, 16), ("check", GREEN, 60), ("target", RED, 60))


def plot_noise(variability: Table, ax: Axes, *, first: int = 10, zero_point: float = 0.0) -> Axes:
    """Standard deviation of every star against its magnitude, with the noise that is expected.

    Parameters
    ----------
    variability : Table
        VARIABILITY. The first stars that stand out are named by their number; those in doubt are grey.
    ax : Axes
        Drawn on, and returned.
    first : int
        Number of stars that are named, of those that stand out by more than 5 beyond doubt.
    zero_point : float
        Added to the magnitudes.
    """
    ax.set_xlabel("magnitude [mag]" if zero_point else "instrumental magnitude [mag]")
    ax.set_ylabel("standard deviation [mag]")
    mag, rms, expected = (numbers(variability, name) for name in ("mag", "rms", "expected_rms"))
    mag = mag + zero_point
    rank, excess = numbers(variability, "rank"), numbers(variability, "excess")
    # a star that lost a fifth of its points is shown where the others rank it
    seen = np.isfinite(mag) & (rms > 0.0) & ((numbers(variability, "quality") >= 0) | (rank > 0))
    if not seen.any():
        return say_empty(ax, "no light curves")
    ax.scatter(
        mag[seen], rms[seen], s=6, color=BLUE, alpha=0.45, linewidths=0, label=f"{int(seen.sum())} stars"
    )
    x, y = binned(mag[seen], expected[seen], steps_of(mag[seen], 0.25), least=1)
    ax.plot(x, y, color=INK, linewidth=2, label="expected from the errors")
    x, y = binned(mag[seen], rms[seen], steps_of(mag[seen], 0.5), least=MANY)
    ax.plot(x, y, color=FAINT, linewidth=1.5, linestyle="--", label="median of the stars")
    roles = np.array(words(variability, "role"))
    for role, ink, size in ROLES:
        mine = seen & (roles == role)
        if mine.any():
            ax.scatter(
                mag[mine], rms[mine], s=size, facecolors="none", edgecolors=ink, linewidths=1.2, label=role
            )
    stand_out, doubt = seen & (rank > 0) & (excess > 5.0), numbers(variability, "flags") != 0
    unsure, named = stand_out & doubt, stand_out & ~doubt & (rank <= first)
    if unsure.any():
        ax.scatter(mag[unsure], rms[unsure], s=9, color=FAINT, linewidths=0, label="in doubt")
    if named.any():
        ax.scatter(mag[named], rms[named], s=22, color=INK, marker="D", linewidths=0, label="varies most")
    for k in np.flatnonzero(named):
        ax.annotate(
            str(int(variability["star"][k])), (mag[k], rms[k]), xytext=(5, 4),
            textcoords="offset points", fontsize=8.5, color=INK,
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    ax.set_yscale("log")
    plain_log(ax.yaxis)
    low, high = np.nanmin(rms[seen]), np.nanmax(rms[seen])
    ax.set_ylim(0.7 * low, 1.5 * high)
    add_legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax
