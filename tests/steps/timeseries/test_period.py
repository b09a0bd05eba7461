"""Known periods come back, noise gives none, and aliases are named."""

import numpy as np
import pytest
from astropy.table import Table
from known_series import series

from pogson.core.errors import NightError, SettingError
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.period import add_periods, find_period, find_periods
from pogson.steps.timeseries.variability import measure_variability


def nights(n=5, points=80, seed=1):
    rng = np.random.default_rng(seed)
    t = np.concatenate([k + np.sort(rng.uniform(0.0, 0.3, points)) for k in range(n)]) + 2460000.25
    return t, rng.normal(0, 0.01, len(t)), np.full(len(t), 0.01)


def test_a_sine_comes_back_with_its_period_error_and_epoch():
    pulls = []
    for seed in range(40):
        t, noise, err = nights(seed=seed)
        mag = noise + 0.03 * np.cos(2 * np.pi * (t - 2460002.1) / 0.1234)
        found = find_period(t, mag, err)
        pulls.append((found.period - 0.1234) / found.period_err)
        assert found.fap < 1e-20
        assert abs((found.epoch - 2460002.1 + 0.0617) % 0.1234 - 0.0617) < 0.003
        assert abs(found.epoch - t.mean()) < 3
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.5


def test_white_noise_is_a_false_alarm_as_often_as_it_is_said():
    faps = []
    for seed in range(60):
        t, noise, err = nights(n=2, points=40, seed=seed)
        faps.append(find_period(t, noise, err).fap)
    assert np.mean(np.array(faps) < 0.1) < 0.2
    assert np.median(faps) > 0.2
    strings = [find_period(*nights(n=1, points=60, seed=s), method="string").fap for s in range(40)]
    assert np.mean(np.array(strings) < 0.05) < 0.2


def test_an_eclipse_is_found_by_boxes():
    t, noise, err = nights(n=8)
    period, epoch = 0.67, 2460003.3
    phase = ((t - epoch) / period + 0.5) % 1 - 0.5
    mag = noise + np.where(np.abs(phase) < 0.04, 0.05, 0.0)
    found = find_period(t, mag, err, method="box", shortest=0.3, longest=2.0)
    ratio = found.period / period
    assert ratio == pytest.approx(round(ratio), rel=2e-3)
    assert found.fap < 1e-6
    assert np.abs(found.phase(np.array([epoch])))[0] < 0.05


def test_a_shape_that_is_no_sine_is_found_by_its_string():
    t, noise, err = nights(n=4)
    phase = (t / 0.31) % 1
    mag = noise + 0.1 * np.where(phase < 0.15, phase / 0.15, (1 - phase) / 0.85)
    found = find_period(t, mag, err, method="string", shortest=0.1, longest=1.0)
    assert found.period == pytest.approx(0.31, rel=2e-3)
    assert found.fap < 1e-10


def test_the_alias_of_one_cycle_a_day_is_named():
    t, noise, err = nights(n=3)
    mag = noise + 0.05 * np.cos(2 * np.pi * t / 0.15)
    found = find_period(t, mag, err)
    table = {row["kind"]: row for row in found.aliases}
    more = table["one cycle a day more"]
    assert more["period"] == pytest.approx(1 / (1 / 0.15 + 1), rel=1e-3)
    assert more["likely"]
    assert not table["twice the period"]["likely"]


def test_where_no_whole_turn_was_seen_the_period_is_a_lower_limit():
    t, noise, err = nights(n=1)
    slow = noise + 0.2 * np.cos(2 * np.pi * t / (2.5 * np.ptp(t)))
    found = find_period(t, slow, err)
    assert found.is_lower_limit
    assert not find_period(t, noise + 0.2 * np.cos(2 * np.pi * t / (0.3 * np.ptp(t))), err).is_lower_limit
    nothing = [np.nan, np.nan]
    table = add_periods(Table({"star": [1, 2], "period": nothing, "fap": nothing}), {1: found})
    assert np.isnan(table["period"][0])
    assert table["fap"][0] < 1e-10


def test_only_the_stars_that_stand_out_get_a_period():
    curves, _, _ = series(stars=60, frames=300, variable=(5,), amplitude=0.05)
    found = compare_ensemble(curves)
    variability = measure_variability(found)
    periods = find_periods(found, variability, first=3)
    table = add_periods(variability, periods)
    assert len(periods) == 3
    assert periods[6].period == table["period"][5]
    assert table["period"][5] == pytest.approx(37 / 500, rel=0.01)
    assert np.isfinite(table["fap"]).sum() == 3
    assert np.isfinite(table["period"]).sum() == 1


def test_what_makes_no_sense_is_said_in_a_line():
    t, noise, err = nights()
    with pytest.raises(SettingError, match="no method 'fft'"):
        find_period(t, noise, err, method="fft")
    with pytest.raises(SettingError, match="must be above 0 and below longest"):
        find_period(t, noise, err, shortest=5.0, longest=1.0)
    with pytest.raises(NightError, match="3 points in the light curve"):
        find_period(t[:3], noise[:3], err[:3])
