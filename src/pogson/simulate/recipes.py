"""Nights to begin with: recipes by name, of any number of frames and any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pogson.core.errors import SettingError
from pogson.simulate.parse import hint_for
from pogson.simulate.recipe import Recipe

Tables = dict[str, Any]

SERIES_HOURS = 4.75
TRANSIT_HOURS = 4.0


def named_recipe(name: str, *, frames: int = 0, size: tuple[int, int] = (0, 0)) -> Tables:
    """A built-in recipe as nested tables: cluster, field, series or transit.

    Parameters
    ----------
    name : str
        cluster: an old cluster in g and r, as the default. field: a sparse field in g, r and i, with blends,
        proper motions and a moving object. series: 464 frames of 9 variables with veils, a meridian flip, and
        5 % of spoilt frames. transit: 200 frames of a star with a planet.
    frames : int
        Light frames of a series or transit, spread over the same hours; 0 keeps the recipe's number.
    size : (int, int)
        Columns and rows; there are as many stars per area, or more where that is few. 0 keeps the recipe's.

    Raises
    ------
    SettingError
        If there is no such recipe, or the number of frames of this one cannot be chosen.
    """
    if name not in RECIPES:
        raise SettingError(f"there is no recipe '{name}'{hint_for(name, RECIPES)}")
    if frames and name not in SERIES:
        raise SettingError(
            f"recipe '{name}': its frames stand in night.exposures; only a series has a number"
        )
    tables = RECIPES[name](frames) if name in SERIES else RECIPES[name](0)
    return _resized(tables, size) if any(size) else tables


def merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> Tables:
    """Nested tables with the values of `given` on top."""
    out = dict(base)
    for key, value in given.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return out


def _resized(tables: Tables, size: tuple[int, int]) -> Tables:
    recipe = Recipe.from_dict(tables)
    nx, ny = (new or old for new, old in zip(size, (recipe.detector.nx, recipe.detector.ny), strict=True))
    f = recipe.field
    share = nx * ny / (recipe.detector.nx * recipe.detector.ny)
    # a small frame is fuller, so that there is something to match
    fewest = min(150.0, nx * ny / 600.0) / max(f.cluster_stars + f.field_stars, 1)
    share = share if share >= 1.0 else min(max(share, fewest), 1.0)
    field = {"cluster_stars": round(share * f.cluster_stars), "field_stars": round(share * f.field_stars)}
    return merged(tables, {"detector": {"nx": nx, "ny": ny}, "field": field})


def _cluster(frames: int) -> Tables:
    return {}


def _field(frames: int) -> Tables:
    return {
        "name": "field",
        "field": {
            "name": "SPARSE FIELD",
            "ra": 200.0,
            "dec": 25.0,
            "cluster_stars": 0,
            "field_stars": 900,
            "blends": 30,
            "proper_motion": 15.0,
            "movers": [{"mag": 16.0, "x": 300.0, "y": 400.0, "rate": 45.0, "angle": 20.0}],
        },
        "telescope": {"corner_elongation": 0.1, "corner_fwhm": 0.08, "tilt": 0.03},
        "sky": {"cloudy": []},
        "bands": {"g": {"second_extinction": -0.03}},
        "night": {
            "start": "2024-04-10T22:30:00",
            "exposures": [["g", 60.0, 4], ["r", 60.0, 4], ["i", 60.0, 4]],
        },
    }


def _series(frames: int) -> Tables:
    n = frames or 464
    exptime = 30.0
    cadence = SERIES_HOURS * 3600.0 / n
    trailed = max(1, round(0.022 * n))
    thick = max(1, round(0.017 * n))
    return {
        "name": "series",
        "detector": {
            "nx": 1676,
            "ny": 1266,
            "overscan": 0,
            "pixel_size": 4.54,
            "gain": 0.9,
            "full_well": 57000.0,
        },
        "telescope": {
            "pixel_scale": 0.8,
            "drift": 0.3,
            "drift_x": 8.0,
            "drift_y": -3.0,
            "periodic_error": 2.5,
            "rotation_rate": 0.04,
            "field_rotation": 0.001,
            "focus_drift": 0.25,
            "focus_time": 1.5,
            "elongation_spread": 0.4,
            "corner_elongation": 0.02,
            "corner_fwhm": 0.01,
            "flip": True,
            "trailed": [round((i + 0.6) * n / trailed) for i in range(trailed)],
        },
        "site": {
            "name": "Suburban garden",
            "latitude": 48.0,
            "longitude": 11.0,
            "height": 560.0,
            "trees": 41.95,
        },
        "sky": {
            "seeing": 2.6,
            "seeing_spread": 0.03,
            "transparency_spread": 0.004,
            "cloudy": [round(0.66 * n) + i for i in range(thick)],
            "cloud": 3.5,
            "veils": [[0.7, 1.5, 0.25], [3.5, 3.9, 0.12]],
            "veil_size": 100.0,
            "veil_glow": 0.6,
            "gradient": 0.01,
            "moon": True,
            "twilight": True,
            "trails": max(1, round(0.004 * n)),
        },
        "field": {
            "name": "NINE VARIABLES",
            "ra": 60.0,
            "dec": 12.0,
            "cluster_stars": 0,
            "field_stars": 3000,
            "brightest": 10.8,
            "faintest": 19.5,
            "variables": [
                {"kind": "sinusoid", "mag": 13.2, "period": 1.7, "amplitude": 0.06, "epoch": 0.4},
                {"kind": "sinusoid", "mag": 15.5, "period": 3.1, "amplitude": 0.25, "epoch": 1.1},
                {"kind": "sinusoid", "mag": 16.8, "period": 5.6, "amplitude": 0.6, "epoch": 2.0},
                {"kind": "rrlyrae", "mag": 14.6, "period": 11.8, "amplitude": 0.95, "epoch": 2.7},
                {"kind": "rrlyrae", "mag": 16.2, "period": 7.4, "amplitude": 0.5, "epoch": 3.4},
                _pair(mag=13.9, period=8.2, epoch=2.1, ratio=0.8, distance=3.2, surface=0.3),
                _pair(mag=15.9, period=5.9, epoch=1.3, ratio=0.9, distance=2.4, surface=0.7),
                _planet(mag=12.3, period=62.0, epoch=2.4, ratio=0.15, distance=8.5),
                _planet(mag=13.5, period=40.0, epoch=3.3, ratio=0.18, distance=7.0),
            ],
        },
        "night": {
            "start": "2024-01-16T17:25:00",
            "exposures": [["r", exptime, n]],
            "overhead": max(0.0, cadence - exptime),
            "dialect": "nina",
        },
        "calibration": {"bias": 10, "dark": 10, "dark_exptime": exptime, "flat": 10},
    }


def _transit(frames: int) -> Tables:
    n = frames or 200
    exptime = 60.0
    return {
        "name": "transit",
        "detector": {"nx": 800, "ny": 600, "overscan": 0, "gain": 1.4, "full_well": 85000.0},
        "telescope": {
            "diameter": 0.25,
            "pixel_scale": 1.6,
            "drift": 0.4,
            "drift_x": 6.0,
            "rotation_rate": 0.03,
        },
        "sky": {"seeing": 4.5, "cloudy": [], "transparency_spread": 0.005},
        "bands": {"r": {"zero_point": 20.9}},
        "field": {
            "name": "A PLANET",
            "ra": 300.0,
            "cluster_stars": 0,
            "field_stars": 500,
            "faintest": 17.5,
            "variables": [_planet(mag=11.6, period=60.0, epoch=1.9, ratio=0.13, distance=8.5)],
        },
        "night": {
            "start": "2024-06-11T22:30:00",
            "exposures": [["r", exptime, n]],
            "overhead": max(0.0, TRANSIT_HOURS * 3600.0 / n - exptime),
        },
    }


def _pair(**numbers: float) -> Tables:
    return {"kind": "eclipsing", "impact": 0.1, **numbers}


def _planet(**numbers: float) -> Tables:
    return {"kind": "transit", "impact": 0.2, "u1": 0.35, "u2": 0.25, **numbers}


RECIPES: dict[str, Callable[[int], Tables]] = {
    "cluster": _cluster,
    "field": _field,
    "series": _series,
    "transit": _transit,
}
SERIES = ("series", "transit")
