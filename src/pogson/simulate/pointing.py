"""Where a star falls: gnomonic projection, and the wandering of the telescope."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.simulate.recipe import Recipe

Array = NDArray[np.float64]


def center_of(recipe: Recipe) -> tuple[float, float]:
    """The pixel (x, y) on which the target falls in the reference frame."""
    return (recipe.detector.nx - 1) / 2.0, (recipe.detector.ny - 1) / 2.0


def half_sides(recipe: Recipe) -> tuple[float, float]:
    """Half sides of the field that is filled with stars, in pixels: the frame and a margin."""
    return 0.55 * recipe.detector.nx, 0.55 * recipe.detector.ny


def plane_of(recipe: Recipe, x: Array, y: Array) -> tuple[Array, Array]:
    """Offsets east and north in the tangent plane, arcsec, of x, y in the reference frame."""
    x0, y0 = center_of(recipe)
    angle, scale = np.radians(recipe.telescope.angle), recipe.telescope.pixel_scale
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return -c * (x - x0) + s * (y - y0), s * (x - x0) + c * (y - y0)


def sky_of(recipe: Recipe, east: Array, north: Array) -> tuple[Array, Array]:
    """Right ascension and declination, degrees, from offsets in the tangent plane, in arcsec.

    The gnomonic projection of Calabretta & Greisen 2002 (A&A 395, 1077), turned round.
    """
    xi, eta = np.radians(east / 3600.0), np.radians(north / 3600.0)
    ra, dec = np.radians(recipe.field.ra), np.radians(recipe.field.dec)
    depth = np.cos(dec) - eta * np.sin(dec)
    return (
        np.degrees(ra + np.arctan2(xi, depth)) % 360.0,
        np.degrees(np.arctan2(np.sin(dec) + eta * np.cos(dec), np.hypot(xi, depth))),
    )


def pixels_of(recipe: Recipe, ra: Array, dec: Array) -> tuple[Array, Array]:
    """x, y in the reference frame of places on the sky, degrees; NaN on the far half of the sky."""
    a, d = np.radians(ra - recipe.field.ra), np.radians(dec)
    d0 = np.radians(recipe.field.dec)
    depth = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a)
    depth = np.where(depth > 1e-3, depth, np.nan)
    east = np.degrees(np.cos(d) * np.sin(a) / depth) * 3600.0
    north = np.degrees((np.sin(d) * np.cos(d0) - np.cos(d) * np.sin(d0) * np.cos(a)) / depth) * 3600.0
    x0, y0 = center_of(recipe)
    angle, scale = np.radians(recipe.telescope.angle), recipe.telescope.pixel_scale
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    return x0 - c * east + s * north, y0 + s * east + c * north


def moved(recipe: Recipe, x: Array, y: Array, dx: float, dy: float, rotation: float) -> tuple[Array, Array]:
    """x, y in a frame that is shifted, and rotated (degrees, from +x towards +y) about its centre."""
    x0, y0 = center_of(recipe)
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    return x0 + c * (x - x0) - s * (y - y0) + dx, y0 + s * (x - x0) + c * (y - y0) + dy


def wcs_cards(recipe: Recipe, east: float = 0.0, north: float = 0.0, turn: float = 0.0) -> dict[str, Any]:
    """WCS keywords of the reference frame, wrong by `east`, `north` (arcsec) and `turn` (degrees)."""
    x0, y0 = center_of(recipe)
    scale, angle = recipe.telescope.pixel_scale / 3600.0, np.radians(recipe.telescope.angle + turn)
    c, s = float(scale * np.cos(angle)), float(scale * np.sin(angle))
    ra, dec = sky_of(recipe, np.array(east), np.array(north))
    return {
        "CTYPE1": "RA---TAN",
        "CRVAL1": float(ra),
        "CRPIX1": x0 + 1.0,
        "CTYPE2": "DEC--TAN",
        "CRVAL2": float(dec),
        "CRPIX2": y0 + 1.0,
        "CD1_1": -c,
        "CD1_2": s,
        "CD2_1": s,
        "CD2_2": c,
    }
