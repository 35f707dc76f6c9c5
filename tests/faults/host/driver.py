"""Runs one request of the engine on a host and strikes at a point of its journal. The tests send it as text.

The first line of the standard input says what is to happen; the bundle follows. At a point, as "swap end", the engine
waits until it may go on, or dies. While there is a file with seconds, the time of day is off by as many.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

FOLDER = Path("/run/faults")
_TIMEOUT = 120.0

ORDER: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
sys.path.insert(0, ORDER["engine"])

if TYPE_CHECKING:
    from ansible_collections.sluice.nginx.plugins.module_utils.engine import MARKER
    from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
    from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
else:
    from sluice.engine import MARKER
    from sluice.engine.host.system import System
    from sluice.engine.main import handle


class Struck(System):
    """The host's own files and processes, but for what is to happen to the engine."""

    def now(self) -> str:
        """Return the time of a clock that may have been moved."""
        try:
            moved = float((FOLDER / "clock").read_text())
        except OSError:
            return super().now()
        at = time.time() + moved
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"

    def append(self, path: Path, line: bytes) -> None:
        """Write a line of the journal, and let happen what is to happen there."""
        super().append(path, line)
        event = json.loads(line)
        if f"{event['event']} {event.get('mark', '')}".strip() != ORDER["at"]:
            return
        ORDER["at"] = ""
        (FOLDER / "engine").write_text(str(os.getpid()))
        (FOLDER / "reached").touch()
        if ORDER["do"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        until = time.monotonic() + _TIMEOUT
        while not (FOLDER / "go").exists() and time.monotonic() < until:
            time.sleep(0.02)


FOLDER.mkdir(exist_ok=True)
os.umask(0o022)
os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
answer = handle(ORDER["request"], sys.stdin.buffer.read(ORDER["bundle_size"]), Struck())
sys.stdout.write(f"\n{MARKER}{json.dumps(answer)}\n")
