"""A CCD: what it adds to the light, and how it is read out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pogson.core.frame import Image
from pogson.kernels.noise import collect_electrons, digitise, spill_charge
from pogson.simulate.dice import dice_for, kernel_state
from pogson.simulate.recipe import Recipe


@dataclass(frozen=True)
class Camera:
    """The fixed pattern of one detector behind its filters.

    Attributes
    ----------
    bias : float32 (ny, nx + overscan)
        ADU.
    dark : float32 (ny, nx)
        Dark current at the nominal temperature, electron / s.
    glow : float32 (ny, nx)
        Glow of the amplifier, electron / s.
    response : dict of float32 (ny, nx)
        Relative response to light in each band; the median is 1.
    """

    recipe: Recipe
    bias: Image
    dark: Image
    glow: Image
    response: dict[str, Image]

    def expose(
        self,
        light: Image,
        *,
        name: str,
        band: str = "",
        exptime: float = 0.0,
        temperature: float | None = None,
    ) -> NDArray[np.uint16]:
        """One frame as the camera writes it.

        Parameters
        ----------
        light : float32 (ny, nx)
            Electrons expected during the exposure where the response is 1.
        name : str
            The file: its noise depends on nothing but this and the seed.
        band : str
            Filter; empty behind the closed shutter.
        exptime : float
            Seconds.
        temperature : float, optional
            Of the detector, degrees C; nominal if not given.

        Returns
        -------
        uint16 (ny, nx + overscan)
            ADU.

        Notes
        -----
        Electrons are Poisson deviates of light times response plus dark current; charge above the
        full well bleeds along the columns; ADU = round((electrons + read noise) / gain + bias).
        """
        d, dice = self.recipe.detector, dice_for(self.recipe.seed, name)
        state = kernel_state(self.recipe.seed, name)
        electrons = np.zeros(self.dark.shape, np.float32)
        if exptime > 0.0:
            warmer = 0.0 if temperature is None else temperature - d.temperature
            dark_time = exptime * 2.0 ** (warmer / d.dark_doubling)
            response = self.response[band] if band else self.dark
            dark = self.dark
            if d.amp_glow:
                # the amplifier shines however cold the detector is
                dark = dark + self.glow * np.float32(exptime / dark_time)
            collect_electrons(light, response, dark, dark_time, state, electrons)
            add_cosmic_rays(electrons, d.cosmic_rays * exptime / 60.0, dice)
            if electrons.max() > d.full_well:
                spill_charge(electrons, d.full_well)
        offset = d.bias_drift * dice.standard_normal()
        adu = np.empty(self.bias.shape, np.uint16)
        step = float(d.adu_step)
        bias = self.bias / np.float32(step) if step > 1.0 else self.bias
        digitise(
            electrons,
            bias,
            offset / step,
            d.gain * step,
            d.read_noise,
            d.full_well,
            d.nonlinearity,
            d.largest / step,
            state,
            adu,
        )
        return adu * np.uint16(d.adu_step) if step > 1.0 else adu


def make_camera(recipe: Recipe) -> Camera:
    """Draw the fixed pattern of the recipe's detector."""
    d = recipe.detector
    dice = dice_for(recipe.seed, "detector")
    rows = d.bias_ramp * np.linspace(0.0, 1.0, d.ny) + d.bias_rows * dice.standard_normal(d.ny)
    columns = d.bias_columns * dice.standard_normal(d.nx + d.overscan)
    bias = (d.bias_level + rows[:, None] + columns).astype(np.float32)
    dark = d.dark_current * np.exp(d.dark_spread * dice.standard_normal((d.ny, d.nx)))
    hot = dice.uniform(size=dark.shape) < d.hot_pixels
    dark[hot] *= d.hot_factor * np.exp(1.2 * dice.standard_normal(hot.sum()))
    pixels = 1.0 + d.pixel_response * dice.standard_normal((d.ny, d.nx))
    for column in dice.integers(0, d.nx, d.bad_columns):
        pixels[dice.integers(0, d.ny // 2) :, column] *= dice.uniform(0.05, 0.6)
    window = _dust(recipe, "window")
    response = {
        band: _normal_response(pixels * window * _vignette(recipe) * _dust(recipe, band))
        for band in recipe.exposed
    }
    return Camera(recipe, bias, dark.astype(np.float32), _amplifier(recipe), response)


def add_cosmic_rays(electrons: Image, expected: float, dice: np.random.Generator) -> None:
    """Draw straight tracks of charge into `electrons` (in place), `expected` of them on average."""
    ny, nx = electrons.shape
    for _ in range(dice.poisson(expected)):
        n = 1 + int(dice.exponential(4.0))
        angle = dice.uniform(0.0, np.pi)
        along = np.arange(n)
        x = np.round(dice.uniform(0, nx) + along * np.cos(angle)).astype(int)
        y = np.round(dice.uniform(0, ny) + along * np.sin(angle)).astype(int)
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        charge = np.rint(dice.lognormal(np.log(900.0), 0.8) * dice.gamma(4.0, 0.25, n))
        np.add.at(electrons, (y[inside], x[inside]), charge[inside].astype(np.float32))


def _amplifier(recipe: Recipe) -> Image:
    """The glow falls off exponentially from the last column of the first row."""
    d = recipe.detector
    y, x = np.ogrid[: d.ny, : d.nx]
    far = np.hypot(x - d.nx + 1.0, y) / (d.amp_glow_size * d.nx)
    return (d.amp_glow * np.exp(-far)).astype(np.float32)


def _normal_response(response: NDArray[np.float64]) -> Image:
    return (response / np.median(response)).astype(np.float32)


def _vignette(recipe: Recipe) -> NDArray[np.float64]:
    d = recipe.detector
    y, x = np.ogrid[-1.0 : 1.0 : d.ny * 1j, -1.0 : 1.0 : d.nx * 1j]
    return np.asarray(1.0 - recipe.telescope.vignetting * 0.5 * (x**2 + y**2))


def _dust(recipe: Recipe, where: str) -> NDArray[np.float64]:
    """Shadows of grains far from the focus: rings, since the pupil has a hole in the middle."""
    d, dice = recipe.detector, dice_for(recipe.seed, f"dust {where}")
    shade = np.ones((d.ny, d.nx))
    y, x = np.ogrid[: d.ny, : d.nx]
    for _ in range(recipe.telescope.dust):
        size, depth = dice.uniform(0.012, 0.035) * d.nx, dice.uniform(0.01, 0.04)
        r = np.hypot(x - dice.uniform(0, d.nx), y - dice.uniform(0, d.ny)) / size
        shade -= depth * expit(12.0 * (1.0 - r)) * expit(12.0 * (r - 0.4))
    return shade
