"""What was done, with what, to which files: enough to do it again."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pogson
from pogson.core.frame import Exposure
from pogson.io.files import hash_file
from pogson.pipeline.settings import Settings
from pogson.pipeline.steps import STEPS

LIBRARIES = ("numpy", "scipy", "astropy", "numba", "pyarrow", "matplotlib")


def versions() -> dict[str, str]:
    """Versions of pogson, Python and the libraries that touch the numbers."""
    found = {"pogson": pogson.__version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe_inputs(exposures: Sequence[Exposure], hashes: Iterable[str]) -> list[dict[str, str]]:
    """Path, kind and SHA-256 of each input file."""
    return [{"path": e.path, "kind": e.kind, "sha256": sha} for e, sha in zip(exposures, hashes, strict=True)]


def hash_inputs(exposures: Sequence[Exposure], pool: Executor) -> Iterator[str]:
    """SHA-256 of each input file, found by `pool` meanwhile."""
    return pool.map(hash_file, [e.path for e in exposures])


def describe_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every setting with the value that was used, its unit and its default."""
    described: dict[str, dict[str, Any]] = {}
    for name, step in STEPS.items():
        given = settings.of(name)
        described[name] = {
            s.name: {"value": given.get(s.name, s.default), "default": s.default, "unit": s.unit}
            for s in step.settings.values()
        }
    for section, values in settings.facts.items():
        described[section] = {k: {"value": v, "default": None, "unit": ""} for k, v in values.items()}
    return described


def now() -> str:
    """The present moment, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
