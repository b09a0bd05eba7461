"""Solve the magnitudes of all bands of a star together with their colour terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pogson.steps.standardize.gather import Values
from pogson.steps.standardize.zeropoint import ColorTerm


def solve_colors(
    plain: Mapping[str, Values], plain_err: Mapping[str, Values], terms: Mapping[str, ColorTerm]
) -> tuple[dict[str, Values], dict[str, Values], dict[str, NDArray[np.bool_]]]:
    """Magnitudes with colour terms: ``m[b] = plain[b] + C[b] (m[blue] - m[red])``, for all bands at once.

    A star without the bands of a band's colour gets the mean colour of the comparison stars, and their
    spread times the colour term is added to its error.

    Parameters
    ----------
    plain, plain_err : mapping of band to (n,)
        Magnitudes with zero points but without colour terms, and their errors; NaN where there is none.
    terms : mapping of band to ColorTerm
        Colour terms; a band without one has none.

    Returns
    -------
    mag, mag_err : dict of band to (n,)
    lacking : dict of band to bool (n,)
        Where the star's own colour was not known.
    """
    bands = list(plain)
    terms = {band: terms.get(band, ColorTerm()) for band in bands}
    m = np.column_stack([plain[b] for b in bands])
    v = np.column_stack([plain_err[b] for b in bands]) ** 2
    has = np.isfinite(m)
    lacking = np.zeros(m.shape, bool)
    for pattern in np.unique(has, axis=0):
        rows = np.flatnonzero((has == pattern).all(1))
        present = [k for k in range(len(bands)) if pattern[k]]
        if not present:
            continue
        system, shift, more, bend = _system(bands, present, terms)
        back = np.linalg.pinv(system)
        inside = np.ix_(rows, np.array(present))
        m[inside] = (m[inside] + shift) @ back.T
        extra = np.array([terms[bands[k]].err if bend[j] is not None else 0.0 for j, k in enumerate(present)])
        color = np.zeros((len(rows), len(present)))
        for j, pair in enumerate(bend):
            if pair is not None:
                term = terms[bands[present[j]]]
                color[:, j] = (
                    m[rows, pair[0]] - m[rows, pair[1]] - (term.mean if np.isfinite(term.mean) else 0.0)
                )
        v[inside] = (v[inside] + more**2 + (color * extra) ** 2) @ (back**2).T
        lacking[inside] = np.array(
            [terms[bands[k]].value != 0.0 and bend[j] is None for j, k in enumerate(present)]
        )
    return (
        {b: m[:, k] for k, b in enumerate(bands)},
        {b: np.sqrt(v[:, k]) for k, b in enumerate(bands)},
        {b: lacking[:, k] for k, b in enumerate(bands)},
    )


def _system(
    bands: list[str], present: list[int], terms: Mapping[str, ColorTerm]
) -> tuple[Values, Values, Values, list[tuple[int, int] | None]]:
    """Matrix, constants and added errors for the stars that have the `present` bands."""
    n = len(present)
    system, shift, more = np.eye(n), np.zeros(n), np.zeros(n)
    bend: list[tuple[int, int] | None] = [None] * n
    for j, k in enumerate(present):
        term = terms[bands[k]]
        if term.value == 0.0:
            continue
        blue, _, red = term.color.partition("-")
        both = [bands.index(b) for b in (blue, red) if b in bands and bands.index(b) in present]
        if len(both) == 2:
            system[j, present.index(both[0])] -= term.value
            system[j, present.index(both[1])] += term.value
            bend[j] = (both[0], both[1])
        else:
            shift[j] = term.value * (term.mean if np.isfinite(term.mean) else 0.0)
            more[j] = abs(term.value) * (term.spread if np.isfinite(term.spread) else 0.5)
    return system, shift, more, bend
