"""The circle about a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from astropy.table import Table

from pogson.steps.match.crossmatch import unit_vectors

#: ra, dec, radius in degree
Cone = tuple[float, float, float]

#: brings what the store lacks about a cone, for these bands; returns what there is to say
Fetch = Callable[[Cone, Sequence[str]], list[str]]


def cone_of(field: Table) -> Cone | None:
    """The circle about the stars of a field; None where it has no coordinates."""
    ra, dec = (np.asarray(field[name], float) for name in ("ra", "dec"))
    good = np.isfinite(ra) & np.isfinite(dec)
    if not good.any():
        return None
    places = unit_vectors(ra[good], dec[good])
    middle = places.mean(0) / np.linalg.norm(places.mean(0))
    radius = float(np.degrees(np.arccos(np.clip((places @ middle).min(), -1.0, 1.0))))
    ra0, dec0 = np.degrees(np.arctan2(middle[1], middle[0])) % 360.0, np.degrees(np.arcsin(middle[2]))
    return float(ra0), float(dec0), radius
