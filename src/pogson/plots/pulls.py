"""Whether error bars are right: pulls, their widths and their means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pogson.plots.style import INK, INKS, PALE, Numbers, add_legend, new_figure, say_empty


def figure_pulls(pulls: Mapping[str, Numbers], curves: Mapping[str, Numbers]) -> Figure:
    """pulls.png: histograms of pulls; their width and their mean against the signal-to-noise ratio.

    Parameters
    ----------
    pulls : mapping of name to (n,)
        (measured - true) / error.
    curves : mapping of name to (k, 5)
        Signal-to-noise ratio, width, its error, mean, its error.
    """
    figure = new_figure(13.0, 4.2, 1, 3, room=None)
    plot_histograms(pulls, figure.axes[0])
    plot_curves(curves, figure.axes[1], 1, wanted=1.0, allowed=0.05, label="width of the pulls [sigma]")
    plot_curves(curves, figure.axes[2], 3, wanted=0.0, allowed=0.1, label="mean of the pulls [sigma]")
    return figure


def plot_histograms(pulls: Mapping[str, Numbers], ax: Axes) -> Axes:
    """Histogram of the pulls of each quantity over a Gaussian of width 1."""
    ax.set_xlabel("(measured − true) / error [sigma]")
    ax.set_ylabel("fraction per sigma")
    if not any(np.size(values) for values in pulls.values()):
        return say_empty(ax)
    edges = np.linspace(-5.0, 5.0, 41)
    fine = np.linspace(-5.0, 5.0, 200)
    unit = np.exp(-(fine**2) / 2.0) / np.sqrt(2.0 * np.pi)
    ax.fill_between(fine, unit, color=PALE, label="Gaussian of width 1")
    for ink, (name, values) in zip(INKS, pulls.items(), strict=False):
        counts = np.histogram(np.clip(values, -4.99, 4.99), edges)[0]
        height = counts / (max(np.size(values), 1) * np.diff(edges))
        ax.stairs(height, edges, color=ink, linewidth=1.3, label=name)
    ax.set_ylim(0.0, 0.72)  # room for the legend
    add_legend(ax, loc="upper left")
    return ax


def plot_curves(
    curves: Mapping[str, Numbers], ax: Axes, column: int, *, wanted: float, allowed: float, label: str
) -> Axes:
    """One column of the curves with the next one as its error; the target is a grey band."""
    ax.set_xlabel("signal-to-noise ratio")
    ax.set_ylabel(label)
    if not any(len(curve) for curve in curves.values()):
        return say_empty(ax)
    ax.set_xscale("log")
    ax.axhspan(wanted - allowed, wanted + allowed, color=PALE, zorder=0)
    ax.axhline(wanted, color=INK, linewidth=1)
    for i, (name, curve) in enumerate(curves.items()):
        # a little beside each other, so that errors can be told apart
        x = curve[:, 0] * 1.04 ** (i - 1.5)
        ax.errorbar(
            x, curve[:, column], curve[:, column + 1], fmt="o-", color=INKS[i % len(INKS)],
            markersize=4, linewidth=1, capsize=2, label=name,
        )  # fmt: skip
    far = max(float(np.abs(c[:, column] - wanted).max()) for c in curves.values() if len(c))
    half = max(3.0 * allowed, 1.15 * far)
    ax.set_ylim(wanted - half, wanted + half)
    return ax
