"""A catalogue service on this computer that answers as the real ones do, and fails as they do."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import numpy as np

from pogson.io.services import known_sources

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<INFO name="QUERY_STATUS" value="{status}">{message}</INFO>
<INFO name="PROVIDER" value="here"/>
<TABLE name="result">
"""
TAIL = "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
#: what VSX is asked for: 2 is a variable, 1 a suspected one
VARIES = '2 - "V"'
REFUSED = """<?xml version="1.0"?><VOTABLE version="1.4"><RESOURCE type="results">
<INFO name="QUERY_STATUS" value="ERROR">1 unresolved identifiers: c0 !</INFO></RESOURCE></VOTABLE>"""


def make_sky(n=2000, seed=1, ra=(249.0, 252.0), dec=(35.0, 38.0)):
    """Stars with all that any of the services tells."""
    rng = np.random.default_rng(seed)
    sky = {
        "id": 4_000_000_000_000_000_000 + np.arange(n),
        "ra": rng.uniform(*ra, n),
        "dec": rng.uniform(*dec, n),
        "pmra": rng.normal(0, 5, n),
        "pmdec": rng.normal(0, 5, n),
        "parallax": rng.uniform(0, 3, n),
        "variable": np.where(rng.uniform(size=n) < 0.05, "VARIABLE", "NOT_AVAILABLE"),
        "duplicate": (rng.uniform(size=n) < 0.02).astype(int),
        "dupvar": rng.choice([0, 1, 2, 4, 5], n, p=[0.9, 0.04, 0.02, 0.02, 0.02]),
        "type": np.array(["EA"] * n),
        "period": rng.uniform(0.3, 9, n),
    }
    for band in ("G", "BP", "RP", *"UBVRIugrizy"):
        sky[f"mag_{band}"] = rng.uniform(10, 17, n)
        sky[f"mag_{band}_err"] = rng.uniform(0.01, 0.05, n)
        sky[f"ok_{band}"] = np.ones(n, int)
    return sky


class TapService:
    """Answers on 127.0.0.1; `faults` are worked off one by one before it answers well."""

    def __init__(self, sky):
        self.sky, self.faults, self.queries = sky, [], []
        self.always = ""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                assert form["REQUEST"] == ["doQuery"] and form["LANG"] == ["ADQL"]
                assert self.path == "/tap/sync" and int(form["MAXREC"][0]) > 0
                service.queries.append(form["QUERY"][0])
                service.answer(self, form["QUERY"][0], int(form["MAXREC"][0]))

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/tap"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, http, query, most):
        fault = self.faults.pop(0) if self.faults else self.always
        if fault.isdigit():
            return send(http, b"<html><body>sorry</body></html>", int(fault), "text/html")
        if fault == "reset":
            http.close_connection = True
            return http.connection.close()
        if fault == "silent":
            time.sleep(2.5)
            return None
        if fault == "refused":
            return send(http, REFUSED.encode(), 400)
        if fault == "html":
            return send(http, b"<!doctype html><html><body>Please log in</body></html>", 200, "text/html")
        if fault == "elsewhere":
            http.send_response(303)
            http.send_header("Location", "file:///etc/passwd")
            return http.end_headers()
        body = self.table(query, most, fault).encode()
        if fault == "drip":
            http.send_response(200)
            http.end_headers()
            for k in range(200):
                http.wfile.write(body[k : k + 1])
                http.wfile.flush()
                time.sleep(0.02)
            return None
        if fault == "cut":
            return send(http, body[: len(body) // 2], 200)
        if fault == "short":  # fewer bytes than were announced
            return send(http, body[: len(body) // 2], 200, length=len(body))
        return send(http, body, 200)

    def table(self, query, most, fault=""):
        """The VOTable for a query."""
        ra0, dec0, radius = (
            float(v) for v in re.search(r"CIRCLE\('ICRS', (.*?), (.*?), (.*?)\)", query).groups()
        )
        table = re.search(r" FROM (.*) WHERE 1 = ", query).group(1)
        ways = [way for source in known_sources().values() for way in source.services]
        columns = next(way.columns for way in ways if way.table == table)
        a, d, a0, d0 = (np.radians(v) for v in (self.sky["ra"], self.sky["dec"], ra0, dec0))
        cos = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a - a0)
        rows = np.flatnonzero(cos >= np.cos(np.radians(radius)))
        if "vsx" in table or fault == "few":
            rows = rows[:3]
        status = "OVERFLOW" if len(rows) > most else "OK"
        rows = rows[:most]
        words = [HEAD.format(status=status, message="")]
        if fault == "entities":
            words = [words[0].replace("\n", f"\n{BOMB}\n", 1)]
        if fault == "encoding":
            words = [words[0].replace("UTF-8", "UTF-7")]
        for k, name in enumerate(columns):
            kind = self.kind(columns[name], name, fault)
            shown = f"x{k}" if fault == "wrong columns" else f"c{k}"
            words.append(f'<FIELD name="{shown}" {kind}/>\n')
        words.append("<DATA>")
        if fault in ("href", "fits"):
            inside = '<STREAM href="file:///etc/passwd"/>' if fault == "href" else "<STREAM></STREAM>"
            form = "BINARY2" if fault == "href" else "FITS"
            return "".join([*words, f"<{form}>{inside}</{form}></DATA></TABLE></RESOURCE></VOTABLE>"])
        words.append("<TABLEDATA>\n")
        for row in rows:
            cells = [self.cell(columns[name], name, row, fault) for name in columns]
            words.append("<TR>" + "".join(f"<TD>{cell}</TD>" for cell in cells) + "</TR>\n")
        return "".join([*words, TAIL])

    def kind(self, asked, name, fault):
        if asked == VARIES:
            return 'datatype="short"'
        if name in ("id", "type") or name == "variable":
            return 'datatype="long"' if name == "id" and fault != "names" else 'datatype="char" arraysize="*"'
        if name.startswith("mag_") and fault == "text":
            return 'datatype="char" arraysize="*"'
        if name.startswith("ok_") or name in ("duplicate", "dupvar"):
            return 'datatype="short"'
        return 'datatype="double"'

    def cell(self, asked, name, row, fault):
        if asked == VARIES:
            return "2"
        value = self.sky[name][row]
        if name == "id" and fault == "names":
            return "&#x9b;31m&#x202e;V1 \t Her " + "x" * 500
        if name == "dec" and fault == "off the sky":
            return "123.4"
        if name == "ra" and fault == "other place":
            return f"{(float(value) + 90.0) % 360.0}"
        if name.startswith("mag_") and fault == "absurd":
            return "-999.0"
        if isinstance(value, float) and not np.isfinite(value):
            return ""
        return str(value)


def send(http, body, code, kind="application/x-votable+xml", length=None):
    http.send_response(code)
    http.send_header("Content-Type", kind)
    http.send_header("Content-Length", str(length or len(body)))
    http.end_headers()
    http.wfile.write(body)
    if length:
        http.close_connection = True
