"""`pogson solve`: frames of the real sky are found, and the WCS that is written is right for others."""

import errno
import io
import os
import re
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from PIL import Image
from scipy.spatial import cKDTree

from pogson.core.errors import MatchError
from pogson.io.fits import write_raw
from pogson.io.tycho2 import tycho2_stars
from pogson.pipeline.api import open_frame
from pogson.pipeline.settings import Settings
from pogson.pipeline.solve import hints_of, solve_by
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.tangent import to_plane

NX, NY, RA, DEC, SCALE, ANGLE = 700, 500, 83.0, 22.0, 7.0, 30.0


@pytest.fixture(scope="module")
def sky_frame(tmp_path_factory):
    """A frame with Tycho-2's stars at 7 arcsec/px, 0.4 deg from where its header points."""
    rng = np.random.default_rng(1)
    ra, dec, mag = tycho2_stars(RA, DEC, 1.5)
    t = np.radians(ANGLE)
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([-1.0, 1.0])
    xy = to_plane(ra, dec, RA, DEC) @ turn.T * 3600 / SCALE + [(NX - 1) / 2, (NY - 1) / 2]
    y, x = np.mgrid[:NY, :NX]
    image = rng.normal(1000, 8, (NY, NX))
    for (sx, sy), m in zip(xy, mag, strict=True):
        if -5 < sx < NX + 5 and -5 < sy < NY + 5:
            peak = min(3e4, 10 ** (-0.4 * (m - 20)))
            image += peak * np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / (2 * 1.4**2))
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    cards = {"IMAGETYP": "Light Frame", "EXPTIME": 60.0, "OBJECT": "somewhere", "GAIN": 1.5}
    cards |= {"RA": RA + 0.4, "DEC": DEC + 0.1, "XPIXSZ": 9.0, "FOCALLEN": 9.0 * 206.265 / (1.03 * SCALE)}
    write_raw(path, np.clip(image, 0, 65535).astype(np.uint16), cards)
    return path, xy, ra, dec


@pytest.mark.filterwarnings("ignore:The WCS transformation has more axes")
def test_a_frame_without_wcs_is_found_and_its_header_fits_other_programs(pogson, sky_frame, tmp_path):
    path, xy, ra, dec = sky_frame
    answer = pogson("solve", path, "--out", tmp_path)
    assert answer.code == 0, answer.err
    assert "of Tycho-2" in answer.out and "7.000" in answer.out and "not mirrored" in answer.out
    header = fits.getheader(tmp_path / "sky.wcs")
    world = WCS(header)
    one_based = world.all_world2pix(ra, dec, 1)
    near = ((xy > 0) & (xy < [NX, NY])).all(1)
    # FITS counts from 1: whoever reads it so finds the stars one pixel on
    assert np.median(np.abs(one_based[0] - (xy[:, 0] + 1))[near]) < 0.05
    assert np.median(np.abs(one_based[1] - (xy[:, 1] + 1))[near]) < 0.05
    assert header["RADESYS"] == "ICRS" and 0 < header["CRDER1"] < 1 / 3600
    assert header["WCSNSTAR"] > 20 and header["WCSODDS"] > 13.8 and header["IMAGEW"] == NX


def test_a_copy_keeps_every_pixel_and_every_other_card(pogson, sky_frame, tmp_path):
    path, xy, ra, dec = sky_frame
    before = path.read_bytes()
    assert pogson("solve", path, "--out", tmp_path, "--copy").code == 0
    assert path.read_bytes() == before
    with fits.open(path) as old, fits.open(tmp_path / "sky_wcs.fits") as new:
        assert np.array_equal(old[0].data, new[0].data)
        assert all(new[0].header[key] == old[0].header[key] for key in old[0].header if key)
        x, y = WCS(new[0].header).all_world2pix(ra, dec, 0)
    assert np.median(np.hypot(x - xy[:, 0], y - xy[:, 1])) < 0.1
    assert "exists and is kept; use --overwrite" in pogson("solve", path, "--out", tmp_path, "--copy").err
    again = pogson("solve", tmp_path / "sky_wcs.fits", "--out", tmp_path)
    assert again.code == 0 and "from the header's WCS" in again.out


def test_a_run_without_a_catalogue_proves_its_coordinates(pogson, sky_frame, tmp_path):
    from pogson.io.tables import read_table

    path, *_ = sky_frame
    answer = pogson("run", path.parent, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0, answer.err
    assert "stars of Tycho-2, rms" in answer.out
    stars = read_table(tmp_path / "out" / "stars.ecsv")
    assert np.isfinite(stars["ra"]).all() and abs(np.median(stars["dec"]) - DEC) < 0.2


def test_hints_of_the_command_line_win_over_the_header(pogson, sky_frame):
    path, *_ = sky_frame
    answer = pogson("solve", path, "--ra", RA, "--dec", DEC, "--scale", SCALE * 2.5)
    assert answer.code == 0
    assert "note      the pixel scale is 7, not 17.5 arcsec/px" in answer.out.replace("7.000", "7")


def test_frames_that_cannot_be_solved_are_one_line_each(pogson, sky_frame, tmp_path):
    rng = np.random.default_rng(2)
    write_raw(tmp_path / "noise.fits", rng.normal(1000, 9, (300, 300)).astype(np.uint16), {"EXPTIME": 5.0})
    answer = pogson("solve", tmp_path / "noise.fits", tmp_path / "none.fits")
    assert answer.code == 1
    lines = answer.err.strip().splitlines()
    assert len(lines) == 2
    assert "noise.fits: not solved with Tycho-2: only" in lines[0] and "6 are needed" in lines[0]
    assert "none.fits" in lines[1]
    both = pogson("solve", sky_frame[0], tmp_path / "noise.fits")
    assert both.code == 3 and "centre" in both.out


def blobs(shape, n, seed):
    """Galaxies: wide, of all sizes and shapes, turned every way."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for _ in range(n):
        cx, cy, t = rng.uniform(10, shape[1] - 10), rng.uniform(10, shape[0] - 10), rng.uniform(0, np.pi)
        a = rng.uniform(2.0, 12.0)
        b = a * rng.uniform(0.4, 1.0)
        u, v = (x - cx) * np.cos(t) + (y - cy) * np.sin(t), (y - cy) * np.cos(t) - (x - cx) * np.sin(t)
        image += rng.uniform(200, 3000) * np.exp(-np.sqrt((u / a) ** 2 + (v / b) ** 2))
    return image


def test_a_field_of_galaxies_is_refused(tmp_path):
    image = blobs((NY, NX), 60, 5) + np.random.default_rng(6).normal(1000, 8, (NY, NX))
    cards = {"EXPTIME": 60.0, "GAIN": 1.5, "RA": RA, "DEC": DEC, "XPIXSZ": 9.0, "FOCALLEN": 265.2}
    write_raw(tmp_path / "galaxies.fits", np.clip(image, 0, 65535).astype(np.uint16), cards)
    frame = open_frame(str(tmp_path / "galaxies.fits"), Settings())
    stars = detect_stars(frame)
    assert len(stars) > 10
    with pytest.raises(MatchError, match="match the catalogue nowhere") as caught:
        solve_by(stars, frame.exposure, hints_of(frame.exposure), far=False)
    assert "\n" not in str(caught.value)


def test_galaxies_among_the_stars_do_no_harm(pogson, sky_frame, tmp_path):
    path, *_ = sky_frame
    with fits.open(path) as units:
        image = units[0].data + blobs((NY, NX), 40, 7)
        fits.writeto(tmp_path / "mixed.fits", np.clip(image, 0, 65535).astype(np.uint16), units[0].header)
    answer = pogson("solve", tmp_path / "mixed.fits")
    assert answer.code == 0 and "scale     7.00" in answer.out, answer.err


def test_a_trailed_frame_is_refused_and_says_so(pogson, tmp_path):
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:NY, :NX]
    image = rng.normal(1000, 8, (NY, NX))
    for cx, cy in zip(rng.uniform(20, NX - 20, 60), rng.uniform(20, NY - 20, 60), strict=True):
        image += rng.uniform(300, 5000) * np.exp(-((x - cx) ** 2) / 2 / 5.0**2 - (y - cy) ** 2 / 2 / 1.4**2)
    cards = {"EXPTIME": 60.0, "GAIN": 1.5, "RA": RA, "DEC": DEC, "XPIXSZ": 9.0, "FOCALLEN": 265.2}
    write_raw(tmp_path / "trailed.fits", np.clip(image, 0, 65535).astype(np.uint16), cards)
    assert "unless the stars are trailed or out of focus" in pogson("solve", tmp_path / "trailed.fits").line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ra", "10"], "--ra and --dec go together"),
        (["--ra", "10", "--dec", "95"], "-90 to 90"),
        (["--scale", "0"], "above 0"),
        (["--copy"], "--copy needs --out"),
    ],
)
def test_impossible_options_are_wrong_use(pogson, sky_frame, options, words):
    answer = pogson("solve", sky_frame[0], *options)
    assert answer.code == 2 and words in answer.line


def test_regions_count_from_one_and_lie_on_the_stars_by_pixels_and_by_coordinates(
    pogson, sky_frame, tmp_path
):
    path, xy, *_ = sky_frame
    answer = pogson("solve", path, "--out", tmp_path, "--regions", "--copy")
    assert answer.code == 0, answer.err
    assert f"written   {tmp_path / 'sky_wcs.fits'}, {tmp_path / 'sky.reg'}" in answer.out
    text = (tmp_path / "sky.reg").read_text()
    circles = np.array([[float(v) for v in m] for m in re.findall(r"circle\(([\d.]+),([\d.]+),", text)])
    crosses = np.array([[float(v) for v in m] for m in re.findall(r"point\(([\d.]+),(-?[\d.]+)\)", text)])
    assert 20 < len(circles) <= len(crosses) and text.index("image") < text.index("icrs")
    # DS9 draws both on pixels counted from 1
    drawn = np.column_stack(WCS(fits.getheader(tmp_path / "sky_wcs.fits")).all_world2pix(crosses, 1).T)
    away, star = cKDTree(drawn).query(circles)
    assert np.median(away) < 0.3 and np.abs(np.median(circles - drawn[star], axis=0)).max() < 0.15
    true = xy[cKDTree(xy + 1).query(circles)[1]] + 1
    assert np.abs(np.median(circles - true, axis=0)).max() < 0.05


def test_the_regions_of_a_trimmed_frame_are_those_of_the_file(pogson, sky_frame, tmp_path):
    path, *_ = sky_frame
    with fits.open(path) as units:
        image, header = units[0].data, units[0].header
        wide = np.full((NY + 7, NX + 20), 1000, np.uint16)
        wide[7:, 20:] = image
        header["BIASSEC"], header["TRIMSEC"] = f"[1:20,1:{NY + 7}]", f"[21:{NX + 20},8:{NY + 7}]"
        header["DATASEC"] = header["TRIMSEC"]
        fits.writeto(tmp_path / "wide.fits", wide, header)
    assert pogson("solve", path, "--out", tmp_path, "--regions").code == 0
    answer = pogson("solve", tmp_path / "wide.fits", "--out", tmp_path, "--regions")
    assert answer.code == 0, answer.err
    one, other = (first_circle(tmp_path / f"{name}.reg") for name in ("sky", "wide"))
    assert np.allclose(other - one, [20, 7], atol=0.1)
    crpix = [fits.getheader(tmp_path / f"{name}.wcs")["CRPIX*"].values() for name in ("sky", "wide")]
    a, b = (np.array(list(v)) for v in crpix)
    assert np.allclose(b - a, [20, 7], atol=0.2)


def first_circle(path):
    x, y = re.search(r"circle\(([\d.]+),([\d.]+),", path.read_text()).groups()
    return np.array([float(x), float(y)])


@pytest.fixture
def serve():
    """A machine on the loopback that answers every question by a function."""
    running = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def do_GET(self):
                code, content = answer(self.path)
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=partial(server.serve_forever, poll_interval=0.02), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def table_bytes(xy, ra, dec):
    names = ("field_x", "field_y", "index_ra", "index_dec")
    columns = [fits.Column(n, "D", array=v) for n, v in zip(names, (*(xy + 1).T, ra, dec), strict=True)]
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(file)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore:The WCS transformation has more axes")
def test_what_is_not_found_here_goes_to_the_service_as_a_list_where_it_is_wanted(
    pogson, sky_frame, tmp_path, monkeypatch, serve
):
    path, xy, ra, dec = sky_frame
    monkeypatch.setattr("pogson.pipeline.engines.find_engine", lambda: None)
    monkeypatch.setattr("pogson.pipeline.solve.solve_by", refuse)
    asked = []
    near = ((xy > 0) & (xy < [NX, NY])).all(1)
    answers = {
        "/api/login": b'{"status": "success", "session": "s"}',
        "/api/upload": b'{"status": "success", "subid": 1}',
        "/api/submissions/1": b'{"jobs": [2]}',
        "/api/jobs/2": b'{"status": "success"}',
        "/corr_file/2": table_bytes(xy[near], ra[near], dec[near]),
    }

    def answer(where):
        asked.append(where)
        return 200, answers[where]

    monkeypatch.setenv("POGSON_NOVA", serve(answer))
    monkeypatch.delenv("AN_API_KEY", raising=False)
    assert "anywhere" in pogson("solve", path).line and not asked
    no_key = pogson("solve", path, "--online")
    assert no_key.code == 2 and "set $AN_API_KEY" in no_key.line and not asked
    monkeypatch.setenv("AN_API_KEY", "k")
    found = pogson("solve", path, "--online", "--out", tmp_path)
    assert found.code == 0, found.err
    assert "of the index files of astrometry.net" in found.out and "from nova.astrometry.net" in found.out
    one_based = WCS(fits.getheader(tmp_path / "sky.wcs")).all_world2pix(ra[near], dec[near], 1)
    assert np.abs(np.column_stack(one_based) - 1 - xy[near]).max() < 0.05
    monkeypatch.setenv("POGSON_NOVA", serve(lambda where: (500, b"down")))
    assert "error 500; try later" in pogson("solve", path, "--online").line


def refuse(*_, **__):
    raise MatchError("not found anywhere")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_an_engine_that_is_installed_is_asked_when_the_own_search_fails(
    pogson, sky_frame, tmp_path, monkeypatch
):
    path, xy, ra, dec = sky_frame
    near = ((xy > 0) & (xy < [NX, NY])).all(1)
    (tmp_path / "answer").write_bytes(table_bytes(xy[near], ra[near], dec[near]))
    engine = tmp_path / "bin" / "solve-field"
    engine.parent.mkdir()
    engine.write_text(f"#!/bin/sh\ntest -s stars.xyls && cp {tmp_path / 'answer'} stars.corr\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("pogson.pipeline.solve.solve_by", refuse)
    found = pogson("solve", path)
    assert found.code == 0 and "from solve-field" in found.out
    engine.write_text("#!/bin/sh\nexit 0\n")
    assert "not found anywhere; solve-field finds nothing in the index files" in pogson("solve", path).line


def test_a_full_disk_is_one_line_and_leaves_nothing(pogson, sky_frame, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path, *_ = sky_frame
    monkeypatch.setattr("pogson.io.files.os.fsync", full)
    for more in ((), ("--copy",), ("--regions",)):
        answer = pogson("solve", path, "--out", tmp_path / "out", *more)
        assert answer.code == 1 and "no space left on device; check the disk" in answer.line
        assert list((tmp_path / "out").iterdir()) == []


def test_a_finder_chart_is_drawn_offline_and_with_a_survey_where_it_is_wanted(
    pogson, sky_frame, tmp_path, monkeypatch, serve
):
    path, *_ = sky_frame
    asked = []

    def answer(where):
        asked.append(where)
        file = io.BytesIO()
        fits.PrimaryHDU(np.random.default_rng(1).normal(9, 1, (NY, NX)).astype(np.float32)).writeto(file)
        return 200, file.getvalue()

    monkeypatch.setenv("POGSON_HIPS", serve(answer))
    plain = pogson("plot", "finder", path, "--out", tmp_path / "plain.png")
    same = pogson("plot", path, "--finder", "--out", tmp_path / "same.png")
    assert plain.code == same.code == 0 and not asked
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "same.png").read_bytes()
    online = ("plot", "finder", path, "--online", "--out")
    wide = pogson(*online, tmp_path / "w.png", "--survey", "CDS/P/2MASS/J")
    assert wide.code == 0 and len(asked) == 1 and "2MASS" in asked[0]
    with Image.open(tmp_path / "plain.png") as one, Image.open(tmp_path / "w.png") as other:
        assert other.width > 1.4 * one.width
    monkeypatch.setenv("POGSON_HIPS", serve(lambda where: (404, b"")))
    assert "error 404; try later" in pogson(*online, tmp_path / "x.png").line
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["finder", "a.fits", "--survey", "DSS"], "give --online"),
        (["a.fits", "--online"], "belong to a finder chart"),
        (["a.fits", "b.fits"], "one picture at a time"),
    ],
)
def test_impossible_charts_are_wrong_use(pogson, tmp_path, words, said):
    answer = pogson("plot", *words, "--out", tmp_path / "x.png")
    assert answer.code == 2 and said in answer.line


@pytest.mark.filterwarnings("ignore:The WCS transformation has more axes")
@pytest.mark.parametrize("moves", [True, False])
def test_the_stars_of_a_catalogue_are_where_they_are_at_the_time_of_the_frame(
    pogson, sky_frame, tmp_path, moves
):
    path, _, ra, dec = sky_frame
    with fits.open(path) as units:
        units[0].header["DATE-OBS"] = "2024-01-01T00:00:00"
        units[0].writeto(tmp_path / "later.fits")
    # all move north by 1 arcsec a year
    table = Table({"id": np.arange(len(ra)), "ra": ra, "dec": dec - 24.0 / 3600})
    table["mag_V"], table["mag_V_err"] = np.linspace(6, 12, len(ra)), 0.01
    if moves:
        table["pmra"], table["pmdec"], table["epoch"] = 0.0, 1000.0, 2000.0
    table.write(tmp_path / "moving.csv")
    answer = pogson("solve", tmp_path / "later.fits", "--catalog", tmp_path / "moving.csv", "--out", tmp_path)
    assert answer.code == 0, answer.err
    found = fits.getheader(tmp_path / "later.wcs")
    where = WCS(found, naxis=2).all_pix2world((NX - 1) / 2, (NY - 1) / 2, 0)[1]
    assert (float(where) - DEC) * 3600 == pytest.approx(0.0 if moves else -24.0, abs=0.3)
