"""Zero points again, from the products of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from pathlib import Path

import numpy as np
from astropy.table import Table

from pogson.core.columns import PHOTOMETRY
from pogson.core.errors import NightError, SettingError
from pogson.core.frame import Exposure
from pogson.io.catalogs import read_catalog
from pogson.io.files import make_folder
from pogson.io.stored import Part, read_parts
from pogson.io.tables import read_table, write_parts, write_table
from pogson.pipeline.choose import Wishes, complete_bands
from pogson.pipeline.coordinates import epoch_of
from pogson.pipeline.known import known_bits
from pogson.pipeline.products import photometry_parts
from pogson.pipeline.project import need_run
from pogson.pipeline.report.format import with_error
from pogson.pipeline.settings import Settings
from pogson.steps.match.crossmatch import crossmatch
from pogson.steps.standardize.apply import standardize
from pogson.steps.standardize.zeropoint import fit_zero_points


def standardize_again(
    run: str | Path, catalog: str | Path, out: str | Path, *, settings: Settings
) -> list[str]:
    """Fit zero points to the fluxes of a finished run, and write the tables that change.

    Raises
    ------
    SettingError
        If the folder is the run's own, or the field has no coordinates.
    """
    source, target = Path(run), Path(out)
    if target.resolve() == source.resolve():
        raise SettingError(f"{out}: is the folder of the run itself, which is kept; choose another --out")
    need_run(source)
    frames = read_table(source / "frames.ecsv")
    reference = complete_bands(
        read_catalog(catalog, columns=settings.catalog_columns),
        list(dict.fromkeys(str(band) for band in frames["band"])),
        Wishes(**settings.catalog),
    )
    stars = read_table(source / "stars.ecsv")
    tables = _photometry_by_frame(read_parts(source / "photometry.parquet", "frame"), frames)
    if not tables:
        raise NightError(f"{run}: no accepted frame with photometry")
    if not np.isfinite(np.asarray(stars["ra"], float)).any():
        raise SettingError(f"{run}: its stars have no coordinates; run the night with --catalog")
    matches = crossmatch(
        stars["ra"],
        stars["dec"],
        reference,
        ids=np.asarray(stars["id"]),
        epoch=epoch_of([t.meta["exposure"].jd_utc for t in tables]),
    )
    matches["flags"] |= known_bits(stars, matches["star"])
    scale = float(stars.meta.get("pixel_scale", nan))
    fitted = fit_zero_points(tables, matches, reference, pixel_scale=scale, **settings.of("standardize"))
    done = standardize(tables, stars, fitted)
    make_folder(target)
    write_table(target / "stars.ecsv", done.stars)
    write_parts(target / "photometry.parquet", photometry_parts(done.photometry), PHOTOMETRY.empty())
    write_table(target / "zeropoints.ecsv", fitted.table)
    lines = [f"{len(matches)} stars matched with {catalog}"]
    for row in fitted.table:
        zero = with_error(float(row["zero_point"]), float(row["zero_point_err"]))
        lines.append(
            f"{Path(str(row['frame'])).name:<32} {row['band']:<6} "
            f"{zero} ({row['n_used']} stars) {row['reason']}"
        )
    return [*lines, f"written to {target}"]


def _photometry_by_frame(photometry: Mapping[str, Part], frames: Table) -> list[Part]:
    """The accepted frames' rows, each with the facts that the zero points need."""
    tables = []
    for row in frames:
        if not row["accepted"] or str(row["path"]) not in photometry:
            continue
        mine = photometry[str(row["path"])]
        exposure = Exposure(
            path=str(row["path"]),
            kind="light",
            band=str(row["band"]),
            exptime=float(row["exptime"]),
            jd_utc=float(row["jd_utc"]),
            bjd_tdb=float(row["bjd_tdb"]),
        )
        mine.meta = {
            "exposure": exposure,
            "unit": str(row["unit"]),
            "aperture_correction": float(row["aperture_correction"]),
            "aperture_correction_err": float(row["aperture_correction_err"]),
            "aperture_scatter": float(row["aperture_scatter"]),
            "missing": tuple(m for m in str(row["missing"]).split(", ") if m),
        }
        tables.append(mine)
    return tables
