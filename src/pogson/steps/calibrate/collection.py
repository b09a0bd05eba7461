"""The masters of a night, and which of them fit an exposure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from threading import Lock
from typing import Any

import numpy as np

from pogson.core.frame import Exposure, Mask, Master
from pogson.core.units import Fraction, Kelvins


@dataclass(frozen=True)
class Matched:
    """The masters that fit one exposure, and what is missing or approximate."""

    bias: Master | None = None
    dark: Master | None = None
    flat: Master | None = None
    dark_scale: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of calibration that are not there."""
        has_bias = self.bias is not None or (self.dark is not None and self.dark.has_bias)
        there = {"bias": has_bias, "dark": self.dark is not None, "flat": self.flat is not None}
        return tuple(kind for kind, found in there.items() if not found)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the masters."""
        return tuple(m.name for m in (self.bias, self.dark, self.flat) if m is not None)


@dataclass(frozen=True)
class Masters:
    """All masters of a night."""

    masters: tuple[Master, ...] = ()
    # Pixels of frames of a size that are bad though no master says so.
    bad: Mapping[tuple[int, int], Mask] = field(default_factory=dict, repr=False, compare=False)
    # Planes prepared for one kind of exposure, shared by the frames that need the same.
    prepared: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    # What one thread prepares, the others wait for: the planes are large.
    turn: Lock = field(default_factory=Lock, repr=False, compare=False)
    # Called when planes have been prepared: masters that lie on the disk need no memory then.
    rest: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    def match(
        self,
        exposure: Exposure,
        *,
        temperature_tolerance: Kelvins = 2.0,
        exptime_tolerance: Fraction = 0.02,
    ) -> Matched:
        """Choose bias, dark and flat for an exposure; nothing that is missing is fatal.

        Shape and binning must be the same, a flat's band, too. Of several darks one within the temperature
        tolerance is preferred, then the one nearest in exposure time. A dark that still contains its
        bias fits exposures of its own length only.

        Parameters
        ----------
        exposure : Exposure
            Of the frame to be calibrated.
        temperature_tolerance : float
            Largest difference in temperature that is not remarked upon.
        exptime_tolerance : float
            Relative difference in exposure time up to which a dark with its bias may be used as it is.
        """
        notes: list[str] = []
        bias = self._nearest("bias", exposure, temperature_tolerance)
        plain = self._nearest("dark", exposure, temperature_tolerance, has_bias=False) if bias else None
        full = self._nearest("dark", exposure, temperature_tolerance, has_bias=True)
        dark, scale = plain, 0.0
        if dark is not None:
            scale = exposure.exptime / dark.exptime if isfinite(exposure.exptime) else nan
            if not isfinite(scale):
                notes.append("no dark: the exposure time is unknown")
                dark, scale = None, 0.0
            elif abs(scale - 1.0) > exptime_tolerance:
                notes.append(f"dark of {dark.exptime:g} s scaled to {exposure.exptime:g} s, with its error")
        elif full is not None and abs(exposure.exptime / full.exptime - 1.0) <= exptime_tolerance:
            bias, dark, scale = None, full, 1.0
        elif full is not None:
            notes.append(
                f"no dark: that of {full.exptime:g} s still contains its bias and cannot be scaled "
                f"to {exposure.exptime:g} s"
            )
        flat = self._nearest("flat", exposure, temperature_tolerance, band=exposure.band)
        matched = Matched(bias, dark, flat, scale, ())
        notes += self._remarks(matched, exposure, temperature_tolerance, notes)
        return Matched(bias, dark, flat, scale, tuple(notes))

    def _nearest(
        self,
        kind: str,
        exposure: Exposure,
        tolerance: float,
        *,
        has_bias: bool | None = None,
        band: str | None = None,
    ) -> Master | None:
        fitting = [
            m
            for m in self.masters
            if m.kind == kind
            and m.binning == exposure.binning
            and exposure.shape in ((0, 0), m.data.shape)
            and (has_bias is None or m.has_bias == has_bias)
            and (band is None or m.band == band)
        ]

        def distance(m: Master) -> tuple[float, float]:
            away = abs(m.temperature - exposure.temperature)
            ratio = m.exptime / exposure.exptime if kind == "dark" and exposure.exptime > 0 else 1.0
            long = abs(np.log(ratio)) if ratio > 0 and isfinite(ratio) else 99.0
            return (away if away > tolerance else 0.0), float(long)

        return min(fitting, key=distance, default=None)

    @staticmethod
    def _remarks(m: Matched, exposure: Exposure, tolerance: float, said: Sequence[str]) -> list[str]:
        told = " ".join(said)
        notes = []
        if "bias" in m.missing:
            notes.append(f"no bias: {_instead_of_bias(exposure)}")
        if "dark" in m.missing and "no dark" not in told:
            notes.append("no dark: dark current stays in the sky")
        if "flat" in m.missing:
            notes.append(f"no flat of band {exposure.band or 'unknown'}: the response is not corrected")
        if m.dark is not None and abs(m.dark.temperature - exposure.temperature) > tolerance:
            notes.append(
                f"the dark was taken at {m.dark.temperature:.1f} degrees, "
                f"this frame at {exposure.temperature:.1f}"
            )
        return notes


def _instead_of_bias(exposure: Exposure) -> str:
    if exposure.overscan is not None:
        return "the overscan's level is subtracted, the fixed pattern stays"
    if isfinite(exposure.offset):
        return f"{exposure.offset:g} ADU subtracted instead ({exposure.sources.get('offset', 'given')})"
    return "the electronic offset stays in the sky, the photon noise is overestimated"


def group_calibrations(
    exposures: Iterable[Exposure], *, temperature_tolerance: Kelvins = 2.0
) -> list[tuple[str, list[Exposure]]]:
    """Sort calibration exposures into sets, each of which becomes one master.

    Of one set are: kind, shape, binning, camera, and temperature; for darks the exposure time, too, and for
    flats the band.

    Returns
    -------
    list of (kind, exposures)
        Bias first, then darks, then flats: the order in which masters need each other.
    """
    sets: dict[tuple[Any, ...], list[Exposure]] = {}
    for e in exposures:
        if e.kind in ("bias", "dark", "flat"):
            key: tuple[Any, ...] = (e.kind, e.camera, e.shape, e.binning)
            key += (round(e.exptime, 3),) if e.kind == "dark" else ()
            key += (e.band,) if e.kind == "flat" else ()
            sets.setdefault(key, []).append(e)
    order = ("bias", "dark", "flat")
    groups = [
        (key[0], part)
        for key, members in sets.items()
        for part in (_by_temperature(members, temperature_tolerance) if key[0] != "flat" else [members])
    ]
    return sorted(groups, key=lambda g: order.index(g[0]))


def _by_temperature(members: list[Exposure], tolerance: float) -> list[list[Exposure]]:
    known = sorted((e for e in members if isfinite(e.temperature)), key=lambda e: e.temperature)
    unknown = [e for e in members if not isfinite(e.temperature)]
    groups: list[list[Exposure]] = []
    for e in known:
        if groups and e.temperature - groups[-1][0].temperature <= 2.0 * tolerance:
            groups[-1].append(e)
        else:
            groups.append([e])
    if unknown:
        groups = [[*groups[0], *unknown], *groups[1:]] if groups else [unknown]
    return groups
