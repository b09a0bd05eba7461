"""The light curve of the target for other programs: what is known is written, the rest asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pogson.core.errors import SettingError
from pogson.io.aavso_exoplanet import write_aavso_exoplanet
from pogson.io.aavso_extended import write_aavso_extended
from pogson.io.astroimagej import write_astroimagej
from pogson.io.exports import validate_lightkurve, write_csv, write_etd, write_exoclock, write_lightkurve
from pogson.io.files import make_folder, remove
from pogson.io.tables import write_table
from pogson.pipeline.products import file_name
from pogson.pipeline.series import Series
from pogson.pipeline.settings import Settings
from pogson.pipeline.target import Study, study_target

#: comparison stars that AstroImageJ's table holds at most
COMPARISONS = 20

OBSERVER, STAR, PLANET, CATALOG = "[target] observer", "[target] star", "[target] planet", "--catalog"


@dataclass(frozen=True)
class _Job:
    """A file, what it cannot do without, and who writes it."""

    name: str
    needs: tuple[str, ...]
    write: Callable[[Path], Any]


def write_exports(folder: Path, series: Series, study: Study, *, tag: str = "") -> list[str]:
    """Write every format whose facts are known, checked by its rules; and say what the others need.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    series : Series
        Of the band.
    study : Study
        The target.
    tag : str
        Added to the files' names.

    Returns
    -------
    list of str
        One line for each file that is not there.
    """
    make_folder(folder)
    wishes = study.wishes
    known = {
        OBSERVER: bool(wishes.observer),
        STAR: bool(study.name),
        PLANET: bool(wishes.planet),
        CATALOG: isfinite(study.zero_point),
    }
    notes = []
    for job in _jobs(series, study):
        stem, dot, ending = job.name.partition(".")
        path = folder / f"{stem}{tag}{dot}{ending}"
        lacking = [need for need in job.needs if not known[need]]
        if lacking:
            notes.append(f"no target/{path.name}: give {', '.join(lacking)}")
            continue
        try:
            job.write(path)
        except SettingError as error:
            reason = str(error).removeprefix(f"{path}: ").removeprefix("not written: ")
            notes.append(f"no target/{path.name}: {reason}")
    if len(study.results):
        write_table(folder / f"results{tag}.ecsv", study.results)
    return notes


def make_targets(
    series: Sequence[Series], stars: Table, photometry: Sequence[Table], settings: Settings, folder: Path
) -> tuple[dict[str, Study], list[str]]:
    """Study the target in each band, and write what is known of it.

    Parameters
    ----------
    series : sequence of Series
        Of all bands.
    stars : Table
        Of the night.
    photometry : sequence of Table
        Of all frames; meta: exposure.
    settings : Settings
        [target] and [detrend].
    folder : Path
        Made where there is a target.

    Returns
    -------
    studies : dict of band to Study
    notes : list of str
        What is not there, and why.
    """
    exposures = {table.meta["exposure"].path: table.meta["exposure"] for table in photometry}
    studies: dict[str, Study] = {}
    notes: list[str] = []
    remove(folder)
    for one in series:
        if one.ensemble.target:
            studies[one.band] = study = study_target(one, stars, exposures, settings)
            tag = f"_{file_name(one.band)}" if len(series) > 1 else ""
            notes += write_exports(folder, one, study, tag=tag)
    return studies, notes


def _jobs(series: Series, study: Study) -> Iterator[_Job]:
    curve, band, wishes = study.curve, series.band, study.wishes
    star, curves = series.ensemble.target, series.ensemble.curves
    row = curves.row(star)
    ra, dec = (float(curves.stars[n][row]) if n in curves.stars.colnames else nan for n in ("ra", "dec"))
    name = study.name or f"star {star}"
    yield _Job("lightcurve.csv", (), partial(write_csv, curve=curve))
    yield _Job("lightcurve.fits", (), partial(_lightkurve, curve=curve, star=name, ra=ra, dec=dec, band=band))
    scores = series.ensemble.comparisons
    best = [int(n) for n in scores["star"][np.asarray(scores["used"], bool)]][:COMPARISONS]
    yield _Job(
        "astroimagej.tbl", (), partial(write_astroimagej, curves=series.curves, target=star, comparisons=best)
    )
    if study.event.kind == "transit":
        yield _Job(
            "aavso_exoplanet.txt", (OBSERVER, STAR, PLANET), partial(_exoplanet, study=study, band=band)
        )
        write = partial(write_exoclock, curve=curve, planet=wishes.planet, band=band, exptime=study.exptime)
        yield _Job("exoclock.txt", (PLANET,), write)
        yield _Job("etd.txt", (), partial(write_etd, curve=curve))
        return
    check = f"star {series.ensemble.check}" if series.ensemble.check else "na"
    extended = partial(
        write_aavso_extended,
        curve=curve,
        star=study.name,
        observer=wishes.observer,
        band=band,
        zero_point=study.zero_point,
        check=check,
    )
    yield _Job("aavso_extended.txt", (OBSERVER, STAR, CATALOG), extended)


def _lightkurve(path: Path, **facts: Any) -> None:
    problems = validate_lightkurve(write_lightkurve(path, **facts))
    if problems:
        path.unlink()
        raise SettingError(problems[0])


def _exoplanet(path: Path, *, study: Study, band: str) -> None:
    fit = study.event.transit
    assert fit is not None
    transit, errors = fit.transit, fit.errors
    write_aavso_exoplanet(
        path,
        study.curve,
        star=study.name,
        planet=study.wishes.planet,
        observer=study.wishes.observer,
        band=band,
        exptime=study.exptime,
        binning=study.exposure.binning,
        detrend=[name for name in study.event.terms if name in study.curve.colnames] or ["airmass"],
        priors={"Period": (transit.period, nan), "u1": (transit.u1, nan), "u2": (transit.u2, nan)},
        results={
            "Tc": (transit.time, errors["time"]),
            "Rp/R*": (transit.ratio, errors["ratio"]),
            "T14": (transit.duration, errors["duration"]),
        },
    )
