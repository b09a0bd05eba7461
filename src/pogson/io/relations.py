"""The published relations between photometric systems: `relations.toml`, read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pogson.core.relation import Relation


@cache
def known_relations() -> tuple[Relation, ...]:
    """All relations; where two lead to the same band, the better one comes first."""
    words = tomllib.loads(files("pogson.io").joinpath("relations.toml").read_text("utf-8"))
    return tuple(
        Relation(
            source["from"],
            source["to"],
            band,
            row["base"],
            row["color"],
            tuple(float(term) for term in row["terms"]),
            float(row["range"][0]),
            float(row["range"][1]),
            float(row["scatter"]),
            source["source"],
        )
        for source in words["relations"]
        for band, row in source["bands"].items()
    )
