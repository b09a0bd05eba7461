"""Region files of SAOImage DS9, which counts pixels from 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pogson.io.files import write_atomic

Values = NDArray[np.float64]

_HEAD = '# Region file format: DS9 version 4.1\nglobal color=green width=1 font="helvetica 9 normal"\n'


def write_regions(
    path: str | Path, xy: Values, ra: Values, dec: Values, names: list[str], *, radius: float
) -> None:
    """Circles around stars by pixels, and crosses on catalogue stars by coordinates.

    DS9 places the circles by pixels and the crosses by the WCS: where they coincide, the WCS is right.

    Parameters
    ----------
    path : path
        The file, ``.reg``.
    xy : (n, 2)
        Stars of the image as it is in the file, 0-based.
    ra, dec : (m,)
        Catalogue stars, degree, ICRS.
    names : list of str
        Of the catalogue stars.
    radius : float
        Of the circles, pixels.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    lines = ["image"]
    lines += [f"circle({x + 1.0:.3f},{y + 1.0:.3f},{radius:.2f})" for x, y in xy]
    lines.append("icrs")
    lines += [
        f"point({a:.7f},{d:.7f}) # point=cross color=blue text={{{_plain(name)}}}"
        for a, d, name in zip(ra, dec, names, strict=True)
    ]
    write_atomic(path, (_HEAD + "\n".join(lines) + "\n").encode())


def _plain(name: str) -> str:
    """A name without what would end the text."""
    return "".join(c for c in name[:40] if c.isprintable() and c not in "{}")
