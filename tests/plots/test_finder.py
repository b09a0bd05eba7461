"""The finder chart puts the catalogue's stars where the frame has them."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

from pogson.core.frame import Frame
from pogson.io.tycho2 import read_tycho2
from pogson.plots.finder import figure_finder
from pogson.plots.sky import sky_words
from pogson.plots.style import to_png


def frame_at(ra, dec, shape=(120, 160)):
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cdelt = [80.5, 60.5], [ra, dec], [-0.01, 0.01]
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    noise = np.random.default_rng(1).normal(100, 5, shape)
    return Frame.from_array(noise, variance=25.0), wcs


def test_circles_and_dots_lie_where_the_wcs_puts_the_stars():
    frame, wcs = frame_at(83.0, 22.0)
    catalog = read_tycho2(83.0, 22.0, 1.0)
    figure = figure_finder(frame, wcs, catalog, title="somewhere")
    seen, known = figure.axes[:2]
    circles = next(line for line in seen.lines if line.get_marker() == "o")
    x, y = wcs.all_world2pix(catalog["ra"], catalog["dec"], 0)
    inside = (x > 0) & (x < 160) & (y > 0) & (y < 120)
    assert np.allclose(sorted(circles.get_xdata()), sorted(x[inside]))
    dots = max((c.get_offsets() for c in known.collections if hasattr(c, "get_offsets")), key=len)
    assert np.allclose(sorted(dots[:, 1]), sorted(y[inside]))
    assert {"N", "E", "1", "2", "20′"} <= {text.get_text() for text in seen.texts}
    assert to_png(figure)[:4] == b"\x89PNG"


def test_the_brightest_star_has_the_same_number_on_both_sides_and_in_the_list():
    frame, wcs = frame_at(83.0, 22.0)
    catalog = read_tycho2(83.0, 22.0, 1.0)
    figure = figure_finder(frame, wcs, catalog)
    x, y = wcs.all_world2pix(catalog["ra"], catalog["dec"], 0)
    first = int(np.flatnonzero((x > 0) & (x < 160) & (y > 0) & (y < 120))[0])
    for ax in figure.axes[:2]:
        number = next(text for text in ax.texts if text.get_text() == "1")
        assert np.allclose(number.xy, [x[first], y[first]])
    words = figure.get_supxlabel()
    assert words.startswith(f" 1  {catalog['id'][first]}")
    assert sky_words(catalog["ra"][first], catalog["dec"][first]) in words


def test_north_and_east_point_where_the_coordinates_grow():
    frame, wcs = frame_at(83.0, 22.0)
    figure = figure_finder(frame, wcs, read_tycho2(83.0, 22.0, 1.0))
    places = {
        text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text() in "NE"
    }
    middle = np.array(wcs.all_world2pix(83.0, 22.0, 0))
    for name, (ra, dec) in {"N": (83.0, 22.1), "E": (83.1, 22.0)}.items():
        way = np.array(wcs.all_world2pix(ra, dec, 0)) - middle
        other = np.array(places["E" if name == "N" else "N"])
        assert (np.array(places[name]) - other) @ way > 0


def test_the_grid_is_named_in_hours_and_degrees_where_its_lines_meet_the_edge():
    frame, wcs = frame_at(83.0, 22.0)
    ax = figure_finder(frame, wcs, read_tycho2(83.0, 22.0, 1.0)).axes[0]
    named = {
        label.get_text(): tick for label, tick in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True)
    }
    assert (ax.get_xlabel() == "right ascension" and "5h32m00s" in named) or "5h32m" in named
    x = next(tick for word, tick in named.items() if word.startswith("5h32m"))
    assert wcs.all_pix2world(x, -0.5, 0)[0] == pytest.approx(83.0, abs=1e-3)
    assert any(label.get_text() == "+22°00′" for label in ax.get_yticklabels())


def test_the_coordinates_change_sides_where_the_camera_is_turned():
    frame, wcs = frame_at(83.0, -22.0)
    wcs.wcs.cdelt, wcs.wcs.pc = [1.0, 1.0], [[0.0, 0.01], [0.01, 0.0]]
    ax = figure_finder(frame, wcs, read_tycho2(83.0, -22.0, 1.0)).axes[0]
    assert ax.get_xlabel() == "declination" and ax.get_ylabel() == "right ascension"
    assert any(label.get_text().startswith("−22°") for label in ax.get_xticklabels())


@pytest.mark.parametrize(
    ("ra", "dec", "words"),
    [
        (83.0, 22.0, "05 32 00.0  +22 00 00"),
        (359.99999, -0.5, "00 00 00.0  -00 30 00"),
        (15.0, 89.99999, "01 00 00.0  +90 00 00"),
    ],
)
def test_places_are_told_in_hours_and_degrees(ra, dec, words):
    assert sky_words(ra, dec) == words


def test_a_survey_stands_between_the_two_on_the_same_scale():
    frame, wcs = frame_at(83.0, 22.0)
    picture = np.random.default_rng(2).normal(5, 1, (60, 80)).astype(np.float32)
    figure = figure_finder(frame, wcs, read_tycho2(83.0, 22.0, 1.0), survey=("DSS2", picture))
    assert len(figure.axes) == 3 and figure.axes[1].get_title(loc="left") == "DSS2"
    assert figure.axes[1].images[0].get_extent() == [-0.5, 159.5, -0.5, 119.5]
    assert to_png(figure)


def test_a_deep_catalogue_is_drawn_by_its_brightest():
    frame, wcs = frame_at(83.0, 22.0)
    dice = np.random.default_rng(3)
    n = 5000
    x, y = dice.uniform(0, 160, n), dice.uniform(0, 120, n)
    ra, dec = wcs.all_pix2world(x, y, 0)
    catalog = Table({"ra": ra, "dec": dec, "mag_V": dice.uniform(10, 20, n)}, meta={"name": "deep"})
    figure = figure_finder(frame, wcs, catalog)
    assert figure.axes[1].get_title(loc="left").startswith("deep: 1500 of ")
    assert to_png(figure)


def test_a_field_at_the_pole_and_one_without_catalogue_stars_are_drawn():
    frame, wcs = frame_at(10.0, 89.9)
    assert to_png(figure_finder(frame, wcs, read_tycho2(10.0, 89.9, 1.0)))
    frame, wcs = frame_at(83.0, 22.0)
    assert to_png(figure_finder(frame, wcs, read_tycho2(83.0, 22.0, 1e-6)))
