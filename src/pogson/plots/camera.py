"""The photon transfer curve: variance against mean gives gain and read noise."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pogson.plots.style import BLUE, FAINT, INK, ORANGE, RED, add_legend, plain_log, say_empty


def plot_transfer(
    mean: ArrayLike,
    variance: ArrayLike,
    ax: Axes,
    *,
    gain: float = np.nan,
    gain_err: float = np.nan,
    read_noise: float = np.nan,
    read_noise_err: float = np.nan,
    used: ArrayLike | None = None,
    saturation: float = np.nan,
) -> Axes:
    """Variance against mean of pairs of flats; the line is read noise and photons at this gain.

    Parameters
    ----------
    mean, variance : (n,)
        ADU above the bias; ADU^2 of one frame.
    ax : Axes
        Drawn on, and returned.
    gain, gain_err : float
        Electron per ADU.
    read_noise, read_noise_err : float
        Electron.
    used : (n,) of bool, optional
        Points that took part in the fit.
    saturation : float
        ADU above the bias.
    """
    ax.set_xlabel("mean above bias [ADU]")
    ax.set_ylabel("variance [ADU²]")
    m, v = np.asarray(mean, float).ravel(), np.asarray(variance, float).ravel()
    good = np.isfinite(m) & np.isfinite(v) & (m > 0) & (v > 0)
    if not good.any():
        return say_empty(ax, "no pairs of flats")
    take = good & (np.asarray(used, bool).ravel() if used is not None else True)
    ax.loglog(m[take], v[take], "o", color=INK, markersize=5, label="pairs of flats")
    if (good & ~take).any():
        rest = good & ~take
        ax.loglog(m[rest], v[rest], "x", color=ORANGE, markersize=6, label="left out of the fit")
    if np.isfinite(gain) and gain > 0:
        noise = read_noise if np.isfinite(read_noise) else 0.0
        fine = np.geomspace(m[good].min() / 2, m[good].max() * 1.3, 200)
        ax.plot(
            fine, (noise / gain) ** 2 + fine / gain, color=BLUE, linewidth=1.5, label="read noise + photons"
        )
        if noise > 0:
            ax.axhline(
                (noise / gain) ** 2, color=FAINT, linestyle="--", linewidth=1, label="read noise alone"
            )
        lines = [f"gain {_pair(gain, gain_err)} e⁻/ADU"]
        lines += [f"read noise {_pair(read_noise, read_noise_err)} e⁻"] if np.isfinite(read_noise) else []
        ax.text(
            0.9,
            0.22,
            "\n".join(lines),
            transform=ax.transAxes,
            ha="right",
            color=BLUE,
            fontsize=10,
            bbox={"color": "white", "alpha": 0.9, "pad": 2},
        )
    if np.isfinite(saturation):
        ax.axvline(saturation, color=RED, linewidth=1, label="saturation")
    ax.margins(y=0.12)  # for the legend
    plain_log(ax.xaxis)
    plain_log(ax.yaxis)
    add_legend(ax, loc="upper left")
    return ax


def _pair(value: float, error: float) -> str:
    return f"{value:.3g} ± {error:.1g}" if np.isfinite(error) else f"{value:.3g}"
