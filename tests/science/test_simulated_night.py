"""What is put into a simulated night comes back out of it, with errors that are right."""

import numpy as np
import pytest

from pogson.io.tables import read_table
from pogson.pipeline.run import run
from pogson.pipeline.simulated import write_night
from pogson.pipeline.truth import compare_with_truth


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_night({}, folder / "night")
    run(folder / "night", out=folder / "out", catalog=folder / "night" / "catalog.csv")
    return folder


@pytest.fixture(scope="module")
def recovery(folders):
    return compare_with_truth(folders / "out", folders / "night")


def test_zero_points_come_back_within_two_errors(recovery):
    assert len(recovery.zero_points) == 14
    assert np.all(np.abs(recovery.zero_points["pull"]) < 2.0)


def test_bright_stars_come_back_within_three_millimagnitudes(recovery):
    assert set(recovery.bright_offset) == {"g", "r"}
    for offset in recovery.bright_offset.values():
        assert abs(offset) < 0.003


def test_the_pulls_of_single_measurements_are_one_wide_at_every_brightness(recovery):
    assert [p.low for p in recovery.pulls] == [10, 20, 50, 100, 200, 500]
    for p in recovery.pulls:
        assert p.n > 50
        assert 0.9 < p.width < 1.1


def test_the_frame_behind_cloud_is_noticed_and_calibrated(folders, recovery):
    frames = read_table(folders / "out" / "frames.ecsv")
    row = frames[[str(p).endswith("cluster_g_0007.fits") for p in frames["path"]]][0]
    assert row["accepted"]
    assert "cloud" in row["reasons"]
    assert row["transparency"] == pytest.approx(10 ** (-0.4 * 0.5), abs=0.03)


def test_the_gain_that_no_header_tells_is_measured(folders):
    frames = read_table(folders / "out" / "frames.ecsv")
    light = frames[np.asarray(frames["kind"], str) == "light"][0]
    assert abs(light["gain"] - 1.6) < 3 * light["gain_err"]
    assert abs(light["read_noise"] - 8.0) < 3 * light["read_noise_err"]
    assert "photon transfer" in light["gain_source"]
