"""A survey's picture of a field, from the CDS (HiPS): asked only when the user says so."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import ServiceError, SettingError
from pogson.io.web import ask

#: where a service of one's own is, in place of the public one
ADDRESS = "POGSON_HIPS"
SURVEY = "CDS/P/DSS2/red"

_PUBLIC = "https://alasky.cds.unistra.fr/hips-image-services/hips2fits"
_LARGEST = 700  # pixels a side


def fetch_survey(
    cards: Mapping[str, Any], shape: tuple[int, int], *, survey: str = SURVEY, seconds: float = 60.0
) -> NDArray[np.float32]:
    """The survey on the grid of a frame, 700 pixels a side at most: only the place is told.

    Parameters
    ----------
    cards : mapping
        CRVAL, CRPIX and CD of the frame, degree; pixels counted from 1.
    shape : (ny, nx)
        Of the frame.
    survey : str
        Name of the survey, as in https://aladin.cds.unistra.fr/hips/list.
    seconds : float
        That it may take.

    Raises
    ------
    SettingError
        If the survey has an impossible name.
    ServiceError
        If there is no answer, or no picture in it.
    """
    if not re.fullmatch(r"[\w.+/-]{3,80}", survey):
        raise SettingError(f"--survey '{survey}' is no name of a survey, such as {SURVEY}")
    step = max(shape) / _LARGEST if max(shape) > _LARGEST else 1.0
    ny, nx = (max(1, round(n / step)) for n in shape)
    grid: dict[str, Any] = {"NAXIS": 2, "NAXIS1": nx, "NAXIS2": ny, "WCSAXES": 2}
    for k in ("1", "2"):
        grid[f"CTYPE{k}"] = "RA---TAN" if k == "1" else "DEC--TAN"
        grid[f"CRVAL{k}"], grid[f"CUNIT{k}"] = float(cards[f"CRVAL{k}"]), "deg"
        # the edge of the first pixel is at 0.5 in both grids
        grid[f"CRPIX{k}"] = (float(cards[f"CRPIX{k}"]) - 0.5) / step + 0.5
        grid |= {f"CD{k}_{j}": float(cards[f"CD{k}_{j}"]) * step for j in ("1", "2")}
    query = urlencode({"hips": survey, "format": "fits", "wcs": json.dumps(grid)})
    content = ask(f"{os.environ.get(ADDRESS, _PUBLIC)}?{query}", seconds=seconds, most=20_000_000)
    return _picture(content, (ny, nx), survey)


def _picture(content: bytes, shape: tuple[int, int], survey: str) -> NDArray[np.float32]:
    from astropy.io import fits

    try:
        with fits.open(BytesIO(content), memmap=False) as units:
            # three planes are colours: their mean is light enough
            header = units[0].header
            size = [int(header[f"NAXIS{k + 1}"]) for k in range(int(header["NAXIS"]))]
            if size[:2] != [shape[1], shape[0]] or int(np.prod(size[2:])) > 4:
                raise ValueError("size")
            data = np.asarray(units[0].data, np.float32).reshape(-1, *shape).mean(0)
    except Exception:
        raise ServiceError(f"no picture of {survey} comes; try later, or another --survey") from None
    if not np.isfinite(data).any():
        raise ServiceError(f"{survey} does not cover this field; try another --survey")
    return data
