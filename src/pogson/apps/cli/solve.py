"""`pogson solve`: frames are found on the sky."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import click

from pogson.apps.cli.options import config_options, read_options

if TYPE_CHECKING:
    from pogson.pipeline.solved import Solved


@click.command("solve")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--ra", type=float, default=nan, metavar="DEG", help="Centre, where the header is wrong or silent."
)
@click.option("--dec", type=float, default=nan, metavar="DEG", help="Centre.")
@click.option("--scale", type=float, default=nan, metavar="ARCSEC/PX", help="Pixel scale.")
@click.option(
    "--catalog", metavar="FILE", help="Catalogue to solve by; the built-in Tycho-2 where not given."
)
@click.option("--out", metavar="DIR", help="Write the WCS there: NAME.wcs, a header without pixels.")
@click.option("--copy", is_flag=True, help="Write a copy of each frame with the WCS in it: NAME_wcs.fits.")
@click.option("--regions", is_flag=True, help="Write the matched stars for DS9, too: NAME.reg.")
@click.option("--overwrite", is_flag=True, help="Replace files in --out.")
@click.option(
    "--online",
    is_flag=True,
    help="Where nothing here finds a frame, send its list of stars to nova.astrometry.net; $AN_API_KEY.",
)
@config_options
def command(
    files: tuple[str, ...],
    ra: float,
    dec: float,
    scale: float,
    catalog: str | None,
    out: str | None,
    copy: bool,
    regions: bool,
    overwrite: bool,
    online: bool,
    config: str | None,
    words: tuple[str, ...],
) -> int:
    """Find FILES on the sky: by their header's hint, near it, or anywhere. No network is asked.

    Where the own search finds nothing, `solve-field` is asked, if it is installed.

    \b
    pogson solve frame.fits                              centre, scale, rotation, accuracy
    pogson solve *.fits --out solved --copy              copies with the WCS
    pogson solve frame.fits --out solved --regions       the WCS, and its stars to look at in DS9
    pogson solve frame.fits --ra 250.4 --dec 36.5 --scale 0.67
    """  # noqa: D301 (click wants the real character \b)
    settings = read_options(config, words)
    if (ra == ra) != (dec == dec):
        raise click.UsageError("--ra and --dec go together")
    if not (ra != ra or (0 <= ra <= 360 and -90 <= dec <= 90)):
        raise click.UsageError("--ra is 0 to 360, --dec -90 to 90 degrees")
    if scale <= 0:
        raise click.UsageError("--scale must be above 0")
    if (copy or regions) and out is None:
        raise click.UsageError(f"--{'copy' if copy else 'regions'} needs --out DIR")
    from pogson.pipeline.solve import solve_files
    from pogson.steps.match.solve import Hint

    solved, failures = solve_files(
        files,
        settings=settings,
        hint=Hint(ra, dec, scale),
        catalog=catalog,
        out=out,
        copy=copy,
        regions=regions,
        overwrite=overwrite,
        online=online,
    )
    for one in solved:
        click.echo("\n".join(_lines(one)))
    for failure in failures:
        click.echo(f"failed: {failure.reason}", err=True)
    if not solved:
        return 1
    return 3 if failures else 0


def _lines(one: Solved) -> list[str]:
    s = one.solution
    hand = "mirrored" if one.flip else "not mirrored"
    kind = "TAN" if s.order == 1 else f"TAN-SIP of order {s.order}"
    lines = [
        f"{one.path}",
        f"  centre    {one.ra:.5f} {one.dec:+.5f} deg ICRS",
        f"  scale     {s.pixel_scale:.5f} arcsec/px",
        f"  rotation  y axis {one.angle:.2f} deg from north through east; {hand}",
        f"  rms       {s.rms:.2f} arcsec, {s.n} stars of {one.catalog}; {kind}",
        f"  log-odds  {s.log_odds:.1f} against accident; from {s.source}",
    ]
    lines += [f"  note      {note}" for note in s.notes]
    return lines + ([f"  written   {one.written}"] if one.written else [])
