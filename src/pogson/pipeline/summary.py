"""The summary of a run: what a person wants to read at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from astropy.table import Row, Table

from pogson.core.flags import SPOILED, Star, flag_names
from pogson.pipeline.calibrated import Calibrated
from pogson.pipeline.coordinates import Located
from pogson.pipeline.products import typical
from pogson.pipeline.report.format import with_error
from pogson.pipeline.report.glance import count_reasons
from pogson.pipeline.series import Series
from pogson.pipeline.target import Study
from pogson.pipeline.workers import Failure
from pogson.steps.timeseries.variability import VARIES

#: more lines of one kind than this are counted together
FEW = 6


def summarize(
    night: str | Path,
    folder: Path,
    frames: Table,
    done: Calibrated,
    located: Located,
    drawn: Sequence[str],
    failures: Sequence[Failure],
    notes: Sequence[str] = (),
    series: Sequence[Series] = (),
    studies: Mapping[str, Study] | None = None,
) -> tuple[str, ...]:
    """Lines of text: frames, bands, zero points, products; failures last."""
    lines = [f"{night}", *_frame_lines(frames, {f.item for f in failures})]
    lines += [f"        note     {text}" for text in notes]
    lines += _band_lines(frames, done, located.pixel_scale)
    lines += _label_lines(frames, done, located)
    lines += [line for one in series for line in _series_lines(one, (studies or {}).get(one.band))]
    lines += [f"target  {folder / 'target'}"] if studies else []
    lines += _product_lines(folder, done, drawn)
    lines += [f"FAILED  {f.reason}" for f in failures]
    return tuple(lines)


def _frame_lines(frames: Table, failed: set[str]) -> list[str]:
    kinds = np.asarray(frames["kind"], str)
    counts = ", ".join(
        f"{np.sum(kinds == k)} {k}" for k in ("light", "bias", "dark", "flat") if (kinds == k).any()
    )
    lights = frames[kinds == "light"]
    used = int(np.sum(lights["accepted"]))
    lines = [f"frames  {counts}; {used} of {len(lights)} lights used"]
    out = [row for row in lights if not row["accepted"] and row["path"] not in failed]
    lines += _named("rejected", [(str(row["path"]), str(row["reasons"])) for row in out])
    remarks = [r for row in lights if row["accepted"] for r in str(row["reasons"]).split("; ") if r]
    clouds = [(str(row["path"]), r) for row in lights if row["accepted"]
              for r in str(row["reasons"]).split("; ") if r.startswith("cloud")]  # fmt: skip
    lines += _named("noticed", clouds)
    plain = [r for r in remarks if not r.startswith("cloud")]
    return [*lines, *(f"        note     {text} ({n} frames)" for text, n in count_reasons(plain))]


def _named(what: str, frames: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each frame, or for each reason where there are many."""
    if len(frames) <= FEW:
        return [f"        {what:<8} {Path(path).name}: {reason}" for path, reason in frames]
    counted = count_reasons([reason for _, reason in frames])
    return [f"        {what:<8} {n} frames: {reason}" for reason, n in counted]


def _series_lines(series: Series, study: Study | None) -> list[str]:
    """The ensemble, the target, and the stars that vary most."""
    table, ensemble = series.variability, series.ensemble
    n_frames = ensemble.mag.shape[1]
    lines = [
        f"series  {series.band}: {len(table)} light curves of {n_frames} frames, "
        f"{len(ensemble.members)} comparison stars"
    ]
    event = study is not None and study.event.kind != "none"
    for role in ("target", "check"):
        lines += [
            f"        {role} {_star_words(row, periodic=not (event and role == 'target'))}"
            for row in table[np.asarray(table["role"], str) == role]
        ]
        lines += [f"          {line}" for line in (study.lines if study and role == "target" else ())]
    if ensemble.color_extinction.n:
        lines.append(f"        {ensemble.color_extinction.words}")
    restless = ensemble.unrest[ensemble.unrest > 0.0]
    if len(restless):
        lines.append(
            f"        restless frames: {len(restless)}, whose stars differ by more than their errors; "
            f"{restless.min():.3f} to {restless.max():.3f} mag are added to these"
        )
    if ensemble.field_slope.n:
        lines.append(f"        {ensemble.field_slope.words}")
    return lines + variable_lines(table)


def variable_lines(table: Table) -> list[str]:
    """The stars that vary most beyond doubt, and how many others stand out, and why they are in doubt."""
    found = table[(np.asarray(table["rank"]) > 0) & (np.asarray(table["excess"], float) > VARIES)]
    found.sort("rank")
    flags = np.asarray(found["flags"], np.int64)
    lines = [f"        varies most {_star_words(row)}" for row in found[flags == 0][:3]]
    if not flags.any():
        return lines
    why = {flag_names(int(bit)): int(((flags & int(bit)) != 0).sum()) for bit in Star}
    words = ", ".join(f"{name} {n}" for name, n in why.items() if n)
    n = int((flags != 0).sum())
    return [
        *lines,
        f"        in doubt {n} {'star that stands' if n == 1 else 'stars that stand'} out: {words}",
    ]


def _star_words(row: Row, *, periodic: bool = True) -> str:
    """One star; its period only where nothing better is known of what it did."""
    words = f"star {row['star']}: rms {row['rms']:.4f} mag, expected {row['expected_rms']:.4f}"
    if periodic and np.isfinite(row["period"]):
        words += f", period {row['period']:.5g} d (false-alarm probability {row['fap']:.1g})"
    return f"{words}; in doubt: {flag_names(row['flags'])}" if row["flags"] else words


def _band_lines(frames: Table, done: Calibrated, pixel_scale: float) -> list[str]:
    lights = frames[(np.asarray(frames["kind"], str) == "light") & np.asarray(frames["accepted"], bool)]
    lines = []
    for band in dict.fromkeys(str(b) for b in lights["band"]):
        mine = lights[np.asarray(lights["band"], str) == band]
        points = done.zero_points[np.asarray(done.zero_points["band"], str) == band]
        fwhm = typical(mine["fwhm"])
        seeing = f"seeing {fwhm:.2f} px" + (f' = {fwhm * pixel_scale:.2f}"' if isfinite(pixel_scale) else "")
        stars = int(np.sum(np.isfinite(np.asarray(done.stars[f"inst_{band}"], float))))
        text = [f"{len(mine)} frames", f"{stars} stars", seeing]
        text += _zero_point_words(points, done, band)
        lines.append(f"{band or 'no band':<8}" + ", ".join(text))
    return lines


def _zero_point_words(points: Table, done: Calibrated, band: str) -> list[str]:
    # that of the clearest frame
    best = int(np.argmax(np.nan_to_num(points["zero_point"], nan=-np.inf))) if len(points) else -1
    if best < 0 or not np.isfinite(points["zero_point"][best]):
        return ["instrumental magnitudes"]
    zero = with_error(float(points["zero_point"][best]), float(points["zero_point_err"][best]))
    words = [f"zero point {zero} mag ({points['n_used'][best]} stars)"]
    term = done.color_terms.get(band)
    if term is not None and term.value:
        words.append(f"colour term {with_error(term.value, term.err)} ({term.color})")
    if isfinite(typical(points["limiting_mag"])):
        words.append(f"depth {np.nanmax(points['limiting_mag']):.2f} mag (SNR 5)")
    sky = typical(points["sky_brightness"])
    if isfinite(sky):
        words.append(f"sky {sky:.2f} mag/arcsec2")
    return words


def label_lines(frames: Table, done: Calibrated, located: Located) -> list[str]:
    """What a reader must know before using a number."""
    labels = [*located.notes, *done.notes]
    lights = frames[np.asarray(frames["kind"], str) == "light"]
    if (np.asarray(lights["unit"], str) == "adu").any():
        labels.append(
            "EMPIRICAL errors: the gain is unknown, fluxes are in ADU and errors hold the sky noise only; "
            "give [camera] gain, or flats and biases"
        )
    if done.matched == 0:
        cure = "the catalogue did not match" if located.notes else "give --catalog for standard ones"
        labels.append(f"magnitudes are instrumental: {cure}")
    return labels


def _label_lines(frames: Table, done: Calibrated, located: Located) -> list[str]:
    gains = _camera_words(frames)
    lines = [f"camera  {gains}"] if gains else []
    lines.append(f"sky     coordinates from {located.words}")
    if done.matched:
        lines.append(f"        {done.matched} stars matched with the catalogue")
    return lines + [f"note    {text}" for text in label_lines(frames, done, located)]


def _camera_words(frames: Table) -> str:
    lights = frames[np.asarray(frames["kind"], str) == "light"]
    known = lights[np.isfinite(np.asarray(lights["gain"], float))]
    if not len(known):
        return "gain unknown"
    row = known[0]
    gain = with_error(float(row["gain"]), float(row["gain_err"]))
    noise = with_error(float(row["read_noise"]), float(row["read_noise_err"]))
    return (
        f"gain {gain} electron/ADU ({row['gain_source']}), "
        f"read noise {noise} electron ({row['read_noise_source']})"
    )


def _product_lines(folder: Path, done: Calibrated, drawn: Sequence[str]) -> list[str]:
    diagrams = [name for name in drawn if name.startswith("cmd_")]
    clean = int(np.sum((np.asarray(done.stars["flags"], int) & SPOILED) == 0))
    lines = [f"stars   {len(done.stars)} in {folder / 'stars.ecsv'}, {clean} without a spoiling flag"]
    lines += [f"picture {folder / 'plots' / name}" for name in diagrams]
    return [*lines, f"report  {folder / 'report.html'}"]
