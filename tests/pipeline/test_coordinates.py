"""Coordinates of a night come from whatever proves them, and it is said what that was."""

import numpy as np
import pytest

from pogson.core.columns import CATALOG, FIELD
from pogson.core.frame import Exposure
from pogson.io.store_write import add_catalog
from pogson.io.tycho2 import read_tycho2
from pogson.pipeline.coordinates import locate_field, locate_with_store
from pogson.steps.match.tangent import to_plane

NX, NY, SCALE, RA, DEC = 1500, 1000, 4.0, 120.0, 30.0


@pytest.fixture
def night():
    """A field of the real sky, and what its header says: no WCS, a pointing that is 0.3 deg off."""
    rng = np.random.default_rng(1)
    sky = read_tycho2(RA, DEC, 1.5)
    xy = to_plane(np.asarray(sky["ra"]), np.asarray(sky["dec"]), RA, DEC) * (-1, 1) * 3600 / SCALE
    xy += np.array([(NX - 1) / 2, (NY - 1) / 2]) + rng.normal(0, 0.1, xy.shape)
    inside = np.flatnonzero(((xy > 0) & (xy < [NX, NY])).all(1))
    flux = 10 ** (-0.4 * (np.asarray(sky["mag_VT"])[inside] - 25))
    n = len(inside)
    small, nothing = np.full(n, 0.1), np.full(n, np.nan)
    field = FIELD.table(
        id=np.arange(1, n + 1), x=xy[inside, 0], y=xy[inside, 1], x_err=small, y_err=small, ra=nothing,
        dec=nothing, flux=flux, snr=np.sqrt(flux), n_detected=np.ones(n), flags=np.zeros(n),
    )  # fmt: skip
    exposure = Exposure(
        path="a.fits", shape=(NY, NX), ra=RA + 0.3, dec=DEC, pixel_scale=SCALE, jd_utc=2451545.0, band="V"
    )
    return field, exposure, sky[inside]


def standard(sky, rows):
    """A catalogue of V magnitudes of some of the stars."""
    sky = sky[rows]
    columns = {name: np.asarray(sky[name]) for name in CATALOG.names}
    mag = np.asarray(sky["mag_VT"])
    return CATALOG.table(
        {"name": "mine", "path": "mine.csv", "bands": "V", "epoch": 2000.0},
        **columns,
        mag_V=mag,
        mag_V_err=np.full(len(mag), 0.01),
    )


def far(located, sky):
    cos = np.cos(np.radians(DEC))
    off = np.hypot((located.field["ra"] - sky["ra"]) * cos, located.field["dec"] - sky["dec"]) * 3600
    return float(np.median(off))


def test_without_a_catalogue_tycho2_proves_the_place(night):
    field, exposure, sky = night
    located = locate_field(field, None, exposure)
    assert far(located, sky) < 0.6 and located.solution.n > 20
    assert "stars of Tycho-2, rms" in located.words and not located.notes


def test_a_catalogue_too_small_to_prove_the_place_still_calibrates(night):
    field, exposure, sky = night
    located = locate_field(field, standard(sky, slice(3, 40, 9)), exposure)
    assert far(located, sky) < 0.6 and located.solution is not None
    assert "Tycho-2" in located.words and "no plate solution by the catalogue" in located.notes[0]


def test_a_field_that_nothing_proves_says_so(night):
    field, exposure, _ = night
    rng = np.random.default_rng(2)
    field["x"], field["y"] = rng.uniform(0, NX, len(field)), rng.uniform(0, NY, len(field))
    located = locate_field(field, None, exposure)
    assert located.solution is None and located.words.startswith("none")
    assert "no plate solution by Tycho-2" in located.notes[0] and "\n" not in located.notes[0]


def test_the_store_serves_the_field_once_its_place_is_known(night, tmp_path, monkeypatch):
    field, exposure, sky = night
    monkeypatch.setenv("POGSON_CATALOGS", str(tmp_path))
    assert locate_with_store(field, exposure, ["V"]).catalog is None
    add_catalog(standard(sky, slice(None)), "mine", store=tmp_path)
    located = locate_with_store(field, exposure, ["V"])
    assert located.catalog is not None and far(located, sky) < 0.6
    assert "catalogue 'mine' of the store: has V" in located.notes[0]
    assert locate_with_store(field, exposure, ["I"]).catalog is None
