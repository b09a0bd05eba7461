"""`pogson catalog`: reference catalogues, kept at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pogson.apps.cli.options import config_options, read_options

if TYPE_CHECKING:
    from astropy.table import Table

    from pogson.io.store import Stored

_STORE = click.option(
    "--store", metavar="DIR", help="The store; $POGSON_CATALOGS, else the user's data folder."
)


@click.group("catalog")
def command() -> None:
    """Reference catalogues at hand, so that no night waits for a network.

    `pogson run` takes the best catalogue of the store by itself where no --catalog is given.

    \b
    pogson catalog add apass.csv --name apass       from any table with positions and magnitudes
    pogson catalog fetch 250.42 36.46 --radius 0.3 --online   from the services, into the store
    pogson catalog cone 250.42 36.46 --radius 0.3   what is known there
    pogson catalog export all.tar                   for the computer at the telescope
    """  # noqa: D301 (click wants the real character \b)


def _folder(store: str | None) -> Path:
    from pogson.io.store import store_folder

    return Path(store) if store else store_folder()


@command.command("add")
@click.argument("files", nargs=-1, required=True)
@click.option("--name", metavar="NAME", help="Name in the store; the file's name where not given.")
@click.option(
    "--system",
    type=click.Choice(["gaia", "ps1", "sdss", "johnson"]),
    help="Whose bands they are, so that published relations can lead to others.",
)
@click.option("--variables", is_flag=True, help="They are lists of variable stars, to be left alone.")
@click.option("--overwrite", is_flag=True, help="Replace a catalogue of that name.")
@_STORE
@config_options
def add(
    files: tuple[str, ...],
    name: str | None,
    system: str | None,
    variables: bool,
    overwrite: bool,
    store: str | None,
    config: str | None,
    words: tuple[str, ...],
) -> int:
    """Add FILES (CSV, FITS, VOTable, ECSV, Parquet ...) to the store."""
    if name and len(files) > 1:
        raise click.UsageError("--name is for one file; add the files one by one")
    settings = read_options(config, words)
    from pogson.io.catalogs import read_catalog
    from pogson.io.store_write import add_catalog

    for path in files:
        table = read_catalog(path, columns=settings.catalog_columns, variables=variables)
        plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in name or str(table.meta["name"]))
        stored = add_catalog(
            table,
            name or plain,
            store=_folder(store),
            source=str(path),
            system=system or settings.catalog.get("system", ""),
            kind="variables" if variables else "stars",
            overwrite=overwrite,
        )
        _say(stored)
    return 0


def _say(stored: Stored) -> None:
    area = len(stored.cells) * 41252.96 / (12 * 4**stored.order)
    click.echo(
        f"{stored.name:<20} {stored.rows:>9} stars  {','.join(stored.bands) or stored.kind:<20} "
        f"in {len(stored.cells)} cells (up to {area:.0f} deg2)  from {stored.source}"
    )


@command.command("list")
@_STORE
def show(store: str | None) -> int:
    """List what is in the store, and what comes with the program."""
    from pogson.io.store import list_catalogs

    folder = _folder(store)
    for stored in list_catalogs(folder):
        _say(stored)
    click.echo(
        f"{'Tycho-2':<20} {1_871_011:>9} stars  {'VT':<20} all over the sky, to about 12 mag  built in"
    )
    click.echo(f"store: {folder}")
    return 0


@command.command("fetch")
@click.argument("ra", type=click.FloatRange(0, 360), required=False)
@click.argument("dec", type=click.FloatRange(-90, 90), required=False)
@click.option(
    "--radius", type=click.FloatRange(0, 10, min_open=True), default=0.3, show_default=True, metavar="DEG"
)
@click.option("--of", "frame", metavar="FILE", help="The field of a frame with a WCS, instead of RA DEC.")
@click.option(
    "--catalogs",
    metavar="NAME,...",
    help="Which; gaia,vsx,gspc,refcat2,apass where not given. --catalogs help lists all.",
)
@click.option("--again", is_flag=True, help="Fetch what is there already as well.")
@click.option("--online", is_flag=True, help="Yes, use the network; nothing is fetched without it.")
@_STORE
def fetch(
    ra: float | None,
    dec: float | None,
    radius: float,
    frame: str | None,
    catalogs: str | None,
    again: bool,
    online: bool,
    store: str | None,
) -> int:
    """Fetch catalogues about RA, DEC (degree) into the store; a negative DEC goes behind ``--``.

    Whole cells of the sky (0.9 degree) are fetched, so that the next night of that field needs no network. A
    service that is down is said in one line; the other catalogues come all the same.
    """
    from pogson.pipeline.fetch import USUAL, describe_sources, fetch_catalogs, field_of

    if catalogs == "help":
        click.echo("\n".join(describe_sources()))
        return 0
    if frame:
        ra, dec, radius = field_of(frame)
    if ra is None or dec is None:
        raise click.UsageError("give RA and DEC in degree, or --of FILE")
    if not online:
        raise click.UsageError("fetching needs the network: say --online")
    from pogson.apps.cli.progress import TerminalProgress
    from pogson.io.online import Online

    names = [name.strip() for name in catalogs.split(",")] if catalogs else USUAL
    with TerminalProgress(False) as progress:
        found = fetch_catalogs(
            ra, dec, radius, names, store=_folder(store), online=Online(), again=again, progress=progress
        )
    for one in found:
        click.echo(one.words)
        if one.stars:
            click.echo(f"    please cite {one.source.cite}")
    if all(one.trouble and not one.new for one in found):
        return 1
    return 3 if any(one.trouble for one in found) else 0


@command.command("cone")
@click.argument("ra", type=click.FloatRange(0, 360))
@click.argument("dec", type=click.FloatRange(-90, 90))
@click.option(
    "--radius", type=click.FloatRange(0, 90, min_open=True), default=0.25, show_default=True, metavar="DEG"
)
@click.option("--name", metavar="NAME", help="One catalogue; all of the store, and Tycho-2, where not given.")
@click.option("--rows", default=10, show_default=True, help="Rows printed of each; 0 prints all.")
@click.option("--out", metavar="FILE", help="Write the table of --name (.ecsv, .csv, .parquet).")
@_STORE
def cone(
    ra: float, dec: float, radius: float, name: str | None, rows: int, out: str | None, store: str | None
) -> int:
    """Show the stars within a radius of RA, DEC (degree); a negative DEC goes behind ``--``."""
    if out and not name:
        raise click.UsageError("--out needs --name")
    from pogson.apps.cli.tables import print_table
    from pogson.core.errors import SettingError
    from pogson.io.store import list_catalogs, read_cone
    from pogson.io.tables import write_table
    from pogson.io.tycho2 import NAME, read_tycho2

    folder = _folder(store)
    tables: dict[str, Table] = {
        stored.name: read_cone(stored, ra, dec, radius) for stored in list_catalogs(folder)
    }
    tables[NAME] = read_tycho2(ra, dec, radius)
    if name and name not in tables:
        raise SettingError(f"{folder}: has no catalogue '{name}'; it has: {', '.join(tables)}")
    for one, table in tables.items():
        if name in (None, one):
            click.echo(f"{one}: {len(table)} stars")
            for trouble in table.meta.get("damaged", ()):
                click.echo(trouble, err=True)
            if out:
                write_table(out, table)
                click.echo(out)
            elif len(table):
                print_table(table, rows=rows)
    return 0


@command.command("export")
@click.argument("file")
@click.argument("names", nargs=-1)
@_STORE
def export(file: str, names: tuple[str, ...], store: str | None) -> int:
    """Pack catalogues (all where no NAMES are given) into FILE, a tar archive."""
    from pogson.io.store_archive import export_catalogs

    packed = export_catalogs(_folder(store), Path(file), names)
    click.echo(f"{file}: {', '.join(packed)}")
    return 0


@command.command("import")
@click.argument("file")
@click.option("--overwrite", is_flag=True, help="Replace catalogues of the same name.")
@_STORE
def bring(file: str, overwrite: bool, store: str | None) -> int:
    """Unpack what `export` packed into the store."""
    from pogson.io.store_archive import import_catalogs

    found = import_catalogs(Path(file), _folder(store), overwrite=overwrite)
    click.echo(f"{_folder(store)}: {', '.join(found)}")
    return 0
