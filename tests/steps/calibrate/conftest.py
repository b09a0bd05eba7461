"""Nights with known truth."""

import pytest
from calibration_night import Night, masters_of


@pytest.fixture
def night():
    return Night()


@pytest.fixture
def masters(night):
    return masters_of(night, 10)
