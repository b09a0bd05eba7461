"""The summary of a run names what varies, and counts what only seems to."""

from types import SimpleNamespace

import numpy as np

from pogson.core.columns import VARIABILITY
from pogson.core.flags import Star
from pogson.pipeline.summary import _series_lines, variable_lines
from pogson.steps.timeseries.extinction import ColorExtinction
from pogson.steps.timeseries.slope import FieldSlope


def variability(excess, flags):
    n = len(excess)
    values = {c.name: np.zeros(n, c.dtype) for c in VARIABILITY.columns}
    values |= {"star": np.arange(1, n + 1), "rank": np.arange(1, n + 1), "rms": np.full(n, 0.1)}
    values |= {"excess": np.array(excess), "flags": np.array(flags), "period": np.full(n, np.nan)}
    return VARIABILITY.table(**values)


def test_stars_in_doubt_are_counted_with_the_reasons():
    both = int(Star.NEIGHBOR | Star.EDGE)
    lines = variable_lines(variability([40.0, 9.0, 30.0, 20.0, 2.0], [0, 0, int(Star.NEIGHBOR), both, 1]))
    assert [line.split(":")[0].strip() for line in lines] == [
        "varies most star 1",
        "varies most star 2",
        "in doubt 2 stars that stand out",
    ]
    assert lines[2].endswith("neighbor 2, edge 1")


def test_where_all_are_in_doubt_none_is_named():
    lines = variable_lines(variability([40.0], [1]))
    assert lines == ["        in doubt 1 star that stands out: neighbor 1"]


def test_a_quiet_night_has_nothing_to_say():
    assert variable_lines(variability([1.0, 0.5], [0, 1])) == []


def test_a_slope_is_named_where_one_was_taken_out():
    for n in (0, 64):
        slope = FieldSlope(n=n, stars=80, size=0.0015)
        ensemble = SimpleNamespace(
            mag=np.zeros((1, 64)),
            members=[1],
            color_extinction=ColorExtinction(),
            field_slope=slope,
            unrest=np.zeros(64),
        )
        series = SimpleNamespace(band="r", variability=variability([1.0], [0]), ensemble=ensemble)
        told = [line.strip() for line in _series_lines(series, None)[1:]]
        assert told == ([slope.words] if n else [])


def test_restless_frames_are_counted():
    unrest = np.zeros(64)
    unrest[[3, 5]] = 0.02, 0.1
    ensemble = SimpleNamespace(
        mag=np.zeros((1, 64)),
        members=[1],
        color_extinction=ColorExtinction(),
        field_slope=FieldSlope(),
        unrest=unrest,
    )
    series = SimpleNamespace(band="r", variability=variability([1.0], [0]), ensemble=ensemble)
    (line,) = _series_lines(series, None)[1:]
    assert "restless frames: 2" in line
    assert "0.020 to 0.100 mag" in line
