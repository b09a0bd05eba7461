"""What every test may ask for."""

import os
from pathlib import Path

import pytest

REAL_DATA = Path(os.environ.get("POGSON_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real frames; the test is skipped where it is not there."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real frames are not here: {REAL_DATA} (set POGSON_DATA)")
    return REAL_DATA
