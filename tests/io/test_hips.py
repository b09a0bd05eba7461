"""A survey's picture comes on the grid of the frame, or in one line not at all."""

import json
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from pogson.core.errors import ServiceError, SettingError
from pogson.io import hips
from pogson.io.hips import fetch_survey

CARDS = {
    "CRVAL1": 83.0, "CRVAL2": 22.0, "CRPIX1": 1000.0, "CRPIX2": 700.0,
    "CD1_1": -3e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 3e-4,
}  # fmt: skip


def fits_of(data):
    file = BytesIO()
    fits.PrimaryHDU(data).writeto(file)
    return file.getvalue()


@pytest.fixture
def answer(monkeypatch):
    """Answer every question alike; tell what was asked."""
    asked = []

    def set_to(content):
        def fake(url, **_):
            asked.append(url)
            return content(url) if callable(content) else content

        monkeypatch.setattr(hips, "ask", fake)
        return asked

    return set_to


def test_the_grid_that_is_asked_for_is_that_of_the_frame(answer):
    def draw(url):
        grid = json.loads(parse_qs(urlsplit(url).query)["wcs"][0])
        return fits_of(np.ones((grid["NAXIS2"], grid["NAXIS1"]), np.float32))

    asked = answer(draw)
    picture = fetch_survey(CARDS, (1500, 2100))
    assert picture.shape == (500, 700)
    query = parse_qs(urlsplit(asked[0]).query)
    assert query["hips"] == ["CDS/P/DSS2/red"] and query["format"] == ["fits"]
    coarse, fine = WCS(fits.Header(json.loads(query["wcs"][0]))), WCS(fits.Header(CARDS | {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}))  # fmt: skip
    # the corner of the frame is the corner of the picture
    for x, y in ((-0.5, -0.5), (699.5, 499.5), (100.0, 300.0)):
        place = coarse.all_pix2world(x, y, 0)
        assert np.allclose((np.array(fine.all_world2pix(*place, 0)) + 0.5) / 3, [x + 0.5, y + 0.5], atol=1e-6)


def test_colours_are_made_grey(answer):
    answer(fits_of(np.stack([np.full((20, 30), v, np.uint8) for v in (10, 20, 60)])))
    assert np.all(fetch_survey(CARDS, (20, 30)) == 30)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>no such survey</html>", "no picture of CDS/P/DSS2/red comes"),
        (fits_of(np.ones((5, 5))), "no picture of"),
        (fits_of(np.ones((20, 30), np.float32))[:3000], "no picture of"),
        (fits_of(None), "no picture of"),
        (fits_of(np.full((20, 30), np.nan)), "does not cover this field"),
    ],
)
def test_what_is_no_picture_is_one_line(answer, content, words):
    answer(content)
    with pytest.raises(ServiceError, match=words) as caught:
        fetch_survey(CARDS, (20, 30))
    assert "\n" not in str(caught.value)


def test_an_impossible_name_is_not_asked_for():
    with pytest.raises(SettingError, match="no name of a survey"):
        fetch_survey(CARDS, (20, 30), survey="x&y=../")
