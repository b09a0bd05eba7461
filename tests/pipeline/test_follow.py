"""While frames arrive the light curve keeps up, and ends with the numbers of a run over the whole night."""

import shutil

import numpy as np
import pytest

from pogson.core.errors import NightError
from pogson.io.scan import look_at_images
from pogson.io.tables import read_table
from pogson.pipeline.follow import follow
from pogson.pipeline.run import run
from pogson.pipeline.simulated import write_night
from pogson.simulate.recipes import named_recipe


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("follow") / "night"
    write_night(named_recipe("series", frames=24, size=(220, 220)), folder)
    return folder


class Camera:
    """Writes the night file by file while somebody waits; the last but one light frame in two parts."""

    def __init__(self, night, folder, at_once):
        self.files = sorted(night.glob("*.fits"), key=lambda path: ("series" in path.name, path.name))
        self.folder, self.at_once = folder, at_once
        self.rest = b""
        self.seen = []
        folder.mkdir()

    def wait(self, seconds):
        if self.rest:
            with (self.folder / self.half).open("ab") as file:
                file.write(self.rest)
            self.rest = b""
        elif not self.files:
            raise KeyboardInterrupt
        elif len(self.files) == 2:
            path = self.files.pop(0)
            self.half, data = path.name, path.read_bytes()
            (self.folder / path.name).write_bytes(data[: len(data) // 2])
            self.rest = data[len(data) // 2 :]
        else:
            for path in self.files[: self.at_once]:
                shutil.copy(path, self.folder / path.name)
            del self.files[: self.at_once]


class Listener:
    """Keeps what is said, and the length of the light curve each time."""

    def __init__(self, out, stop=False):
        self.out, self.stop, self.lines, self.lengths = out, stop, [], []

    def stage(self, name, total):
        pass

    def advance(self):
        pass

    def say(self, line):
        self.lines.append(line)
        if (self.out / "lightcurves.parquet").exists():
            self.lengths.append(len(set(read_table(self.out / "lightcurves.parquet")["frame"])))
            assert 'http-equiv="refresh"' in (self.out / "report.html").read_text()
            assert not list(self.out.glob("**/*.part"))
            assert not (self.out / "run.json").exists()
            if self.stop:
                raise KeyboardInterrupt


def test_the_light_curve_grows_and_ends_as_that_of_a_run(night, tmp_path):
    camera = Camera(night, tmp_path / "incoming", 9)
    out = tmp_path / "live"
    stopped, listener = Listener(out, stop=True), Listener(out)
    with pytest.raises(KeyboardInterrupt):
        follow(camera.folder, out=out, recipe="series", wait=camera.wait, progress=stopped)
    # the same command goes on
    done = follow(camera.folder, out=out, recipe="series", wait=camera.wait, progress=listener)
    assert len(listener.lengths) >= 2
    assert listener.lengths == sorted(listener.lengths)
    assert listener.lengths[0] < listener.lengths[-1]
    assert any("no FITS image" in line or "no light" in line for line in stopped.lines)
    after = run(camera.folder, out=tmp_path / "after", recipe="series")
    assert done.failures == after.failures  # a frame in thick cloud; none that was half written
    for name in ("lightcurves.parquet", "photometry.parquet"):
        ours, theirs = read_table(out / name), read_table(after.folder / name)
        for column in theirs.colnames:
            assert np.array_equal(ours[column], theirs[column], equal_nan=ours[column].dtype.kind == "f"), (
                column
            )
    assert 'http-equiv="refresh"' not in (out / "report.html").read_text()
    assert not (out / ".pogson").exists()


def test_a_night_without_a_frame_ends_with_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NightError, match="no FITS image"):
        follow(tmp_path / "empty", out=tmp_path / "out", quiet=0.1, wait=lambda seconds: None)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_still_written_changes_between_two_looks(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"x" * 10)
    first = look_at_images(tmp_path)
    path.write_bytes(b"x" * 20)
    assert look_at_images(tmp_path)[path] != first[path]
