"""The report: complete, self-contained, and safe with whatever a header says."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import FRAMES, ZEROPOINTS
from pogson.pipeline.report.format import html_table, plain, with_error
from pogson.pipeline.report.glance import count_reasons
from pogson.pipeline.report.page import SECTIONS, CameraLine, MasterLine, Picture, ReportData, make_report

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x80\x00\x00\x01\xe0\x08\x06\x00\x00\x00"
EVIL = "<script>alert('M 13')</script>"


def make_frames() -> Table:
    n = 6
    return FRAMES.table(
        path=[f"night/{kind}{i}.fits" for i, kind in enumerate(["g", "g", "g", "r", "r", "bias"])],
        kind=["light"] * 5 + ["bias"],
        band=["g", "g", "g", "r", "r", ""],
        exptime=np.full(n, 120.0),
        bjd_tdb=2458607.7 + np.arange(n) / 100,
        airmass=np.full(n, 1.2),
        gain=np.full(n, np.nan),
        gain_source=["unknown"] * n,
        read_noise=np.full(n, np.nan),
        read_noise_source=["unknown"] * n,
        sky=np.full(n, 321.0),
        fwhm=[3.0, 3.2, 6.0, 3.1, 3.3, np.nan],
        n_stars=[500, 510, 90, 700, 710, 0],
        transparency=[1.0, 1.0, 0.4, 1.0, 1.0, np.nan],
        accepted=[True, True, False, True, True, True],
        reasons=["", "", "transparency 0.40 below 0.70", "", "moon is up", ""],
    )


def make_zero_points() -> Table:
    return ZEROPOINTS.table(
        frame=["night/g0.fits", "night/g1.fits", "night/g2.fits", "night/r3.fits"],
        band=["g", "g", "g", "r"],
        zero_point=[21.920, 21.922, 20.9, 21.55],
        zero_point_err=[0.004, 0.0042, 0.05, 0.006],
        scatter=[0.02, 0.02, 0.2, 0.03],
        n_used=[200, 210, 30, 250],
        color_term=[-0.03, -0.03, -0.03, 0.01],
        sky_brightness=[20.1, 20.2, 18.0, 19.5],
        sky_brightness_err=np.full(4, 0.02),
        limiting_mag=[20.6, 20.7, 18.8, 20.1],
        catalog=["SDSS"] * 4,
    )


def make_data() -> ReportData:
    mags = np.linspace(14, 20, 45)
    stars = Table(
        {"id": np.arange(1, 46), "mag_g": mags, "mag_g_err": np.full(45, 0.0123), "flags": [4] + [0] * 44}
    )
    stars["mag_g"].unit = "mag"
    return ReportData(
        title="M 13, 2019-05-03",
        summary=["M 13 with a 0.5 m telescope."],
        labels=["errors are empirical: gain unknown"],
        frames=make_frames(),
        masters=[MasterLine("bias", 10, 1003.2, 2.1, "ADU", "")],
        camera=[CameraLine("gain", 1.312, 0.021, "electron / ADU", "pairs of flats")],
        pictures=[
            Picture("Diagram", "Colour-magnitude diagram", "Look for a narrow main sequence.", PNG),
            Picture("Error budget", "Budget", "The points should lie on the thick line.", PNG),
        ],
        zero_points=make_zero_points(),
        stars=stars,
        settings={"detect": {"threshold": {"value": 6.0, "default": 5.0, "unit": "sigma"}}},
        provenance={"versions": {"pogson": "0.1"}},
        inputs=[{"path": "night/g0.fits", "kind": "light", "sha256": "abc"}],
        skipped=[("night/broken.fits", "cut short: has 1 of 2 MB")],
        files={"Stars": ["stars.ecsv"]},
        pixel_scale=0.668,
    )


@pytest.fixture(scope="module")
def page() -> str:
    return make_report(make_data())


def section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_sections_come_in_the_order_of_the_work(page):
    assert re.findall(r"<h2>([^<]*)</h2>", page) == [*SECTIONS]
    first, *_, last = SECTIONS
    assert (first, last, len(SECTIONS)) == ("Summary", "Provenance", 13)


def test_an_empty_run_has_all_sections_too():
    page = make_report(ReportData(title="nothing"))
    assert re.findall(r"<h2>([^<]*)</h2>", page) == [*SECTIONS]
    assert "Nothing was done here in this run." in section(page, "stars")


def test_the_page_asks_for_nothing_outside(page):
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    assert all(src.startswith("data:image/png;base64,") for src in re.findall(r'src="([^"]*)"', page))
    assert not re.findall(r"url\(|@import|<link|<iframe", page)
    assert all(re.match(r"#|[\w.%/-]+$", href) for href in re.findall(r'href="([^"]*)"', page))
    assert "default-src 'none'" in page


def test_text_from_outside_is_never_markup():
    data = make_data()
    frames = data.frames.copy()
    frames["band"] = [EVIL] * len(frames)
    frames["path"] = [EVIL] * len(frames)
    frames["reasons"] = [EVIL] * len(frames)
    stars = Table({"id": [EVIL], EVIL: [1.0]})
    stars[EVIL].unit = None
    zero_points = data.zero_points.copy()
    zero_points.replace_column("catalog", [EVIL] * len(zero_points))
    evil = replace(
        data,
        title=EVIL,
        summary=[EVIL],
        labels=[EVIL],
        frames=frames,
        masters=[MasterLine(EVIL, 1, 1.0, 1.0, EVIL, EVIL)],
        camera=[CameraLine(EVIL, 1.0, 1.0, EVIL, EVIL)],
        pictures=[Picture("Diagram", EVIL + '"', EVIL, PNG)],
        zero_points=zero_points,
        stars=stars,
        settings={EVIL: {EVIL: {"value": EVIL, "default": [EVIL], "unit": EVIL}}},
        provenance={EVIL: {EVIL: EVIL}},
        inputs=[{EVIL: EVIL}],
        skipped=[(EVIL, EVIL)],
        files={"Stars": [EVIL, 'javascript:alert("1")']},
    )
    page = make_report(evil)
    assert "<script" not in page.lower()
    assert "&lt;script&gt;" in page
    assert 'href="javascript:' not in page
    for attribute in re.findall(r'alt="([^"]*)"', page):
        assert "<" not in attribute


def test_the_page_is_well_formed(page):
    open_tags = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Checker().feed(page)
    assert open_tags == []


def test_a_reader_in_a_hurry_sees_frames_seeing_depth_and_zero_points(page):
    summary = words(section(page, "summary"))
    assert "6 frames: 5 light, 1 bias." in summary
    assert "4 used" in summary
    assert "1 rejected" in summary
    assert "1 × transparency 0.40 below 0.70" in summary
    assert "Files skipped: 1" in summary
    assert "g 2 / 3 3.10 px = 2.07″ 20.15 20.65 21.921 ± 0.004 0.020" in summary
    assert "errors are empirical: gain unknown" in summary
    assert "data:image/png" in section(page, "summary")


def test_a_rejected_frame_does_not_enter_the_numbers_of_its_band(page):
    assert "20.9" not in words(section(page, "summary"))


def test_only_thirty_stars_are_shown_and_the_rest_is_linked(page):
    stars = section(page, "stars")
    assert stars.count("<tr>") == 31
    assert 'href="stars.ecsv"' in stars
    assert "14.000 ± 0.012" in stars
    assert "saturated" in stars


def test_changed_settings_stand_out(page):
    settings = section(page, "settings")
    assert "1 of 1 settings differ" in settings
    assert '<tr class="changed"><td>detect</td><td>threshold</td>' in settings


def test_every_skipped_file_has_its_reason(page):
    assert "night/broken.fits cut short: has 1 of 2 MB" in words(section(page, "frames"))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (21.92134, 0.0041, "21.921 ± 0.004"),
        (21.92134, 0.0123, "21.921 ± 0.012"),
        (21.92134, 0.0354, "21.921 ± 0.035"),
        (21.92134, 0.0356, "21.92 ± 0.04"),
        (21.92134, 0.0097, "21.921 ± 0.010"),
        (-0.0312, 0.002, "−0.0312 ± 0.0020"),
        (15321.0, 230.0, "15320 ± 230"),
        (1.0, np.nan, "1"),
        (np.nan, 0.1, "–"),
        (5.0, np.inf, "5"),
    ],
)
def test_an_error_decides_how_many_digits_a_value_has(value, error, text):
    assert with_error(value, error) == text


def test_unknown_values_are_dashes_and_words_are_escaped():
    assert plain(np.nan) == plain(None) == plain(np.ma.masked) == "–"
    assert plain(-3) == "−3"
    assert plain(np.bool_(True)) == "yes"
    assert plain(120.0, "exptime") == "120"
    assert plain(2458607.71, "bjd_tdb") == "2458607.71000"
    assert plain((1.0, "<")) == "1, &lt;"


def test_masked_magnitudes_are_dashes():
    table = Table({"mag_g": np.ma.array([18.0, 19.0], mask=[False, True]), "mag_g_err": [0.01, 0.01]})
    assert '<td class="n">–</td>' in html_table(table, ["mag_g", "mag_g_err"])


def test_reasons_that_differ_in_numbers_only_are_counted_together():
    reasons = ["sky 5 above 3", "trailed", "sky 7 above 3"]
    assert count_reasons(reasons) == [("sky 5 above 3 (or similar)", 2), ("trailed", 1)]


def test_the_report_tells_what_the_errors_do_not_explain():
    row = {"band": ["r"], "stars": ["alone"], "mag": [13.5], "n": [47], "chi2": [2.0], "missing": [0.0042]}
    page = make_report(replace(make_data(), repeats=Table(row)))
    section = page.split('id="error-budget"')[1].split("</section>")[0]
    assert "Chi-square" in section
    assert "0.0042" in section
    assert "Chi-square" not in make_report(make_data())


def test_a_run_compares_its_repeated_frames(small_run):
    section = (
        (small_run / "report.html").read_text("utf-8").split('id="error-budget"')[1].split("</section>")[0]
    )
    assert "missing" in section
    assert "alone" in section
