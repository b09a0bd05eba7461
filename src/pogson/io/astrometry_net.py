"""The engine of astrometry.net, where it is installed: a list of stars goes out, matched stars come back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import MatchError
from pogson.io.files import in_words

Values = NDArray[np.float64]

MOST = 1000  # brightest stars that are handed over

_ROWS = 100_000  # more are no table of matched stars


@dataclass(frozen=True)
class StarList:
    """What is handed to another engine; never a pixel of the image.

    Attributes
    ----------
    x, y : float64 (n,)
        0-based, brightest first.
    shape : (ny, nx)
        Of the frame.
    place : (ra, dec, radius) or None
        Degree.
    scales : (low, high) or None
        arcsec / px.
    """

    x: Values
    y: Values
    shape: tuple[int, int]
    place: tuple[float, float, float] | None = None
    scales: tuple[float, float] | None = None


@dataclass(frozen=True)
class Matched:
    """Stars that another engine matched.

    Attributes
    ----------
    xy : float64 (n, 2)
        0-based.
    ra, dec : float64 (n,)
        Degree.
    source : str
        In words: the engine.
    """

    xy: Values
    ra: Values
    dec: Values
    source: str


def find_engine() -> str | None:
    """The program `solve-field`, or None where it is not installed."""
    return shutil.which("solve-field")


def solve_by_engine(stars: StarList, *, seconds: float = 30.0, engine: str | None = None) -> Matched:
    """Ask `solve-field`, which looks into the index files that it knows, and into $ASTROMETRY_DATA.

    Parameters
    ----------
    stars : StarList
        What is known of the frame.
    seconds : float
        Of the wall clock; then it is killed, with all that it started.
    engine : str, optional
        Path of the program.

    Raises
    ------
    MatchError
        If it finds nothing, takes too long, or is not there.
    """
    program = engine or find_engine()
    if program is None:
        raise MatchError("solve-field is not installed")
    with tempfile.TemporaryDirectory(prefix="pogson-solve-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with in_words(folder / "stars.xyls", "cannot be written"):
            (folder / "stars.xyls").write_bytes(xylist(stars))
        _run([program, *_arguments(stars, seconds)], folder, seconds)
        matched = folder / "stars.corr"
        if not matched.exists():
            raise MatchError("solve-field finds nothing in the index files it has")
        return read_matched(matched.read_bytes(), "solve-field")


def xylist(stars: StarList) -> bytes:
    """The list as a FITS table: X, Y counted from 1, brightest first."""
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("X", "D", array=stars.x[:MOST] + 1.0),
            fits.Column("Y", "D", array=stars.y[:MOST] + 1.0),
        ]
    )
    table.header["IMAGEW"], table.header["IMAGEH"] = stars.shape[1], stars.shape[0]
    file = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    return file.getvalue()


def read_matched(content: bytes, source: str) -> Matched:
    """Stars of a table of matched stars (`corr`), whose pixels are counted from 1.

    Raises
    ------
    MatchError
        If it is no such table: what another program or machine answers is not believed.
    """
    from astropy.io import fits

    names = ("field_x", "field_y", "index_ra", "index_dec")
    try:
        with fits.open(BytesIO(content), memmap=False) as units:
            if not 0 < int(units[1].header["NAXIS2"]) <= _ROWS:
                raise ValueError("number of rows")
            x, y, ra, dec = (np.array(units[1].data[name], float).reshape(-1) for name in names)
    except Exception:
        raise MatchError(f"{source} answers with no table of matched stars") from None
    good = np.isfinite([x, y, ra, dec]).all(0) & (np.abs(dec) <= 90.0) & (ra >= 0.0) & (ra <= 360.0)
    return Matched(np.column_stack([x, y])[good] - 1.0, ra[good], dec[good], source)


def _arguments(stars: StarList, seconds: float) -> list[str]:
    words = ["stars.xyls", "--overwrite", "--no-plots", "--no-remove-lines", "--uniformize", "0"]
    words += ["--x-column", "X", "--y-column", "Y", "--crpix-center", "--cpulimit", f"{seconds:.0f}"]
    words += ["--width", str(stars.shape[1]), "--height", str(stars.shape[0])]
    if stars.place is not None:
        ra, dec, radius = (repr(float(v)) for v in stars.place)
        words += ["--ra", ra, "--dec", dec, "--radius", radius]
    if stars.scales is not None and all(isfinite(v) for v in stars.scales):
        low, high = (repr(float(v)) for v in stars.scales)
        words += ["--scale-units", "arcsecperpix", "--scale-low", low, "--scale-high", high]
    extra = os.environ.get("ASTROMETRY_DATA", "")
    return [*words, "--index-dir", extra] if Path(extra).is_dir() and extra else words


def _run(command: Sequence[str], folder: Path, seconds: float) -> None:
    """Run a program in a folder of its own; kill it and all its children when the time is over."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise MatchError(f"solve-field cannot be started: {error.strerror or error}") from None
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise MatchError(f"solve-field finds nothing in {seconds:.0f} s") from None
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            # its own session, begun by this process: nobody else's
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
