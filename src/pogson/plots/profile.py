"""The shape of the stars: stacked radial profile, and curve of growth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pogson.core.psf import PSF
from pogson.plots.style import BLUE, FAINT, INK, PALE, RED, Numbers, add_legend, say_empty


def plot_profile(
    radius: ArrayLike,
    value: ArrayLike,
    ax: Axes,
    *,
    err: ArrayLike | None = None,
    psf: PSF | None = None,
    aperture: float = np.nan,
    annulus: tuple[float, float] = (np.nan, np.nan),
) -> Axes:
    """Stacked radial profile with the fitted model; FWHM, aperture and annulus are marked.

    Parameters
    ----------
    radius : (n,)
        Distance from the centre, pixels.
    value : (n,)
        Brightness per pixel, about 1 at the centre.
    ax : Axes
        Drawn on, and returned.
    err : (n,), optional
        Error of `value`, 1 sigma.
    psf : PSF, optional
        The model that was fitted; FWHM before the light is averaged over pixels, as it is drawn here.
    aperture : float
        Radius, pixels.
    annulus : (float, float)
        Inner and outer radius, pixels.
    """
    ax.set_xlabel("radius [px]")
    ax.set_ylabel("brightness [relative to the peak]")
    r, v = np.asarray(radius, float).ravel(), np.asarray(value, float).ravel()
    good = np.isfinite(r) & np.isfinite(v)
    if not good.any():
        return say_empty(ax)
    _mark_radii(ax, aperture, annulus, 0.8)
    if err is None:
        many = good.sum() > 100
        ax.plot(
            r[good], v[good], "o", color=INK, markeredgewidth=0, label="stars, stacked",
            markersize=3.0 if many else 4.5, alpha=0.5 if many else 1.0,
        )  # fmt: skip
    else:
        e = np.asarray(err, float).ravel()[good]
        ax.errorbar(
            r[good], v[good], e, fmt="o", color=INK, markersize=4, linewidth=1, label="stars, stacked"
        )
    if psf is not None and np.isfinite(psf.fwhm):
        _draw_model(ax, psf, r[good], v[good])
    ax.set_xlim(left=0)
    ax.set_ylim(min(-0.03, float(np.percentile(v[good], 1))), max(1.08, float(np.percentile(v[good], 99))))
    add_legend(ax, loc="upper right")
    return ax


def plot_growth(
    radius: ArrayLike,
    enclosed: ArrayLike,
    ax: Axes,
    *,
    err: ArrayLike | None = None,
    aperture: float = np.nan,
    annulus: tuple[float, float] = (np.nan, np.nan),
    correction: tuple[float, float] = (np.nan, np.nan),
) -> Axes:
    """Curve of growth: the fraction of the light within each radius.

    Parameters
    ----------
    radius, enclosed : (n,)
        Pixels; fraction of the total flux.
    ax : Axes
        Drawn on, and returned.
    err : (n,), optional
        Error of `enclosed`, 1 sigma.
    aperture : float
        Radius that is measured, pixels.
    annulus : (float, float)
        Inner and outer radius, pixels.
    correction : (float, float)
        Aperture correction and its error, magnitudes; written beside the aperture.
    """
    ax.set_xlabel("aperture radius [px]")
    ax.set_ylabel("enclosed fraction of the light")
    r, f = np.asarray(radius, float).ravel(), np.asarray(enclosed, float).ravel()
    good = np.isfinite(r) & np.isfinite(f)
    if not good.any():
        return say_empty(ax)
    _mark_radii(ax, aperture, annulus, 0.35)
    e = np.asarray(err, float).ravel()[good] if err is not None else None
    ax.axhline(1.0, color=FAINT, linewidth=1)
    ax.errorbar(r[good], f[good], e, fmt="o-", color=INK, markersize=4, linewidth=1, label="isolated stars")
    if np.isfinite(correction[0]):
        sign = "−" if correction[0] < 0 else "+"
        error = f" ± {correction[1]:.3f}" if np.isfinite(correction[1]) else ""
        ax.text(
            aperture if np.isfinite(aperture) else 0.0, 0.27,
            f" correction {sign}{abs(correction[0]):.3f}{error} mag",
            transform=ax.get_xaxis_transform(), color=RED, fontsize=9,
        )  # fmt: skip
    ax.set_xlim(left=0)
    ax.set_ylim(min(0.0, float(f[good].min())), max(1.1, float(f[good].max()) * 1.03))
    return ax


def _model(psf: PSF, r: Numbers) -> Numbers:
    """The profile with a peak of 1, averaged over pixels: Moffat (1969, A&A 3, 455), or Gaussian."""
    part = (np.arange(5) - 2.0) / 5
    u, v = (grid.ravel() for grid in np.meshgrid(part, part))
    turns = np.radians([0.0, 15.0, 30.0, 45.0])[:, None, None]
    r2 = (r[:, None] * np.cos(turns) + u) ** 2 + (r[:, None] * np.sin(turns) + v) ** 2
    if psf.profile == "moffat" and np.isfinite(psf.beta):
        alpha = 0.5 * psf.fwhm / np.sqrt(2 ** (1 / psf.beta) - 1)
        light = (1 + r2 / alpha**2) ** -psf.beta
    else:
        light = np.exp(-4 * np.log(2) * r2 / psf.fwhm**2)
    return np.asarray(light.mean(axis=(0, 2)))


def _draw_model(ax: Axes, psf: PSF, r: Numbers, v: Numbers) -> None:
    """The model at the height and the level that fit the points best."""
    shape = np.column_stack([_model(psf, r), np.ones(r.size)])
    height, level = np.linalg.lstsq(shape, v, rcond=None)[0]
    fine = np.linspace(0.0, float(r.max()), 300)
    beta = f", β = {psf.beta:.1f}" if np.isfinite(psf.beta) else ""
    ax.plot(
        fine, level + height * _model(psf, fine), color=BLUE, linewidth=1.5, label=f"{psf.profile} fit{beta}"
    )
    _mark_fwhm(ax, psf, float(level + height * _model(psf, np.array([psf.fwhm / 2]))[0]))


def _mark_fwhm(ax: Axes, psf: PSF, y: float) -> None:
    half = psf.fwhm / 2
    ax.annotate(
        "", (0, y), (half, y), arrowprops={"arrowstyle": "<->", "color": BLUE, "shrinkA": 0, "shrinkB": 0}
    )
    error = f" ± {psf.fwhm_err:.2f}" if np.isfinite(psf.fwhm_err) else ""
    ax.text(
        1.1 * half, y, f"FWHM = {psf.fwhm:.2f}{error} px (half of it drawn)", color=BLUE, fontsize=9,
        va="center", bbox={"color": "white", "pad": 1.5, "alpha": 0.9},
    )  # fmt: skip


def _mark_radii(ax: Axes, aperture: float, annulus: tuple[float, float], height: float) -> None:
    if np.isfinite(aperture):
        ax.axvline(aperture, color=RED, linewidth=1.2)
        ax.text(
            aperture, height, f" aperture {aperture:.1f} px", transform=ax.get_xaxis_transform(), color=RED,
            fontsize=9,
        )  # fmt: skip
    if np.isfinite(annulus).all():
        ax.axvspan(*annulus, color=PALE, linewidth=0, zorder=0)
        ax.text(
            sum(annulus) / 2, 0.5, f"sky annulus\n{annulus[0]:.0f} to {annulus[1]:.0f} px", fontsize=9,
            transform=ax.get_xaxis_transform(), ha="center", color=INK,
        )  # fmt: skip
