"""What an unfinished run has done is found again, unless anything changed."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from pogson.pipeline.cache import Cache, make_key, to_plain


@dataclass(frozen=True)
class Noun:
    x: float
    values: tuple[int, ...]


def test_tables_come_back_to_the_bit_with_their_facts(tmp_path):
    table = Table({"x": [0.1, np.nan], "name": ["a", "b"], "n": np.array([1, 2], np.int32)}, meta={"big": 1})
    cache = Cache(tmp_path)
    assert cache.get("key") is None
    cache.put("key", table, {"noun": Noun(0.1, (1, 2)), "array": np.array([0.1, np.nan])})
    found = cache.get("key")
    assert np.array_equal(found["x"], table["x"], equal_nan=True)
    assert list(found["name"]) == ["a", "b"]
    assert found["n"].dtype == np.int32
    facts = Cache.facts(found)
    assert facts["noun"] == {"x": 0.1, "values": [1, 2]}
    assert facts["array"][0] == 0.1 and facts["array"][1] != facts["array"][1]
    assert table.meta == {"big": 1}


def test_a_damaged_table_is_as_good_as_none(tmp_path):
    (tmp_path / "key.table").write_bytes(b"PAR1 half a")
    assert Cache(tmp_path).get("key") is None


def test_a_key_changes_with_everything_it_is_made_of():
    keys = {
        make_key(1, "a"),
        make_key(1, "b"),
        make_key(1.5, "a"),
        make_key(Noun(1.0, (1,))),
        make_key(Noun(1.0, (2,))),
        make_key({"a": np.array([1.0, 2.0])}),
        make_key({"a": np.array([1.0, 2.0 + 1e-15])}),
    }
    assert len(keys) == 7
    assert make_key(Noun(1.0, (1,))) == make_key(Noun(1.0, (1,)))


def test_numbers_of_numpy_become_plain_ones():
    assert to_plain({"a": np.float64(0.5), 3: (np.int64(2), None)}) == {"a": 0.5, "3": [2, None]}
