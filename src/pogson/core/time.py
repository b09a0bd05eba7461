"""Time at the barycentre of the solar system, and the air that the light passed."""

from __future__ import annotations

import warnings
from math import isfinite, nan
from typing import Any

import erfa  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pogson.core.frame import Site

Floats = NDArray[np.float64]

_AU_IN_DAYS = 499.004783836 / 86400  # light time for one astronomical unit (IAU 2012, DE430)
_AU = 149597870700.0  # m


def bjd_tdb(jd_utc: ArrayLike, ra: ArrayLike, dec: ArrayLike, site: Site | None = None) -> Floats:
    """Barycentric Julian date (TDB) of events seen at Julian date (UTC).

    JD_UTC + (TT - UTC) + (TDB - TT) + the light's way from the observer to the plane through the
    barycentre. Without a site the geocentre stands in for the observer (up to 21 ms off).
    Shapiro delay (< 0.1 ms) and the star's parallax are left out; Earth from ERFA's series (~ 5 km).

    Parameters
    ----------
    jd_utc : array_like
        Julian date, UTC; NaN stays NaN, and dates outside 1900 to 2100 become NaN.
    ra, dec : array_like
        ICRS direction, degrees; broadcast against `jd_utc`. NaN gives NaN.
    site : Site or None
        Where the light was seen.

    Returns
    -------
    float64 array

    References
    ----------
    Eastman, Siverd & Gaudi 2010, PASP 122, 935.
    """
    jd, a, d = _arrays(jd_utc, ra, dec)
    out = np.full(jd.shape, nan)
    good = _datable(jd) & np.isfinite(a) & np.isfinite(d)
    if not good.any():
        return out
    tt1, tt2 = _to_tt(jd[good])
    position = _earth(tt1, tt2)
    if site is not None:
        position = position + _observer(jd[good], tt1, tt2, site) / _AU
    light = np.sum(position * _direction(a[good], d[good]), axis=-1) * _AU_IN_DAYS
    day_fraction = (tt1 - 0.5) % 1.0 + tt2
    tdb_minus_tt = erfa.dtdb(tt1, tt2, day_fraction % 1.0, 0.0, 0.0, 0.0) / 86400
    out[good] = tt1 + (tt2 + tdb_minus_tt + light)
    return out


def altitude(jd_utc: ArrayLike, ra: ArrayLike, dec: ArrayLike, site: Site) -> Floats:
    """True altitude above the horizon, degrees, without refraction.

    Parameters
    ----------
    jd_utc, ra, dec : array_like
        Julian date (UTC); ICRS direction, degrees.
    site : Site
        Where the observer stands.

    Returns
    -------
    float64 array
    """
    jd, a, d = _arrays(jd_utc, ra, dec)
    out = np.full(jd.shape, nan)
    good = _datable(jd) & np.isfinite(a) & np.isfinite(d)
    if good.any():
        tt1, tt2 = _to_tt(jd[good])
        out[good] = _altitude(jd[good], tt1, tt2, _direction(a[good], d[good]), site)
    return out


def sun_altitude(jd_utc: ArrayLike, site: Site) -> Floats:
    """Altitude of the Sun, degrees, to about 0.01 degree."""
    jd, _, _ = _arrays(jd_utc, 0.0, 0.0)
    out = np.full(jd.shape, nan)
    good = _datable(jd)
    if good.any():
        tt1, tt2 = _to_tt(jd[good])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", erfa.ErfaWarning)
            heliocentric, _ = erfa.epv00(tt1, tt2)
        sun = -heliocentric["p"]
        sun = sun / np.linalg.norm(sun, axis=-1, keepdims=True)
        out[good] = _altitude(jd[good], tt1, tt2, sun, site)
    return out


def airmass(altitude_deg: ArrayLike) -> Floats:
    """Airmass at an altitude above the horizon; NaN below it.

    1 / sin(h + 244 / (165 + 47 h^1.1)), h in degrees: Pickering 2002, DIO 12, 20, eq. 1 (after footnote 39).
    """
    h = np.asarray(altitude_deg, np.float64)
    above = np.where(h > 0, h, nan)
    result: Floats = 1 / np.sin(np.radians(above + 244 / (165 + 47 * above**1.1)))
    return result


def to_utc(jd: float, scale: str) -> float:
    """A Julian date in UTC, from one in `scale`: UTC, UT, TT, TDT, ET, TDB, TAI or GPS.

    Raises
    ------
    KeyError
        If the scale is unknown.
    """
    behind_tai = {"TT": 32.184, "TDT": 32.184, "ET": 32.184, "TDB": 32.184, "TAI": 0.0, "GPS": -19.0}
    if scale in ("UTC", "UT", "UT1", "GMT", "Z"):
        return jd
    if not _datable(np.asarray(jd)):
        return nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        utc1, utc2 = erfa.taiutc(jd, -behind_tai[scale] / 86400)
    return float(utc1 + utc2)


def _datable(jd: Floats) -> NDArray[np.bool_]:
    """Dates from 1900 to 2100: the reach of the series for the Earth."""
    return (jd > 2415020.5) & (jd < 2488069.5)


def _arrays(*values: ArrayLike) -> tuple[Floats, ...]:
    broad = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in values))
    return tuple(np.atleast_1d(value) for value in broad)


def _to_tt(jd: Floats) -> tuple[Floats, Floats]:
    # Years beyond the known leap seconds only draw a warning: at worst a second is missing.
    whole = np.floor(jd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        tai = erfa.utctai(whole, jd - whole)
    tt: tuple[Floats, Floats] = erfa.taitt(*tai)
    return tt


def _earth(tt1: Floats, tt2: Floats) -> Floats:
    """Barycentric position of the Earth, au."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        _, barycentric = erfa.epv00(tt1, tt2)
    position: Floats = barycentric["p"]
    return position


def _direction(ra: Floats, dec: Floats) -> Floats:
    unit: Floats = erfa.s2c(np.radians(ra), np.radians(dec))
    return unit


def _sidereal(jd: Floats) -> Any:
    # UT1 is within 0.9 s of UTC: 0.4 km of the observer, a microsecond of light.
    return erfa.gst00b(jd, 0.0)


def _observer(jd: Floats, tt1: Floats, tt2: Floats, site: Site) -> Floats:
    """Position of the site relative to the centre of the Earth, celestial axes, m."""
    height = site.height if isfinite(site.height) else 0.0  # 2 km are 7 microseconds of light
    x, y, z = erfa.gd2gc(1, np.radians(site.longitude), np.radians(site.latitude), height)
    angle = _sidereal(jd)
    sine, cosine = np.sin(angle), np.cos(angle)
    of_date = np.stack([cosine * x - sine * y, sine * x + cosine * y, np.full_like(cosine, z)], axis=-1)
    position: Floats = np.einsum("...ji,...j->...i", erfa.pnm00b(tt1, tt2), of_date)
    return position


def _altitude(jd: Floats, tt1: Floats, tt2: Floats, direction: Floats, site: Site) -> Floats:
    of_date = np.einsum("...ij,...j->...i", erfa.pnm00b(tt1, tt2), direction)
    ra, dec = erfa.c2s(of_date)
    hour_angle = _sidereal(jd) + np.radians(site.longitude) - ra
    _, height = erfa.hd2ae(hour_angle, dec, np.radians(site.latitude))
    result: Floats = np.degrees(height)
    return result
