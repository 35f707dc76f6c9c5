"""The load of a benchmark: one wrk for each kind of request, sized so that two cores are not drowned by all of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .judge import Seen
from .releases import MARKER

__all__ = ["KINDS", "Counted", "Kind", "loaded", "require_wrk"]

_SCRIPT = Path(__file__).with_name("load.lua")
# After that a slow answer has come to its end too, also on a busy machine; in seconds.
_DRAIN = 2.0
_LONGEST = 3600
_TIMEOUT = 10


@dataclass(frozen=True)
class Kind:
    """One kind of request. ``connections`` wait ``pause`` milliseconds between an answer and their next request; with
    ``fresh`` each request has a connection of its own. ``tells`` says that the answer is the release's number.
    """

    name: str
    url: str
    connections: int
    pause: int
    fresh: bool
    tells: bool = False

    @property
    def host(self) -> str:
        """The name that the request is for."""
        return self.url.split("/")[2]


_SHOP = "http://cedi-mart.example/products/teapot"
_API = "https://shwitter.example/v2/profile?id=1"
# About 3,000 requests a second. Fresh connections stay below what keeps a client's ports from running out.
KINDS = (
    Kind("page, keep-alive", f"http://{MARKER}/", 20, 5, fresh=False, tells=True),
    Kind("page, fresh", f"http://{MARKER}/", 8, 30, fresh=True, tells=True),
    Kind("shop (PHP), keep-alive", _SHOP, 6, 25, fresh=False),
    Kind("shop (PHP), fresh", _SHOP, 4, 40, fresh=True),
    Kind("API (TLS), keep-alive", _API, 6, 25, fresh=False),
    Kind("API (TLS), fresh", _API, 4, 60, fresh=True),
    Kind("slow, keep-alive", f"http://{MARKER}/slow", 10, 10, fresh=False),
    Kind("slow, fresh", f"http://{MARKER}/slow", 10, 10, fresh=True),
)


@dataclass
class Counted:
    """What wrk saw of one kind. ``unanswered`` requests were sent and got no whole answer, which was found at the times
    of ``losses``, in seconds since 1970; ``errors`` are wrk's own, by kind.
    """

    fresh: bool
    sent: int
    unanswered: int
    errors: dict[str, int]
    slowest_ms: int
    losses: list[float]

    @property
    def lost(self) -> int:
        """Requests without a good answer."""
        errors = self.errors
        unanswered = self.unanswered
        if self.fresh:
            # On keep-alive it is also a read error when a connection is closed between two requests, which loses none.
            unanswered = max(unanswered, errors["read"] + errors["write"])
        return unanswered + errors["connect"] + errors["timeout"] + errors["status"]


def require_wrk() -> None:
    """Raise ``SluiceError`` where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SluiceError("wrk is not installed, which makes the load: install the package wrk (apt-get install wrk)")


@contextlib.contextmanager
def loaded(address: str, folder: Path, counted: dict[str, Counted], seen: list[Seen]) -> Iterator[None]:
    """Put all kinds of load on the host at ``address``, and fill ``counted`` by kind and ``seen`` at the end."""
    stop = folder / "stop"
    stop.unlink(missing_ok=True)
    running: dict[Kind, subprocess.Popen[str]] = {}
    try:
        for kind in KINDS:
            running[kind] = _start(kind, address, stop)
        yield
        stop.touch()
        time.sleep(_DRAIN)
        for process in running.values():
            process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        stop.unlink()
        for kind, process in running.items():
            counted[kind.name], told = _read(kind, process.communicate(timeout=_TIMEOUT)[0])
            seen += told
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
                process.wait()


def _start(kind: Kind, address: str, stop: Path) -> subprocess.Popen[str]:
    number = str(kind.connections)
    command = ["wrk", "-t", number, "-c", number, "-d", f"{_LONGEST}s", "--timeout", f"{_TIMEOUT}s"]
    command += ["-s", str(_SCRIPT), "-H", f"Host: {kind.host}"]
    command += ["-H", "Connection: close"] if kind.fresh else []
    environment = {**os.environ, "LOAD_PAUSE": str(kind.pause), "LOAD_STOP": str(stop)}
    if kind.tells:
        environment["LOAD_MARKER"] = "yes"
    return subprocess.Popen(
        [*command, kind.url.replace(kind.host, address, 1)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Ctrl-C is for the benchmark, which ends wrk itself.
        start_new_session=True,
    )


def _read(kind: Kind, output: str) -> tuple[Counted, list[Seen]]:
    try:
        told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise SluiceError(f"wrk ended without figures for {kind.name}: {output.strip()[-500:]}") from error
    unanswered = told["sent"] - told["answered"]
    counted = Counted(kind.fresh, told["sent"], unanswered, told["errors"], int(told["slowest_ms"]), told["losses"])
    return counted, [Seen(number, count, first, last) for number, count, first, last in told["rows"]]
