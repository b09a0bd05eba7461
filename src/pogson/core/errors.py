"""What can go wrong, by whose hand.

Every message is one line that names the file (or the setting), says what is wrong and what to do.

* PogsonError
  - FileError       a file that cannot be read, or written
  - FrameError      an image that cannot be used as given
  - ColumnError     a table that breaks its column contract
  - SettingError    a setting that does not exist, or has an impossible value
  - MatchError      star lists that could not be matched
  - NightError      a night from which nothing can be produced
  - ServiceError    an online service that gives no answer, or none that can be used
"""

import re

_LINE_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class PogsonError(Exception):
    """Base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        # a damaged file may have line breaks in what is quoted from it
        return _LINE_BREAKS.sub(" ", str(self.args[0])) if self.args else ""


class FileError(PogsonError, OSError):
    """A file that cannot be read, or written."""


class FrameError(PogsonError, ValueError):
    """An image that cannot be used as given."""


class ColumnError(PogsonError, KeyError):
    """A table that breaks its column contract."""


class SettingError(PogsonError, ValueError):
    """A setting that does not exist, or has an impossible value."""


class MatchError(PogsonError, ValueError):
    """Star lists that could not be matched."""


class NightError(PogsonError, ValueError):
    """A night from which nothing can be produced."""


class ServiceError(PogsonError, OSError):
    """An online service that gives no answer, or none that can be used."""
