"""Fetch catalogues into the store, cell by cell of the sky, so that the next night needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from pogson.core.errors import FileError, PogsonError, ServiceError, SettingError
from pogson.io.answers import TooManyRowsError
from pogson.io.files import hash_file
from pogson.io.fits import exposure_of
from pogson.io.healpix import cell_of, cells_within, circle_of
from pogson.io.layout import read_header
from pogson.io.online import Online
from pogson.io.services import Source, find_sources, known_sources, own_addresses
from pogson.io.store import Stored, cell_path, read_stored, store_folder
from pogson.io.store_write import append_cells
from pogson.io.wcs import read_wcs
from pogson.pipeline.cone import Cone, Fetch, cone_of
from pogson.pipeline.workers import Progress, Silent

#: cells of 0.9 degree
ORDER = 6
#: a cell that holds too many stars is asked for in parts, and these in parts again
_DEEPEST = ORDER + 4
#: cells of one request; more are a mistake, or should be fetched in several requests
_MOST_CELLS = 400

#: what is fetched where nothing is named: places, colours and variables, then standard magnitudes
USUAL = ("gaia", "vsx", "gspc", "refcat2", "apass")


@dataclass(frozen=True)
class Fetched:
    """What came of fetching one catalogue.

    Attributes
    ----------
    source : Source
    stored : Stored or None
        The catalogue of the store; None where there is nothing of it.
    new, there : int
        Cells that were fetched now, and that were in the store already.
    stars : int
        In the new cells.
    trouble : str
        Why not all cells came; empty where they did.
    """

    source: Source
    stored: Stored | None
    new: int
    there: int
    stars: int
    trouble: str = ""

    @property
    def words(self) -> str:
        """One line for a person."""
        text = f"{self.source.name}: "
        if self.new:
            text += f"{self.stars} stars in {self.new} new cells"
        else:
            text += "nothing new"
        text += f", {self.there} cells in the store already" if self.there else ""
        return text + (f"; {self.trouble}" if self.trouble else "")


def fetch_catalogs(
    ra: float,
    dec: float,
    radius: float,
    names: Sequence[str] = USUAL,
    *,
    store: Path,
    online: Online,
    again: bool = False,
    progress: Progress | None = None,
) -> list[Fetched]:
    """Fetch what the store lacks of some catalogues about a place.

    Parameters
    ----------
    ra, dec, radius : float
        Degree.
    names : sequence of str
        Of catalogues; see `known_sources`.
    store : Path
        Folder of the store.
    online : Online
        The connection.
    again : bool
        Fetch cells that are there as well.
    progress : Progress, optional
        Whoever shows how far things are.

    Returns
    -------
    list of Fetched
        One for each catalogue: a service that is down does not keep the others from coming.

    Raises
    ------
    SettingError
        If a name is not known, or the cone is too wide.
    """
    sources = find_sources(names)
    cells = cells_within(ra, dec, radius, ORDER).tolist()
    if len(cells) > _MOST_CELLS:
        raise SettingError(
            f"--radius {radius:g}: needs {len(cells)} cells, at most {_MOST_CELLS} are fetched"
        )
    shown = progress or Silent()
    shown.stage("catalogues", len(sources))
    found = []
    for source in sources:
        found.append(_fetch(source, cells, store, online, again))
        shown.advance()
    return found


def _fetch(source: Source, cells: Sequence[int], store: Path, online: Online, again: bool) -> Fetched:
    folder = store / source.name
    new = stars = 0
    trouble = ""
    have: set[int] = set()
    try:
        stored = read_stored(folder) if (folder / "pogson.json").exists() else None
        have = set() if again or stored is None else _sound(stored, cells)
        for cell in (c for c in cells if c not in have):
            table, address = _ask_cell(source, cell, ORDER, online)
            asked = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "from": address}
            stored = append_cells(
                {cell: table}, source.name, source.about, order=ORDER, store=store, asked=asked
            )
            new, stars = new + 1, stars + len(table)
    except PogsonError as error:
        trouble = str(error)
    kept = read_stored(folder) if (folder / "pogson.json").exists() else None
    return Fetched(source, kept, new, len(have), stars, trouble)


def _sound(stored: Stored, cells: Iterable[int]) -> set[int]:
    """Those cells that need not be fetched: they are there, and undamaged; or they are known to be empty."""
    found = set(cells) & set(stored.empty)
    for cell in set(cells) & set(stored.cells):
        path = cell_path(stored.order, cell)
        try:
            if hash_file(stored.folder / path) == stored.hashes.get(path):
                found.add(cell)
        except FileError:
            continue
    return found


def _ask_cell(source: Source, cell: int, order: int, online: Online) -> tuple[Table, str]:
    """All stars of a cell; in four parts, or parts of these, where one answer cannot hold them."""
    try:
        table, address = online.ask(source, *circle_of(cell, order))
    except TooManyRowsError as error:
        if order == _DEEPEST:
            raise ServiceError(f"{source.title}: too many stars even for a small cell ({error})") from None
        parts = [_ask_cell(source, 4 * cell + k, order + 1, online) for k in range(4)]
        return vstack([part for part, _ in parts], metadata_conflicts="silent"), parts[0][1]
    return table[cell_of(np.asarray(table["ra"]), np.asarray(table["dec"]), order) == cell], address


def sources_for(bands: Iterable[str]) -> tuple[str, ...]:
    """What a night in these bands needs: places, variables, and the two catalogues that have most bands."""
    wanted = set(bands)
    served = {
        name: len(wanted & set(source.about.bands))
        for name, source in known_sources().items()
        if source.about.kind == "stars" and name in USUAL
    }
    best = sorted((name for name in served if served[name]), key=lambda name: -served[name])
    return tuple(dict.fromkeys(["gaia", "vsx", *best[:2]]))


@lru_cache(maxsize=1)
def _connect() -> Online:
    """One connection for all rounds of a night that is followed: it knows what is down."""
    return Online()


def open_fetch() -> Fetch:
    """What a run needs to fetch the catalogues of its field; what comes of it is told in the summary.

    Raises
    ------
    SettingError
        If the package for it is not installed, or an address is none.
    """
    online = _connect()
    own_addresses()

    def fetch(cone: Cone, bands: Sequence[str]) -> list[str]:
        found = fetch_catalogs(*cone, sources_for(bands), store=store_folder(), online=online)
        return [f"online: {one.words}" for one in found if one.new or one.trouble]

    return fetch


def describe_sources() -> list[str]:
    """A line for each catalogue that can be fetched: name, bands, what it is."""
    return [
        f"{name:<10} {','.join(one.about.bands) or one.about.kind:<22} {one.title}"
        for name, one in known_sources().items()
    ]


def field_of(path: str) -> Cone:
    """The circle about a frame that has a WCS: ra, dec, radius in degree.

    Raises
    ------
    SettingError
        If the header has no WCS.
    """
    exposure = exposure_of(read_header(path))
    wcs = read_wcs(exposure.cards)
    if wcs is None:
        raise SettingError(
            f"{path}: its header has no WCS; solve it first: pogson solve {path} --out solved --copy"
        )
    ny, nx = exposure.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]], float)
    ra, dec = wcs.all_pix2world(corners[:, 0], corners[:, 1], 0)
    cone = cone_of(Table({"ra": ra, "dec": dec}))
    assert cone is not None
    return cone
