"""The output folder of a run: what is in it, what may be written, what is picked up again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pogson.core.errors import FileError, SettingError
from pogson.io.files import make_folder, remove

#: Where an unfinished run keeps what is done.
UNFINISHED = ".pogson"

#: Everything a run writes; only these are removed by `overwrite`.
PRODUCTS = (
    "frames.ecsv",
    "stars.ecsv",
    "photometry.parquet",
    "zeropoints.ecsv",
    "zeropoint_stars.parquet",
    "lightcurves.parquet",
    "variability.ecsv",
    "periods.ecsv",
    "report.html",
    "run.json",
    "masters",
    "stacks",
    "plots",
    "target",
    UNFINISHED,
)


@dataclass(frozen=True)
class Project:
    """An output folder.

    Attributes
    ----------
    folder : Path
    made : tuple of Path
        Folders that were not there before, the innermost first.
    fresh : bool
        There was no unfinished run to pick up.
    live : bool
        Another round follows: products are replaced in place, and the unfinished work stays.
    """

    folder: Path
    made: tuple[Path, ...] = ()
    fresh: bool = True
    live: bool = False

    def path(self, name: str) -> Path:
        """Path of a product; its folder is made."""
        make_folder((self.folder / name).parent)
        return self.folder / name

    @property
    def cache(self) -> Path:
        """Where an unfinished run keeps what is done."""
        return self.folder / UNFINISHED

    def clear(self) -> None:
        """Remove the products of an earlier run, now that the new ones are ready.

        Where another round follows they are replaced one by one; but run.json would say that all is done.
        """
        for name in PRODUCTS:
            if name == "run.json" or (name != UNFINISHED and not self.live):
                remove(self.folder / name)
            stem, dot, kind = name.partition(".")
            # what was being written when a run was killed
            for form in (f".{stem}-*{dot}{kind}", f".{name}.*.tmp") if stem and kind else ():
                for path in self.folder.glob(form):
                    remove(path)

    def finish(self) -> None:
        """Forget the unfinished work: the products are complete."""
        if not self.live:
            remove(self.cache)

    def abandon(self, *, keep_work: bool) -> None:
        """Leave no junk behind a run that produced nothing.

        Work that can be picked up again stays, and so does that of the run before.
        """
        if self.fresh and not (keep_work and any(self.cache.glob("*.table"))):
            remove(self.cache)
        for folder in self.made:
            if folder.is_dir() and not any(folder.iterdir()):
                remove(folder)


def need_run(folder: str | Path) -> None:
    """Refuse a folder that does not hold the products of a run.

    Raises
    ------
    FileError
        Which says what to do.
    """
    lacks = [
        name for name in ("run.json", "frames.ecsv", "stars.ecsv") if not (Path(folder) / name).is_file()
    ]
    if lacks:
        raise FileError(
            f"{folder}: holds no {lacks[0]}: not the folder of a finished run; give the --out of one"
        )


def open_project(
    folder: str | Path, *, night: str | Path | None = None, overwrite: bool = False, live: bool = False
) -> Project:
    """Make or take over an output folder.

    An unfinished run is picked up again; a finished one is kept, unless `overwrite`, and then until
    the new products are ready.

    Raises
    ------
    FileError
        If the folder cannot be made or written.
    SettingError
        If it is the night itself, or holds a finished run or files of the products' names that
        pogson did not write, and `overwrite` is not said.
    """
    path = Path(folder)
    if path.is_file():
        raise FileError(f"{path}: is a file; choose a folder for --out")
    if night is not None and path.resolve() == Path(night).resolve():
        raise SettingError(f"{path}: is the night itself; choose another folder for --out")
    if (path / "run.json").exists() and not overwrite:
        raise SettingError(f"{path}: holds an earlier run, which is kept; use --overwrite, or another --out")
    fresh = not (path / UNFINISHED).is_dir()
    foreign = [name for name in PRODUCTS if (path / name).exists()]
    if fresh and foreign and not overwrite:
        raise SettingError(
            f"{path}: holds {foreign[0]}, but no finished run; it is kept: use --overwrite, or another --out"
        )
    made = tuple(p for p in (path, *path.parents) if not p.exists())
    make_folder(path)
    make_folder(path / UNFINISHED)
    return Project(path, made, fresh, live)
