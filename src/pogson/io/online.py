"""Ask catalogue services over the network (TAP, through pyvo): only where the user said --online.

An answer must come in time, be of a reasonable size, and stand the checks of `answers`. Where it does not,
the service is asked again after a pause, then its mirrors, then it is left alone for a while.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from astropy.table import Table

from pogson.core.errors import ServiceError, SettingError
from pogson.io.answers import TooManyRowsError, one_line, read_answer
from pogson.io.files import first_line
from pogson.io.services import Service, Source, own_addresses

_ERROR = re.compile(r"""value\s*=\s*["']ERROR["'][^>]*>([^<]*)<""", re.I)


@dataclass(frozen=True)
class Patience:
    """How much is waited for, and taken.

    Attributes
    ----------
    rows : int
        Of one answer.
    size : int
        Bytes of one answer.
    seconds : float
        That one answer may take.
    silence : float
        Seconds without a byte.
    attempts : int
        At one address.
    pause : float
        Seconds before the second attempt; doubled before each further one.
    rest : float
        Seconds for which an address that stayed down is left alone.
    """

    rows: int = 300_000
    size: int = 150_000_000
    seconds: float = 180.0
    silence: float = 30.0
    attempts: int = 3
    pause: float = 2.0
    rest: float = 900.0


class _PassingError(ServiceError):
    """Trouble that may be over in a moment."""


class Online:
    """A connection to the services, which remembers those that are down.

    Parameters
    ----------
    patience : Patience
    wait : function
        Called with seconds to sleep.
    """

    def __init__(
        self, patience: Patience | None = None, *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.patience = patience or Patience()
        self._wait = wait
        self._session = _open_session(self.patience.silence)
        self._down: dict[str, tuple[str, float]] = {}  # why, and until when it is left alone

    def ask(self, source: Source, ra: float, dec: float, radius: float) -> tuple[Table, str]:
        """All stars of a catalogue in a circle (degree), as CATALOG; and the address that answered.

        Raises
        ------
        ServiceError
            If no service gives an answer that can be used: one line, with what each of them said.
        TooManyRowsError
            If there are more stars than one answer may hold.
        """
        said: dict[str, str] = {}
        for service in source.services:
            for address in own_addresses() or service.addresses:
                why, until = self._down.get(address, ("", 0.0))
                if time.monotonic() < until:
                    said[_host(address)] = why
                    continue
                try:
                    return self._ask_patiently(address, service, (ra, dec, radius)), address
                except TooManyRowsError:
                    raise
                except _PassingError as error:
                    said[_host(address)] = str(error)
                    self._down[address] = str(error), time.monotonic() + self.patience.rest
                except ServiceError as error:
                    said[_host(address)] = str(error)
        words = "; ".join(f"{host}: {why}" for host, why in said.items())
        raise ServiceError(f"{source.title} cannot be fetched ({words}); try again later")

    def _ask_patiently(self, address: str, service: Service, circle: tuple[float, float, float]) -> Table:
        for attempt in range(self.patience.attempts):
            if attempt:
                self._wait(self.patience.pause * 2.0 ** (attempt - 1))
            try:
                answer = self._send(address, service.query(*circle))
                return read_answer(answer, service.columns, circle=circle, most=self.patience.rows)
            except _PassingError:
                if attempt + 1 == self.patience.attempts:
                    raise
        raise AssertionError

    def _send(self, address: str, query: str) -> bytes:
        import pyvo
        import requests
        import urllib3

        try:
            asked = pyvo.dal.TAPQuery(
                address, query, maxrec=self.patience.rows, session=self._session, format="votable"
            )
            with asked.submit() as response:
                content = self._read(response)
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            raise _PassingError(f"no answer within {self.patience.silence:g} s") from None
        except ServiceError:
            raise
        except ValueError as error:  # of addresses, and where they redirect to
            raise ServiceError(f"not to be asked: {one_line(first_line(error))}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _PassingError(f"not to be reached: {_cause(error)}") from None
        if response.status_code >= 500 or response.status_code in (408, 429):
            raise _PassingError(f"HTTP {response.status_code}")
        if response.status_code != 200:
            told = _ERROR.search(content[:20_000].decode("utf-8", "replace"))
            why = f": {one_line(told.group(1))}" if told else ""
            raise ServiceError(f"HTTP {response.status_code}{why}")
        return content

    def _read(self, response: Any) -> bytes:
        """The body, as long as it is not too long, and does not take too long."""
        end, parts, size = time.monotonic() + self.patience.seconds, [], 0
        while part := response.raw.read1(1 << 16, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > self.patience.size:
                raise ServiceError(f"the answer is longer than {self.patience.size / 1e6:g} MB")
            if time.monotonic() > end:
                raise _PassingError(f"the answer takes longer than {self.patience.seconds:g} s")
        expected = response.headers.get("Content-Length", "")
        if expected.isdigit() and not response.headers.get("Content-Encoding") and size < int(expected):
            raise _PassingError("the answer is cut off")
        return b"".join(parts)


def _host(address: str) -> str:
    return urlsplit(address).netloc or address


def _cause(error: BaseException) -> str:
    """The innermost reason, without addresses of objects."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return one_line(getattr(error, "strerror", None) or first_line(error)).lower()


def _open_session(silence: float) -> Any:
    try:
        import pyvo  # noqa: F401
        import requests
    except ImportError:
        raise SettingError("--online needs pyvo; install it with: pip install 'pogson[online]'") from None
    from pogson import __version__

    class Session(requests.Session):  # type: ignore[misc]
        """One that never waits for ever, and never follows for ever."""

        max_redirects = 3

        def request(self, *args: Any, **words: Any) -> Any:
            words.setdefault("timeout", silence)
            return super().request(*args, **words)

    session = Session()
    session.max_redirects = 3
    session.headers["User-Agent"] = f"pogson/{__version__} (IVOA-science)"
    return session
