"""How well the repeated measurements of a real night agree: ``python docs/repeats.py FOLDER OF A RUN``.

With ``--write NAME`` the table goes into the page "Can I trust the error bars?".
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

from pogson.io.tables import read_table
from pogson.steps.inspect.repeats import compare_repeats, summarize_repeats

PAGE = Path(__file__).parent / "can-i-trust-the-error-bars.md"
BEGIN, END = "<!-- written by docs/repeats.py: begin -->", "<!-- end of the repeats -->"


def lines_of(table: Table) -> list[str]:
    """The table as lines of Markdown; errors in mmag."""
    lines = [
        "| band, stars | mag | n | expected | scatter | chi² | missing |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table:
        missing = f"{1000 * row['missing']:.0f}" if row["missing"] > 0.0 else ""
        lines.append(
            f"| {row['band']}, {row['stars']} | {row['mag']:.1f} | {row['n']} | {1000 * row['expected']:.0f} "
            f"| {1000 * row['scatter']:.0f} | {row['chi2']:.2f} ± {row['chi2_err']:.2f} | {missing} |"
        )
    return lines


def main(folder: str, name: str = "") -> None:
    """Read the photometry of a run, print what it tells, and write it where it is asked to."""
    photometry = read_table(Path(folder) / "photometry.parquet")
    table = summarize_repeats(compare_repeats(photometry), step=2.0)
    lines = lines_of(table[np.asarray(table["n"]) >= 20])
    print("\n".join(lines))
    if name:
        text = PAGE.read_text("utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        PAGE.write_text(
            "\n".join([f"{head}{BEGIN}", f"{name}; errors in mmag.", "", *lines, f"{END}{tail}"]), "utf-8"
        )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--write"):
        sys.exit("usage: python docs/repeats.py FOLDER_OF_A_RUN [--write NAME]")
    main(sys.argv[1], sys.argv[3] if len(sys.argv) == 4 else "")
