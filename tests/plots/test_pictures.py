"""Every picture: labels with units, bright stars up, nothing breaks on a poor night."""

from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.axes import Axes
from PIL import Image

from pogson.core.columns import FRAMES, PHOTOMETRY, ZEROPOINTS
from pogson.core.frame import Frame
from pogson.core.psf import PSF
from pogson.plots.budget import plot_budget, plot_repeats
from pogson.plots.camera import plot_transfer
from pogson.plots.diagram import plot_diagram, plot_magnitudes
from pogson.plots.image import COMPASS, plot_image, plot_master
from pogson.plots.night import plot_frames
from pogson.plots.products import PICTURES, figure_frames
from pogson.plots.profile import plot_growth, plot_profile
from pogson.plots.style import DPI, band_style, bands_in_order, new_figure, numbers, plot_errors, to_png
from pogson.plots.truth import plot_pulls, plot_recovery
from pogson.plots.zeropoint import plot_zero_point
from pogson.steps.inspect.repeats import compare_repeats


def axes(n=1):
    figure = new_figure(5, 4, n, 1)
    return figure.axes if n > 1 else figure.axes[0]


def texts(ax: Axes) -> str:
    return " | ".join(text.get_text() for text in ax.texts)


def single(night):
    """Every function that draws on one axes, with a full night."""
    return {
        "diagram": lambda ax: plot_diagram(night.stars, ax, color="g-r", mag="g"),
        "magnitudes": lambda ax: plot_magnitudes(night.stars, ax, limits={"g": 20.6}),
        "image": lambda ax: plot_image(night.frame, ax, stars=night.stars),
        "master": lambda ax: plot_master(night.masters[0], ax),
        "profile": lambda ax: plot_profile(*night.profile, ax, psf=night.psf, aperture=5.0, annulus=(12, 20)),
        "growth": lambda ax: plot_growth(*night.growth[:2], ax, err=night.growth[2], aperture=5.0),
        "budget": lambda ax: plot_budget(night.photometry[night.photometry["band"] == "g"], ax),
        "noise": lambda ax: plot_repeats(compare_repeats(night.photometry), ax),
        "transfer": lambda ax: plot_transfer(*night.transfer, ax, gain=1.31, read_noise=7.8),
        "recovery": lambda ax: plot_recovery(*night.truth["g"], ax, band="g"),
        "pulls": lambda ax: plot_pulls({"g": np.linspace(-2, 2, 50)}, ax),
    }


NAMES = [*single(None)]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_gives_back_the_axes_it_was_given(night, name):
    ax = axes()
    assert single(night)[name](ax) is ax


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("growth", "noise", "pulls", "magnitudes")])
def test_both_axes_say_their_unit(night, name):
    ax = single(night)[name](axes())
    assert "[" in ax.get_xlabel()
    assert "[" in ax.get_ylabel()


@pytest.mark.parametrize("name", ["growth", "noise", "pulls", "magnitudes"])
def test_a_ratio_or_a_count_is_named_and_its_abscissa_has_a_unit(night, name):
    ax = single(night)[name](axes())
    assert "[" in ax.get_xlabel()
    assert ax.get_ylabel()


@pytest.mark.parametrize("stars", ["many", "none"])
def test_bright_stars_are_at_the_top_of_a_diagram(night, stars):
    table = night.stars if stars == "many" else night.stars[:0]
    ax = plot_diagram(table, axes(), color="g-r", mag="g")
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_a_diagram_shows_median_errors_at_its_side(night):
    ax = plot_diagram(night.stars, axes(), color="g-r", mag="g")
    bars = ax.containers[0].lines[2][0].get_segments()
    assert len(bars) >= 6
    left = min(x for x in night.stars["mag_g"] - night.stars["mag_r"])
    assert all(bar[:, 0].mean() < left for bar in bars)


def test_a_diagram_counts_the_stars_that_have_both_bands(night):
    stars = night.stars.copy()
    stars["mag_r"][:100] = np.nan
    stars["flags"] = 0
    assert "800 stars" in texts(plot_diagram(stars, axes(), color="g-r", mag="g"))


def test_a_diagram_draws_stars_with_neighbours_apart(night):
    stars = night.stars.copy()
    stars["flags"] = np.where(np.arange(len(stars)) < 300, 1, 0)
    ax = plot_diagram(stars, axes(), color="g-r", mag="g")
    assert "600 stars\n300 with a neighbour's light, pale" in texts(ax)
    stars["flags"] = 1
    assert "900 stars" in texts(plot_diagram(stars, axes(), color="g-r", mag="g"))


def test_a_diagram_of_one_band_says_what_is_missing(night):
    stars = night.stars["id", "mag_g", "mag_g_err"]
    assert "no stars with both g and r" in texts(plot_diagram(stars, axes(), color="g-r", mag="g"))


def test_empty_input_is_said_and_does_not_fail():
    none = np.empty(0)
    empty = Table(dict.fromkeys(("mag", "color", "x", "y", "residual", "used", "reason"), none))
    assert "no stars" in texts(plot_magnitudes(Table({"mag_g": none}), axes()))
    assert "no stars" in texts(plot_budget(PHOTOMETRY.empty(), axes()))
    assert "no star was measured three times" in texts(
        plot_repeats(compare_repeats(PHOTOMETRY.empty()), axes())
    )
    assert "no pairs of flats" in texts(plot_transfer(none, none, axes()))
    assert "no stars" in texts(plot_profile(none, none, axes()))
    assert "no stars" in texts(plot_growth(none, none, axes()))
    assert "no stars" in texts(plot_recovery(none, none, none, axes()))
    assert "no stars" in texts(plot_pulls({}, axes()))
    assert all("no stars" in texts(ax) for ax in plot_zero_point(empty, axes(4)))
    assert all("no light frames" in texts(ax) for ax in plot_frames(FRAMES.empty(), axes(15)))


def test_a_frame_without_a_usable_pixel_is_said():
    frame = Frame.from_array(np.full((20, 30), np.nan), variance=1.0)
    assert "no usable pixel" in texts(plot_image(frame, axes()))


def test_a_constant_frame_and_few_stars_without_magnitudes_can_be_drawn():
    frame = Frame.from_array(np.full((20, 30), 7.0), variance=1.0, unit="adu")
    stars = Table({"x": [3.0, np.nan], "y": [4.0, 5.0]})
    for stretch in ("asinh", "zscale"):
        ax = plot_image(frame, axes(), stars=stars, stretch=stretch)
        assert to_png(ax.figure)


def test_nan_everywhere_is_drawn_as_nothing(night):
    def spoil(table):
        table = table.copy()
        for name in table.colnames:
            if table[name].dtype.kind == "f":
                table[name] = np.nan
        return table

    bad = np.full(9, np.nan)
    frames = spoil(night.frames)
    figures = [
        PICTURES["cmd_{color}_{mag}.png"](spoil(night.stars), color="g-r", mag="g"),
        PICTURES["magnitudes.png"](spoil(night.stars), limits={"g": np.nan}),
        PICTURES["zeropoint_{band}.png"](spoil(night.residuals)),
        PICTURES["frames.png"](frames, zero_points=spoil(night.zero_points)),
        PICTURES["budget_{band}.png"](spoil(night.photometry)),
        PICTURES["noise.png"](compare_repeats(spoil(night.photometry))),
        PICTURES["profile.png"](bad, bad, psf=PSF("moffat", np.nan)),
        PICTURES["growth.png"](bad, bad),
        PICTURES["camera.png"](bad, bad),
        PICTURES["truth.png"]({"g": (bad, bad, bad)}),
        PICTURES["masters.png"]([]),
    ]
    assert all(to_png(figure) for figure in figures)


def whole(night):
    """Every picture of a run, with a full night."""
    return {
        "cmd_{color}_{mag}.png": lambda f: f(night.stars, color="g-r", mag="g"),
        "magnitudes.png": lambda f: f(night.stars, limits={"g": 20.6}),
        "zeropoint_{band}.png": lambda f: f(night.residuals, band="g", color="g-r", scatter=0.02),
        "frames.png": lambda f: f(night.frames, zero_points=night.zero_points),
        "detection_{band}.png": lambda f: f(night.frame, stars=night.stars),
        "profile.png": lambda f: f(*night.profile, psf=night.psf, aperture=5.0, annulus=(12, 20)),
        "growth.png": lambda f: f(*night.growth[:2], err=night.growth[2], aperture=5.0),
        "budget_{band}.png": lambda f: f(night.photometry, repeats=compare_repeats(night.photometry)),
        "noise.png": lambda f: f(compare_repeats(night.photometry)),
        "masters.png": lambda f: f(night.masters),
        "camera.png": lambda f: f(*night.transfer, gain=1.31, read_noise=7.8),
        "truth.png": lambda f: f(night.truth),
    }


@pytest.mark.parametrize("name", [*whole(None)])
def test_no_word_is_cut_off(night, name):
    figure = whole(night)[name](PICTURES[name])
    to_png(figure)
    words = figure.get_tightbbox()
    assert min(words.x0, words.y0) >= 0.0
    assert words.x1 <= figure.get_figwidth()
    assert words.y1 <= figure.get_figheight()


def test_the_empty_border_is_cut_off():
    figure = new_figure(room=(3.0, 3.0, 2.0, 2.0))
    figure.axes[0].set_axis_off()
    figure.axes[0].plot([0, 1], [0, 1], linewidth=10)
    wide, high = Image.open(BytesIO(to_png(figure))).size
    assert wide < 1.2 * DPI
    assert high < 1.2 * DPI


def test_a_flat_keeps_all_its_greys(night):
    figure = PICTURES["masters.png"](night.masters[2:])
    shown = np.asarray(Image.open(BytesIO(to_png(figure))).convert("L"))
    assert len(np.unique(shown)) > 64


def test_error_bars_are_as_long_as_the_errors_where_they_are_known():
    ax = axes()
    x, y, err = np.arange(4.0), np.array([1.0, 2.0, np.nan, 4.0]), np.array([0.5, np.nan, 0.5, 0.25])
    plot_errors(ax, x, y, err, "s", elinewidth=2.0, label="measured")
    bars, points = ax.lines
    assert np.array_equal(bars.get_xdata(), [0, 0, 0, 3, 3, 3])
    assert np.array_equal(bars.get_ydata(), [0.5, 1.5, np.nan, 3.75, 4.25, np.nan], equal_nan=True)
    assert np.array_equal(points.get_xydata(), np.column_stack([x, y]), equal_nan=True)
    assert ax.get_legend_handles_labels()[1] == ["measured"]


def test_without_a_catalogue_instrumental_magnitudes_are_counted(night):
    stars = night.stars.copy()
    stars["inst_g"], stars["mag_g"], stars["mag_g_scatter"] = stars["mag_g"] - 25.0, np.nan, 0.1
    labels = plot_magnitudes(stars, axes()).get_legend_handles_labels()[1]
    assert labels == ["g, instrumental", "r"]


def test_masked_values_are_nan(night):
    table = Table({"mag_g": np.ma.array([1.0, 2.0], mask=[False, True])}, masked=True)
    assert np.array_equal(numbers(table, "mag_g"), [1.0, np.nan], equal_nan=True)
    assert np.isnan(numbers(table, "mag_r")).all()


def test_circles_are_sorted_by_what_the_flags_say(night):
    ax = plot_image(night.frame, axes(), stars=night.stars)
    labels = ax.get_legend_handles_labels()[1]
    assert [label.split(" (")[0] for label in labels] == [
        "saturated", "spoiled otherwise", "neighbour or blend", "clean",
    ]  # fmt: skip
    assert sum(int(label.split("(")[1][:-1]) for label in labels) == len(night.stars)


def test_north_and_east_are_where_the_wcs_says(night):
    ax = plot_image(night.frame, axes())
    places = {text.get_text(): np.array(text.get_position()) for text in ax.texts if text.get_text()}
    north, east = places["N"], places["E"]
    ny, nx = night.frame.shape
    corner = np.array([nx, 0]) + 1.7 * COMPASS * min(nx, ny) * np.array([-1, 1])
    turned = np.radians(20)
    assert (north - corner) / np.linalg.norm(north - corner) == pytest.approx(
        [np.sin(turned), np.cos(turned)], abs=0.01
    )
    assert (east - corner) @ (north - corner) == pytest.approx(0.0, abs=0.5)
    assert east[0] < corner[0]


def test_a_big_image_is_averaged_down_before_it_is_drawn():
    frame = Frame.from_array(np.arange(3000 * 2001, dtype=np.float32).reshape(3000, 2001), variance=1.0)
    ax = plot_image(frame, axes())
    assert max(ax.images[0].get_array().shape) <= 700
    assert ax.get_xlim() == (-0.5, 2000.5)


def test_rejected_frames_are_marked_by_their_reason_in_every_panel_and_counted_in_the_key(night):
    figure = figure_frames(night.frames, zero_points=night.zero_points)
    marks = {
        line.get_label(): line.get_xdata().size for line in figure.axes[0].lines if line.get_label()[0] != "_"
    }
    assert marks == {"cloud": 3, "trailed": 1}
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key == ["g (9)", "r (9)", "rejected: cloud (3)", "rejected: trailed (1)"]


def test_frames_without_times_are_counted(night):
    frames = night.frames.copy()
    frames["bjd_tdb"] = np.nan
    panels = plot_frames(frames, axes(15))
    assert panels[-1].get_xlabel() == "frame number"
    assert "zero point: unknown" in texts(panels[1])
    frames["bjd_tdb"] = 2458607.7
    assert plot_frames(frames, axes(15))[-1].get_xlabel() == "frame number", "all frames at one time"
    frames["bjd_tdb"], frames["jd_utc"] = np.nan, 2458607.7 + 0.01 * np.arange(len(frames))
    assert plot_frames(frames, axes(15))[-1].get_xlabel() == "hours since JD(UTC) 2458607.7000"


def test_zero_points_are_joined_by_the_name_of_the_frame(night):
    shuffled = night.zero_points[::-1]
    one = plot_frames(night.frames, axes(15), zero_points=night.zero_points)[1]
    two = plot_frames(night.frames, axes(15), zero_points=shuffled)[1]
    for a, b in zip(one.lines, two.lines, strict=True):
        assert np.array_equal(a.get_xydata(), b.get_xydata(), equal_nan=True)


def test_stars_left_out_of_a_zero_point_are_named_by_reason(night):
    panels = plot_zero_point(night.residuals, axes(4), scatter=0.02, color="g-r")
    labels = panels[0].get_legend_handles_labels()[1]
    assert {label.split(" (")[0] for label in labels} == {
        "used",
        "outlier",
        "saturated",
        "variable",
        "running median",
    }
    assert panels[1].get_xlabel() == "g − r [mag]"
    low, high = panels[0].get_ylim()
    assert low == -high


def test_errors_half_as_large_as_the_truth_are_seen_as_two(night):
    wrong = night.photometry.copy()
    wrong["flux_err"] = wrong["flux_err"] / 2
    wrong["mag_err"] = wrong["mag_err"] / 2
    label = plot_repeats(compare_repeats(wrong), axes()).get_legend_handles_labels()[1][0]
    assert float(label.split("median ")[1].split()[0]) == pytest.approx(2.0, abs=0.15)


def test_the_same_figure_gives_the_same_bytes(night):
    first, second = (
        to_png(PICTURES["cmd_{color}_{mag}.png"](night.stars, color="g-r", mag="g")) for _ in range(2)
    )
    assert first == second
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"Software" not in first
    assert b"tIME" not in first


def test_a_picture_leaves_the_users_matplotlib_settings_alone(night):
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.facecolor": "red"}):
        figure = new_figure()
        assert figure.axes[0].get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert dict(mpl.rcParams) == before


def test_bands_run_from_blue_to_red_and_a_strange_band_has_a_colour_too():
    assert bands_in_order(["i", "Ha", "g", "r", "g"]) == ["g", "r", "i", "Ha"]
    assert band_style("Ha", 1)[1] == "o"
    assert ZEROPOINTS.names[0] == "frame"


def test_the_time_axis_stays_when_the_lowest_panel_is_empty(night):
    frames = night.frames.copy()
    frames["airmass"] = np.nan
    panels = plot_frames(frames, axes(15))
    assert "airmass: unknown" in texts(panels[-1])
    assert len(panels[-1].get_xticks()) > 2


@pytest.mark.parametrize("fwhm", [1.4, 3.2])
def test_the_model_of_a_profile_is_averaged_over_pixels_like_the_points(fwhm):
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-4, 4, (2, 300))
    fine = (np.arange(41) - 20) / 41
    r2 = (x[:, None, None] + fine[:, None]) ** 2 + (y[:, None, None] + fine) ** 2
    value = 0.9 * np.exp(-4 * np.log(2) * r2 / fwhm**2).mean(axis=(1, 2)) + 0.01
    ax = plot_profile(np.hypot(x, y), value, axes(), psf=PSF("gaussian", fwhm))
    line = next(line for line in ax.lines if str(line.get_label()).startswith("gaussian"))
    drawn = np.interp(np.hypot(x, y), *line.get_data())
    assert np.abs(drawn - value).max() < 0.02
