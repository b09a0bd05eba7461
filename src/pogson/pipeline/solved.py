"""What comes of a solved frame: its description, and the files that hold its WCS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from pogson.core.errors import SettingError
from pogson.core.frame import Exposure
from pogson.io.layout import read_header
from pogson.io.regions import write_regions
from pogson.io.tycho2 import read_tycho2
from pogson.io.wcs import solution_cards, write_solved, write_wcs
from pogson.pipeline.api import bare_name
from pogson.steps.match.crossmatch import move_to_epoch
from pogson.steps.match.solution import Solution


@dataclass(frozen=True)
class Solved:
    """A frame on the sky.

    Attributes
    ----------
    path : str
    ra, dec : float
        Of the centre, degree.
    angle : float
        Position angle of the rows' direction "up" (y), from north through east, degree.
    flip : bool
        Whether the image is mirrored: north up, east to the right.
    solution : Solution
    catalog : str
        Name of the catalogue that proved it.
    written : str
        File that holds the WCS; empty where none was written.
    """

    path: str
    ra: float
    dec: float
    angle: float
    flip: bool
    solution: Solution
    catalog: str
    written: str = ""


def describe(path: str, shape: tuple[int, int], solution: Solution, catalog: str) -> Solved:
    """Where a frame is, and how it lies."""
    ny, nx = shape
    ra, dec = (float(v) for v in solution.wcs.all_pix2world((nx - 1) / 2.0, (ny - 1) / 2.0, 0))
    # the step in x, y that goes a little way north
    cd = solution.wcs.pixel_scale_matrix
    north = np.linalg.solve(cd, [0.0, 1.0])
    east = np.linalg.solve(cd, [1.0, 0.0])
    flip = bool(np.linalg.det(cd) > 0.0)
    # y in terms of north and east
    up = np.linalg.inv(np.column_stack([north, east])) @ [0.0, 1.0]
    return Solved(path, ra, dec, float(np.degrees(np.arctan2(up[1], up[0]))), flip, solution, catalog)


def catalog_around(solved: Solved, exposure: Exposure, table: Table | None) -> Table:
    """Stars of the catalogue around the frame, at its epoch."""
    radius = 0.5 * float(np.hypot(*exposure.shape)) * solved.solution.pixel_scale / 3600.0
    if table is None:
        return read_tycho2(solved.ra, solved.dec, radius)
    moved = table.copy()
    moved["ra"], moved["dec"] = move_to_epoch(table, 2000.0 + (exposure.jd_utc - 2451545.0) / 365.25)
    return moved


def write_products(
    solved: Solved,
    exposure: Exposure,
    stars: Table,
    catalog: Table | None,
    out: Path,
    *,
    copy: bool,
    overwrite: bool,
) -> Solved:
    """Write the WCS: ``NAME.wcs``, or in a copy of the frame, ``NAME_wcs.fits``; and ``NAME.reg``.

    Parameters
    ----------
    solved : Solved
        The frame, and its solution.
    exposure : Exposure
        Of the frame.
    stars : Table
        STARS.
    catalog : Table or None
        CATALOG around the frame, for the regions; None where none are wanted.
    out : Path
        Folder.
    copy, overwrite : bool
        Copy the frame; replace files.

    Raises
    ------
    SettingError
        If a file is there and may not be replaced.
    FileError
        If it cannot be written.
    """
    name = bare_name(solved.path)
    target = out / f"{name}{'_wcs.fits' if copy else '.wcs'}"
    region = out / f"{name}.reg"
    for path in (target, region) if catalog is not None else (target,):
        if path.exists() and not overwrite:
            raise SettingError(f"{path}: exists and is kept; use --overwrite, or another --out")
    offset = (exposure.trim[2], exposure.trim[0]) if exposure.trim is not None else (0, 0)
    s = solved.solution
    cards = solution_cards(
        s.wcs, rms=s.rms, n=s.n, log_odds=s.log_odds, catalog=solved.catalog, offset=offset
    )
    if copy:
        write_solved(solved.path, target, cards, extension=read_header(solved.path).image.index)
    else:
        write_wcs(target, cards, exposure.shape)
    if catalog is not None:
        _write_regions(region, solved, exposure.shape, stars, catalog, offset)
    return replace(solved, written=f"{target}, {region}" if catalog is not None else str(target))


def _write_regions(
    path: Path,
    solved: Solved,
    shape: tuple[int, int],
    stars: Table,
    catalog: Table,
    offset: tuple[int, int],
) -> None:
    """Circle the stars that the catalogue has; cross all of the catalogue's in the frame."""
    ra, dec = (np.asarray(catalog[name], float) for name in ("ra", "dec"))
    places = np.column_stack(solved.solution.wcs.all_world2pix(ra, dec, 0, quiet=True))
    inside = ((places > -0.5) & (places < [shape[1] - 0.5, shape[0] - 0.5])).all(1)
    xy = np.column_stack([np.asarray(stars["x"], float), np.asarray(stars["y"], float)])
    xy = xy[np.isfinite(xy).all(1)]
    away, row = cKDTree(xy).query(places[inside])
    matched = np.unique(row[away < max(2.0, 1.5 / solved.solution.pixel_scale)])
    names = [str(name) for name in catalog["id"][inside]] if "id" in catalog.colnames else [""] * inside.sum()
    write_regions(path, xy[matched] + offset, ra[inside], dec[inside], names, radius=8.0)
