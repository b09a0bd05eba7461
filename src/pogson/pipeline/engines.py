"""Other engines, where the own search finds nothing: solve-field if it is there, nova if it is wanted."""

from __future__ import annotations

from math import isfinite

import numpy as np
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.io.astrometry_net import Matched, StarList, find_engine, solve_by_engine
from pogson.io.nova import nova_key, solve_by_nova
from pogson.steps.match.solution import Solution, solve_pairs
from pogson.steps.match.solve import LEAST, Hint

#: what proved the place
CATALOG = "the index files of astrometry.net"

_RADIUS = 5.0  # degree about the pointing
_SCALE = 1.2  # how far the pixel scale may be off


def solve_elsewhere(
    stars: Table, shape: tuple[int, int], hint: Hint, *, online: bool = False, seconds: float = 30.0
) -> Solution:
    """Ask the other engines that there are; only the list of stars is handed over.

    Parameters
    ----------
    stars : Table
        x, y, flux.
    shape : (ny, nx)
        Of the frame.
    hint : Hint
        Believed within 5 degree, and 20 % of the scale.
    online : bool
        Ask nova.astrometry.net too.
    seconds : float
        That `solve-field` may take.

    Raises
    ------
    MatchError
        If none of them finds the stars, or there are too few; in words what each of them said, empty where
        there is none to ask.
    SettingError, ServiceError
        If the service has no key, or no answer.
    """
    handed = _handed(stars, shape, hint)
    if len(handed.x) < LEAST:
        raise MatchError("")
    said = []
    if find_engine() is not None:
        try:
            return _solved(solve_by_engine(handed, seconds=seconds), shape)
        except MatchError as error:
            said.append(str(error))
    if online:
        try:
            return _solved(solve_by_nova(handed, key=nova_key()), shape)
        except MatchError as error:
            said.append(str(error))
    raise MatchError("; ".join(said))


def _solved(found: Matched, shape: tuple[int, int]) -> Solution:
    return solve_pairs(found.xy, found.ra, found.dec, shape=shape, source=found.source)


def _handed(stars: Table, shape: tuple[int, int], hint: Hint) -> StarList:
    x, y, flux = (np.asarray(stars[name], float) for name in ("x", "y", "flux"))
    order = np.argsort(-np.where(np.isfinite(flux), flux, -np.inf), kind="stable")
    good = np.asarray(np.isfinite(x) & np.isfinite(y) & np.isfinite(flux))
    order = order[good[order]]
    place = (hint.ra, hint.dec, _RADIUS) if hint.place else None
    scales = (hint.scale / _SCALE, hint.scale * _SCALE) if isfinite(hint.scale) else None
    return StarList(x[order], y[order], shape, place, scales)
