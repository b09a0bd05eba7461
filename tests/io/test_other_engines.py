"""Other engines get a list of stars, no pixel; what they answer is checked; none keeps us waiting."""

import json
import os
import threading
import time
from contextlib import suppress
from email.parser import BytesParser
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pogson.core.errors import MatchError, ServiceError, SettingError
from pogson.io import nova
from pogson.io.astrometry_net import StarList, find_engine, read_matched, solve_by_engine, xylist
from pogson.io.nova import nova_key, solve_by_nova
from pogson.io.tycho2 import tycho2_stars
from pogson.io.web import ask
from pogson.steps.match.solution import solve_pairs
from pogson.steps.match.tangent import to_plane

NX, NY, RA, DEC, SCALE = 900, 700, 83.0, 22.0, 6.0


def places(ra, dec):
    """True pixels, 0-based: north up, east to the left."""
    return to_plane(ra, dec, RA, DEC) * [-3600 / SCALE, 3600 / SCALE] + [(NX - 1) / 2, (NY - 1) / 2]


@pytest.fixture(scope="module")
def field():
    ra, dec, _ = tycho2_stars(RA, DEC, 0.5)
    xy = places(ra, dec) + np.random.default_rng(1).normal(0, 0.1, (len(ra), 2))
    return StarList(xy[:, 0], xy[:, 1], (NY, NX), (RA, DEC, 2.0), (0.9 * SCALE, 1.1 * SCALE)), ra, dec


def corr(xy, ra, dec):
    """A table as the engine writes it: pixels counted from 1."""
    names = ("field_x", "field_y", "index_ra", "index_dec")
    columns = [
        fits.Column(n, "D", array=v)
        for n, v in zip(names, (xy[:, 0] + 1, xy[:, 1] + 1, ra, dec), strict=True)
    ]
    file = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(file)
    return file.getvalue()


def test_the_list_counts_from_one_and_holds_no_pixel(field):
    stars, *_ = field
    with fits.open(BytesIO(xylist(stars))) as units:
        assert units[0].data is None and units[1].columns.names == ["X", "Y"]
        assert np.allclose(units[1].data["X"], stars.x + 1)
        assert units[1].header["IMAGEW"] == NX


def test_matched_stars_are_read_from_zero_and_fitted(field):
    stars, ra, dec = field
    found = read_matched(corr(np.c_[stars.x, stars.y], ra, dec), "an engine")
    assert np.allclose(found.xy, np.c_[stars.x, stars.y])
    solution = solve_pairs(found.xy, found.ra, found.dec, shape=(NY, NX), source=found.source)
    assert abs(solution.pixel_scale / SCALE - 1) < 1e-4 and solution.source == "an engine"
    off = np.column_stack(solution.wcs.all_world2pix(ra, dec, 0)) - places(ra, dec)
    assert np.abs(off.mean(0)).max() < 0.05


@pytest.mark.skipif(find_engine() is None, reason="solve-field is not installed")
@pytest.mark.skipif(not Path("/usr/share/astrometry").is_dir(), reason="no index files")
def test_solve_field_agrees_about_every_pixel(field):
    stars, ra, dec = field
    found = solve_by_engine(stars, seconds=60)
    solution = solve_pairs(found.xy, found.ra, found.dec, shape=(NY, NX), source="")
    off = np.column_stack(solution.wcs.all_world2pix(ra, dec, 0)) - places(ra, dec)
    assert np.abs(np.median(off, 0)).max() < 0.1, "one pixel off: somebody counts from the wrong number"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_an_engine_that_hangs_is_killed_with_all_its_children(field, tmp_path):
    engine, pid = tmp_path / "solve-field", tmp_path / "child.pid"
    engine.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {pid}\nwait\n")
    engine.chmod(0o755)
    start = time.monotonic()
    with pytest.raises(MatchError, match="nothing in 1 s"):
        solve_by_engine(field[0], seconds=1.0, engine=str(engine))
    assert time.monotonic() - start < 10
    child = int(pid.read_text())
    for _ in range(50):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the child lives on")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 1", "finds nothing"),
        ("kill -SEGV $$", "finds nothing"),
        ("echo rubbish > stars.corr", "no table of matched stars"),
        ("head -c 100000 /dev/zero > stars.corr", "no table of matched stars"),
    ],
)
def test_an_engine_that_fails_is_one_line(field, tmp_path, script, words):
    engine = tmp_path / "solve-field"
    engine.write_text(f"#!/bin/sh\n{script}\n")
    engine.chmod(0o755)
    with pytest.raises(MatchError, match=words) as caught:
        solve_by_engine(field[0], seconds=10.0, engine=str(engine))
    assert "\n" not in str(caught.value)


def test_a_program_that_is_no_program_is_one_line(field, tmp_path):
    with pytest.raises(MatchError, match="cannot be started"):
        solve_by_engine(field[0], engine=str(tmp_path / "none"))


def test_stars_that_make_no_picture_of_the_sky_are_refused(field):
    stars, ra, dec = field
    xy = np.c_[stars.x, stars.y]
    for bad in (xy[::-1], xy * [1.0, 1.2], xy[:5], np.zeros_like(xy)):
        n = len(bad)
        with pytest.raises(MatchError, match="no picture of the sky"):
            solve_pairs(bad, ra[:n], dec[:n], shape=(NY, NX), source="an engine")


class Service:
    """A machine on the loopback that answers as nova does, or as it is told to."""

    def __init__(self, answers):
        self.answers, self.asked, self.bodies = answers, [], []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.bodies.append((dict(self.headers), body))
                self.do_GET()

            def do_GET(self):
                service.asked.append(self.path)
                answer = service.answers[self.path]
                answer = answer.pop(0) if isinstance(answer, list) and len(answer) > 1 else answer
                answer = answer[0] if isinstance(answer, list) else answer
                if callable(answer):
                    answer(self)
                    return
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        serve = partial(self.server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def good_answers(field):
    stars, ra, dec = field
    return {
        "/api/login": {"status": "success", "session": "abc"},
        "/api/upload": {"status": "success", "subid": 7, "hash": "00"},
        "/api/submissions/7": [{"jobs": []}, {"jobs": [None]}, {"jobs": [42], "job_calibrations": []}],
        "/api/jobs/42": [{"status": "solving"}, {"status": "success"}],
        "/corr_file/42": corr(np.c_[stars.x, stars.y], ra, dec),
    }


@pytest.fixture
def serve(field, monkeypatch):
    running = []

    def start(**changed):
        answers = good_answers(field) | {f"/{k.replace('__', '/')}": v for k, v in changed.items()}
        running.append(Service(answers))
        monkeypatch.setenv(nova.ADDRESS, running[-1].address)
        return running[-1]

    yield start
    for service in running:
        service.close()


def solve(field, **more):
    return solve_by_nova(field[0], key="secret", wait=lambda seconds: None, **more)


def test_nova_gets_places_of_stars_hidden_from_others_and_nothing_else(field, serve):
    service = serve()
    found = solve(field)
    assert len(found.ra) == len(field[1]) and found.source == "nova.astrometry.net"
    assert np.allclose(found.xy[:, 0], field[0].x)
    header, body = service.bodies[1]
    message = BytesParser().parsebytes(f"Content-Type: {header['Content-Type']}\r\n\r\n".encode() + body)
    told, table = message.get_payload()
    fields = json.loads(told.get_payload())
    assert fields["publicly_visible"] == "n" and fields["session"] == "abc"
    assert set(fields) == {
        "session", "publicly_visible", "allow_modifications", "allow_commercial_use", "image_width",
        "image_height", "center_ra", "center_dec", "radius", "scale_units", "scale_type", "scale_lower",
        "scale_upper",
    }  # fmt: skip
    with fits.open(BytesIO(table.get_payload(decode=True))) as units:
        assert len(units) == 2 and units[0].data is None
    assert "secret" not in body.decode("latin-1")


def send(code, location=None, body=b"", length=None):
    def answer(handler):
        handler.send_response(code)
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"api__login": {"status": "error", "errormessage": "bad apikey\n\x1b[31m"}},
            "refuses .bad apikey",
        ),
        ({"api__login": {"status": "success"}}, "tells no session"),
        ({"api__login": ["x", "y"]}, "something else than it should"),
        ({"api__login": b"<html>maintenance</html>"}, "something else than it should"),
        ({"api__login": b"[" * 100_000}, "something else than it should"),
        ({"api__login": send(503)}, "error 503"),
        ({"api__login": send(302, "http://127.0.0.1:1/elsewhere")}, "error 302"),
        ({"api__login": b"{" + b" " * 2_000_000}, "more than 1 MB"),
        ({"api__login": send(200, body=b'{"ses', length=500)}, "cut short"),
        ({"api__upload": {"status": "success", "subid": "../../x"}}, "tells no subid"),
        ({"api__upload": {"status": "success", "subid": True}}, "tells no subid"),
        ({"api__submissions__7": {"jobs": "all"}}, "tells no jobs"),
        ({"corr_file__42": b"SIMPLE  =                    T"}, "no table of matched stars"),
        ({"corr_file__42": b"<html>not found</html>"}, "no table of matched stars"),
        ({"api__jobs__42": {"status": "failure"}}, "finds these stars nowhere"),
    ],
)
def test_a_service_that_fails_or_lies_is_one_line(field, serve, changed, words):
    serve(**changed)
    with pytest.raises((ServiceError, MatchError), match=words) as caught:
        solve(field)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_service_that_never_ends_is_left(field, serve):
    serve(api__submissions__7={"jobs": []})
    with pytest.raises(ServiceError, match="not done in time"):
        solve(field, seconds=0.0)


def test_a_service_that_drips_is_left():
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(40):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    service = Service({"/": drip})
    start = time.monotonic()
    with pytest.raises(ServiceError, match="no answer in 0 s"):
        ask(service.address + "/", seconds=0.4)
    assert time.monotonic() - start < 1.5
    service.close()


def test_matched_stars_with_impossible_places_are_dropped(field):
    stars, ra, dec = field
    xy = np.c_[stars.x, stars.y].copy()
    xy[0, 0], ra, dec = np.nan, ra.copy(), dec.copy()
    ra[1], dec[2] = np.inf, -1e9
    assert len(read_matched(corr(xy, ra, dec), "x").ra) == len(ra) - 3


def test_without_a_key_no_service_is_asked(monkeypatch):
    monkeypatch.delenv("AN_API_KEY", raising=False)
    with pytest.raises(SettingError, match=r"set \$AN_API_KEY"):
        nova_key()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "nonsense", "http://"])
def test_only_addresses_of_the_web_are_asked(url):
    with pytest.raises(SettingError, match="begins with https"):
        ask(url)


def test_a_machine_that_is_not_there_is_one_line():
    with pytest.raises(ServiceError, match="cannot be reached"):
        ask("http://127.0.0.1:9/", seconds=2.0)
