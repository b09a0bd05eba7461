"""Put the star list on the sky, by a catalogue."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.frame import Exposure
from pogson.core.transform import Transform
from pogson.core.units import Pixels
from pogson.steps.match.align import match_near, match_points
from pogson.steps.match.crossmatch import move_to_epoch
from pogson.steps.match.fit import Points, pair
from pogson.steps.match.tangent import Plane, fit_plane, to_plane

Values = NDArray[np.float64]

_SPREAD = 200  # stars whose triangles are compared, where the brightest alone do not match


@dataclass(frozen=True)
class Solution:
    """A plate solution, proven against a catalogue.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        For 0-based pixels: call it with origin 0.
    rms : float
        Root mean square distance of the stars used from the catalogue, arcsec.
    n : int
        Stars used.
    chance : float
        Expected number of accidental solutions as good as this.
    pixel_scale : float
        arcsec / px.
    source : str
        In words: what the solution started from.
    order : int
        1 for TAN; 2 to 4 for TAN-SIP.
    notes : tuple of str
        What a user should know: the header was wrong ...
    """

    wcs: Any
    rms: float
    n: int
    chance: float
    pixel_scale: float
    source: str
    order: int = 1
    notes: tuple[str, ...] = ()

    @property
    def log_odds(self) -> float:
        """Natural logarithm of the odds against accident."""
        return -float(np.log(max(self.chance, 1e-300)))


@dataclass(frozen=True)
class _Start:
    """Catalogue stars where a first guess puts them in the frame."""

    xy: Values
    scale_tolerance: float
    drift: float
    ra0: float
    dec0: float
    source: str


def solve_field(
    field: Table,
    catalog: Table,
    *,
    exposure: Exposure,
    radius: Pixels = 2.0,
    drift: Pixels = 80.0,
) -> tuple[Table, Solution]:
    """Give every star of a field its place on the sky.

    The WCS of the header is a first guess, and so is the pointing with the pixel scale; either counts
    only where the catalogue's stars prove it. The result is a new TAN fit to the matched stars.

    Parameters
    ----------
    field : Table
        FIELD, or STARS of the frame.
    catalog : Table
        CATALOG; it may cover a part of the frame only, and be much deeper.
    exposure : Exposure
        Of the reference frame: WCS cards, pointing, pixel scale, time.
    radius : float
        Largest distance of a star from its catalogue place.
    drift : float
        How far the header's WCS may be off before patterns are searched.

    Returns
    -------
    field : Table
        A copy, with ra, dec.
    solution : Solution

    Raises
    ------
    MatchError
        If no first guess leads to a solution that can be told from accident.
    """
    order = _brightest_first(field)
    if len(order) < 3 or len(catalog) < 3:
        raise MatchError(
            f"{len(order)} stars and {len(catalog)} catalogue stars: 3 of each are needed to solve the field"
        )
    xy = np.column_stack([np.asarray(field["x"], float), np.asarray(field["y"], float)])[order]
    err = np.nan_to_num(np.asarray(field["x_err"], float)[order], nan=0.3)
    stars = Points(xy, err)
    star_mag = -2.5 * np.log10(np.maximum(np.nan_to_num(np.asarray(field["flux"], float)[order]), 1e-9))
    ra, dec = move_to_epoch(catalog, 2000.0 + (exposure.jd_utc - 2451545.0) / 365.25)
    mag = magnitude_of(catalog, exposure.band)
    rank = np.argsort(np.where(np.isfinite(mag), mag, np.inf), kind="stable")
    shape = _shape(exposure, xy)
    tried = []
    for start in _starts(exposure, ra[rank], dec[rank], shape, drift):
        tried.append(start.source)
        solved = _solve_from(start, stars, star_mag, ra[rank], dec[rank], mag[rank], shape, radius)
        if solved is not None:
            plane, chance = solved
            wcs = plane.wcs()
            found = field.copy()
            found["ra"], found["dec"] = _sky(wcs, field)
            found["ra"].unit = found["dec"].unit = "deg"
            scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(plane.terms[1:3]))))
            n = int(plane.used.sum())
            return found, Solution(wcs, plane.rms, n, chance, scale, start.source, plane.order)
    if not tried:
        raise MatchError(
            f"{exposure.path or 'the frame'}: neither a WCS nor a pointing with a pixel scale; "
            "set ra, dec and pixel_scale in the settings"
        )
    raise MatchError(
        f"{exposure.path or 'the frame'}: the stars do not match catalogue "
        f"'{catalog.meta.get('name', '')}' from {' or '.join(tried)}; check pointing, scale, catalogue"
    )


def _sky(wcs: Any, field: Table) -> tuple[Values, Values]:
    ra, dec = wcs.all_pix2world(np.asarray(field["x"], float), np.asarray(field["y"], float), 0)
    return ra, dec


def _brightest_first(field: Table) -> NDArray[np.int64]:
    """Rows in order of flux; spoiled stars after all others."""
    spoiled = (np.asarray(field["flags"], int) & int(Star.EDGE | Star.COSMIC)) != 0
    flux = np.nan_to_num(np.asarray(field["flux"], float))
    good = np.isfinite(np.asarray(field["x"], float))
    return np.array([k for k in np.lexsort((-flux, spoiled)) if good[k]], np.int64)


def magnitude_of(catalog: Table, band: str) -> Values:
    """Magnitudes in the frame's band, filled from the band that most stars have."""
    names = [name for name in catalog.colnames if name.startswith("mag_") and not name.endswith("_err")]
    if not names:
        return np.zeros(len(catalog))
    columns = {name: np.asarray(catalog[name], float) for name in names}
    names.sort(key=lambda name: (name != f"mag_{band}", -int(np.isfinite(columns[name]).sum())))
    mag = columns[names[0]].copy()
    for name in names[1:]:
        mag = np.where(np.isfinite(mag), mag, columns[name])
    return mag


def _shape(exposure: Exposure, xy: Values) -> tuple[float, float]:
    """Height and width of the frame."""
    if min(exposure.shape) > 0:
        return float(exposure.shape[0]), float(exposure.shape[1])
    return float(xy[:, 1].max() + 1.0), float(xy[:, 0].max() + 1.0)


def _starts(
    exposure: Exposure, ra: Values, dec: Values, shape: tuple[float, float], drift: float
) -> Iterator[_Start]:
    centre = np.array([[(shape[1] - 1.0) / 2.0, (shape[0] - 1.0) / 2.0]])
    half = float(np.hypot(*shape)) / 2.0
    wcs = read_wcs(exposure)
    if wcs is not None:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ra0, dec0 = (float(v) for v in wcs.all_pix2world(centre, 0)[0])
            near = np.hypot(*to_plane(ra, dec, ra0, dec0).T)
            size = float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
            close = near < 1.5 * half * size
            xy = np.full((len(ra), 2), np.nan)
            if np.isfinite(ra0) and close.any():
                xy[close] = wcs.all_world2pix(np.column_stack([ra[close], dec[close]]), 0, quiet=True)
        if np.isfinite(xy).any():
            yield _Start(xy, 0.03, drift, ra0, dec0, "the header's WCS")
    if np.isfinite([exposure.ra, exposure.dec, exposure.pixel_scale]).all():
        plane = to_plane(ra, dec, exposure.ra, exposure.dec) * 3600.0 / exposure.pixel_scale
        # north up, east left; turns and mirror images are found by the patterns
        xy = plane * (-1.0, 1.0) + centre
        yield _Start(xy, 0.1, 0.0, exposure.ra, exposure.dec, "the pointing and the pixel scale")


def read_wcs(exposure: Exposure) -> Any:
    """The header's WCS for 0-based pixels of the trimmed frame, or None where there is no usable one."""
    cards = {str(key).upper(): value for key, value in exposure.cards.items()}
    if "CRVAL1" not in cards or "RA" not in str(cards.get("CTYPE1", "")) + str(cards.get("CTYPE2", "")):
        return None
    if any(key.startswith("CD") and "_" in key for key in cards):
        # both forms are often there: the matrix counts
        cards = {k: v for k, v in cards.items() if not k.startswith(("CDELT", "CROTA", "PC"))}
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(Header({k: v for k, v in cards.items() if v is not None}), naxis=2)
            size = np.linalg.det(wcs.pixel_scale_matrix)
            wcs.wcs.set()
    except Exception:  # a damaged WCS is no WCS
        return None
    if not np.isfinite(size) or size == 0.0 or not wcs.has_celestial:
        return None
    if exposure.trim is not None:
        y0, _, x0, _ = exposure.trim
        wcs.wcs.crpix = wcs.wcs.crpix - np.array([x0, y0])
        if wcs.sip is not None:
            from astropy.wcs import Sip

            sip = wcs.sip
            wcs.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, wcs.wcs.crpix)
    return wcs


def _solve_from(
    start: _Start,
    stars: Points,
    star_mag: Values,
    ra: Values,
    dec: Values,
    mag: Values,
    shape: tuple[float, float],
    radius: float,
) -> tuple[Plane, float] | None:
    margin = max(start.drift, 0.3 * max(shape) if start.drift == 0.0 else 0.0)
    high = np.array([shape[1], shape[0]])
    with np.errstate(invalid="ignore"):
        inside = ((start.xy > -margin) & (start.xy < high + margin)).all(1)
    rows = np.flatnonzero(inside)
    if len(rows) < 3:
        return None
    known = Points(start.xy[rows], np.full(len(rows), 0.2))
    found = _align(start, stars, known, shape, radius)
    if found is None:
        return None
    plane = refine_plane(
        found.matrix,
        start.xy[rows],
        stars,
        star_mag,
        ra[rows],
        dec[rows],
        mag[rows],
        shape=shape,
        near=(start.ra0, start.dec0),
        radius=radius,
    )
    return None if plane is None else (plane, found.chance)


def refine_plane(
    matrix: Values,
    known: Values,
    stars: Points,
    star_mag: Values,
    ra: Values,
    dec: Values,
    mag: Values,
    *,
    shape: tuple[float, float],
    near: tuple[float, float],
    radius: float,
) -> Plane | None:
    """Fit a plane to the stars that a straight map pairs; then pair again with the plane, more closely.

    Parameters
    ----------
    matrix : (2, 3)
        Map of `known` onto the pixels.
    known : (n, 2)
        Catalogue stars in the plane that the map starts from.
    stars, star_mag
        Detections, and their rough magnitudes.
    ra, dec, mag : (n,)
        The catalogue: degree, magnitudes.
    shape : (height, width)
        Of the frame, pixels.
    near : (ra, dec)
        A point near the centre, degree.
    radius : float
        Largest distance of a pair, pixels.
    """
    centre = ((shape[1] - 1.0) / 2.0, (shape[0] - 1.0) / 2.0)
    reach, plane, n = radius, None, 0
    for turn in range(6):
        i, j = pair(matrix, Points(known, np.zeros(len(known))), stars, reach)
        i, j = _as_bright(i, j, mag, star_mag)
        if len(i) < 3:
            return None
        plane = fit_plane(stars.xy[j], ra[i], dec[i], stars.err[j], centre=centre, ra0=near[0], dec0=near[1])
        near = (plane.ra0, plane.dec0)
        # pair again, now with the curvature of the sky, and more closely: faint stars pair by accident
        known, matrix = np.nan_to_num(plane.to_pixels(ra, dec), nan=-1e9), np.eye(2, 3)
        away = np.hypot(*(known[i] - stars.xy[j]).T)[np.argsort(j)][:200]
        reach = min(radius, max(0.7, 4.0 * float(np.median(away))))
        # distortion is followed outwards from the centre as long as that brings stars
        if turn >= 1 and len(i) <= n:
            break
        n = len(i)
    return plane if plane is not None and plane.used.sum() >= 3 else None


def _as_bright(
    i: NDArray[np.int64], j: NDArray[np.int64], mag: Values, star_mag: Values
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs whose brightnesses agree within 1.5 mag; all of them where too little is known."""
    difference = mag[i] - star_mag[j]
    bright = np.sort(j)[: max(10, len(j) // 3)][-1] if len(j) else 0
    typical = difference[(j <= bright) & np.isfinite(difference)]
    if len(typical) < 5:
        return i, j
    with np.errstate(invalid="ignore"):
        alike = ~(np.abs(difference - np.median(typical)) > 1.5)
    return i[alike], j[alike]


def _align(
    start: _Start, stars: Points, known: Points, shape: tuple[float, float], radius: float
) -> Transform | None:
    """Map catalogue places to stars: near the guess first, by patterns then."""
    if start.drift > 0.0:
        a, b = _overlap(stars, known, shape)
        if min(len(a.xy), len(b.xy)) >= 3:
            near = match_near(a, b, np.eye(2, 3), radius=radius, drift=start.drift)
            found = near or match_points(a, b, radius=radius, scale_tolerance=start.scale_tolerance)
            if found is not None:
                return found
    found = match_points(stars, known, radius=radius, scale_tolerance=start.scale_tolerance)
    if found is None:
        a, b = _spread(stars, known)
        found = match_points(a, b, radius=radius, scale_tolerance=start.scale_tolerance, pattern=_SPREAD)
    return found


def _spread(stars: Points, known: Points, n: int = 120) -> tuple[Points, Points]:
    """The stars that stand out among their neighbours: for clusters whose core one list lacks.

    A star counts by its distance to the nearest brighter star, which no shift, turn or mirror
    changes; the same distance cuts both lists, so that their densities agree.
    """
    lonely = [_distance_to_brighter(points.xy[:1500]) for points in (stars, known)]
    least = max(float(np.sort(d)[-min(n, len(d))]) for d in lonely)
    kept = [np.flatnonzero(d >= least * 0.6) for d in lonely]
    first = [k[np.argsort(-d[k], kind="stable")] for k, d in zip(kept, lonely, strict=True)]
    return (
        Points(stars.xy[first[0]], stars.err[first[0]]),
        Points(known.xy[first[1]], known.err[first[1]]),
    )


def _distance_to_brighter(xy: Values) -> Values:
    """For each star of a list, brightest first: distance to the nearest before it."""
    z = xy @ np.array([1.0, 1j])
    apart = np.abs(z[:, None] - z[None, :])
    apart[np.triu_indices(len(z))] = np.inf
    nearest = apart.min(1)
    nearest[:1] = 1e9
    return nearest


def _overlap(stars: Points, known: Points, shape: tuple[float, float]) -> tuple[Points, Points]:
    """Both lists, where both have stars: a catalogue may end in the middle of the frame."""
    cell = max(shape) / 12.0

    def cells(xy: Values) -> NDArray[np.int64]:
        k = np.floor(xy / cell).astype(np.int64)
        return k[:, 0] * 1000 + k[:, 1]

    here, there = cells(stars.xy), cells(known.xy)
    a, b = np.isin(here, there), np.isin(there, here)
    return Points(stars.xy[a], stars.err[a]), Points(known.xy[b], known.err[b])
