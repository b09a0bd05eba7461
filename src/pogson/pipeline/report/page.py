"""The report of a run: one HTML page that holds everything and asks for nothing.

No scripts, no network: pictures are inside. Whatever comes from headers, catalogues or file names is escaped.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from math import nan
from typing import Any
from urllib.parse import quote

import numpy as np
from astropy.table import Table

from pogson.core.columns import FRAMES, ZEROPOINTS
from pogson.pipeline.report.errors import errors_at_a_glance
from pogson.pipeline.report.format import html_rows, html_table, plain, with_error
from pogson.pipeline.report.glance import bands_at_a_glance, frames_at_a_glance

STARS_SHOWN = 30

#: seconds after which the page of a night that goes on is loaded again
LOOK_AGAIN = 15


@dataclass(frozen=True)
class Picture:
    """One picture: the section it belongs to, what it is, what to look for."""

    section: str
    title: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class MasterLine:
    """One master frame in words: its level and noise are medians over its pixels."""

    name: str
    n: int
    level: float
    noise: float
    unit: str
    notes: str = ""


@dataclass(frozen=True)
class CameraLine:
    """One property of the camera, and where it came from."""

    name: str
    value: float
    err: float
    unit: str
    source: str


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Attributes
    ----------
    title : str
    summary : lines of text
        What was observed: target, night, telescope.
    labels : lines of text
        What a reader must know before using a number, such as "errors are empirical: gain unknown".
    frames, zero_points, stars, repeats : Table
        FRAMES, ZEROPOINTS, the table of stars, and how well their measurements agree.
    outstanding : Table
        Of each series: target and check star, and the stars that vary most.
    red_noise : Table
        Of each series: by how much the mean of many points in a row is less certain than their errors say.
    masters, camera, pictures
        In the order in which they are shown; pictures name their section.
    settings : mapping
        Step -> setting -> {"value", "default", "unit"}.
    provenance : mapping
        Topic -> {name: value}, such as versions and timings.
    inputs : sequence of mappings
        Of the same keys, one per input file.
    skipped : sequence of (path, reason)
    files : mapping of section to names of files, relative to the report
    pixel_scale : float
        arcsec / px; NaN where unknown.
    live : bool
        The night goes on: the page looks for a newer one every now and then.
    """

    title: str
    summary: Sequence[str] = ()
    labels: Sequence[str] = ()
    frames: Table = field(default_factory=FRAMES.empty)
    masters: Sequence[MasterLine] = ()
    camera: Sequence[CameraLine] = ()
    pictures: Sequence[Picture] = ()
    zero_points: Table = field(default_factory=ZEROPOINTS.empty)
    stars: Table = field(default_factory=Table)
    repeats: Table = field(default_factory=Table)
    red_noise: Table = field(default_factory=Table)
    outstanding: Table = field(default_factory=Table)
    settings: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Sequence[Mapping[str, Any]] = ()
    skipped: Sequence[tuple[str, str]] = ()
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pixel_scale: float = nan
    live: bool = False


def make_report(report: ReportData) -> str:
    """The report as the text of one self-contained HTML file."""
    style = files("pogson.pipeline.report").joinpath("report.css").read_text("utf-8")
    nav = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in SECTIONS)
    parts = [_section(report, name, body(report)) for name, body in SECTIONS.items()]
    again = f'<meta http-equiv="refresh" content="{LOOK_AGAIN}">' if report.live else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"{again}<title>{escape(report.title)}</title><style>\n{style}</style></head><body>\n"
        f"<header><h1>{escape(report.title)}</h1></header>\n<nav><div>{nav}</div></nav>\n<main>\n"
        + "\n".join(parts)
        + "\n</main><footer>Errors are 1 sigma. x, y count pixels from 0 at the centre of the first pixel."
        "</footer></body></html>\n"
    )


def _section(report: ReportData, name: str, body: str) -> str:
    pictures = "".join(_figure(p) for p in report.pictures if p.section == name)
    links = ", ".join(f'<a href="{quote(file)}">{escape(file)}</a>' for file in report.files.get(name, ()))
    links = f'<p class="faint">All of it: {links}</p>' if links else ""
    nothing = "" if body or pictures or links else '<p class="faint">Nothing was done here in this run.</p>'
    rest = f'<div class="pair">{pictures}</div>{links}{nothing}'
    return f'<section id="{_anchor(name)}"><h2>{name}</h2>{body}{rest}</section>'


def _summary(report: ReportData) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in report.summary)
    labels = "".join(f'<p class="label">{escape(line)}</p>' for line in report.labels)
    text = lines + labels + frames_at_a_glance(report.frames, report.skipped)
    text += bands_at_a_glance(report.frames, report.zero_points, report.pixel_scale)
    diagrams = [p for p in report.pictures if p.section == "Diagram"]
    picture = f"<div>{_figure(diagrams[0], caption=False)}</div>" if diagrams else ""
    return f'<div class="glance"><div>{text}</div>{picture}</div>'


def _frames(report: ReportData) -> str:
    if len(report.frames) == 0:
        return _skipped(report)
    names = [
        "path",
        "kind",
        "band",
        "exptime",
        "bjd_tdb",
        "airmass",
        "sky",
        "fwhm",
        "n_stars",
        "transparency",
        "patchiness",
        "reason_codes",
    ]
    names = [name for name in names if name in report.frames.colnames]
    marks = ["" if good else "out" for good in report.frames["accepted"]]
    return html_table(report.frames, [*names, "accepted", "reasons"], marks=marks) + _skipped(report)


def _skipped(report: ReportData) -> str:
    if not report.skipped:
        return ""
    rows = [(escape(path), escape(reason)) for path, reason in report.skipped]
    return '<h3 id="skipped">Skipped files</h3>' + html_rows([("path", ""), ("reason", "")], rows)


def _calibration(report: ReportData) -> str:
    if not report.masters:
        return ""
    rows = [
        (escape(m.name), plain(m.n), plain(m.level), plain(m.noise), escape(m.unit), escape(m.notes))
        for m in report.masters
    ]
    head = [(name, "") for name in ("master", "frames", "median level", "noise", "unit", "notes")]
    return html_rows(head, rows, numeric=" nnn")


def _camera(report: ReportData) -> str:
    if not report.camera:
        return ""
    rows = [
        (escape(c.name), with_error(c.value, c.err), escape(c.unit), escape(c.source)) for c in report.camera
    ]
    return html_rows([("property", ""), ("value", ""), ("unit", ""), ("source", "")], rows, numeric=" n")


def _zero_points(report: ReportData) -> str:
    if not np.isfinite(np.asarray(report.zero_points["zero_point"], float)).any():
        return "<p>No frame has a zero point: magnitudes are instrumental.</p>"
    return html_table(report.zero_points, report.zero_points.colnames)


def _errors(report: ReportData) -> str:
    return errors_at_a_glance(report.repeats, report.red_noise)


def _light_curves(report: ReportData) -> str:
    if len(report.outstanding) == 0:
        return ""
    words = (
        "<p>Target, check star, and the stars that stand most off those of their brightness (excess). "
        "Periods are for white noise, and may be mistaken for others: see periods.ecsv.</p>"
    )
    return words + html_table(report.outstanding, report.outstanding.colnames)


def _stars(report: ReportData) -> str:
    n = len(report.stars)
    if n == 0:
        return ""
    note = f"<p>The first {STARS_SHOWN} of {n} stars.</p>" if n > STARS_SHOWN else f"<p>{n} stars.</p>"
    return note + html_table(report.stars, report.stars.colnames, limit=STARS_SHOWN)


def _settings(report: ReportData) -> str:
    rows, marks = [], []
    for step, settings in report.settings.items():
        for name, s in settings.items():
            value, default = plain(s.get("value")), plain(s.get("default"))
            rows.append((escape(step), escape(name), value, escape(str(s.get("unit", ""))), default))
            marks.append("changed" if value != default else "")
    if not rows:
        return ""
    head = [(name, "") for name in ("step", "setting", "value", "unit", "default")]
    changed = [row for row, mark in zip(rows, marks, strict=True) if mark]
    text = html_rows(head, changed) if changed else ""
    everything = html_rows(head, rows, marks)
    return (
        f"<p>{len(changed)} of {len(rows)} settings differ from their defaults.</p>{text}"
        f"<details><summary>All settings</summary>{everything}</details>"
    )


def _provenance(report: ReportData) -> str:
    text = ""
    for topic, values in report.provenance.items():
        rows = [(escape(str(name)), plain(value)) for name, value in values.items()]
        text += f"<h3>{escape(topic)}</h3>" + html_rows([("name", ""), ("value", "")], rows)
    if report.inputs:
        names = list(report.inputs[0])
        rows_in = [[plain(line.get(name)) for name in names] for line in report.inputs]
        table = html_rows([(name, "") for name in names], rows_in)
        text += f"<details><summary>{len(report.inputs)} input files</summary>{table}</details>"
    return text


def _figure(picture: Picture, *, caption: bool = True) -> str:
    """A picture with its own bytes inside; drawn for 120 dots per inch, shown at 96."""
    width = round(struct.unpack(">I", picture.png[16:20])[0] * 0.8) if len(picture.png) > 24 else 0
    data = b64encode(picture.png).decode("ascii")
    text = (
        f"<figcaption><b>{escape(picture.title)}</b><br>{escape(picture.caption)}</figcaption>"
        if caption
        else ""
    )
    size = f' width="{width}"' if width else ""
    return (
        f'<figure><img{size} alt="{escape(picture.title)}" src="data:image/png;base64,{data}">{text}</figure>'
    )


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _pictures_only(report: ReportData) -> str:
    return ""


#: section -> what it says before its pictures, in the order of the page
SECTIONS: dict[str, Callable[[ReportData], str]] = {
    "Summary": _summary,
    "Frames": _frames,
    "Calibration": _calibration,
    "Camera": _camera,
    "Detection": _pictures_only,
    "PSF and growth": _pictures_only,
    "Error budget": _errors,
    "Zero points": _zero_points,
    "Diagram": _pictures_only,
    "Light curves": _light_curves,
    "Stars": _stars,
    "Settings": _settings,
    "Provenance": _provenance,
}
