"""What a reader with thirty seconds must see: frames used and why not, seeing, depth, zero points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from math import isfinite

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.pipeline.report.format import UNKNOWN, html_rows, with_error


def frames_at_a_glance(frames: Table, skipped: Sequence[tuple[str, str]]) -> str:
    """How many frames of each kind, how many lights were rejected, and why."""
    kinds, counts = np.unique(np.asarray(frames["kind"], str), return_counts=True)
    order = ["light", "bias", "dark", "flat", "unknown"]
    pairs = sorted(zip(kinds, counts, strict=True), key=lambda p: order.index(p[0]) if p[0] in order else 9)
    text = (
        f"<p>{len(frames)} frames: {escape(', '.join(f'{n} {kind}' for kind, n in pairs))}.</p>"
        if pairs
        else ""
    )
    lights = frames[_is(frames, "kind", "light")]
    out = lights[~np.asarray(lights["accepted"], bool)]
    if len(lights):
        mood = "bad" if len(out) else "good"
        text += (
            f'<p>Lights: <b>{len(lights) - len(out)} used</b>, <b class="{mood}">{len(out)} rejected</b>.</p>'
        )
    reasons = count_reasons([str(reason) for reason in out["reasons"]])
    text += "".join(f'<p class="bad">{n} × {escape(reason)}</p>' for reason, n in reasons)
    if skipped:
        text += f'<p class="bad">Files skipped: {len(skipped)}, <a href="#skipped">why</a></p>'
    return text


def count_reasons(reasons: Sequence[str]) -> list[tuple[str, int]]:
    """Reasons that differ only in their numbers are counted together, the first stands for all."""
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        groups.setdefault(re.sub(r"[-+]?\d+(\.\d+)?", "#", reason), []).append(reason or "no reason given")
    pairs = [(g[0] if len(set(g)) == 1 else f"{g[0]} (or similar)", len(g)) for g in groups.values()]
    return sorted(pairs, key=lambda pair: -pair[1])


def bands_at_a_glance(frames: Table, zero_points: Table, pixel_scale: float) -> str:
    """One line per band: frames used, seeing, sky, depth, zero point."""
    lights = frames[_is(frames, "kind", "light")]
    bands = sorted(set(np.asarray(lights["band"], str)), key=_wavelength)
    rows = []
    for band in bands:
        mine = lights[_is(lights, "band", band)]
        used = mine[np.asarray(mine["accepted"], bool)]
        points = zero_points[_is(zero_points, "band", band)]
        points = points[np.isin(np.asarray(points["frame"], str), np.asarray(used["path"], str))]
        rows.append((
            escape(band) or UNKNOWN,
            f"{len(used)} / {len(mine)}",
            _seeing(_median(used, "fwhm"), pixel_scale),
            _fixed(_median(points, "sky_brightness"), 2),
            _fixed(_median(points, "limiting_mag"), 2),
            with_error(_median(points, "zero_point"), _median(points, "zero_point_err")),
            _fixed(_median(points, "scatter"), 3),
        ))  # fmt: skip
    if not rows:
        return ""
    head = [
        ("band", ""), ("used", "frames"), ("seeing", "FWHM"), ("sky", "mag / arcsec²"),
        ("depth", "mag, SNR 5"),        ("zero point", "mag, median"), ("scatter", "mag"),
    ]  # fmt: skip
    return "<h3>Bands</h3>" + html_rows(head, rows, numeric=" nnnnnn")


def _is(table: Table, name: str, word: str) -> NDArray[np.bool_]:
    return np.asarray(np.asarray(table[name], str) == word, bool).reshape(len(table))


def _median(table: Table, name: str) -> float:
    values = np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isfinite(value) else UNKNOWN


def _seeing(fwhm: float, pixel_scale: float) -> str:
    if not isfinite(fwhm):
        return UNKNOWN
    sky = f" = {fwhm * pixel_scale:.2f}″" if isfinite(pixel_scale) else ""
    return f"{fwhm:.2f} px{sky}"


def _wavelength(band: str) -> tuple[int, str]:
    order = ["u", "U", "B", "g", "V", "G", "r", "R", "i", "I", "z", "y"]
    return (order.index(band) if band in order else len(order), band)
