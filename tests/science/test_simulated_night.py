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


@pytest.fixture(scope="module")
def nights(recovery, tmp_path_factory):
    """The demo's night and two others: in one alone a bin holds some dozens of stars."""
    found = [recovery.pulls]
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp(f"night{seed}")
        write_night({"seed": seed}, folder / "night")
        run(folder / "night", out=folder / "out", catalog=folder / "night" / "catalog.csv")
        found.append(compare_with_truth(folder / "out", folder / "night").pulls)
    return found


def test_the_pulls_of_single_measurements_are_one_wide_at_every_brightness(nights):
    # the width is that within a night: what its stars share is the zero point's error, tested above
    for bins in zip(*nights, strict=True):
        assert len({p.low for p in bins}) == 1
        assert sum(p.n for p in bins) > 200
        assert 0.9 < np.mean([p.width for p in bins]) < 1.1
    assert [p.low for p in nights[0]] == [10, 20, 50, 100, 200, 500]


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
