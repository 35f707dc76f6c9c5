"""HTTP/3 while nginx reloads: fresh connections, and one whose request goes on meanwhile, as of a slow visitor.

While a worker of before has such a request, its socket stays open, and the kernel may give it new connections, which it
does not take any more. Without one the old workers end at once, and nothing of that is seen.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from ...contract.cookies import Cookies
from ...contract.speaking import h3
from ...contract.speaking.common import Untested
from ...contract.transport import NoAnswer, Request
from ...contract.url import Url
from ...errors import SluiceError

__all__ = ["Holds", "ask"]

_TIMEOUT_SECONDS = 1.5
_USUAL_NAME = "localhost"


def ask(listener: Mapping[str, Any]) -> str:
    """Ask a listener once. Returns what was wrong, in words; nothing when it answered."""
    url = Url("https", listener["name"] or _USUAL_NAME, listener["port"], "/")
    # Without a host nginx answers by itself, as with HTTP/1.1.
    request = Request("GET", url, (("Host", ""),))
    try:
        h3.fetch(request, (listener["address"], listener["port"]), _TIMEOUT_SECONDS, Cookies())
    except (NoAnswer, Untested) as error:
        return str(error)
    return ""


class Holds:
    """Connections that are kept, one for each listener, for so many seconds at most."""

    def __init__(self, listeners: Iterable[Mapping[str, Any]], seconds: float) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._hold, args=(listener, seconds), daemon=True) for listener in listeners
        ]
        for thread in self._threads:
            thread.start()

    def _hold(self, listener: Mapping[str, Any], seconds: float) -> None:
        name, address = listener["name"] or _USUAL_NAME, (listener["address"], listener["port"])
        with contextlib.suppress(OSError, ValueError, SluiceError):
            h3.hold(name, address, seconds, self._over)

    def end(self) -> None:
        """Keep them no longer."""
        self._over.set()
        for thread in self._threads:
            thread.join()
