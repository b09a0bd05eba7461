"""Barycentric time and airmass of many exposures at once, with a check of the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Exposure, Site
from pogson.core.time import airmass, altitude, bjd_tdb, sun_altitude

_SLACK = 5.0  # degrees between the altitude in the header and ours
_DAYLIGHT = 0.0  # degrees: no light frame is taken with the Sun above the horizon
_SUN = "the Sun was up then: local time (give [time] utc_offset_hours), or a wrong longitude (give [site])?"


def complete(exposures: Sequence[Exposure], altitudes: Sequence[float] | None = None) -> list[Exposure]:
    """Add barycentric time and airmass of mid-exposure, where site, time and pointing are known.

    A positive longitude is turned round where only that puts the target where the header's altitude or
    airmass says. A light frame in daylight draws a note: local time taken for UTC looks just like it.

    Parameters
    ----------
    exposures : sequence of Exposure
        As their headers tell.
    altitudes : sequence of float, optional
        Altitude of the target in the header, degrees; NaN where it tells none.

    Returns
    -------
    list of Exposure
        In the same order.
    """
    out = list(exposures)
    told = np.full(len(out), np.nan) if altitudes is None else np.asarray(altitudes, np.float64)
    groups: dict[Site | None, list[int]] = {}
    for n, exposure in enumerate(out):
        groups.setdefault(exposure.site, []).append(n)
    for site, members in groups.items():
        chosen = site
        if site is not None and "settings" not in out[members[0]].sources.get("site", ""):
            chosen = _right_side(site, [out[n] for n in members], told[members])
        _complete_group(out, members, site, chosen)
    return out


def _columns(exposures: Sequence[Exposure]) -> tuple[NDArray[np.float64], ...]:
    return tuple(
        np.array([getattr(e, name) for e in exposures], np.float64)
        for name in ("jd_utc", "ra", "dec", "airmass")
    )


def _complete_group(out: list[Exposure], members: list[int], site: Site | None, chosen: Site | None) -> None:
    jd, ra, dec, card = _columns([out[n] for n in members])
    bjd = bjd_tdb(jd, ra, dec, chosen)
    air = np.full(len(members), np.nan) if chosen is None else airmass(altitude(jd, ra, dec, chosen))
    sun = np.full(len(members), np.nan) if chosen is None else sun_altitude(jd, chosen)
    where = "site" if chosen is not None else "geocentre, no site known: up to 21 ms off"
    for n, bjd_n, air_n, card_n, sun_n in zip(members, bjd, air, card, sun, strict=True):
        exposure = out[n]
        notes = list(exposure.notes)
        if chosen != site:
            notes.append("the longitude is counted towards the west: its sign is turned")
            exposure = exposure.with_values(exposure.sources["site"] + ", west turned into east", site=chosen)
        if isfinite(bjd_n):
            exposure = exposure.with_values(f"computed from time, pointing and {where}", bjd_tdb=float(bjd_n))
        if isfinite(air_n):
            if abs(card_n - air_n) > 0.05:
                notes.append(f"airmass {air_n:.3f} computed, the header says {card_n:.3f}")
            exposure = exposure.with_values("computed from site, time and pointing", airmass=float(air_n))
        elif not isfinite(exposure.ra) and exposure.kind == "light" and isfinite(exposure.jd_utc):
            notes.append("no pointing in the header: no barycentric time and no airmass from it")
        elif chosen is not None and isfinite(bjd_n) and exposure.kind == "light":
            notes.append("the target is below the horizon: check time, site and pointing")
        if sun_n > _DAYLIGHT and exposure.kind == "light":
            notes.append(_SUN)
        out[n] = replace(exposure, notes=tuple(dict.fromkeys(notes)))


def _right_side(site: Site, exposures: list[Exposure], told: NDArray[np.float64]) -> Site:
    """The site, or the one at the opposite longitude if only that agrees with the header's altitudes."""
    mirrored = replace(site, longitude=-site.longitude)
    lights = np.array([e.kind == "light" for e in exposures])
    jd, ra, dec, card = _columns(exposures)
    known = lights & np.isfinite(jd)
    # those who count towards the west write positive numbers
    if not known.any() or site.longitude < 5:
        return site
    off_here = _disagreement(site, jd[known], ra[known], dec[known], told[known], card[known])
    off_there = _disagreement(mirrored, jd[known], ra[known], dec[known], told[known], card[known])
    return mirrored if off_here > 0.5 and off_there < 0.5 else site


def _disagreement(site: Site, jd: NDArray[np.float64], *sky: NDArray[np.float64]) -> float:
    """The part of the frames whose altitude or airmass in the header speaks against a site."""
    ra, dec, told, card = sky
    height = altitude(jd, ra, dec, site)
    with np.errstate(invalid="ignore"):
        from_card = np.degrees(np.arcsin(1 / card))
    expected = np.where(np.isfinite(told), told, from_card)
    return float(np.mean(np.abs(height - expected) > _SLACK))
