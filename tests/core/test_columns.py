"""Tables of a contract are astropy's own, with its columns, units and descriptions."""

import pickle

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.columns import FIELD, LIGHTCURVE, STARS, VARIABILITY
from pogson.core.errors import ColumnError


def values(n=3):
    return {c.name: np.arange(n).astype(c.dtype) for c in LIGHTCURVE.columns}


def test_a_table_of_a_contract_is_what_astropy_makes_of_its_columns():
    given = values() | {"band": ["g"] * 3, "mag_detrended": np.ones(3)}
    made = LIGHTCURVE.table({"n": 1}, **given)
    usual = LIGHTCURVE.describe(Table(given, meta={"n": 1}))
    for table in (made, made.copy(), pickle.loads(pickle.dumps(made)), made[:], made[np.arange(3)]):
        assert table.colnames == usual.colnames == [*LIGHTCURVE.names, "band", "mag_detrended"]
        assert table.meta == usual.meta and len(table) == len(usual) and table.dtype == usual.dtype
        for name in usual.colnames:
            one, other = table[name], usual[name]
            assert type(one) is type(other) and one.parent_table is table
            assert (one.unit, one.description, list(one)) == (other.unit, other.description, list(other))


def test_its_columns_can_be_replaced_renamed_and_removed():
    table = STARS.table(**{c.name: np.zeros(2, c.dtype) for c in STARS.columns})
    table["x"] = [1.0, 2.0]
    table["flux"].unit = "adu"
    table.rename_column("y", "row")
    table.remove_column("peak")
    table.add_row(table[0])
    assert list(table["x"]) == [1.0, 2.0, 1.0] and "peak" not in table.colnames and len(table["row"]) == 3
    assert str(table["flux"].unit) == "adu" and str(FIELD.empty()["flux"].unit) == "electron"


def test_arrays_of_the_right_type_are_not_copied():
    given = values()
    assert np.shares_memory(LIGHTCURVE.table(**given)["mag"], given["mag"])
    assert LIGHTCURVE.table(**given | {"star": np.ones(3, np.int32)})["star"].dtype == np.int64


def test_a_unit_may_be_one_that_astropy_does_not_know():
    assert str(VARIABILITY.empty()["excess"].unit) == "sigma" and VARIABILITY.empty()["rank"].unit is None


def test_columns_that_are_missing_or_of_another_length_are_told():
    given = values()
    with pytest.raises(ColumnError, match="one length"):
        LIGHTCURVE.table(**given | {"mag": np.ones(2)})
    with pytest.raises(ColumnError, match=r"needs column\(s\) mag; it has star"):
        LIGHTCURVE.table(**{name: value for name, value in given.items() if name != "mag"})
