"""A frame of which a part is covered is told from an even one."""

from dataclasses import replace

import numpy as np
import pytest

from pogson.core.columns import PHOTOMETRY
from pogson.core.frame import Exposure
from pogson.pipeline.covered import measure_coverages
from pogson.steps.standardize.transparency import measure_transparency


def shoot(k, share):
    """Photometry of 300 stars; `share` is the light that comes through, per star."""
    rng = np.random.default_rng(k)
    place = np.random.default_rng(1)
    x, y = place.uniform(0, 900, (2, 300))
    flux = 10 ** place.uniform(4.0, 5.5, 300) * share(x, y)
    err = np.sqrt(flux + 2e4)
    zeros = np.zeros(300)
    exposure = Exposure(path=f"f{k}.fits", band="r", exptime=30.0, shape=(900, 900), jd_utc=2460000.0 + k)
    columns = {c.name: zeros for c in PHOTOMETRY.columns} | {
        "star": np.arange(1, 301),
        "frame": np.full(300, exposure.path),
        "band": np.full(300, "r"),
        "x": x,
        "y": y,
        "flux": flux + err * rng.standard_normal(300),
        "flux_err": err,
        "err_source": np.sqrt(flux),
    }
    return PHOTOMETRY.table({"exposure": exposure, "unit": "electron"}, **columns)


def even(x, y):
    return np.ones(len(x))


def test_an_even_veil_is_even_and_half_a_frame_behind_a_tree_is_not():
    tables = [shoot(k, even) for k in range(5)]
    tables.append(shoot(5, lambda x, y: 0.6 * even(x, y)))
    tables.append(shoot(6, lambda x, y: np.where(x < 450, 0.0, 1.0)))
    tables.append(shoot(7, lambda x, y: np.where(x < 300, 0.85, 1.0)))
    found = measure_coverages(tables, measure_transparency(tables))
    patchiness = {path: one.patchiness for path, one in found.items()}
    assert max(patchiness[f"f{k}.fits"] for k in range(6)) < 0.03
    assert patchiness["f6.fits"] > 0.5
    assert patchiness["f7.fits"] == pytest.approx(0.15, abs=0.04)
    assert (found["f6.fits"].transparency[:, 0] < 0.05).all()
    assert (found["f6.fits"].transparency[:, 2] > 0.9).all()


def test_too_few_frames_cannot_tell():
    tables = [shoot(k, even) for k in range(2)]
    assert all(
        np.isnan(v.patchiness) for v in measure_coverages(tables, measure_transparency(tables)).values()
    )


def test_bands_are_judged_apart():
    tables = [shoot(k, even) for k in range(5)]
    for k in range(5, 10):
        table = shoot(k, lambda x, y: 0.2 * even(x, y))
        table.meta["exposure"] = replace(table.meta["exposure"], band="B")
        table["band"] = "B"
        tables.append(table)
    assert max(v.patchiness for v in measure_coverages(tables, measure_transparency(tables)).values()) < 0.03
