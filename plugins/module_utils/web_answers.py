"""What Prometheus, Alertmanager and services answer at their URLs: bounded, and asked of nobody else.

A redirect is followed within the server that was named, and from its http to its https: whoever answers must not have
this machine ask others of its network, nor hand them the headers that a server wants.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible.module_utils.urls import open_url

__all__ = ["MALFORMED", "in_time", "opened", "read_json"]

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""What comes of reading an answer that has another form."""

_MOST_BYTES = 8 << 20
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)

T = TypeVar("T")


def opened(
    address: str, headers: Mapping[str, str], seconds: float, data: bytes | None = None, *, follow: bool = True
) -> Any:
    """Return the answer to a request, each step of which may take so many seconds.

    Raises ``HTTPError`` for a redirect that leads elsewhere, or of a request with ``data``, as for any other refusal.
    """
    asked = address
    for _ in range(_MOST_REDIRECTS if follow else 0):
        try:
            return _asked(asked, headers, seconds, data)
        except urllib.error.HTTPError as error:
            to = urllib.parse.urljoin(asked, error.headers.get("Location") or "")
            if error.code not in _REDIRECTS or data is not None or not _is_at_home(asked, to):
                raise
            error.close()
            asked = to
    return _asked(asked, headers, seconds, data)


def _asked(address: str, headers: Mapping[str, str], seconds: float, data: bytes | None) -> Any:
    return open_url(
        address, data, dict(headers), timeout=seconds, http_agent="sluice", use_netrc=False, follow_redirects="no"
    )


def _is_at_home(address: str, other: str) -> bool:
    try:
        one, two = urllib.parse.urlsplit(address), urllib.parse.urlsplit(other)
        ports = one.port, two.port
    except ValueError:
        return False
    if not two.hostname or one.hostname != two.hostname or "@" in two.netloc:
        return False
    secured = (one.scheme, two.scheme) == ("http", "https") and ports in ((None, None), (80, 443), (None, 443))
    return secured or (one.scheme, ports[0]) == (two.scheme, ports[1])


def read_json(answer: Any, most: int = _MOST_BYTES) -> Any:
    """Return an answer of at most so many bytes as JSON. Raises ``ValueError`` for what is none, or too long, and
    ``RecursionError``.
    """
    data = answer.read(most + 1)
    if len(data) > most:
        raise ValueError(f"the answer has more than {most >> 20} MiB")
    return json.loads(data)


def in_time(seconds: float, ask: Callable[[], T]) -> T:
    """Do it on a thread of its own: the timeout of a client bounds each byte, and not the whole.

    Raises what ``ask`` raises, and ``TimeoutError``.
    """
    found: list[T] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            found.append(ask())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return found[0]
