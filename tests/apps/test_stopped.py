"""A run that is stopped or killed at any point is finished by the same command, with the same products."""

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

#: functions in which a run ends, the call of it, and by what; from the first stage to the last
POINTS = (
    ("stages.write_masters", 1, "SIGKILL"),
    ("lights.measure_aperture", 2, "SIGKILL"),
    ("lights.fit_growth", 1, "SIGINT"),
    ("stages.make_series", 1, "SIGKILL"),
    ("pictures.draw_diagrams", 1, "SIGINT"),
    ("write.photometry_parts", 3, "SIGKILL"),
    ("write.collect_report", 1, "SIGINT"),
)

#: one process that has everything in memory, and a child of it for each run
SCRIPT = """
import importlib, os, signal, sys
from pogson.apps.cli.main import main
import pogson.pipeline.run
import pogson.pipeline.pictures

def end_in(point, call, how):
    module, name = point.split(".")
    at = importlib.import_module("pogson.pipeline." + module)
    first, calls = getattr(at, name), []
    def step():
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), getattr(signal, how))
    def ending(*a, **k):
        step()
        return first(*a, **k)
    def parting(*a):
        for part in first(*a):
            step()  # in the middle of a file
            yield part
    setattr(at, name, parting if name.endswith("_parts") else ending)

points, out, whole, *command = eval(sys.argv[1]), *sys.argv[2:]
for folder, point in [(whole, None), *((out, point) for point in points), (out, None)]:
    child = os.fork()
    if not child:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if point:
            end_in(*point)
        try:
            code = main([*command, "--out", folder])
        except SystemExit as end:
            code = end.code
        os._exit(code or 0)
    _, status = os.waitpid(child, 0)
    print("END", os.waitstatus_to_exitcode(status), ".pogson" in os.listdir(folder), flush=True)
"""


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="every run is a child of one process")
def test_a_run_that_ends_in_every_stage_goes_on_and_gives_the_same_bytes(small_night, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = ["run", str(small_night), "--recipe", "series", "--workers", "2", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, repr(POINTS), str(out), str(whole), *command],
        capture_output=True,
        text=True,
        check=True,
    )
    ends = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("END")]
    codes = {"SIGKILL": "-9", "SIGINT": "130"}
    stopped = [[codes[how], "True"] for _, _, how in POINTS]
    assert ends == [["0", "False"], *stopped, ["0", "False"]], done.stderr
    assert names(out) == names(whole), "nothing half-written stays"
    for path in whole.rglob("*"):
        one = out / path.relative_to(whole)
        if path.suffix in (".ecsv", ".parquet", ".png"):
            assert one.read_bytes() == path.read_bytes(), path.name
        elif path.suffix == ".fits":
            with fits.open(one) as ours, fits.open(path) as theirs:
                assert all(np.array_equal(a.data, b.data) for a, b in zip(ours, theirs, strict=True))
