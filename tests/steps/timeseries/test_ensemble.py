"""Light curves keep their gaps, and the ensemble finds what each frame did to all stars."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from known_series import series

from pogson.core.columns import PHOTOMETRY
from pogson.core.errors import FrameError, NightError, SettingError
from pogson.core.flags import Star
from pogson.core.frame import Exposure
from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.collect import collect_light_curves
from pogson.steps.timeseries.comparison import best_of_brightest, find_near, score_comparisons
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.shade import find_shaded


def test_constant_stars_come_out_constant_with_pulls_one_wide():
    curves, truth, loss = series()
    found = compare_ensemble(curves)
    pull = (found.mag - truth - np.nanmean(loss)) / found.mag_err
    pull -= np.nanmean(pull)
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.05)
    frame = (found.frame_mag - loss + loss.mean()) / found.frame_mag_err
    assert np.std(frame) == pytest.approx(1.0, abs=0.2)


def test_gaps_and_a_field_that_no_star_stays_in_do_no_harm():
    for options in ({"gaps": 0.3}, {"drift": True}):
        curves, _, loss = series(**options)
        found = compare_ensemble(curves, min_coverage=0.3)
        assert np.std(found.frame_mag - loss) < 0.004
        assert found.mag.shape == curves.flux.shape


def test_a_variable_loses_its_weight_and_keeps_its_variation():
    curves, truth, _ = series(variable=(0, 3))
    found = compare_ensemble(curves)
    assert found.weight[0] < 0.1 * found.weight[1]
    assert found.scatter[0] == pytest.approx(0.2 / np.sqrt(2), rel=0.1)
    shape = np.corrcoef(found.mag[0], truth[0])[0, 1]
    assert shape > 0.995
    assert np.std(found.mag[0]) == pytest.approx(np.std(truth[0]), rel=0.03)


def test_a_star_is_not_compared_with_itself():
    """With few stars, a star in its own ensemble would hide a part of its variation."""
    curves, truth, _ = series(stars=3, variable=(0,), amplitude=0.05)
    found = compare_ensemble(curves)
    assert np.std(found.mag[0]) == pytest.approx(np.std(truth[0]), rel=0.05)
    wrong = -2.5 * np.log10(curves.flux[0] / curves.flux.sum(0))
    assert np.std(wrong) < 0.7 * np.std(truth[0])


def test_the_target_can_be_kept_out():
    curves, _, _ = series()
    found = compare_ensemble(curves, exclude=[1, 2])
    assert (found.weight[:2] == 0).all()
    assert np.isfinite(found.mag[0]).all()
    assert found.weight.sum() == pytest.approx(1.0)


def test_negative_fluxes_are_kept():
    curves, _, _ = series()
    curves.flux[39, 5] = -3.0
    found = compare_ensemble(curves)
    assert found.curves.flux[39, 5] < 0
    assert np.isnan(found.mag[39, 5])


def test_spoiled_points_do_not_enter_the_ensemble():
    curves, _, loss = series()
    curves.flux[:10, 7] *= 0.3
    curves.flags[:10, 7] = int(Star.SATURATED)
    assert abs(compare_ensemble(curves).frame_mag[7] - loss[7] + loss.mean()) < 0.01


def test_too_few_comparison_stars_are_said():
    curves, _, _ = series(stars=3)
    with pytest.raises(NightError, match=r"1 star\(s\) fit for comparison, 2 are needed"):
        compare_ensemble(curves, exclude=[1, 2])


def test_the_scatter_of_constant_stars_is_the_one_expected():
    curves, _, _ = series(stars=200, frames=300)
    found = compare_ensemble(curves)
    expected = np.sqrt(np.nanmean(found.mag_err**2, 1))
    bright = expected < 1.0857 / 20
    ratio = np.nanstd(found.mag, axis=1, ddof=1)[bright] / expected[bright]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02)
    assert ratio.std() == pytest.approx(1 / np.sqrt(2 * 300), rel=0.25)


def test_the_error_of_the_ensemble_is_in_the_error_of_its_smallest_ensembles():
    """With two comparison stars as faint as the target, a third of the variance is the target's own."""
    curves, truth, loss = series(stars=8, frames=400)
    found = compare_ensemble(curves, target=5, comparisons=[6, 7])
    pull = (found.mag[4] - truth[4] - loss.mean()) / found.mag_err[4]
    assert np.std(pull) == pytest.approx(1.0, abs=0.07)
    with np.errstate(invalid="ignore"):
        own = 1.0857 * curves.flux_err[4] / curves.flux[4]
    assert np.std((found.mag[4] - truth[4] - loss.mean()) / own) > 1.2


def test_a_bright_variable_does_not_have_the_first_word():
    """Weighted by its tiny errors alone, it would make all others vary and look constant itself."""
    curves, _, loss = series(stars=30, variable=(0,), amplitude=0.5)
    curves.flux[0] *= 100.0
    curves.flux_err[0] *= 10.0
    found = compare_ensemble(curves)
    assert found.weight[0] < 1e-3
    assert np.std(found.frame_mag - loss) < 0.003
    w = 1 / (1.0857 * curves.flux_err / curves.flux) ** 2
    mag = -2.5 * np.log10(curves.flux)
    naive = (w * (mag - mag.mean(1, keepdims=True))).sum(0) / w.sum(0)
    assert np.std(naive - loss) > 0.2


def test_the_target_is_found_by_its_place_and_never_in_the_ensemble():
    curves, _, _ = series()
    x, y = curves.stars["x"][7], curves.stars["y"][7]
    assert find_near(curves.stars, x + 0.5, y - 0.5, within=3.0)[0] == 8
    assert find_near(curves.stars, -500.0, -500.0, within=3.0) == []
    stars = Table({"id": [4, 5], "ra": [359.9995, 10.0], "dec": [60.0, 60.0]})
    assert find_near(stars, 0.0005, 60.0, within=0.001, sky=True) == [4]
    found = compare_ensemble(curves, target=8)
    assert 8 not in found.members
    assert found.check not in (0, 8)
    assert found.check not in found.members


def test_a_check_star_is_like_the_target_and_can_be_named():
    curves, _, _ = series(stars=100)
    bright, faint = compare_ensemble(curves, target=2), compare_ensemble(curves, target=80)
    assert bright.check < 25
    assert faint.check > 50
    assert compare_ensemble(curves, target=2, check=33).check == 33
    with pytest.raises(NightError, match="no star number 999 in the field"):
        compare_ensemble(curves, check=999)


def test_every_part_of_a_score_can_be_seen():
    curves, _, _ = series(variable=(3,))
    curves.stars["x"][11], curves.stars["y"][11] = curves.stars["x"][10] + 4, curves.stars["y"][10]
    curves.flux[20, ::2] = np.nan
    curves.stars["color"] = np.linspace(0.0, 2.0, 40)
    table = score_comparisons(curves, target=1, min_coverage=0.3)
    row = {int(n): k for k, n in enumerate(table["star"])}
    assert 1 not in row
    assert table["part_scatter"][row[4]] < 0.05
    assert table["part_isolation"][row[11]] < 0.7
    assert table["part_coverage"][row[21]] == pytest.approx(0.5, abs=0.02)
    assert table["part_color"][row[39]] < table["part_color"][row[3]]
    parts = [table[name] for name in table.colnames if name.startswith("part_")]
    np.testing.assert_allclose(np.prod(parts, axis=0), table["score"])
    assert (np.diff(table["score"]) <= 0).all()


def test_stars_that_drift_with_their_place_have_no_say():
    """Half the field follows a gradient that the brightest half does not."""
    curves, _, loss = series(stars=60, frames=240, clouds=0.0)
    drift = 0.04 * np.linspace(-1, 1, 240)
    curves.flux[30:] *= 10 ** (-0.4 * drift)
    found = compare_ensemble(curves)
    assert found.weight[:30].sum() > 0.97
    assert np.std(found.frame_mag - loss) < 0.002


def test_twenty_of_the_forty_brightest_is_a_named_alternative():
    curves, truth, loss = series(stars=80, variable=(0, 3))
    found = compare_ensemble(curves, method="best 20 of 40")
    assert len(found.members) == 20
    assert not np.isin([1, 4], found.members).any()
    assert np.std(found.frame_mag - loss) < 0.004
    pull = (found.mag - truth - loss.mean()) / found.mag_err
    pull = pull[[k for k in range(40) if k not in (0, 3)]]
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.05)
    best = compare_ensemble(curves)
    assert np.mean(best.frame_mag_err) < np.mean(found.frame_mag_err)
    with pytest.raises(SettingError, match="no method 'median'"):
        compare_ensemble(curves, method="median")


def test_all_combinations_of_twenty_of_forty_need_not_be_tried():
    rng = np.random.default_rng(4)
    mag = rng.normal(0, 0.003, (12, 200)) + np.linspace(1, 2, 12)[:, None]
    mag[[2, 5]] += rng.normal(0, 0.05, (2, 200))
    rows = best_of_brightest(mag, np.ones(mag.shape, bool), brightest=10, keep=8)
    np.testing.assert_array_equal(rows, [0, 1, 3, 4, 6, 7, 8, 9])


def test_a_frame_through_thick_cloud_is_not_too_bright():
    """A mean of logarithms of faint fluxes, weighted by them, is: only what came out bright counts."""
    off, wrong = [], []
    for seed in range(12):
        curves, _, loss = series(stars=60, frames=60, clouds=0.0, seed=seed)
        rng = np.random.default_rng(seed)
        dark = rng.choice(60, 4, replace=False)
        light = curves.flux[:, dark] * 60 * 10 ** (-0.4 * 3.5)
        counts = light + rng.normal(0, np.sqrt(light + 300.0**2))
        curves.flux[:, dark] = counts / 60
        curves.flux_err[:, dark] = np.sqrt(np.maximum(counts, 0) + 300.0**2) / 60
        found = compare_ensemble(curves, comparisons=range(1, 61))
        clear = np.delete(np.arange(60), dark)
        zero = np.median((found.frame_mag - loss)[clear])
        off.append((found.frame_mag[dark] - loss[dark] - 3.5 - zero) / found.frame_mag_err[dark])
        star = np.nanmedian(-2.5 * np.log10(curves.flux[:, clear]) - loss[clear], axis=1)
        good = curves.flux[:, dark] > 3 * curves.flux_err[:, dark]
        w = np.where(good, (curves.flux / curves.flux_err)[:, dark] ** 2, 0.0)
        mag = -2.5 * np.log10(np.where(good, curves.flux[:, dark], 1.0)) - star[:, None]
        naive = (w * mag).sum(0) / w.sum(0)
        wrong.append((naive - loss[dark] - 3.5) / found.frame_mag_err[dark])
    assert abs(np.mean(off)) < 0.3
    assert np.std(off) == pytest.approx(1.0, abs=0.25)
    assert np.mean(wrong) < -0.5


def test_a_satellite_over_one_star_does_not_choose_the_number_of_stars():
    curves, _, _ = series(stars=40, frames=160)
    many = len(compare_ensemble(curves).members)
    curves.flux[20, 25] *= 30.0
    curves.flux_err[20, 25] *= 5.0
    assert len(compare_ensemble(curves).members) >= 0.8 * many


def test_the_order_of_the_stars_changes_nothing():
    curves, _, _ = series()
    turned = dataclasses.replace(
        curves,
        flux=curves.flux[::-1],
        flux_err=curves.flux_err[::-1],
        stars=curves.stars[::-1],
    )
    a, b = compare_ensemble(curves), compare_ensemble(turned)
    assert set(a.members) == set(b.members)
    np.testing.assert_allclose(a.mag, b.mag[::-1], atol=1e-6)


def photometry(frame, band, time, stars, flux):
    values = {c.name: np.zeros(len(stars)) for c in PHOTOMETRY.columns}
    values |= {
        "star": np.array(stars),
        "frame": np.full(len(stars), frame),
        "band": np.full(len(stars), band),
        "bjd_tdb": np.full(len(stars), time),
        "flux": np.array(flux, float),
        "flux_err": np.ones(len(stars)),
    }
    return PHOTOMETRY.table({"exposure": Exposure(exptime=10.0, band=band)}, **values)


def test_collecting_sorts_by_time_keeps_gaps_and_one_band():
    tables = [
        photometry("b", "V", 2.0, [1, 2], [20, 40]),
        photometry("a", "V", 1.0, [2, 3], [30, 50]),
        photometry("c", "B", 1.5, [1], [1]),
    ]
    curves = collect_light_curves(tables)
    assert list(curves.frames["frame"]) == ["a", "b"]
    np.testing.assert_array_equal(curves.flux, [[np.nan, 2.0], [3.0, 4.0], [5.0, np.nan]])
    assert collect_light_curves(tables, band="B").flux.shape == (1, 1)
    assert curves.row(3) == 2
    with pytest.raises(NightError, match="no frame in band 'R' was measured; bands: V, B"):
        collect_light_curves(tables, band="R")
    with pytest.raises(NightError, match="no frame was measured"):
        collect_light_curves([])


def test_a_copy_of_a_frame_counts_once_and_the_field_gives_places():
    one = photometry("a", "V", 1.0, [1, 2], [20, 40])
    copy = photometry("a copy", "V", 1.0, [1, 2], [20, 40])
    other = photometry("b", "V", 1.0, [1, 2], [21, 40])
    field = Table({"id": [1, 2, 3], "x": [5.0, 6.0, 7.0], "y": [1.0, 1.0, 1.0], "flags": [0, 4, 0]})
    curves = collect_light_curves([one, copy, other], field)
    assert list(curves.frames["frame"]) == ["a", "b"]
    assert curves.flux.shape == (3, 2)
    assert np.isnan(curves.flux[2]).all()
    np.testing.assert_array_equal(curves.stars["x"], [5, 6, 7])
    assert curves.details["sky"].shape == (3, 2)


def test_shapes_must_agree():
    with pytest.raises(FrameError, match="flux has shape"):
        LightCurves(
            np.zeros(2),
            np.zeros((1, 3)),
            np.zeros((1, 3)),
            np.zeros((1, 3), int),
            Table({"id": [1]}),
            Table({"frame": ["a", "b"]}),
        )


@pytest.mark.parametrize("frames", [[50], [50, 57], [50, 57, 64, 71, 78, 85, 92, 99, 106, 113]])
@pytest.mark.parametrize("loss", [0.2, 0.5, 1.5])
def test_half_a_frame_behind_a_tree_spoils_neither_the_night_nor_the_other_half(frames, loss):
    """The mean of both halves agrees with nobody: all points would be left out, or all scatter."""
    curves, truth, _ = series(stars=60, frames=200)
    behind = np.asarray(curves.stars["x"]) > 500.0
    for k in frames:
        curves.flux[behind, k] *= 10 ** (-0.4 * loss)
        curves.flux_err[behind, k] *= 10 ** (-0.2 * loss)
    shaded = find_shaded(compare_ensemble(curves))
    assert shaded[behind][:, frames].mean() > 0.8
    assert shaded[~behind].mean() < 0.01
    flags = curves.flags | np.where(shaded, int(Star.SHADED), 0)
    found = compare_ensemble(replace(curves, flags=flags))
    assert np.median(found.scatter[found.weight > 0.0]) < 0.001
    off = (found.mag - np.median(found.mag - truth, axis=1)[:, None] - truth) / found.mag_err
    assert np.median(np.abs(off[~behind][:, frames])) < 1.0
    assert 0.95 < np.std(off[:, np.setdiff1d(np.arange(200), frames)]) < 1.05
