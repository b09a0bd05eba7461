"""Pictures of light curves: what is drawn is what was measured, and nothing is drawn of nothing."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.pipeline.series_pictures import LEGEND_ABOVE
from pogson.plots.lightcurve import plot_event, plot_folded, plot_light_curve
from pogson.plots.metrics import plot_shifts, plot_transparency_map
from pogson.plots.products import figure_covered, figure_shifts
from pogson.plots.style import new_figure, to_png
from pogson.plots.variability import plot_noise


def curve(n=60, amplitude=0.05):
    rng = np.random.default_rng(1)
    time = 2458107.6 + np.arange(n) / 300
    mag = -9 + amplitude * np.cos(2 * np.pi * time / 0.1) + rng.normal(0, 0.004, n)
    table = Table({"bjd_tdb": time, "mag": mag, "mag_err": np.full(n, 0.004), "flags": np.zeros(n, int)})
    table["check_mag"] = -8 + rng.normal(0, 0.004, n)
    table["check_mag_err"] = np.full(n, 0.004)
    table["flux"] = 10 ** (-0.4 * (mag + 9))
    table["flux_err"] = table["flux"] * 0.004
    return table


def axes(n=1):
    return list(new_figure(6, 3 * n, n, 1).axes)


def points(ax):
    """What was drawn as points, but not the means of points."""
    return [line.get_ydata() for line in ax.lines if line.get_marker() == "o" and line.get_markersize() < 4]


def test_target_check_and_raw_are_drawn_apart_and_bright_is_up():
    table = curve()
    table["flags"][5] = 4
    table["mag"][6] = np.nan
    (ax,) = axes()
    plot_light_curve(table, ax, raw=table, mark=2458107.7)
    labels = ax.get_legend_handles_labels()[1]
    assert [label.split(" (")[0] for label in labels] == [
        "target", "target, flagged", "before detrending", "before detrending, flagged",
        "check star",
    ]  # fmt: skip
    assert ax.yaxis_inverted()
    drawn = points(ax)
    assert np.nanmax(drawn[2]) < np.nanmin(drawn[0]), "raw and detrended do not touch"
    assert np.nanmin(drawn[4]) > np.nanmax(drawn[0]), "nor do target and check star"


def test_a_long_name_of_a_target_is_not_cut_off():
    table = curve()
    table["flags"][5] = 4
    figure = new_figure(9.8, 5.5, room=LEGEND_ABOVE)
    plot_light_curve(table, figure.axes[0], label="ASASSN-V J195442.95+172212.6", raw=table)
    to_png(figure)
    words = figure.get_tightbbox()
    assert words.x0 >= 0.0 and words.x1 <= 9.8 and words.y1 <= 5.5


def test_a_folded_curve_shows_two_turns_and_its_medians():
    (ax,) = axes()
    plot_folded(curve(), ax, period=0.1, epoch=2458107.6)
    assert ax.get_xlim() == (-0.5, 1.5)
    assert len(points(ax)) == 2
    medians = ax.lines[-1]
    np.testing.assert_allclose(
        medians.get_ydata()[:12], 0.05 * np.cos(2 * np.pi * medians.get_xdata()[:12]), atol=0.012
    )


def test_a_transit_is_drawn_with_its_baseline_and_residuals():
    table = curve(amplitude=0.0)
    table["model"], table["residual"] = np.full(60, 0.999), table["flux"] / 0.999 - 1
    two = axes(2)
    plot_event(table, two, mid=2458107.7, duration=0.1, title="HAT-P-32 b")
    assert "HAT-P-32 b" in (two[0].get_title(), two[0].get_title(loc="left"))
    np.testing.assert_allclose(points(two[1])[0], 100 * (table["flux"] / 0.999 - 1))
    assert [text.get_text().split("\n")[0] for text in two[0].texts] == ["measured", "check star"]


def test_what_was_measured_is_drawn_above_where_the_baseline_leans():
    table = curve(amplitude=0.0)
    table["baseline"] = 1 + 0.01 * np.linspace(-1, 1, 60)
    table["model"], table["residual"] = table["baseline"], table["flux"] / table["baseline"] - 1
    table["flux"][7] = table["baseline"][7] = np.nan
    two = axes(2)
    plot_event(table, two, mid=2458107.7)
    assert [text.get_text().split("\n")[0] for text in two[0].texts] == [
        "detrended",
        "measured",
        "check star",
    ]
    clean, raw = points(two[0])[:2]
    assert np.nanmin(raw) > np.nanmax(clean)


def variability(n=200):
    rng = np.random.default_rng(2)
    mag = rng.uniform(-12, -4, n)
    expected = 10 ** (-1 + 0.3 * (mag + 4))
    table = Table({"star": np.arange(n) + 1, "mag": mag, "expected_rms": expected})
    table["rms"] = expected * rng.normal(1, 0.05, n)
    table["rms"][7] *= 8
    table["rank"], table["excess"] = np.arange(n) + 2, np.zeros(n)
    table["rank"][7], table["excess"][7] = 1, 40.0
    table["role"] = ["field"] * n
    table["role"] = table["role"].astype("U10")
    table["role"][:3] = ["target", "check", "comparison"]
    table["quality"], table["flags"] = np.zeros((2, n), int)
    return table


def test_noise_is_drawn_with_what_is_expected_and_the_variable_has_its_number():
    (ax,) = axes()
    plot_noise(variability(), ax)
    assert [text.get_text() for text in ax.texts] == ["8"]
    labels = ax.get_legend_handles_labels()[1]
    assert {"200 stars", "expected from the errors", "target", "check", "comparison"} <= set(labels)
    assert ax.get_yscale() == "log"


def test_a_variable_that_lost_many_points_is_drawn_and_named_where_it_has_a_rank():
    (ax,) = axes()
    table = variability()
    first = table["rank"] == 1
    table["quality"][first] = -1
    plot_noise(table, ax)
    assert [text.get_text() for text in ax.texts] == [str(table["star"][first][0])]


def frames(n=30):
    table = Table(
        {"bjd_tdb": 2458107.6 + np.arange(n) / 300, "sky": np.full(n, 500.0), "fwhm": np.full(n, 3.0)}
    )
    table["accepted"] = np.arange(n) != 4
    table["dx"], table["dy"] = np.arange(n) * 1.0, np.zeros(n)
    table["rotation"] = np.where(np.arange(n) < 15, 179.9, -179.9)
    table["dx"][9] = np.nan
    return table


def test_half_a_turn_is_no_jump_of_a_whole_one():
    three = axes(3)
    plot_shifts(frames(), three)
    assert np.ptp(np.concatenate([line.get_ydata() for line in three[2].lines[:1]])) == pytest.approx(0.2)


def test_the_periodic_error_stands_out_once_the_drift_is_gone_on_each_side_of_the_meridian():
    table = frames(200)
    k = np.arange(200)
    table["rotation"] = np.where(k < 100, 0.0, 180.0)
    wave = 2.0 * np.sin(k / 3.0)
    table["dx"] = 0.8 * k + 0.001 * k**2 + wave + np.where(k < 100, 0.0, 60.0)
    table["dy"] = -0.3 * k
    three = axes(3)
    plot_shifts(table, three)
    left = np.concatenate([line.get_ydata() for line in three[1].lines[0:4:2]])
    assert np.corrcoef(left, wave)[0, 1] > 0.98
    assert np.ptp(left) == pytest.approx(4.0, abs=0.6)
    assert np.abs(np.concatenate([line.get_ydata() for line in three[1].lines[1:4:2]])).max() < 0.01


def test_rejected_frames_are_marked_over_the_shifts():
    three = axes(3)
    plot_shifts(frames(), three)
    labels = three[0].get_legend_handles_labels()[1]
    assert labels == ["x", "y", "rejected: rejected"]
    timeless = frames()
    timeless["bjd_tdb"][4] = np.nan
    figure = figure_shifts(timeless)
    assert figure.axes[0].get_legend_handles_labels()[1] == ["x", "y"]
    assert to_png(figure)


def test_only_the_most_covered_frames_are_shown():
    maps = {f"n/f{k}.fits": [[1.0, 1.0 - 0.05 * k], [1.0, float("nan")]] for k in range(10)}
    figure = figure_covered(maps)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"f{k}.fits" for k in range(4, 10)]
    assert figure_covered({}).axes


def test_a_covered_part_of_a_frame_is_told_in_percent():
    (ax,) = axes()
    plot_transparency_map(np.array([[1.0, 0.5], [np.nan, 0.2]]), ax, title="f7")
    assert [text.get_text() for text in ax.texts] == ["100%", "50%", "?", "20%"]


def test_nothing_is_said_in_words():
    empty = curve()
    empty["mag"] = empty["flux"] = np.nan
    empty["baseline"] = empty["model"] = np.nan
    for draw in (
        lambda ax: plot_light_curve(empty, ax),
        lambda ax: plot_folded(empty, ax, period=0.1, epoch=0.0),
        lambda ax: plot_noise(variability()[:0], ax),
        lambda ax: plot_transparency_map(np.full((2, 2), np.nan), ax),
    ):
        (ax,) = axes()
        assert len(draw(ax).texts) == 1
    assert plot_event(empty, axes(2), mid=0.0)[0].texts
    blind = frames()
    blind["dx"] = blind["bjd_tdb"] = np.nan
    assert plot_shifts(blind, axes(3))[0].texts


def test_the_same_light_curve_makes_the_same_picture():
    def png():
        figure = new_figure(6, 4)
        plot_light_curve(curve(), figure.axes[0])
        return to_png(figure)

    assert png() == png()


def test_stars_in_doubt_are_shown_but_not_named():
    table = variability()
    table["flags"][7] = 1
    (ax,) = axes()
    plot_noise(table, ax)
    assert "in doubt" in ax.get_legend_handles_labels()[1]
    assert "varies most" not in ax.get_legend_handles_labels()[1]
    assert not ax.texts
