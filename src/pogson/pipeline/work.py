"""Everything that a run found out about a night, before a product is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any

from astropy.table import Table

from pogson.core.frame import Exposure
from pogson.io.scan import Scan
from pogson.pipeline.calibrated import Calibrated
from pogson.pipeline.coordinates import Located
from pogson.pipeline.night import Night
from pogson.pipeline.products import frames_table
from pogson.pipeline.provenance import describe_inputs
from pogson.pipeline.reduce import Reduced
from pogson.pipeline.series import Series
from pogson.pipeline.settings import Settings
from pogson.pipeline.target import Study
from pogson.pipeline.workers import Failure
from pogson.steps.match.field import MatchFailure


@dataclass(frozen=True)
class Work:
    """Everything that was found out about a night, before a product is written."""

    night: str
    settings: Settings
    scan: Scan
    ready: Night
    reduced: Reduced
    located: Located
    done: Calibrated
    hashes: Iterator[str]  # of the images
    series: tuple[Series, ...] = ()
    series_notes: tuple[str, ...] = ()
    studies: Mapping[str, Study] = field(default_factory=dict)  # of the target, by band

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every image that could not be read, used or matched to the field."""
        unmatched = (
            Failure(path := m.detected.exposure.path, f"{path}: {m.transform.reason}")
            for m in self.reduced.lights
            if isinstance(m.transform, MatchFailure)
        )
        unread = (Failure(path, f"{path}: {reason}") for path, reason in self.scan.unread)
        return (*unread, *self.ready.failures, *self.reduced.failures, *unmatched)

    @property
    def notes(self) -> list[str]:
        """What to know of the folder, and of settings that did nothing."""
        known = [e for e in self.scan.exposures if e.sources.get("band", "").startswith("[bands]")]
        named = {e.band for e in known}
        idle = [k for k, band in self.settings.facts.get("bands", {}).items() if band not in named]
        idle_notes = (f'[bands] "{k}": no frame has this filter' for k in idle)
        return [
            *self.scan.notes,
            *idle_notes,
            *self._copies,
            *unknown_facts(self.ready.lights),
            *self.series_notes,
        ]

    @cached_property
    def inputs(self) -> list[dict[str, str]]:
        """Path, kind and hash of each image."""
        return describe_inputs(self.scan.exposures, self.hashes)

    @property
    def _copies(self) -> list[str]:
        """The same image twice counts twice, and makes errors look smaller than they are."""
        first: dict[str, str] = {}
        copies = []
        for one in self.inputs:
            other = first.setdefault(one["sha256"], one["path"])
            if other != one["path"]:
                copies.append(f"{one['path']} is a copy of {other} and counts twice: remove one")
        return copies

    def frames(self) -> Table:
        """FRAMES."""
        tried = (*self.ready.failures, *self.reduced.failures)
        lost = {f.item for f in self.reduced.failures}
        others = (*self.ready.others, *(e for e in self.ready.lights if e.path in lost))
        lights, done = self.reduced.lights, self.done
        return frames_table(
            lights, done.verdicts, done.transparency, others, tried, self.scan.unread, done.coverage
        )

    def provenance(self) -> dict[str, Any]:
        """Inputs, what was done with them, and what failed."""
        reference = self.reduced.lights[self.reduced.reference].detected.exposure.path
        return {
            "night": self.night,
            "inputs": self.inputs,
            "notes": [*self.notes, *self.scan.others, *self.located.notes, *self.done.notes],
            "frames_failed": [{"path": f.item, "reason": f.reason} for f in self.failures],
            "frames_rejected": [
                {"path": m.detected.exposure.path, "reasons": list(v.reasons)}
                for m, v in zip(self.reduced.lights, self.done.verdicts, strict=True)
                if not v.accepted
            ],
            "field": {
                "stars": len(self.reduced.field),
                "reference": reference,
                "stars_seen_too_rarely": self.reduced.field.meta.get("dropped", 0),
                "plate_solution": self.located.words,
            },
        }


def unknown_facts(lights: Sequence[Exposure]) -> list[str]:
    """What the errors leave out, or take too large, for want of a fact."""
    if not all(isfinite(e.diameter) for e in lights):
        return ["scintillation is not in the errors: give the telescope's [site] diameter, in metres"]
    if all(e.site is not None and isfinite(e.site.height) for e in lights):
        return []
    source = lights[0].sources.get("site", "unknown")
    return [
        f"the height of the site is not known (site: {source}): scintillation is that at sea level, "
        "at 2000 m it is 22 % less; give [site] height, in metres"
    ]
