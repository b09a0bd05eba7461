"""Set each number of a reduced night against the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED, Star
from pogson.core.transform import Transform
from pogson.pipeline.calibrated import Calibrated, lasting_scatter
from pogson.pipeline.lights import Measured
from pogson.pipeline.prove.light import light_in_annuli, light_inside, resolved, share_of_neighbors
from pogson.pipeline.prove.pulls import Values, make_pulls
from pogson.pipeline.prove.setup import BETA
from pogson.pipeline.reduce import Reduced
from pogson.simulate.light import star_rates
from pogson.simulate.night import Night
from pogson.steps.calibrate.camera import Camera
from pogson.steps.measure.budget import POGSON
from pogson.steps.measure.profile import enclosed_light

Part = dict[str, NDArray]  # type: ignore[type-arg]

SPOILT = SPOILED | int(Star.FEW_SKY | Star.NO_COLOR)


@dataclass(frozen=True)
class Truth:
    """The true stars of one light frame, and what their pulls may hang on; (n,) each."""

    night: Night
    name: str
    row: Any  # of the night's `frame_truth`
    x: Values
    y: Values
    total: Values  # electrons
    alone: NDArray[np.bool_]  # no brighter star within a width
    snr: Values  # expected; NaN where not measured

    @classmethod
    def of(cls, night: Night, name: str) -> Truth:
        """The truth of the frame of this name."""
        row = night.frame_truth[night.names.index(name)]
        x, y = night.positions(name)
        rates = star_rates(night.recipe, night.stars, str(row["band"]), row["zero_point"], row["airmass"])
        total = rates * row["exptime"]
        return cls(
            night, name, row, x, y, total, resolved(x, y, total, float(row["fwhm"])), np.full(len(x), np.nan)
        )

    @property
    def fwhm(self) -> float:
        """Of the stars, pixels."""
        return float(self.row["fwhm"])

    def find(self, x: Any, y: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The true star at each place, and whether there is one."""
        tree = cKDTree(np.column_stack([self.x, self.y])[self.alone])
        off, rows = tree.query(np.column_stack([x, y]), distance_upper_bound=0.6 * self.fwhm + 0.5)
        found = np.isfinite(off)
        return np.flatnonzero(self.alone)[np.where(found, rows, 0)], found

    def facts(self, rows: NDArray[np.int64], radius: float) -> dict[str, Values]:
        """What the pulls of some stars are sorted by."""
        d = self.night.recipe.detector
        middle, half = np.array([d.nx - 1.0, d.ny - 1.0]) / 2.0, min(d.nx, d.ny) / 2.0
        far = np.maximum(np.abs(self.x - middle[0]), np.abs(self.y - middle[1])) / half
        phase = np.hypot(self.x - np.rint(self.x), self.y - np.rint(self.y))
        share = share_of_neighbors(self.x, self.y, self.total, radius, self.fwhm)
        return {"snr": self.snr[rows], "place": far[rows], "phase": phase[rows], "share": share[rows]}


def compare_night(night: Night, reduced: Reduced, done: Calibrated) -> list[Part]:
    """Every pull of a night."""
    parts: list[Part] = []
    power: dict[str, Values] = {}
    known: dict[int, int] = {}
    for light in reduced.lights:
        if light.photometry is None or not isinstance(light.transform, Transform):
            continue
        truth = Truth.of(night, Path(light.detected.exposure.path).name)
        ids, more = _compare_stars(light, reduced.field, truth)
        known |= ids
        parts += [*more, *_compare_positions(light, truth)]
        band = str(truth.row["band"])
        power[band] = power.get(band, 0.0) + np.nan_to_num(truth.snr) ** 2
    parts += _compare_magnitudes(night, done, known, power)
    parts += compare_zero_points(night, done)
    return parts


def _compare_stars(light: Measured, field: Table, truth: Truth) -> tuple[dict[int, int], list[Part]]:
    """Fluxes, sky levels and the aperture correction of a frame; the true row of each star's number."""
    assert light.photometry is not None and light.growth is not None
    table, growth, name = light.photometry, light.growth, truth.name
    radius, (inner, outer) = float(table.meta["radius"]), table.meta["annulus"]
    at, ok = truth.find(table["x"], table["y"])
    flags = np.asarray(table["flags"], int)
    use = ok & ((flags & SPOILT) == 0)
    flux, err, level_err = (np.asarray(table[n], float) for n in ("flux", "flux_err", "err_annulus"))
    held = light_inside(radius, truth.fwhm)
    # electrons as the camera's gain counts them
    unit = light.detected.exposure.gain / truth.night.recipe.detector.gain
    rows, total = at[use], unit * truth.total[at]
    truth.snr[rows] = (held * total / err)[use]
    # what the annulus takes for sky is missing from the aperture, too
    wings = np.diff(enclosed_light(np.array([inner, outer]), truth.fwhm, BETA))[0] / (outer**2 - inner**2)
    seen = held - wings * radius**2
    factor = 10.0 ** (-0.4 * growth.correction)
    # the correction of the frame, and by how much single stars differ from it
    correction_err = np.hypot(growth.correction_err, lasting_scatter(growth, table.meta))
    whole = factor * np.hypot(err, flux * correction_err / POGSON)
    sky_err = np.hypot(level_err / (np.pi * radius**2), table.meta["sky_zero_err"])
    image = truth.night.light(truth.night.shots[truth.night.names.index(name)])
    level = unit * light_in_annuli(light, field, image, inner, outer)
    facts: dict[str, Any] = truth.facts(rows, radius)
    facts["neighbor"] = (flags[use] & int(Star.NEIGHBOR)) != 0
    parts = [
        make_pulls("flux", name, ((factor * flux - total) / whole)[use], **facts),
        # as fluxes, which are not skewed
        make_pulls("instrumental", name, ((flux - seen * total) / err)[use], **facts),
        make_pulls(
            "sky",
            name,
            ((np.asarray(table["sky"], float) - level) / sky_err)[use],
            **facts,
        ),
        make_pulls(
            "aperture correction",
            name,
            [(growth.correction - 2.5 * np.log10(seen)) / growth.correction_err],
        ),
    ]
    # a blend's magnitude is of two stars: known to the means only where nobody is near
    clean = use & ((flags & int(Star.NEIGHBOR)) == 0)
    return {int(star): int(k) for star, k in zip(table["star"][clean], at[clean], strict=True)}, parts


def _compare_positions(light: Measured, truth: Truth) -> list[Part]:
    assert light.photometry is not None
    stars = light.detected.stars
    at, ok = truth.find(stars["x"], stars["y"])
    ok &= (np.asarray(stars["flags"], int) & SPOILED) == 0
    facts = truth.facts(at[ok], float(light.photometry.meta["radius"]))
    neighbor = (np.asarray(stars["flags"], int)[ok] & int(Star.BLENDED | Star.NEIGHBOR)) != 0
    return [
        make_pulls(
            axis,
            truth.name,
            (np.asarray(stars[axis], float)[ok] - true[at[ok]]) / np.asarray(stars[f"{axis}_err"], float)[ok],
            neighbor=neighbor,
            **facts,
        )
        for axis, true in (("x", truth.x), ("y", truth.y))
    ]


def _compare_magnitudes(
    night: Night, done: Calibrated, known: dict[int, int], power: dict[str, Values]
) -> Iterable[Part]:
    """Mean standard magnitudes with their whole error; compared as fluxes, which are not skewed."""
    stars = done.stars
    at = np.array([known.get(int(s), -1) for s in stars["id"]])
    use = (at >= 0) & ((np.asarray(stars["flags"], int) & (SPOILT | int(Star.NEIGHBOR))) == 0)
    for band, squares in power.items():
        mag, err = (np.asarray(stars[f"mag_{band}{end}"], float) for end in ("", "_err"))
        ratio = 10.0 ** (-0.4 * (mag - np.asarray(night.stars[f"mag_{band}"], float)[at]))
        pull = ((ratio - 1.0) / (ratio * err / POGSON))[use]
        yield make_pulls("magnitude", band, pull, snr=np.sqrt(squares[at[use]]))


def compare_zero_points(night: Night, done: Calibrated) -> Iterable[Part]:
    """One zero point and the colour term of each band: the frames of a band share the catalogue's errors."""
    truth = dict(zip(night.names, night.frame_truth["zero_point"], strict=True))
    table = done.zero_points
    bands = np.asarray(table["band"], str)
    for k in np.unique(bands, return_index=True)[1]:
        row = table[k]
        off = float(row["zero_point"]) - float(truth[Path(str(row["frame"])).name])
        yield make_pulls("zero point", bands[k], [off / float(row["zero_point_err"])])
    for band, term in done.color_terms.items():
        if term.err > 0.0:
            off = term.value - night.recipe.bands[band].color_term
            yield make_pulls("colour term", band, [off / term.err])


def compare_camera(night: Night, camera: Camera, group: str = "") -> list[Part]:
    """Gain and read noise where they were measured."""
    d = night.recipe.detector
    return [
        make_pulls(words, group, [(value - true) / err])
        for words, value, err, true in (
            ("gain", camera.gain, camera.gain_err, d.gain),
            ("read noise", camera.read_noise, camera.read_noise_err, d.read_noise),
        )
    ]
