"""`[stack] make = true`: a run leaves one deep image of each band, the same as `pogson stack` makes."""

import numpy as np
import pytest

import pogson as pg
from pogson.core.errors import FileError
from pogson.pipeline.run import run
from pogson.pipeline.settings import Settings

MAKE = Settings({"stack": {"make": True, "method": "mean"}})


@pytest.fixture(scope="module")
def reduced(small_night, tmp_path_factory):
    out = tmp_path_factory.mktemp("stacked") / "out"
    return run(small_night, out=out, catalog=small_night / "catalog.csv", settings=MAKE)


def test_a_run_leaves_a_stack_of_each_band_where_it_is_asked_to(reduced, small_run):
    assert sorted(p.name for p in (reduced.folder / "stacks").iterdir()) == ["g.fits", "r.fits"]
    assert not (small_run / "stacks").exists() and not (reduced.folder / ".pogson").exists()
    assert any("stacks/g.fits: 2 frames, worth" in line for line in reduced.summary)


def test_it_is_the_stack_that_the_verb_makes(reduced, small_night):
    for band in "gr":
        ours = pg.read_frame(reduced.folder / "stacks" / f"{band}.fits")
        verb = pg.stack(small_night, band=band, method="mean")
        np.testing.assert_array_equal(ours.data, verb.frame.data)
        np.testing.assert_array_equal(ours.variance, verb.frame.variance)
        assert ours.wcs is not None or not verb.frame.exposure.cards


def test_frames_that_were_not_accepted_are_not_stacked(small_night, tmp_path):
    settings = Settings({"stack": {"make": True}, "judge": {"drop": ("cluster_g_0001.fits",)}})
    done = run(small_night, out=tmp_path / "out", settings=settings)
    assert [p.name for p in (done.folder / "stacks").iterdir()] == ["r.fits"]
    assert any("no stack in g: it has 1 frame" in line for line in done.summary)


def test_a_disk_that_fills_up_while_stacking_is_one_line_and_the_work_is_kept(
    small_night, tmp_path, monkeypatch
):
    def full(*args, **kwargs):
        raise FileError("g.fits: cannot be written: no space left on device; check the disk")

    monkeypatch.setattr("pogson.pipeline.stack.products.write_frame", full)
    with pytest.raises(FileError, match="no space left"):
        run(small_night, out=tmp_path / "out", settings=MAKE)
    assert (tmp_path / "out" / ".pogson").is_dir() and not (tmp_path / "out" / "stars.ecsv").exists()
