"""How much light truly falls where a measurement looks, without any noise."""

from __future__ import annotations

from itertools import product

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.frame import Frame, Image
from pogson.core.transform import Transform
from pogson.kernels.overlap import circle_pixel_overlap
from pogson.kernels.profiles import add_moffats
from pogson.pipeline.lights import Measured
from pogson.pipeline.prove.pulls import Values
from pogson.pipeline.prove.setup import BETA
from pogson.steps.measure.annulus import block_stars
from pogson.steps.measure.profile import displaced_light
from pogson.steps.measure.stars import locate_stars


def light_inside(radius: float, fwhm: float) -> float:
    """Share of a star's light in an aperture, over pixels, averaged over where in a pixel the star is."""
    half = int(radius) + 2
    shares = []
    for u, v in product((-0.4, -0.2, 0.0, 0.2, 0.4), repeat=2):
        image = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        one = [np.array([value]) for value in (half + u, half + v, 1.0, fwhm, BETA, 1.0, 0.0)]
        add_moffats(image, *one, 1e-9)
        weight = [
            [circle_pixel_overlap(i - half - u, j - half - v, radius) for i in range(2 * half + 1)]
            for j in range(2 * half + 1)
        ]
        shares.append(float((image * np.array(weight)).sum()))
    return float(np.mean(shares))


def light_in_annuli(light: Measured, field: Table, image: Image, inner: float, outer: float) -> Values:
    """What falls into the free part of each sky annulus, without any noise: sky, and wings of stars."""
    assert light.photometry is not None and isinstance(light.transform, Transform)
    stars = locate_stars(field, light.transform, light.detected.psf.fwhm)
    noise = np.full(image.shape, light.detected.noise**2, np.float32)
    frame = Frame(image, noise, np.zeros(image.shape, np.uint16), light.detected.exposure)
    blocked = block_stars(frame, stars.x, stars.y, stars.flux, fwhm=stars.fwhm, beta=stars.beta, limit=inner)
    levels = np.full(len(stars.x), np.nan)
    half = int(outer) + 1
    for k, (x, y) in enumerate(zip(stars.x, stars.y, strict=True)):
        i, j = (slice(max(int(v) - half, 0), int(v) + half + 2) for v in (y, x))
        rows, columns = np.ogrid[
            i.start : i.start + image[i, j].shape[0], j.start : j.start + image[i, j].shape[1]
        ]
        r2 = (columns - x) ** 2 + (rows - y) ** 2
        free = (r2 >= inner**2) & (r2 <= outer**2) & (blocked[i, j] == 0)
        if free.any():
            levels[k] = image[i, j][free].mean(dtype=float)
    return levels


def share_of_neighbors(x: Values, y: Values, flux: Values, radius: float, fwhm: float) -> Values:
    """Light of all other true stars over a star's own, in its aperture."""
    reach = radius + 6.0 * fwhm
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray")
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    held = displaced_light(np.hypot(x[a] - x[b], y[a] - y[b]), radius, fwhm, BETA)
    own = displaced_light(np.zeros(1), radius, fwhm, BETA)[0] * flux
    return np.asarray(np.bincount(a, held * flux[b], minlength=len(x)) / own)


def resolved(x: Values, y: Values, flux: Values, fwhm: float) -> NDArray[np.bool_]:
    """Which stars have no brighter one within a width: what is found there is theirs."""
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(1.2 * fwhm, output_type="ndarray")
    fainter = np.where(flux[pairs[:, 0]] < flux[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    alone = np.ones(len(x), bool)
    alone[fainter] = False
    return alone
