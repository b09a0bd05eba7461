"""One request to a machine that is not trusted: in time, of a bounded size, and from where it was asked."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from pogson.core.errors import ServiceError, SettingError

_PIECE = 1 << 16


class _NoOtherPlace(urllib.request.HTTPRedirectHandler):
    """Whoever sends us elsewhere is not followed: the key and the stars were meant for one address."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""
        return


_OPENER = urllib.request.build_opener(_NoOtherPlace())


def ask(
    url: str,
    data: bytes | None = None,
    *,
    kind: str = "application/x-www-form-urlencoded",
    seconds: float = 30.0,
    most: int = 5_000_000,
) -> bytes:
    """What an address answers.

    Parameters
    ----------
    url : str
        http or https.
    data : bytes, optional
        Sent by POST.
    kind : str
        Content type of `data`.
    seconds : float
        For the whole answer.
    most : int
        Bytes.

    Raises
    ------
    ServiceError
        If there is no answer in time, a larger one, or an error.
    """
    host = checked_address(url).hostname
    request = urllib.request.Request(url, data, {"User-Agent": "pogson"})
    if data is not None:
        request.add_header("Content-Type", kind)
    end = time.monotonic() + seconds
    try:
        with _OPENER.open(request, timeout=seconds) as answer:
            content = bytearray()
            while piece := answer.read1(_PIECE):
                content += piece
                if len(content) > most:
                    raise ServiceError(f"{host}: more than {most / 1e6:.0f} MB come; they are left alone")
                if time.monotonic() > end:
                    raise TimeoutError
            left = answer.length
    except urllib.error.HTTPError as error:
        error.close()
        raise ServiceError(f"{host}: answers with error {error.code}; try later") from None
    except TimeoutError:
        raise ServiceError(f"{host}: no answer in {seconds:.0f} s; try later") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise ServiceError(f"{host}: no answer in {seconds:.0f} s; try later") from None
        raise ServiceError(f"{host}: cannot be reached: {error.reason}; check the network") from None
    except (HTTPException, OSError) as error:
        if isinstance(error, ServiceError):
            raise
        raise ServiceError(f"{host}: the answer breaks off ({type(error).__name__}); try later") from None
    if left:
        raise ServiceError(f"{host}: the answer is cut short; try later")
    return bytes(content)


def checked_address(url: str) -> Any:
    """The parts of an address.

    Raises
    ------
    SettingError
        If it is none of the web.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError(f"'{url}': an address begins with https:// or http://")
    return parts
