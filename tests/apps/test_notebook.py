"""The ten lines of a notebook give what the command gives."""

import numpy as np
import pytest

import pogson as pg
from pogson.core.errors import MatchError, SettingError
from pogson.io.tables import read_table


def test_the_ten_lines_of_a_notebook(small_night, small_run, tmp_path):
    catalog = small_night / "catalog.csv"
    frames = pg.scan_frames(small_night)
    masters = pg.make_masters(frames)
    images = [pg.calibrate_frame(f, masters) for f in pg.read_frames(frames, kind="light")]
    stars = [pg.detect_stars(image, threshold=5.0) for image in images]
    field, transforms = pg.match_frames(stars)
    field = pg.solve_field(field, catalog)
    fluxes = [pg.measure_aperture(image, field, at=t) for image, t in zip(images, transforms, strict=True)]
    mags = pg.standardize(fluxes, catalog)
    curves = pg.compare_ensemble(pg.collect_light_curves(fluxes))
    figure = pg.plot_diagram(mags, color="g-r", mag="g", path=str(tmp_path / "cmd.png"))

    whole = read_table(small_run / "stars.ecsv")
    assert len(frames) == 16 and len(images) == 4
    assert len(mags) == len(whole)
    for band in "gr":
        good = np.isfinite(whole[f"mag_{band}"])
        off = np.asarray(mags[f"mag_{band}"] - whole[f"mag_{band}"])[good]
        assert np.nanmedian(np.abs(off / np.asarray(whole[f"mag_{band}_err"])[good])) < 0.5
    assert curves is not None and figure is not None
    assert (tmp_path / "cmd.png").stat().st_size > 1000


def test_a_table_that_does_not_come_from_scan_frames_is_told(small_run):
    with pytest.raises(SettingError, match="call scan_frames"):
        pg.make_masters(read_table(small_run / "frames.ecsv"))


def test_standardize_without_fluxes_is_told():
    with pytest.raises(SettingError, match="needs the tables of measure_aperture"):
        pg.standardize([])


def test_a_catalogue_of_another_field_is_no_solution(small_night, tmp_path):
    catalog = pg.read_catalog(small_night / "catalog.csv")
    catalog["ra"] += 50.0
    frames = pg.scan_frames(small_night)
    raw = next(iter(pg.read_frames(frames)))
    field, _ = pg.match_frames([pg.detect_stars(pg.calibrate_frame(raw, pg.make_masters(frames)))])
    with pytest.raises(MatchError, match="no plate solution"):
        pg.solve_field(field, catalog)
