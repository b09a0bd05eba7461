"""A night of many frames needs no more memory than one of few, and no chance enters its products."""

import gc
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pogson.core.frame import Frame
from pogson.io.scan import scan_folder
from pogson.io.tables import read_table
from pogson.pipeline import reduce
from pogson.pipeline.cache import Cache
from pogson.pipeline.lights import Workshop
from pogson.pipeline.night import prepare_night
from pogson.pipeline.reduce import reduce_lights
from pogson.pipeline.run import run
from pogson.pipeline.settings import Settings
from pogson.pipeline.simulated import write_night
from pogson.pipeline.warmup import compile_kernels
from pogson.simulate.recipes import merged, named_recipe

REDUCE = """
import sys
from pathlib import Path
from pogson.io.scan import scan_folder
from pogson.pipeline.cache import Cache
from pogson.pipeline.memory import return_memory, share_memory
from pogson.pipeline.night import prepare_night
from pogson.pipeline.reduce import reduce_lights
from pogson.pipeline.settings import Settings

share_memory()
night = prepare_night(scan_folder(sys.argv[1]), workers=1)
cache = Cache(Path(sys.argv[2]))
reduced = reduce_lights(night, Settings(), locate=lambda field, *_: field, cache=cache, workers=1)
measured = sum(light.photometry is not None for light in reduced.lights)
print(measured, len(reduced.field))
"""

RUN = """
import sys
from pathlib import Path
from pogson.pipeline.run import run

run(sys.argv[1], out=sys.argv[2], recipe="series", workers=1)
"""

#: kB; that of a child process begins anew, other than what the system says of it when it ends
PEAK = """
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(peak[0].split()[1])
"""


#: MiB of the whole command with frames of two million pixels, at its peak; a third of it are the libraries
COMMAND = 470


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """What the compiler takes is not what a night takes."""
    compile_kernels()


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night") / "night"
    write_night(named_recipe("series", frames=24, size=(256, 256)), folder)
    return folder


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Small frames, many stars: here it is tables that could fill the memory."""
    folder = tmp_path_factory.mktemp("crowd") / "night"
    series = named_recipe("series", frames=8, size=(512, 512))
    write_night(merged(series, {"field": {"field_stars": 1500, "variables": []}}), folder)
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is told by /proc")
def test_memory_does_not_grow_with_the_number_of_frames(crowd, tmp_path):
    peaks = {}
    for times in (6, 16):
        folder, cache = tmp_path / f"{times}", tmp_path / f"cache{times}"
        folder.mkdir()
        cache.mkdir()
        for path in crowd.glob("*.fits"):
            names = [f"{k:02d}{path.name}" for k in range(times)] if "series" in path.name else [path.name]
            for name in names:
                (folder / name).symlink_to(path)
        command = [sys.executable, "-c", REDUCE + PEAK, str(folder), str(cache)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
        measured, stars, peak = map(int, done.stdout.split())
        peaks[measured] = peak * 1024
    few, many = peaks
    assert many > few + 70
    # 23 columns of a frame that was kept would be 184 bytes for each star
    kept = (many - few) * stars * 184
    assert kept > 10e6
    assert peaks[many] - peaks[few] < 0.3 * kept


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the libraries take another amount")
def test_the_command_needs_less_than_half_a_gigabyte(tmp_path):
    write_night(named_recipe("series", frames=6, size=(1676, 1266)), tmp_path / "night")
    command = [sys.executable, "-c", RUN + PEAK, str(tmp_path / "night"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert int(done.stdout) / 1024 < COMMAND


def test_surveyed_frames_are_let_go_when_they_are_measured(night, tmp_path, monkeypatch):
    kept, left = [], []

    def count(measure, into):
        def counted(*args):
            into.append(sum(isinstance(one, Frame) for one in gc.get_objects()))
            return measure(*args)

        return counted

    monkeypatch.setattr(reduce, "SURVEY", 8)
    monkeypatch.setattr(Workshop, "measure", count(Workshop.measure, kept))
    monkeypatch.setattr(Workshop, "process", count(Workshop.process, left))
    ready = prepare_night(scan_folder(night), workers=1)
    gc.collect()
    before = sum(isinstance(one, Frame) for one in gc.get_objects())
    reduce_lights(
        ready, Settings(), locate=lambda field, *_: field, cache=Cache(tmp_path), workers=1, memory=1.0
    )
    assert kept[0] == before + 8
    assert len(left) == 16
    assert max(left) == before


def test_light_curves_are_the_same_for_any_workers_and_order_of_files(night, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    paths = sorted(night.glob("*.fits"))
    random.Random(3).shuffle(paths)
    names = {f"{k:03d}.fits": path.name for k, path in enumerate(paths)}
    for name, own in names.items():
        (mixed / name).symlink_to(night / own)
    run(night, out=tmp_path / "one", recipe="series", workers=1)
    run(mixed, out=tmp_path / "two", recipe="series", workers=2)
    for product in ("photometry.parquet", "lightcurves.parquet", "variability.ecsv", "stars.ecsv"):
        one, two = (read_table(tmp_path / folder / product) for folder in ("one", "two"))
        assert one.colnames == two.colnames
        for name in one.colnames:
            if name == "frame":
                renamed = [names[Path(str(frame)).name] for frame in two[name]]
                assert renamed == [Path(str(frame)).name for frame in one[name]]
            else:
                equal_nan = one[name].dtype.kind == "f"
                assert np.array_equal(one[name], two[name], equal_nan=equal_nan), (product, name)
