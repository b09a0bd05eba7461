"""nova.astrometry.net: asked only when the user says so, and only with a list of stars."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from pogson.core.errors import MatchError, ServiceError, SettingError
from pogson.io.astrometry_net import Matched, StarList, read_matched, xylist
from pogson.io.web import ask

#: where a service of one's own is, in place of the public one
ADDRESS = "POGSON_NOVA"
#: the name that the service's own programs use
KEY = "AN_API_KEY"

_PUBLIC = "https://nova.astrometry.net"
_PAUSE = 3.0  # seconds between two questions whether it is done
_EDGE = "----pogson-a-list-of-stars"


def nova_key() -> str:
    """The user's key.

    Raises
    ------
    SettingError
        If there is none.
    """
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise SettingError(f"--online asks nova.astrometry.net, which wants a key: set ${KEY}")
    return key


def solve_by_nova(
    stars: StarList, *, key: str, seconds: float = 300.0, wait: Callable[[float], None] = time.sleep
) -> Matched:
    """Send a list of stars, not to be seen by others; wait; fetch the stars that were matched.

    Parameters
    ----------
    stars : StarList
        All that is sent: places of stars, and the hints. No pixel, no name, no other header card.
    key : str
        Of the user.
    seconds : float
        That it may take.
    wait : function
        Called between two questions.

    Raises
    ------
    MatchError
        If the service finds nothing.
    ServiceError
        If it does not answer, or not as it should.
    """
    root = os.environ.get(ADDRESS, _PUBLIC).rstrip("/")
    end = time.monotonic() + seconds
    session = _field(_post(f"{root}/api/login", {"apikey": key}), "session", str)
    fields = {"session": session, **_hints(stars)}
    number = _field(_post(f"{root}/api/upload", fields, xylist(stars)), "subid", int)
    job = _wait_for(lambda: _job_of(f"{root}/api/submissions/{number}"), end, wait)
    if not _wait_for(lambda: _success_of(f"{root}/api/jobs/{job}"), end, wait):
        raise MatchError("nova.astrometry.net finds these stars nowhere")
    return read_matched(ask(f"{root}/corr_file/{job}"), "nova.astrometry.net")


def _hints(stars: StarList) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "publicly_visible": "n",
        "allow_modifications": "n",
        "allow_commercial_use": "n",
        "image_width": stars.shape[1],
        "image_height": stars.shape[0],
    }
    if stars.place is not None:
        fields |= dict(zip(("center_ra", "center_dec", "radius"), map(float, stars.place), strict=True))
    if stars.scales is not None and all(isfinite(v) for v in stars.scales):
        fields |= {"scale_units": "arcsecperpix", "scale_type": "ul"}
        fields |= {"scale_lower": float(stars.scales[0]), "scale_upper": float(stars.scales[1])}
    return fields


def _post(url: str, fields: dict[str, Any], table: bytes | None = None) -> Any:
    text = json.dumps(fields)
    if table is None:
        return _read(url, urlencode({"request-json": text}).encode())
    parts = [
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="request-json"\r\n\r\n{text}\r\n'.encode(),
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="file"; filename="stars.xyls"\r\n'.encode(),
        b"Content-Type: application/octet-stream\r\n\r\n" + table + f"\r\n--{_EDGE}--\r\n".encode(),
    ]
    return _read(url, b"".join(parts), f"multipart/form-data; boundary={_EDGE}")


def _read(url: str, data: bytes | None = None, kind: str = "application/x-www-form-urlencoded") -> Any:
    content = ask(url, data, kind=kind, most=1_000_000)
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ServiceError("nova.astrometry.net: answers with something else than it should; try later")
    if answer.get("status") == "error":
        # its words are its own: one line of them, without what a terminal would obey
        words = "".join(c for c in str(answer.get("errormessage", ""))[:120] if c.isprintable())
        raise ServiceError(f"nova.astrometry.net: refuses ({words}); check ${KEY}")
    return answer


def _field(answer: Any, name: str, kind: type) -> Any:
    value = answer.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ServiceError(f"nova.astrometry.net: its answer tells no {name}; try later")
    return value


def _job_of(url: str) -> int | None:
    jobs = _field(_read(url), "jobs", list)
    return next((job for job in jobs if isinstance(job, int) and not isinstance(job, bool)), None)


def _success_of(url: str) -> bool | None:
    return {"success": True, "failure": False}.get(_field(_read(url), "status", str))


def _wait_for(question: Callable[[], Any], end: float, wait: Callable[[float], None]) -> Any:
    while (answer := question()) is None:
        if time.monotonic() + _PAUSE > end:
            raise ServiceError("nova.astrometry.net: is not done in time; try later")
        wait(_PAUSE)
    return answer
