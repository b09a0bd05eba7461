"""The warm-up compiles what a night needs, and nothing old stays beside it."""

import importlib
import os
import pkgutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import pogson.kernels
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.pipeline import rehearse, warmup
from pogson.steps.detect.find import detect_stars
from pogson.steps.match.align import match_points
from pogson.steps.match.fit import Points
from pogson.steps.match.quads import find_sightings, make_quads
from pogson.steps.match.verify import verify_map
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.growth import fit_growth
from pogson.steps.stack.coadd import stack_frames


def compiled():
    found = set()
    for module in pkgutil.iter_modules(pogson.kernels.__path__):
        kernels = vars(importlib.import_module(f"pogson.kernels.{module.name}")).values()
        found |= {(k.py_func.__qualname__, str(k.signatures)) for k in kernels if isinstance(k, Dispatcher)}
    return found


def starry_frame(dice, shape, n, sky):
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.full(shape, sky)
    for cx, cy, height in zip(
        *dice.uniform(10, min(shape) - 10, (2, n)), dice.uniform(200, 6e4, n), strict=True
    ):
        light += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 5.0)
    data = dice.poisson(light).astype(np.float32)
    mask = np.where(data > 40000, 4, 0).astype(np.uint16)
    return Frame.from_array(data, variance=data + 25.0, mask=mask, exposure=Exposure(exptime=10.0))


def test_frames_of_any_shape_and_crowding_compile_nothing_after_the_warm_up():
    for job in rehearse.JOBS.values():
        job()
    before = compiled()
    dice = np.random.default_rng(3)
    for shape, n, sky in (((150, 210), 60, 300.0), ((260, 130), 4, 20.0)):
        frame = starry_frame(dice, shape, n, sky)
        stars = detect_stars(frame, left_out=("0:5,0:5",))
        measure_aperture(frame, stars, at=Transform.identity(), fwhm=3.0, radii=(3.0, 6.0))
        fit_growth(frame, stars, fwhm=3.0)
        for how in ({"method": "median", "resample": "bicubic"}, {"resample": "drizzle", "pixel": 0.7}):
            turned = Transform(np.array([[1.0, 0.01, 0.3], [-0.01, 1.0, 0.2]]))
            stack_frames([frame, frame], [Transform.identity(), turned], **how)
    sky = (dice.uniform(0, 360, 900), dice.uniform(-89, 89, 900), dice.uniform(5, 12, 900))
    index = make_quads(*sky, width=20.0)
    find_sightings(
        dice.uniform(0, 900, (12, 2)), index, centre=(450.0, 450.0), scales=(1.0, 9e4), bright=12, most=9
    )
    for n in (5, 60):
        a, b = (match_list(dice, n) for _ in range(2))
        match_points(a, b)
        verify_map(
            np.eye(2, 3), a, b, size=(900.0, 700.0), radius=2.0, start=20.0, trials=1.0, depths=(25, 100)
        )
    assert compiled() == before


def match_list(dice, n):
    """A star list as a plate solution has it: two columns of a larger array."""
    return Points(dice.uniform(0, 900, (n, 3))[:, :2], np.full(n, 0.3))


def test_kernels_that_call_a_changed_kernel_are_removed_with_it(tmp_path, monkeypatch):
    source = {name: tmp_path / f"{name}.py" for name in warmup._kernel_names()}
    for path in source.values():
        path.touch()
        os.utime(path, (1000, 1000))
    monkeypatch.setattr(warmup, "_module", fake_module(source))
    for name in ("stats", "annulus", "peaks", "overlap"):
        compiled_file = tmp_path / f"{name}.kernel-1.py311.nbi"
        compiled_file.touch()
        os.utime(compiled_file, (2000, 2000))
    warmup._remove_outdated(tmp_path)
    assert len(list(tmp_path.glob("*.nbi"))) == 4
    os.utime(source["stats"], (3000, 3000))
    warmup._remove_outdated(tmp_path)
    assert [p.name for p in tmp_path.glob("*.nbi")] == ["overlap.kernel-1.py311.nbi"]


def fake_module(source):
    """The true kernels, as if their files were others."""

    def module(name):
        true = importlib.import_module(f"pogson.kernels.{name}")
        return SimpleNamespace(**{**vars(true), "__file__": str(source[name])})

    return module


@pytest.fixture
def jobs(monkeypatch):
    """Three jobs that do nothing but say so; whoever does them in this process is listed."""
    done = []
    monkeypatch.setattr(rehearse, "JOBS", {name: lambda name=name: done.append(name) for name in "abc"})
    monkeypatch.setattr(warmup, "_remove_outdated", lambda cache: None)
    return done


class Bar:
    """A progress bar that counts; another process may be stopped in the middle of it."""

    def __init__(self, stopped_at=99):
        self.n, self.total, self.stopped_at = 0, 0, stopped_at

    def say(self, line):
        pass

    def stage(self, name, total):
        self.total = total

    def advance(self):
        self.n += 1
        if self.n == self.stopped_at:
            raise KeyboardInterrupt


def compile_with(monkeypatch, mark, code, bar):
    """As if `code` were what a process does that is to compile; `folder` is what it is given."""
    program = "import sys, time, pathlib; folder = pathlib.Path(sys.argv[1]); " + code
    monkeypatch.setattr(warmup, "_mark", lambda: mark)
    monkeypatch.setattr(warmup, "_command", lambda folder: [sys.executable, "-c", program, str(folder)])
    warmup.compile_kernels(bar)


ALL_DONE = "[(folder / f'{name}.done').touch() for name in 'abc']"


def test_other_processes_compile_and_a_second_warm_up_does_nothing(tmp_path, monkeypatch, jobs):
    mark, bar = tmp_path / "cache" / "kernels.a.b.done", Bar()
    compile_with(monkeypatch, mark, ALL_DONE, bar)
    assert mark.exists()
    assert (jobs, bar.n, bar.total) == ([], 3, 3)
    assert list(mark.parent.iterdir()) == [mark]
    compile_with(monkeypatch, mark, "sys.exit(1)", bar)
    assert (jobs, bar.n) == ([], 3)


def test_what_a_process_that_died_has_left_is_compiled_here(tmp_path, monkeypatch, jobs):
    mark, bar = tmp_path / "kernels.a.b.done", Bar()
    compile_with(monkeypatch, mark, "(folder / 'b.done').touch(); sys.exit(1)", bar)
    assert mark.exists()
    assert (jobs, bar.n) == (["a", "c"], 3)


def test_without_a_place_for_them_kernels_are_compiled_here(tmp_path, monkeypatch, jobs):
    (tmp_path / "file").touch()
    compile_with(monkeypatch, tmp_path / "file" / "kernels.a.b.done", ALL_DONE, Bar())
    assert jobs == ["a", "b", "c"]


def test_without_a_python_to_start_kernels_are_compiled_here(tmp_path, monkeypatch, jobs):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(warmup, "_mark", lambda: tmp_path / "kernels.a.b.done")
    warmup.compile_kernels()
    assert jobs == ["a", "b", "c"]


def test_who_stops_the_warm_up_stops_all_its_processes(tmp_path, monkeypatch, jobs):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    mark = tmp_path / "kernels.a.b.done"
    with pytest.raises(KeyboardInterrupt):
        compile_with(monkeypatch, mark, f"{ALL_DONE}; time.sleep(60)", Bar(stopped_at=2))
    assert not mark.exists()
    assert len(started) > 0
    assert all(child.poll() not in (None, 0) for child in started)


def test_a_kernel_is_compiled_by_one_at_a_time(tmp_path):
    inside, most = [], []

    def slow(signature):
        inside.append(signature)
        most.append(len(inside))
        time.sleep(0.01)
        inside.remove(signature)
        return signature

    alone = warmup._one_at_a_time(slow, tmp_path / "kernel.lock")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(alone, range(12))) == list(range(12))
    assert max(most) == 1


def test_processes_share_the_jobs_and_do_none_twice(tmp_path, monkeypatch, jobs):
    cache = SimpleNamespace(stats=SimpleNamespace(cache_path=str(tmp_path.parent)))
    monkeypatch.setattr(warmup, "median", cache)
    monkeypatch.setattr(warmup, "_kernels", list)
    (tmp_path / "b.begun").touch()
    warmup.compile_share(tmp_path)
    warmup.compile_share(tmp_path)
    assert jobs == ["a", "c"]
    assert {path.name for path in tmp_path.glob("*.done")} == {"a.done", "c.done"}


def test_a_process_with_another_cache_does_not_say_that_it_is_done(tmp_path, jobs):
    with pytest.raises(SystemExit):
        warmup.compile_share(tmp_path)
    assert jobs == []


def test_every_kernel_is_locked_once_under_a_name_of_its_own():
    names = [(k.py_func.__module__, k.py_func.__qualname__) for k in warmup._kernels()]
    assert len(names) == len(set(names)) > 100
