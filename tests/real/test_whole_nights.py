"""Whole runs on real nights: what must come out of each, and what must be said."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pogson.core.errors import NightError
from pogson.io.tables import read_table
from pogson.pipeline.run import run
from pogson.pipeline.settings import check_settings


@pytest.fixture(scope="module")
def reduced(real_data, tmp_path_factory):
    """Reduce a night once; the folder of its products."""
    done = {}

    def reduce(name, **options):
        if name not in done:
            out = tmp_path_factory.mktemp(name) / "out"
            done[name] = run(real_data / name, out=out, **options)
        return done[name]

    return reduce


@pytest.fixture
def m13(reduced, real_data):
    return reduced("m13_raw", catalog=real_data / "catalogs" / "m13_sdss_griz_reference.csv")


def lights(result):
    frames = result.frames
    return frames[np.asarray(frames["kind"], str) == "light"]


def test_m13_is_reduced_and_the_cloud_is_noticed(m13):
    assert m13.exit_code == 0
    frames = lights(m13)
    assert len(frames) == 8 and all(frames["accepted"])
    g = frames[np.asarray(frames["band"], str) == "g"]
    cloudy = [r for r in g if "cloud" in r["reasons"]]
    assert len(cloudy) == 1 and cloudy[0]["transparency"] < 0.8
    assert any("cloud or haze" in line for line in m13.summary)
    assert np.all(np.isfinite(m13.zero_points["zero_point"]))
    assert np.all(m13.zero_points["zero_point_err"] < 0.1)


def test_m13_shows_its_giant_branch_and_its_horizontal_branch(m13):
    stars = m13.stars
    good = (np.asarray(stars["mag_g_err"]) < 0.1) & (np.asarray(stars["mag_r_err"]) < 0.1)
    g, color = np.asarray(stars["mag_g"])[good], np.asarray(stars["mag_g"] - stars["mag_r"])[good]

    def count(bright, faint, blue, red):
        return int(np.sum((g > bright) & (g < faint) & (color > blue) & (color < red)))

    # boxes on the giant branch, on the blue horizontal branch, and where no star of the cluster is
    giants, horizontal, nothing = (
        count(14.5, 17.0, 0.35, 0.9),
        count(14.7, 16.5, -0.45, -0.05),
        count(14.5, 17.0, 1.1, 1.8),
    )
    assert giants > 150
    assert horizontal > 30
    assert nothing < 0.1 * giants


def test_reduced_frames_need_no_masters_and_agree_with_the_observatory(reduced, real_data):
    result = reduced("lco_reduced")
    assert result.exit_code == 0
    assert not (result.folder / "masters").exists()
    frames = lights(result)
    assert all(frames["accepted"]) and not any(frames["missing"])
    name = "coj0m405-kb97-20170817-0388-e91.fits.fz"
    path = next(p for p in frames["path"] if p.endswith(name))
    ours = result.photometry[np.asarray(result.photometry["frame"], str) == path]
    ours = ours[(ours["flags"] == 0) & (ours["flux"] / ours["flux_err"] > 30)]
    theirs = fits.getdata(real_data / "lco_reduced" / name, "CAT")
    # the observatory counts pixels from 1
    x, y = theirs["x"] - 1.0, theirs["y"] - 1.0
    apart = np.hypot(np.asarray(ours["x"])[:, None] - x, np.asarray(ours["y"])[:, None] - y)
    pair = apart.argmin(axis=1)
    close = apart[np.arange(len(ours)), pair] < 1.5
    assert close.sum() > 50
    dx = (np.asarray(ours["x"]) - x[pair])[close]
    dy = (np.asarray(ours["y"]) - y[pair])[close]
    assert abs(np.median(dx)) < 0.1 and abs(np.median(dy)) < 0.1
    ratio = (np.asarray(ours["flux"]) / theirs["flux"][pair])[close]
    assert 1.4826 * np.median(np.abs(ratio / np.median(ratio) - 1)) < 0.05


def test_a_transit_without_calibration_frames_is_followed(real_data, tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    for path in sorted((real_data / "hatp32_transit").glob("*.gz"))[:8]:
        (night / path.name).symlink_to(path.resolve())
    result = run(night, out=tmp_path / "out")
    assert result.exit_code == 0
    frames = lights(result)
    assert all(np.isfinite(frames["match_rms"])) and np.all(frames["match_rms"] < 0.5)
    assert all(frames["accepted"])
    said = "\n".join(result.summary)
    assert "no dark" in said and "no flat" in said
    assert "magnitudes are instrumental" in said
    target = np.argmin(np.hypot(result.stars["x"] - 424, result.stars["y"] - 286))
    assert np.hypot(result.stars["x"][target] - 424, result.stars["y"][target] - 286) < 12


#: EXOTIC's result from the same frames
PUBLISHED = (("mid_time", 2458107.71406, 0.00097), ("radius_ratio", 0.1541, 0.0033))


def transit_of(result):
    """Value and error by quantity; those published lie within two errors, and ours are not much larger."""
    rows = read_table(result.folder / "target" / "results.ecsv")
    found = {str(row["quantity"]): (float(row["value"]), float(row["error"])) for row in rows}
    for name, value, error in PUBLISHED:
        assert abs(found[name][0] - value) < 2.0 * np.hypot(found[name][1], error), name
        assert found[name][1] < 2.0 * error, name
    return found


def test_hatp32_is_what_others_published(reduced):
    result = reduced("hatp32_transit", recipe="series", target="424,286")
    frames = lights(result)
    assert len(frames) == 142
    aligned = np.isfinite(frames["match_rms"])
    assert all(reason for reason in frames["reasons"][~aligned])
    assert np.sum(frames["accepted"]) >= 130
    assert transit_of(result)["residual_rms"][0] < 0.55, "published: 0.55 %"


def test_a_fixed_aperture_that_the_comparison_stars_choose_makes_hatp32_better(real_data, tmp_path):
    settings = check_settings({"measure": {"radii": [2.0, 2.5, 3.0, 3.5, 4.0, 5.0]}})
    night = real_data / "hatp32_transit"
    result = run(night, out=tmp_path / "out", recipe="series", target="424,286", settings=settings)
    assert any("comparison stars scatter least" in line for line in result.summary)
    assert transit_of(result)["residual_rms"][0] < 0.49


def test_frames_without_filter_and_gain_say_what_is_missing(reduced):
    result = reduced("m13_blue_stack")
    assert result.exit_code == 0
    said = "\n".join(result.summary)
    assert 'no filter in the header: name it in the settings: [bands] "" = "V"' in said
    assert "EMPIRICAL errors: the gain is unknown" in said
    assert all(lights(result)["accepted"])
    assert len(result.stars) > 30
    assert "inst_unknown" in result.stars.colnames


def test_awkward_names_and_other_dark_times_are_no_trouble(reduced):
    result = reduced("m16_halpha")
    assert result.exit_code == 0
    assert all(lights(result)["accepted"])
    assert "dark of 300 s scaled to 600 s" in "\n".join(result.summary)
    assert list(dict.fromkeys(lights(result)["band"])) == ["Ha"]
    assert len(list((result.folder / "masters").glob("*.fits"))) >= 3


@pytest.mark.parametrize("name", ["zwo_cmos", "ccd_ladder"])
def test_calibration_frames_alone_are_one_line(real_data, tmp_path, name):
    with pytest.raises(NightError, match="no light frame among"):
        run(real_data / name, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zoo_of_files_ends_with_a_reason_for_each(reduced):
    result = reduced("oddities")
    assert result.exit_code == 3
    frames = lights(result)
    used = {Path(p).name for p in frames["path"][np.asarray(frames["accepted"], bool)]}
    assert used == {"solved.fits.fz", "unsolved.fits"}, "the two frames of one field that have exposure times"
    failed = [line for line in result.summary if line.startswith("FAILED")]
    assert len(failed) == len(result.failures) > 10
    assert all(len(line.split(": ", 1)[1]) > 10 for line in failed)
    assert not any("unexpected" in line or "Error" in line for line in failed)
    json.loads((result.folder / "run.json").read_text())
