"""Light curves keep their gaps, and the ensemble finds what each frame did to all stars."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import PHOTOMETRY
from pogson.core.errors import FrameError, NightError
from pogson.core.flags import Star
from pogson.core.frame import Exposure
from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.collect import collect_light_curves
from pogson.steps.timeseries.ensemble import compare_ensemble


def series(seed=1, stars=40, frames=120, gaps=0.0, variable=(), amplitude=0.2, clouds=0.3, drift=False):
    rng = np.random.default_rng(seed)
    t = 2460000.0 + np.arange(frames) / 500
    mag = -np.sort(rng.uniform(5, 9, stars))[::-1]
    loss = clouds * rng.uniform(size=frames) + 0.1 * np.linspace(-1, 1, frames) ** 2
    truth = np.repeat(mag[:, None], frames, 1)
    for k in variable:
        truth[k] += amplitude * np.sin(2 * np.pi * np.arange(frames) / 37)
    expected = 10 ** (-0.4 * (truth + loss)) * 60
    flux = expected + rng.normal(0, np.sqrt(expected + 100.0**2))
    err = np.sqrt(np.maximum(flux, 0) + 100.0**2)
    flux[rng.uniform(size=flux.shape) < gaps] = np.nan
    if drift:  # no star is seen in all frames
        for k in range(stars):
            seen = np.abs(np.arange(frames) - frames * k / stars) < 0.6 * frames
            flux[k, ~seen] = np.nan
    frame = Table({"frame": [f"f{k}" for k in range(frames)], "bjd_tdb": t})
    curves = LightCurves(
        t, flux / 60, err / 60, np.zeros(flux.shape, np.int64), Table({"id": np.arange(1, stars + 1)}), frame
    )
    return curves, truth, loss


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
