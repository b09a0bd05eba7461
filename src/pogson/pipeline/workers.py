"""Do the same thing to many frames: several at a time, each failure kept to itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pogson.core.errors import PogsonError, SettingError

T = TypeVar("T")
R = TypeVar("R")


class Progress(Protocol):
    """Whoever shows how far things are."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` parts."""

    def advance(self) -> None:
        """Say that one part is done."""

    def say(self, line: str) -> None:
        """Show one line that matters."""


class Silent:
    """Shows nothing."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""

    def advance(self) -> None:
        """One part is done."""

    def say(self, line: str) -> None:
        """Show one line."""


@dataclass(frozen=True)
class Failure:
    """A part that could not be done, and why, in one line."""

    item: str
    reason: str


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of one item: a result, or a failure."""

    item: T
    result: R | None
    failure: Failure | None


def count_workers(wanted: int) -> int:
    """`wanted` workers, or as many as this process may use processors."""
    if wanted > 0:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_frames(
    task: Callable[[T], R],
    items: Sequence[T],
    *,
    name: Callable[[T], str],
    stage: str,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Outcome[T, R]]:
    """Do `task` to every item, in threads; outcomes come in the order of the items.

    Kernels and decompression release the interpreter's lock, so threads use all processors and
    share the masters without copies. No more than two items per worker are in flight: memory
    does not grow with the number of frames. An exception in one item is that item's failure only.

    Raises
    ------
    SettingError
        From any item: a setting is wrong for all of them.
    """
    shown = progress or Silent()
    shown.stage(stage, len(items))
    outcomes: dict[int, Outcome[T, R]] = {}
    n = count_workers(workers)
    with open_pool(n) as pool:
        pending: dict[Future[R], int] = {}
        queue = iter(enumerate(items))
        for index, item in _take(queue, 2 * n):
            pending[pool.submit(task, item)] = index
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                index = pending.pop(future)
                outcomes[index] = _outcome(items[index], future, name(items[index]))
                shown.advance()
            for index, item in _take(queue, len(done)):
                pending[pool.submit(task, item)] = index
    return [outcomes[i] for i in range(len(items))]


@contextmanager
def open_pool(n: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that, when interrupted, drops what has not begun instead of finishing it."""
    pool = ThreadPoolExecutor(n)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _take(queue: Iterator[tuple[int, T]], n: int) -> Iterable[tuple[int, T]]:
    for _ in range(n):
        try:
            yield next(queue)
        except StopIteration:
            return


def _outcome(item: T, future: Future[R], name: str) -> Outcome[T, R]:
    error = future.exception()
    if error is None:
        return Outcome(item, future.result(), None)
    if isinstance(error, SettingError):
        raise error
    if isinstance(error, PogsonError):
        return Outcome(item, None, Failure(name, str(error)))
    if isinstance(error, Exception):
        return Outcome(item, None, Failure(name, f"{name}: unexpected {type(error).__name__}: {error}"))
    raise error
