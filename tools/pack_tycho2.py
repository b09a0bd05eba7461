"""Pack the stars of Debian's Tycho-2 index into the Parquet file that pogson carries.

    apt-get download astrometry-data-tycho2-07-littleendian   # BSD-2-Clause, 88 MB
    dpkg -x astrometry-data-tycho2-07-littleendian_*.deb tycho2
    python tools/pack_tycho2.py tycho2 src/pogson/data

The index keeps at most 10 stars, the brightest, of each cell of 22': 1.87 of the 2.54 million of
Tycho-2. Positions are those of J2000.0, without proper motions; the magnitude is V_T. They are packed as
0.05" and 0.01 mag, one row group for each HEALPix cell of order 3, brightest first.
"""

import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from pogson.io.healpix import cell_of

ORDER = 3
UNIT = 0.05  # arcsec


def read_index(path):
    """Positions (degree) and magnitudes of an astrometry.net index file."""
    with fits.open(path) as hdus:
        box = np.frombuffer(hdus[10].data.tobytes(), "<f8")
        stored = np.frombuffer(hdus[11].data.tobytes(), "<u4").reshape(-1, 3)
        mag = np.asarray(hdus[13].data["MAG_VT"], float)
    xyz = box[:3] + stored / box[6]
    if not np.allclose(np.linalg.norm(xyz, axis=1), 1.0, atol=1e-8):
        raise SystemExit(f"{path}: the stars are not where they are expected; another kind of index?")
    return np.degrees(np.arctan2(xyz[:, 1], xyz[:, 0])) % 360.0, np.degrees(np.arcsin(xyz[:, 2])), mag


def pack(ra, dec, mag, path):
    """Write the stars, sorted by cell and magnitude."""
    cell = cell_of(ra, dec, ORDER)
    order = np.lexsort((mag, cell))
    table = pa.table(
        {
            "ra": np.round(ra[order] * 3600.0 / UNIT).astype(np.int32),
            "dec": np.round(dec[order] * 3600.0 / UNIT).astype(np.int32),
            "mag_VT": np.round(mag[order] * 100.0).astype(np.int16),
        }
    )
    edges = np.searchsorted(cell[order], np.arange(12 * 4**ORDER + 1))
    with pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        write_statistics=False,
        column_encoding=dict.fromkeys(table.column_names, "DELTA_BINARY_PACKED"),
    ) as writer:
        for low, high in pairwise(edges):
            writer.write_table(table[low:high])


def main(source, target):
    """Find the index and its licence below `source`, write both into `target`."""
    index = next(Path(source).rglob("index-tycho2-07.littleendian.fits"))
    licence = next(Path(source).rglob("astrometry-data-tycho2-07-littleendian/copyright"))
    pack(*read_index(index), Path(target) / "tycho2.parquet")
    shutil.copy(licence, Path(target) / "tycho2.LICENSE")


if __name__ == "__main__":
    main(*sys.argv[1:])
