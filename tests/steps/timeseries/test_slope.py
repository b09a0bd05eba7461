"""Frames that slope over the field: the slopes come back, and nothing is taken where none are."""

from dataclasses import replace

import numpy as np
import pytest
from known_series import series

from pogson.steps.timeseries import ensemble
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.slope import FieldSlope

#: half the field over the square root of three: the spread of places that are anywhere
SPREAD = 1000.0 / np.sqrt(12.0)


def places(curves):
    return ((np.asarray(curves.stars[name]) - 500.0) / SPREAD for name in ("x", "y"))


def dim(curves, mag):
    """The same light curves, fainter."""
    factor = 10.0 ** (-0.4 * mag)
    return replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor)


def night(size=0.003, stars=60, frames=200, seed=1, **options):
    """Light curves with slopes, their truth, and the slopes, magnitudes per `SPREAD`."""
    curves, truth, _ = series(stars=stars, frames=frames, seed=seed, **options)
    slope = np.random.default_rng(seed + 90).normal(0.0, size, (2, frames))
    slope -= slope.mean(1, keepdims=True)
    u, v = places(curves)
    return dim(curves, u[:, None] * slope[0] + v[:, None] * slope[1]), truth, slope


def pulls(found, truth, some=slice(None)):
    """Residuals of each star about its own mean, in errors."""
    off, var = (found.mag - truth)[some], found.mag_err[some] ** 2
    w = np.where(np.isfinite(off), 1.0 / var, 0.0)
    total = w.sum(1, keepdims=True)
    return (off - np.nansum(w * off, 1, keepdims=True) / total) / np.sqrt(var - 1.0 / total)


def without(monkeypatch, curves, **options):
    """The ensemble that knows of no slopes."""
    with monkeypatch.context() as patch:
        patch.setattr(ensemble, "fit_field_slope", lambda *_, **__: FieldSlope())
        return compare_ensemble(curves, **options)


def test_slopes_come_back_within_their_errors():
    off, sizes = [], []
    for seed in range(1, 6):
        curves, _, slope = night(seed=seed)
        found = compare_ensemble(curves).field_slope
        away = found.tilt - slope * found.scale[:, None] / SPREAD
        off.append((away - away.mean(1, keepdims=True)) / np.sqrt(found.cov[[0, 2]]))
        sizes.append(found.size / np.hypot(*(slope.std(1) * found.scale / SPREAD)))
    assert np.std(off) == pytest.approx(1.0, abs=0.06)
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("stars", [22, 60, 150])
@pytest.mark.parametrize("size", [0.003, 0.02])
def test_constant_stars_have_pulls_one_wide_where_they_would_not(monkeypatch, stars, size):
    """With few stars as well: a star that draws the plane towards itself looks no better than it is."""
    curves, truth, _ = night(size, stars)
    found, plain = compare_ensemble(curves), without(monkeypatch, curves)
    assert np.std(pulls(plain, truth)) > 1.15
    assert np.std(pulls(found, truth)) == pytest.approx(1.0, abs=0.05)
    assert np.std(pulls(found, truth, found.weight > 0.0)) == pytest.approx(1.0, abs=0.05)


def test_a_star_that_were_in_its_own_plane_would_look_too_good(monkeypatch):
    curves, truth, _ = night(stars=22)
    found = compare_ensemble(curves)
    mine = found.weight > 0.0
    right = np.std(pulls(found, truth, mine))

    def plain(stars, solution, slope):
        own = solution.away * solution.w / solution.w.sum(0)
        return own, solution.others_var + slope.of(stars)[1]

    monkeypatch.setattr(ensemble, "leave_itself_out", plain)
    wrong = np.std(pulls(compare_ensemble(curves), truth, mine))
    assert wrong < 0.93 < 0.96 < right < 1.04


def test_where_nothing_slopes_nothing_is_changed(monkeypatch):
    for seed in range(1, 11):
        curves, _, _ = series(stars=60, seed=seed)
        found, plain = compare_ensemble(curves), without(monkeypatch, curves)
        assert found.field_slope.n == 0
        assert found.field_slope.words.endswith("none beyond its errors")
        np.testing.assert_array_equal(found.mag, plain.mag)
        np.testing.assert_array_equal(found.mag_err, plain.mag_err)


def test_a_transit_at_the_corner_keeps_its_depth(monkeypatch):
    inside = np.abs(np.arange(200) - 100) < 30
    for seed in (1, 2, 3):
        curves, _, _ = night(0.005, seed=seed)
        x, y = places(curves)
        row = int(np.argmax(np.where(np.arange(60) < 20, np.abs(x) + np.abs(y), 0.0)))  # the first are bright
        curves.flux[row] *= np.where(inside, 10 ** (-0.4 * 0.012), 1.0)
        found, plain = compare_ensemble(curves, target=row + 1), without(monkeypatch, curves, target=row + 1)
        assert found.weight[row] == 0.0
        w = 1.0 / found.mag_err[row] ** 2
        before, during = (np.average(found.mag[row][part], weights=w[part]) for part in (~inside, inside))
        error = np.sqrt(sum(1.0 / w[part].sum() for part in (~inside, inside)))
        assert abs(during - before - 0.012) < 2.5 * error
        scatter = [np.std(one.mag[row][~inside]) for one in (found, plain)]
        assert scatter[0] < 0.6 * scatter[1]


def test_a_night_with_gaps_is_no_worse():
    curves, truth, _ = night(gaps=0.3)
    found = compare_ensemble(curves)
    assert found.field_slope.n == 200
    assert np.nanstd(pulls(found, truth)) == pytest.approx(1.0, abs=0.03)


def test_few_comparison_stars_or_none_with_a_place_take_nothing(monkeypatch):
    few, _, _ = night(stars=19)
    assert compare_ensemble(few).field_slope.reason == "18 comparison stars with a place, 20 are needed"
    nowhere, _, _ = night()
    nowhere.stars["x"] = np.where(np.arange(60) < 45, np.nan, nowhere.stars["x"])
    assert "comparison stars with a place" in compare_ensemble(nowhere).field_slope.reason
    del nowhere.stars["x"], nowhere.stars["y"]
    found = compare_ensemble(nowhere)
    assert found.field_slope.n == 0
    np.testing.assert_array_equal(found.mag, without(monkeypatch, nowhere).mag)
    line, _, _ = night()
    line.stars["x"] = np.full(60, 500.0)
    assert compare_ensemble(line).field_slope.reason == "all comparison stars in a line"
    rule, _, _ = night()
    assert compare_ensemble(rule, method="best 20 of 40").field_slope.reason == "not looked for"


def test_a_frame_with_few_stars_is_hardly_corrected_and_knows_it(monkeypatch):
    curves, _, _ = night()
    curves.flux[np.arange(60) % 10 > 0, 50] = np.nan  # six stars are left
    curves.flux[np.arange(60) % 20 > 0, 60] = np.nan  # three
    found, plain = compare_ensemble(curves), without(monkeypatch, curves)
    usual, six, three = (np.sqrt(found.field_slope.cov[[0, 2], k]) for k in (49, 50, 60))
    assert (usual < 0.6 * six).all()
    assert not found.field_slope.tilt[:, 60].any()
    assert np.hypot(*three) == pytest.approx(found.field_slope.size, rel=1e-6)
    assert np.nanmean(found.mag_err[:, 60] - plain.mag_err[:, 60]) > 0.0005


def test_frames_behind_a_tree_or_under_patchy_clouds_are_no_planes(monkeypatch):
    """They are left as they would be, and do not tell how steep the others are."""
    curves, truth, _ = night(0.002, stars=100, seed=3)
    size = compare_ensemble(curves).field_slope.size
    u, v = places(curves)
    loss = np.zeros(truth.shape)
    loss[:, 100] = np.where(u > 0.8, 0.5, 0.0)
    loss[:, 101] = np.where(v < -1.0, 0.3, 0.0)
    loss[:, 102] = 0.1 * np.sin(3.2 * u) * np.sin(3.6 * v)
    loss[:, 103] = 0.1 * np.sin(4.0 * u + 1.0) * np.cos(1.5 * v)
    dimmed = dim(curves, loss)
    found, plain = compare_ensemble(dimmed), without(monkeypatch, dimmed)
    slope = found.field_slope
    assert slope.size == pytest.approx(size, rel=0.1)
    assert np.abs(slope.tilt[:, 100:104]).max() < 3.0 * size
    assert (slope.excess[102:104] > 2.0).all()
    rest = np.delete(np.arange(200), range(100, 104))
    widths = [np.std(pulls(one, truth)[:, rest]) for one in (found, plain)]
    assert widths[0] < 1.05 < widths[1]


def test_the_words_say_what_was_done():
    words = FieldSlope(n=464, stars=150, size=0.00134).words
    assert words == "slope over the field: 1.3 mmag rms taken out of 464 frames (150 comparison stars)"
