"""The column contract of every table that passes between steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from astropy.table import Column as TableColumn
from astropy.table import Table
from astropy.units import Unit

from pogson.core.errors import ColumnError


class Rows(Protocol):
    """Named columns of one length: a Table, or one of which only the columns asked for are in memory."""

    meta: dict[str, Any]

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, name: str) -> Any:
        """Values of a column."""


class Changed:
    """Rows of which some columns, and the meta, are other ones.

    Parameters
    ----------
    rows : Rows
        All other columns are theirs.
    meta : dict
    columns : mapping of name to array
    """

    def __init__(self, rows: Rows, meta: dict[str, Any], **columns: Any) -> None:
        self._rows, self.meta, self._columns = rows, meta, columns

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        return list(dict.fromkeys([*self._rows.colnames, *self._columns]))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, name: str) -> Any:
        return self._columns[name] if name in self._columns else self._rows[name]


@dataclass(frozen=True)
class Column:
    """One column: its name, unit, type and meaning."""

    name: str
    unit: str
    dtype: type
    about: str


@dataclass(frozen=True)
class Columns:
    """The columns that a kind of table must have; it may have more."""

    kind: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Names of the contract's columns, in order."""
        return [c.name for c in self.columns]

    def table(self, meta: dict[str, Any] | None = None, **values: Any) -> Table:
        """Build a table of this kind; extra columns follow the contract's own.

        Raises
        ------
        ColumnError
            If a column of the contract is missing, or of another length.
        """
        self._check_names(list(values), list(values))
        own: dict[Column, Any] = {
            c: np.asarray(values.pop(c.name)).astype(c.dtype, copy=False) for c in self.columns
        }
        if len({array.shape for array in own.values()}) > 1:
            raise ColumnError(f"the columns of a {self.kind} table must be of one length")
        table = Table(meta=meta or {}, copy=False)
        for c, array in own.items():
            # a Table would search each for what is no plain array, which takes as long as all the rest
            column = TableColumn(array, c.name, unit=_unit(c.unit), description=c.about, copy=False)
            column.parent_table = table
            table.columns[c.name] = column
        for name, value in values.items():
            table.add_column(value, name=name, copy=False)
        return table

    def empty(self, meta: dict[str, Any] | None = None) -> Table:
        """A table of this kind without rows."""
        return self.table(meta, **{c.name: np.empty(0, c.dtype) for c in self.columns})

    def describe(self, table: Table) -> Table:
        """Give the contract's columns their units and descriptions; return the same table."""
        for column in self.columns:
            if column.name in table.colnames:
                table[column.name].unit = _unit(column.unit)
                table[column.name].description = column.about
        return table

    def check(self, table: Table) -> None:
        """Raise ColumnError if a column of the contract is missing."""
        self._check_names(table.colnames, table.colnames)

    def _check_names(self, names: list[str], has: list[str]) -> None:
        missing = [c.name for c in self.columns if c.name not in names]
        if missing:
            raise ColumnError(
                f"a {self.kind} table needs column(s) {', '.join(missing)}; it has {', '.join(has) or 'none'}"
            )


@cache
def _unit(words: str) -> Any:
    """A unit, read once, also one that astropy does not know; None for none."""
    return Unit(words, parse_strict="silent") if words else None


FRAMES = Columns(
    "frames",
    (
        Column("path", "", str, "file, as given"),
        Column("kind", "", str, "light, bias, dark, flat or unknown"),
        Column("band", "", str, "canonical band name; empty where there is none"),
        Column("exptime", "s", float, "exposure time"),
        Column("bjd_tdb", "d", float, "barycentric Julian date of mid-exposure, TDB"),
        Column("airmass", "", float, "airmass at mid-exposure"),
        Column("gain", "electron / adu", float, "gain; NaN where nothing could be known"),
        Column("gain_source", "", str, "where the gain came from"),
        Column("read_noise", "electron", float, "read noise"),
        Column("read_noise_source", "", str, "where the read noise came from"),
        Column("sky", "electron", float, "median sky level per pixel"),
        Column("fwhm", "pix", float, "full width at half maximum of the stars"),
        Column("n_stars", "", int, "stars that the matched filter sees"),
        Column("transparency", "", float, "stars' flux relative to the reference frame of the band"),
        Column("accepted", "", bool, "used in the products"),
        Column("reasons", "", str, "why rejected, or what to know; empty when accepted without remark"),
    ),
)

STARS = Columns(
    "stars",
    (
        Column("id", "", int, "star number, from 1, brightest first"),
        Column("x", "pix", float, "column of the centre; (0, 0) is the centre of the first pixel"),
        Column("y", "pix", float, "row of the centre"),
        Column("x_err", "pix", float, "error of x, 1 sigma"),
        Column("y_err", "pix", float, "error of y, 1 sigma"),
        Column("flux", "electron", float, "quick flux: that of the matched filter's Gaussian"),
        Column("peak", "electron", float, "highest pixel above the sky"),
        Column("snr", "", float, "matched filter's response over its noise"),
        Column("sharpness", "", float, "DAOFIND sharpness"),
        Column("roundness", "", float, "DAOFIND roundness from the marginal profiles; 0 is round"),
        Column("fwhm", "pix", float, "full width at half maximum, from second moments"),
        Column("elongation", "", float, "major over minor axis"),
        Column("sky", "electron", float, "sky level under the star, per pixel"),
        Column("flags", "", int, "bits of core.flags.Star"),
    ),
)

FIELD = Columns(
    "field",
    (
        Column("id", "", int, "star number of the field, from 1"),
        Column("x", "pix", float, "column in the reference frame"),
        Column("y", "pix", float, "row in the reference frame"),
        Column("x_err", "pix", float, "error of x, 1 sigma"),
        Column("y_err", "pix", float, "error of y, 1 sigma"),
        Column("ra", "deg", float, "right ascension, ICRS; NaN without a plate solution"),
        Column("dec", "deg", float, "declination, ICRS"),
        Column("flux", "electron", float, "quick flux in the reference frame's scale"),
        Column("snr", "", float, "best signal-to-noise ratio of the detections"),
        Column("n_detected", "", int, "frames in which the star was detected"),
        Column("flags", "", int, "bits of core.flags.Star"),
    ),
)

PHOTOMETRY = Columns(
    "photometry",
    (
        Column("star", "", int, "star number of the field"),
        Column("frame", "", str, "frame, as in the frames table"),
        Column("band", "", str, "band"),
        Column("bjd_tdb", "d", float, "barycentric Julian date of mid-exposure, TDB"),
        Column("x", "pix", float, "column in this frame"),
        Column("y", "pix", float, "row in this frame"),
        Column("flux", "electron", float, "flux in the aperture above the sky; signed"),
        Column("flux_err", "electron", float, "error of flux: all terms below in quadrature"),
        Column("err_source", "electron", float, "error term: photons of the star"),
        Column("err_sky", "electron", float, "error term: photons of the sky in the aperture"),
        Column("err_annulus", "electron", float, "error term: uncertainty of the sky level from the annulus"),
        Column("err_dark", "electron", float, "error term: dark current, noise of master bias and dark"),
        Column("err_read", "electron", float, "error term: read noise"),
        Column("err_flat", "electron", float, "error term: noise of the master flat"),
        Column("err_quantisation", "electron", float, "error term: rounding by the converter"),
        Column(
            "err_scintillation",
            "electron",
            float,
            "error term: scintillation (0 where it cannot be known)",
        ),
        Column("err_phase", "electron", float, "error term: place of a narrow star in its pixel"),
        Column("sky", "electron", float, "sky level from the annulus, per pixel"),
        Column("n_sky", "", int, "sky pixels used"),
        Column("coverage", "", float, "usable fraction of the aperture's area"),
        Column(
            "contamination",
            "",
            float,
            "light of neighbours in the aperture over the star's own; not taken off",
        ),
        Column("peak", "electron", float, "highest pixel in the aperture, above the sky"),
        Column("mag", "mag", float, "magnitude: calibrated where a zero point exists, else instrumental"),
        Column("mag_err", "mag", float, "1.0857 flux_err / flux; NaN where flux is not positive"),
        Column("flags", "", int, "bits of core.flags.Star"),
    ),
)

ZEROPOINTS = Columns(
    "zero points",
    (
        Column("frame", "", str, "frame, as in the frames table"),
        Column("band", "", str, "band"),
        Column(
            "zero_point",
            "mag",
            float,
            "magnitude of a source of 1 electron / s (total flux, colour 0)",
        ),
        Column("zero_point_err", "mag", float, "error of zero_point: fit and aperture correction"),
        Column("scatter", "mag", float, "intrinsic scatter of the stars beyond their errors"),
        Column("n_used", "", int, "stars used"),
        Column("color_term", "mag / mag", float, "colour term; 0 where none was applied"),
        Column("sky_brightness", "mag / arcsec2", float, "sky brightness, not corrected for extinction"),
        Column("sky_brightness_err", "mag / arcsec2", float, "error of sky_brightness"),
        Column("limiting_mag", "mag", float, "magnitude at which a star's SNR is 5 in the aperture"),
        Column("catalog", "", str, "catalogue"),
    ),
)

CATALOG = Columns(
    "catalog",
    (
        Column("id", "", str, "name or number in the catalogue"),
        Column("ra", "deg", float, "right ascension, ICRS"),
        Column("dec", "deg", float, "declination, ICRS"),
        Column("pmra", "mas / yr", float, "proper motion in RA, times cos(dec); NaN where unknown"),
        Column("pmdec", "mas / yr", float, "proper motion in declination; NaN where unknown"),
        Column("flags", "", int, "bits of core.flags.Star: VARIABLE, BLENDED"),
    ),
)

LIGHTCURVE = Columns(
    "light curve",
    (
        Column("star", "", int, "star number of the field"),
        Column("frame", "", str, "frame, as in the frames table"),
        Column("bjd_tdb", "d", float, "barycentric Julian date of mid-exposure, TDB"),
        Column("mag", "mag", float, "differential magnitude; NaN where there is none"),
        Column("mag_err", "mag", float, "error of mag, that of the ensemble included"),
        Column("flags", "", int, "bits of core.flags.Star"),
    ),
)

VARIABILITY = Columns(
    "variability",
    (
        Column("star", "", int, "star number of the field"),
        Column("role", "", str, "target, check, comparison or field"),
        Column("rank", "", int, "1 stands out most from the stars of its brightness"),
        Column("mag", "mag", float, "differential magnitude of the mean flux, weighted"),
        Column("rms", "mag", float, "standard deviation, isolated outliers left out"),
        Column("expected_rms", "mag", float, "that which the errors lead to expect, ensemble included"),
        Column("global_noise", "mag", float, "standard deviation of all usable points"),
        Column("local_noise", "mag", float, "standard deviation after slow changes are taken out"),
        Column("quality", "", int, "0 (best) to 4; -1 where over 20 % of the points are unusable"),
        Column("period", "d", float, "best period; NaN where none was sought"),
        Column("fap", "", float, "false-alarm probability of the period"),
        Column("excess", "sigma", float, "distance off the relation of rms and magnitude"),
        Column("beta", "", float, "red-noise factor: 1 is white noise"),
        Column("inverse_eta", "", float, "inverse von Neumann ratio: 0.5 is white noise"),
        Column("iqr", "mag", float, "interquartile range"),
        Column("stetson_j", "", float, "Stetson's J of consecutive points: 0 is white noise"),
        Column("chi2", "", float, "reduced chi-square of a constant"),
        Column("n", "", int, "usable points"),
        Column(
            "contamination", "mag", float, "neighbours' light in the aperture: what they can do to the star"
        ),
        Column("flags", "", int, "bits of core.flags.Star that put a variation in doubt"),
    ),
)
