"""Many frames at a time: order, failures kept to themselves, interruption."""

import threading
import time

import pytest

from pogson.core.errors import FrameError, SettingError
from pogson.pipeline.workers import count_workers, map_frames


def run(task, items, **more):
    return map_frames(task, items, name=str, stage="working", **more)


class Watch:
    def __init__(self):
        self.done = 0
        self.stages = []

    def stage(self, name, total):
        self.stages.append((name, total))

    def advance(self):
        self.done += 1

    def say(self, line):
        pass


def test_outcomes_come_in_the_order_of_the_items():
    def task(item):
        time.sleep(0.002 * (9 - item))
        return item * item

    outcomes = run(task, range(9), workers=4)
    assert [o.item for o in outcomes] == list(range(9))
    assert [o.result for o in outcomes] == [i * i for i in range(9)]


def test_a_failure_is_kept_to_its_item():
    def task(item):
        if item == 1:
            raise FrameError("one.fits: is broken; mend it")
        if item == 2:
            raise ZeroDivisionError("oh")
        return item

    watch = Watch()
    outcomes = run(task, range(4), workers=2, progress=watch)
    assert [o.result for o in outcomes] == [0, None, None, 3]
    assert outcomes[1].failure.reason == "one.fits: is broken; mend it"
    assert outcomes[2].failure.reason == "2: unexpected ZeroDivisionError: oh"
    assert watch.stages == [("working", 4)] and watch.done == 4


def test_a_wrong_setting_stops_everything_at_once():
    def task(item):
        raise SettingError("radius must be above 0")

    with pytest.raises(SettingError, match="radius"):
        run(task, range(4), workers=2)


def test_an_interruption_drops_what_has_not_begun():
    begun = []

    def task(item):
        begun.append(item)
        if item == 2:
            raise KeyboardInterrupt
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        run(task, range(50), workers=2)
    assert len(begun) < 10


def test_no_more_items_are_worked_on_than_there_are_workers():
    lock = threading.Lock()
    now, most = 0, 0

    def task(item):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1

    run(task, range(30), workers=3)
    assert most <= 3


def test_nothing_to_do_is_no_trouble():
    assert run(lambda item: item, []) == []


def test_zero_workers_takes_all_processors():
    assert count_workers(0) >= 1
    assert count_workers(3) == 3
