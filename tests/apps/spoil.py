"""Spoil frames of a night that is made of links."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

LIGHTS = ("cluster_g_0001.fits", "cluster_g_0002.fits", "cluster_r_0003.fits", "cluster_r_0004.fits")


def own(path: Path) -> Path:
    """Put a copy of the file in the place of a link."""
    if path.is_symlink():
        source = path.resolve()
        path.unlink()
        shutil.copy(source, path)
    return path


def truncate(path: Path, size: int) -> None:
    """Cut a file short."""
    own(path).write_bytes(path.read_bytes()[:size])


def edit_header(path: Path, **cards: object) -> None:
    """Set header cards; None removes one. `_` stands for `-`."""
    with fits.open(own(path), mode="update") as hdus:
        for key, value in cards.items():
            key = key.replace("_", "-")
            if value is None:
                hdus[0].header.remove(key, ignore_missing=True)
            else:
                hdus[0].header[key] = value


def edit_pixels(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace the pixels by a function of them."""
    with fits.open(own(path), mode="update") as hdus:
        hdus[0].data = change(hdus[0].data.copy()).astype(np.uint16)
