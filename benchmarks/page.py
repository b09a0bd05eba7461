"""The table on the screen, and docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pogson
from benchmarks.race import Row

Line = tuple[str, float, float]

LIBRARIES = (
    "numpy", "numba", "astropy", "photutils", "sep", "ccdproc", "astroscrappy", "astroalign",
)  # fmt: skip

INTRO = """# Benchmarks

The numbers of this page are written by a script. `make bench` prints them for your machine, and
`python -m benchmarks --write` writes this page anew.

pogson and its peers work on the same pixels, in one process, on one thread, in turn (A B A B ...).
A time is the median of the processor's time in milliseconds, kernels compiled before; *ratio* is the peer's
time over pogson's. The frame has {nx} x {ny} pixels of 16 bits and {stars} stars; pogson's simulator drew it.

*Machine*: {machine}.

"""


def format_row(row: Row) -> str:
    """One task for the screen: a line for each peer."""
    peers = list(row.peers.items()) or [("", float("nan"))]
    lines = []
    for i, (name, ms) in enumerate(peers):
        left = f"{row.what:66}{row.ours:10.2f}" if i == 0 else " " * 76
        lines.append(left + (f"   {name:23}{ms:10.2f}{ms / row.ours:8.1f}" if name else ""))
    return "\n".join(lines)


def format_line(line: Line) -> str:
    """A command for the screen."""
    return f"{line[0]:66}{line[1]:10.2f} s   {line[2]:8.2f} s of the processor's time"


def describe_machine() -> str:
    """Processor, cores, Python and the versions of all that took part; no names of hosts or folders."""
    found = [f"pogson {pogson.__version__}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    own = f"{_processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
    return f"{own}; {', '.join(found)}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def make_page(
    rows: Iterable[Row], parts: Iterable[Row], lines: Sequence[Line], shape: tuple[int, int], stars: int
) -> str:
    """The page in Markdown."""
    text = INTRO.format(nx=shape[1], ny=shape[0], stars=stars, machine=describe_machine())
    text += (
        "## Beside the peers\n\n| task | pogson [ms] | peer | peer [ms] | ratio |\n|---|--:|---|--:|--:|\n"
    )
    notes: list[str] = []
    for row in rows:
        mark = ""
        if row.note:
            notes.append(row.note)
            mark = f" [{len(notes)}]"
        peers = list(row.peers.items())
        first = peers[0] if peers else ("", float("nan"))
        text += f"| {row.what}{mark} | {row.ours:.1f} | {_cells(first, row.ours)} |\n"
        text += "".join(f"| | | {_cells(peer, row.ours)} |\n" for peer in peers[1:])
    text += "\n" + "".join(f"{i}. {note}\n" for i, note in enumerate(notes, 1))
    text += "\n## Where pogson's time for a frame goes\n\n| part | ms |\n|---|--:|\n"
    text += "".join(f"| {row.what} | {row.ours:.1f} |\n" for row in parts)
    text += "\n## Commands\n\nFrom start to end; the processor's time is that of all threads together.\n\n"
    text += "| command | wall [s] | processor [s] |\n|---|--:|--:|\n"
    return text + "".join(f"| {what} | {wall:.2f} | {busy:.2f} |\n" for what, wall, busy in lines)


def _cells(peer: tuple[str, float], ours: float) -> str:
    name, ms = peer
    return f"{name} | {ms:.1f} | {ms / ours:.1f}" if name else "| |"
