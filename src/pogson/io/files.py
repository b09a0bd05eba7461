"""Files as a whole: written completely or not at all, and named by their content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from pogson.core.errors import FileError

#: bytes: between two parts a thread waits for the interpreter's lock
HASHED_AT_ONCE = 1 << 24


def write_atomic(path: str | Path, content: bytes | Callable[[BinaryIO], None]) -> None:
    """Write a file so that it is seen complete, or as it was before.

    Parameters
    ----------
    path : str or Path
        The file.
    content : bytes or function
        What to write, or a function that writes to an open file.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    target = Path(path)
    with in_words(target, "cannot be written"):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp keeps files private; a product is as readable as any other new file.
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    with in_words(Path(path), "cannot be read"), Path(path).open("rb", buffering=0) as file:
        digest = hashlib.sha256()
        # a little more than the file: fresh memory for a second part would take as long as its digest
        part = memoryview(bytearray(min(os.fstat(file.fileno()).st_size + 1, HASHED_AT_ONCE)))
        while n := file.readinto(part):
            digest.update(part[:n])
        return digest.hexdigest()


@contextmanager
def in_words(path: Path, trouble: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into a FileError of one line.

    Raises
    ------
    FileError
        Naming the file, the trouble, and the first line of the cause.
    """
    try:
        yield
    except FileError:
        raise
    except MemoryError as error:
        raise FileError(f"{path}: {trouble}: not enough memory; close other programs") from error
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise FileError(f"{path}: {trouble}: {reason.lower()}; check the disk and the permissions") from error
    except Exception as error:
        raise FileError(f"{path}: {trouble}: {first_line(error)}; is the file damaged?") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its name."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@cache
def _umask() -> int:
    # the only way to ask is to set: once, not while other threads write
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def read_text(path: str | Path) -> str:
    """The text of a small file, UTF-8.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    with in_words(Path(path), "cannot be read"):
        return Path(path).read_text("utf-8")


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those it is in, and see that it can be written.

    Raises
    ------
    FileError
        If it cannot.
    """
    folder = Path(path)
    with in_words(folder, "cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    return folder


def remove(path: str | Path) -> None:
    """Remove a file, or a folder with all that is in it, where there is one."""
    target = Path(path)
    with in_words(target, "cannot be removed"):
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
