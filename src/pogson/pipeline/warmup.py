"""Compile the kernels before the first night: said, shown, and done once."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import pkgutil
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

import pogson.kernels
from pogson.kernels.stats import median
from pogson.pipeline.workers import Progress, Silent, count_workers

#: processes that compile at the same time: each takes some 0.4 GB, and the longest job is a third of the work
MOST = 4


def compile_kernels(progress: Progress | None = None) -> None:
    """Compile all kernels that a night needs, unless the compiled ones are there.

    Processes of their own compile, several at a time, and leave the kernels on the disk: the compiler keeps
    its memory until its process ends. What they could not do is compiled here.
    """
    done = _mark()
    if done.exists():
        return
    from pogson.pipeline.rehearse import JOBS

    shown = progress or Silent()
    shown.say("Compiling the kernels: once, about half a minute ...")
    shown.stage("compiling", len(JOBS))
    left = list(JOBS)

    def tell(name: str) -> None:
        left.remove(name)
        shown.advance()

    # where no folder can be made, and where a process dies
    with contextlib.suppress(OSError):
        done.parent.mkdir(parents=True, exist_ok=True)
        _remove_outdated(done.parent)
        with tempfile.TemporaryDirectory(prefix="compiling", dir=done.parent) as folder:
            _compile_apart(Path(folder), min(count_workers(0), MOST), tell)
    for name in tuple(left):
        JOBS[name]()
        tell(name)
    with contextlib.suppress(OSError):  # where nothing can be written, numba has said so
        done.touch()


def _compile_apart(folder: Path, n: int, tell: Callable[[str], None]) -> None:
    """Let `n` processes share the jobs, and tell the name of each that is done.

    Raises
    ------
    OSError
        If one of them cannot be started, or dies.
    """
    silent = subprocess.DEVNULL
    children: list[subprocess.Popen[bytes]] = []
    told: set[str] = set()
    try:
        for _ in range(n):
            child = subprocess.Popen(_command(folder), stdin=silent, stdout=silent, stderr=silent)
            children.append(child)
        running = True
        while running:
            time.sleep(0.05)
            running = any(child.poll() is None for child in children)
            for name in sorted({path.stem for path in folder.glob("*.done")} - told):
                told.add(name)
                tell(name)
            if any(child.returncode for child in children):
                raise ChildProcessError("a process that compiles has died")
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()


def _command(folder: Path) -> list[str]:
    """What starts a process that compiles; no file of the working folder is taken for a module (-P)."""
    return [sys.executable, "-P", "-m", "pogson.pipeline.warmup", str(folder)]


def compile_share(folder: Path) -> None:
    """Do those of the jobs that no other process has begun; `folder` is what the processes share.

    Each kernel is compiled by one process at a time, and the next finds it on the disk: two that wrote
    it at the same time could spoil it.
    """
    from pogson.pipeline.rehearse import JOBS

    if Path(median.stats.cache_path) != folder.parent:
        raise SystemExit("the compiled kernels of this process would not be those of the process that asks")
    for kernel in _kernels():
        lock = folder / f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}.lock"
        kernel.compile = _one_at_a_time(kernel.compile, lock)  # type: ignore[method-assign, assignment]
    for name, job in JOBS.items():
        if _claim(folder / f"{name}.begun"):
            job()
            (folder / f"{name}.done").touch()


def _one_at_a_time(compile_one: Callable[[Any], Any], lock: Path) -> Callable[[Any], Any]:
    def compile_alone(signature: Any) -> Any:
        with _locked(lock):
            return compile_one(signature)

    return compile_alone


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    while not _claim(lock):
        time.sleep(0.005)
    try:
        yield
    finally:
        lock.unlink()


def _claim(path: Path) -> bool:
    """Whether this process is the one that made the file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except (FileExistsError, PermissionError):  # the latter on Windows, while it is being removed
        return False
    return True


def _kernels() -> list[Dispatcher]:
    """All kernels, each once."""
    found = [k for n in _kernel_names() for k in vars(_module(n)).values() if isinstance(k, Dispatcher)]
    return list({id(kernel): kernel for kernel in found}.values())


def _mark() -> Path:
    """The empty file beside the compiled kernels that says that they belong to these sources, here."""
    source = Path(median.py_func.__code__.co_filename).parent
    files = [(p.name, p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(source.glob("*.py"))]
    cpu = llvmlite.binding.get_host_cpu_name()
    place = (numba.__version__, np.__version__, platform.python_version(), platform.machine(), cpu)
    names = (hashlib.sha256(repr(part).encode()).hexdigest()[:12] for part in (files, place))
    return Path(median.stats.cache_path) / ".".join(("kernels", *names, "done"))


def _remove_outdated(cache: Path) -> None:
    """Remove what was compiled from other sources.

    Numba looks at a kernel's own file only: one that calls a changed kernel of another file would
    go on calling what that was before.
    """
    for name in _kernel_names():
        old = [p for kind in ("nbi", "nbc") for p in cache.glob(f"{name}.*.{kind}")]
        changed = max(Path(str(_module(n).__file__)).stat().st_mtime for n in _built_of(name))
        if any(p.stat().st_mtime < changed for p in old):
            for path in (*old, *cache.glob("kernels.*.done")):
                with contextlib.suppress(OSError):
                    path.unlink()


def _kernel_names() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(pogson.kernels.__path__)]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"pogson.kernels.{name}")


def _built_of(name: str) -> set[str]:
    """The kernels' file of this name, and all files whose kernels it calls."""
    used = {k.py_func.__module__ for k in vars(_module(name)).values() if isinstance(k, Dispatcher)}
    others = {full.rpartition(".")[2] for full in used} - {name}
    return {name}.union(*map(_built_of, others))


def _main(arguments: list[str]) -> None:
    if arguments:
        compile_share(Path(arguments[0]))
    elif not _mark().exists():
        print("pogson: compiling the kernels (once, about half a minute) ...", flush=True)
        start = time.perf_counter()
        compile_kernels()
        print(f"pogson: kernels compiled in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    _main(sys.argv[1:])
