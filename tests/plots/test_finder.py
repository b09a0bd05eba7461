"""The finder chart puts the catalogue's stars where the frame has them."""

import numpy as np
from astropy.wcs import WCS

from pogson.core.frame import Frame
from pogson.io.tycho2 import read_tycho2
from pogson.plots.finder import figure_finder
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
    assert np.allclose(sorted(known.collections[0].get_offsets()[:, 1]), sorted(y[inside]))
    texts = {text.get_text() for text in seen.texts}
    assert {"N", "E"} <= texts and any(text.startswith("δ") for text in texts)
    assert to_png(figure)[:4] == b"\x89PNG"


def test_a_field_at_the_pole_and_one_without_catalogue_stars_are_drawn():
    frame, wcs = frame_at(10.0, 89.9)
    assert to_png(figure_finder(frame, wcs, read_tycho2(10.0, 89.9, 1.0)))
    frame, wcs = frame_at(83.0, 22.0)
    assert to_png(figure_finder(frame, wcs, read_tycho2(83.0, 22.0, 1e-6)))
