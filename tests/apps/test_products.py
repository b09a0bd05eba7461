"""The products of a run are a contract: names, columns, and the same numbers however they were made."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from pogson.core.columns import FRAMES, PHOTOMETRY, ZEROPOINTS
from pogson.io.tables import read_table
from pogson.pipeline.run import run

FRAME_COLUMNS = [
    "path",
    "kind",
    "band",
    "exptime",
    "bjd_tdb",
    "airmass",
    "gain",
    "gain_source",
    "read_noise",
    "read_noise_source",
    "sky",
    "fwhm",
    "n_stars",
    "transparency",
    "accepted",
    "reasons",
]
STAR_COLUMNS = [
    "id",
    "x",
    "y",
    "ra",
    "dec",
    "mag_g",
    "mag_g_err",
    "n_g",
    "inst_g",
    "mag_r",
    "mag_r_err",
    "n_r",
    "inst_r",
    "flags",
]
PHOTOMETRY_COLUMNS = [
    "star",
    "frame",
    "band",
    "bjd_tdb",
    "x",
    "y",
    "flux",
    "flux_err",
    "sky",
    "mag",
    "mag_err",
    "flags",
]
ZERO_POINT_COLUMNS = [
    "frame",
    "band",
    "zero_point",
    "zero_point_err",
    "scatter",
    "n_used",
    "color_term",
    "sky_brightness",
    "sky_brightness_err",
    "limiting_mag",
    "catalog",
]


def test_the_tables_have_the_promised_columns(small_run):
    frames = Table.read(small_run / "frames.ecsv")
    assert frames.colnames[: len(FRAME_COLUMNS)] == FRAME_COLUMNS
    assert set(FRAMES.names) <= set(frames.colnames)
    assert len(frames) == 16
    assert set(STAR_COLUMNS) <= set(Table.read(small_run / "stars.ecsv").colnames)
    photometry = pq.read_table(small_run / "photometry.parquet")
    assert set(PHOTOMETRY_COLUMNS) <= set(photometry.column_names)
    assert set(PHOTOMETRY.names) <= set(photometry.column_names)
    zero_points = Table.read(small_run / "zeropoints.ecsv")
    assert set(ZERO_POINT_COLUMNS) <= set(zero_points.colnames)
    assert set(ZEROPOINTS.names) <= set(zero_points.colnames)
    assert len(zero_points) == 4


def test_the_tables_fit_together(small_run):
    frames, stars = Table.read(small_run / "frames.ecsv"), Table.read(small_run / "stars.ecsv")
    photometry = read_table(small_run / "photometry.parquet")
    lights = set(frames["path"][frames["kind"] == "light"])
    assert set(photometry["frame"]) == lights
    assert set(photometry["star"]) == set(stars["id"])
    assert len(photometry) == len(stars) * len(lights)
    assert set(Table.read(small_run / "zeropoints.ecsv")["frame"]) == lights
    measured = np.isfinite(photometry["flux"])
    assert np.all(photometry["flux_err"][measured] > 0)
    good = np.isfinite(photometry["mag_err"])
    expected = 1.0857362 * photometry["flux_err"][good] / photometry["flux"][good]
    assert np.allclose(photometry["mag_err"][good], expected, rtol=1e-5)
    terms = [c for c in photometry.colnames if c.startswith("err_")]
    total = np.sqrt(sum(np.nan_to_num(np.asarray(photometry[c], float)) ** 2 for c in terms))
    assert np.allclose(total[measured], photometry["flux_err"][measured], rtol=1e-4)


def test_units_survive_in_both_formats(small_run):
    stars = Table.read(small_run / "stars.ecsv")
    assert str(stars["ra"].unit) == "deg" and str(stars["mag_g"].unit) == "mag"
    flux = pq.read_schema(small_run / "photometry.parquet").field("flux")
    assert b"electron" in (flux.metadata or {}).get(b"unit", b"")


def test_the_tables_are_read_by_pandas(small_run):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    stars = pandas.read_csv(small_run / "stars.ecsv", comment="#", sep=" ")
    assert set(STAR_COLUMNS) <= set(stars.columns) and len(stars) > 100
    photometry = pandas.read_parquet(small_run / "photometry.parquet")
    assert len(photometry) == 4 * len(stars)


def test_masters_are_fits_files_with_variance_and_mask(small_run):
    names = sorted(p.name for p in (small_run / "masters").iterdir())
    assert len(names) == 4 and all(n.endswith(".fits") for n in names)
    assert [n.split("_")[0] for n in names] == ["bias", "dark", "flat", "flat"]
    for name in names:
        with fits.open(small_run / "masters" / name) as hdus:
            assert {"VAR", "MASK"} <= {hdu.name for hdu in hdus}
            assert hdus["VAR"].data.shape == hdus["MASK"].data.shape == (320, 320)


def test_plots_and_report_are_there_and_need_no_network(small_run):
    plots = {p.name for p in (small_run / "plots").iterdir()}
    assert {"cmd_g-r_g.png", "frames.png", "masters.png", "noise.png", "detection_g.png"} <= plots
    assert {"zeropoint_g.png", "budget_r.png", "profile.png", "growth.png", "camera.png"} <= plots
    for path in (small_run / "plots").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    page = (small_run / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?\s*(https?:)?//""", page)
    assert "@import" not in page and "url(http" not in page
    assert page.count("data:image/png;base64,") >= len(plots) - 1


def test_the_provenance_tells_everything(small_run, small_night):
    facts = json.loads((small_run / "run.json").read_text())
    assert facts["night"] == str(small_night)
    assert facts["catalog"] == str(small_night / "catalog.csv")
    assert len(facts["inputs"]) == 16
    for one in facts["inputs"]:
        assert one["sha256"] == hashlib.sha256(Path(one["path"]).read_bytes()).hexdigest()
    assert facts["settings"]["detect"]["threshold"] == {"value": 5.0, "default": 5.0, "unit": "sigma"}
    assert {"pogson", "python", "numpy", "astropy", "numba"} <= set(facts["versions"])
    assert {"masters", "frames", "magnitudes"} <= set(facts["seconds"])
    assert facts["frames_failed"] == [] and facts["frames_rejected"] == []
    assert facts["summary"] and facts["started"]
    assert not (small_run / ".pogson").exists()


def same(one, other, rename=lambda name: name):
    for name in ("stars.ecsv", "photometry.parquet", "zeropoints.ecsv"):
        a, b = read_table(one / name), read_table(other / name)
        assert a.colnames == b.colnames and len(a) == len(b)
        for column in a.colnames:
            x, y = a[column], b[column]
            if column == "frame":
                x, y = [Path(v).name for v in x], [rename(Path(v).name) for v in y]
            assert np.array_equal(x, y, equal_nan=a[column].dtype.kind == "f"), (name, column)


@pytest.mark.parametrize("workers", [1, 4])
def test_results_do_not_depend_on_the_number_of_workers(small_night, small_run, tmp_path, workers):
    run(small_night, out=tmp_path / "out", catalog=small_night / "catalog.csv", workers=workers)
    same(small_run, tmp_path / "out")


def test_results_do_not_depend_on_names_and_order_of_the_files(small_night, small_run, tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    names = {}
    for i, path in enumerate(sorted(small_night.glob("*.fits"), reverse=True)):
        names[f"{i:03d}.fits"] = path.name
        shutil.copy(path, night / f"{i:03d}.fits")
    run(night, out=tmp_path / "out", catalog=small_night / "catalog.csv", workers=2)
    same(small_run, tmp_path / "out", rename=names.__getitem__)


def test_a_night_that_does_not_fit_in_memory_gives_the_same(small_night, small_run, tmp_path):
    run(small_night, out=tmp_path / "out", catalog=small_night / "catalog.csv", memory=1e-6, workers=2)
    same(small_run, tmp_path / "out")


def test_a_field_made_of_part_of_the_frames_gives_the_same_within_its_errors(
    small_night, small_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("pogson.pipeline.reduce.SURVEY", 2)
    result = run(small_night, out=tmp_path / "out", catalog=small_night / "catalog.csv", workers=2)
    assert result.exit_code == 0
    assert len(set(result.photometry["frame"])) == 4
    whole = read_table(small_run / "stars.ecsv")
    assert 0.9 * len(whole) < len(result.stars) < 1.1 * len(whole)
    # the field may stand on another reference frame: stars are found again by their coordinates
    near = np.hypot(
        (whole["ra"][:, None] - result.stars["ra"][None]) * np.cos(np.radians(38)),
        whole["dec"][:, None] - result.stars["dec"][None],
    )
    pair = np.argmin(near, axis=1)
    close = near[np.arange(len(whole)), pair] * 3600 < 0.3
    assert close.sum() > 0.9 * len(whole)
    for band in "gr":
        a, b = whole[close], result.stars[pair[close]]
        good = (a[f"mag_{band}_err"] < 0.05) & (a["flags"] == 0) & (b["flags"] == 0)
        off = np.asarray(a[f"mag_{band}"] - b[f"mag_{band}"])[good] / np.asarray(a[f"mag_{band}_err"])[good]
        assert good.sum() > 40
        assert np.nanmedian(np.abs(off)) < 0.5
