"""Run the same task several ways, one after the other and again, and tell what each takes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Run = Callable[[], Any]

ENOUGH = 8.0  # s: no way to do it gets more than the least number of rounds once it has taken so long


@dataclass(frozen=True)
class Case:
    """One task: pogson's way, and those of the peers by name; `note` says how far they are comparable."""

    what: str
    ours: Run
    peers: Mapping[str, Run] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Row:
    """What a task took, ms: the median."""

    what: str
    ours: float
    peers: Mapping[str, float]
    note: str = ""


def race(case: Case, quick: bool) -> Row:
    """Time all ways in turn, A B A B ..., by the processor's time: a busy machine changes it little."""
    ways = {"pogson": case.ours, **case.peers}
    times: dict[str, list[float]] = {name: [] for name in ways}
    least, most = (1, 3) if quick else (3, 15)
    with quiet():
        for run in ways.values():
            run()  # compiles, fills caches
        for _ in range(most):
            for name, run in ways.items():
                if len(times[name]) < least or sum(times[name]) < ENOUGH / (8 if quick else 1):
                    start = time.process_time()
                    run()
                    times[name].append(time.process_time() - start)
    ms = {name: 1e3 * median(values) for name, values in times.items()}
    return Row(case.what, ms.pop("pogson"), ms, case.note)


@contextmanager
def quiet() -> Iterator[None]:
    """The peers' warnings are about made-up headers and empty annuli: not what is measured."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def available(**modules: Run) -> dict[str, Run]:
    """Those of the peers that can be imported; `sep` stands for its import and so on."""
    return {name: run for name, run in modules.items() if present(name)}


def present(module: str) -> bool:
    """Whether a peer is installed."""
    try:
        with quiet():
            __import__(module)
    except ImportError:
        return False
    return True
