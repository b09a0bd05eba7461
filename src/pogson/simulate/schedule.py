"""What is exposed when: bias, darks and flats first, then the lights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pogson.core.errors import SettingError
from pogson.simulate.recipe import Recipe

UNIX_EPOCH = 2440587.5
DAY = 86400.0


@dataclass(frozen=True)
class Shot:
    """One exposure of the plan; `light` counts the light frames from 0 and is -1 for all others."""

    name: str
    kind: str
    band: str = ""
    exptime: float = 0.0
    jd_start: float = 0.0
    light: int = -1

    @property
    def jd_utc(self) -> float:
        """JD UTC of the middle of the exposure."""
        return self.jd_start + 0.5 * self.exptime / DAY


def make_schedule(recipe: Recipe) -> tuple[Shot, ...]:
    """Every exposure of the night in order; the first light frame begins at `night.start`."""
    lights = _light_shots(recipe)
    before = _calibration_shots(recipe)
    gap = recipe.night.overhead
    start = _julian_date(recipe.night.start) - sum(shot.exptime + gap for shot in before) / DAY
    shots = []
    for shot in before + lights:
        shots.append(replace(shot, jd_start=start))
        start += (shot.exptime + gap) / DAY
    return tuple(shots)


def _calibration_shots(recipe: Recipe) -> list[Shot]:
    c = recipe.calibration
    seconds = f"{c.dark_exptime:g}s"
    shots = [Shot(f"bias_{i + 1:03d}.fits", "bias") for i in range(c.bias)]
    shots += [Shot(f"dark_{seconds}_{i + 1:03d}.fits", "dark", "", c.dark_exptime) for i in range(c.dark)]
    for band in recipe.exposed:
        shots += [Shot(f"flat_{band}_{i + 1:03d}.fits", "flat", band, c.flat_exptime) for i in range(c.flat)]
    return shots


def _light_shots(recipe: Recipe) -> list[Shot]:
    blocks = recipe.night.exposures * recipe.night.cycles
    shots: list[Shot] = []
    for band, exptime, n in blocks:
        for _ in range(n):
            count = len(shots)
            shots.append(
                Shot(f"{recipe.name}_{band}_{count + 1:04d}.fits", "light", band, exptime, 0.0, count)
            )
    return shots


def _julian_date(iso: str) -> float:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        raise SettingError(f"night.start must be like 2024-06-11T23:40:00 (UTC), got {iso!r}") from None
    return UNIX_EPOCH + moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() / DAY
