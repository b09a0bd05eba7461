"""The output folder of a run: what is in it, what may be written, what is picked up again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pogson.core.errors import FileError, SettingError
from pogson.io.files import make_folder, remove

#: Everything a run writes; only these are removed by `overwrite`.
PRODUCTS = (
    "frames.ecsv",
    "stars.ecsv",
    "photometry.parquet",
    "zeropoints.ecsv",
    "zeropoint_stars.parquet",
    "lightcurves.parquet",
    "variability.ecsv",
    "report.html",
    "run.json",
    "masters",
    "stacks",
    "plots",
    ".pogson",
)


@dataclass(frozen=True)
class Project:
    """An output folder."""

    folder: Path

    def path(self, name: str) -> Path:
        """Path of a product; its folder is made."""
        make_folder((self.folder / name).parent)
        return self.folder / name

    @property
    def cache(self) -> Path:
        """Where an unfinished run keeps what is done."""
        return self.folder / ".pogson"

    def finish(self) -> None:
        """Forget the unfinished work: the products are complete."""
        remove(self.cache)


def open_project(folder: str | Path, *, overwrite: bool = False) -> Project:
    """Make or take over an output folder.

    An unfinished run is picked up again; a finished one is kept, unless `overwrite`.

    Raises
    ------
    FileError
        If the folder cannot be made or written.
    SettingError
        If it holds a finished run and `overwrite` is not said, or files that pogson did not write.
    """
    path = Path(folder)
    if path.is_file():
        raise FileError(f"{path}: is a file; choose a folder for --out")
    if (path / "run.json").exists():
        if not overwrite:
            raise SettingError(
                f"{path}: holds an earlier run, which is kept; use --overwrite, or another --out"
            )
        _remove_products(path)
    make_folder(path / ".pogson")
    return Project(path)


def _remove_products(folder: Path) -> None:
    for name in PRODUCTS:
        remove(folder / name)
