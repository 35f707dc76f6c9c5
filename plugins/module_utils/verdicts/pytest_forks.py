"""The program that runs pytest for the gate ``verify``: it imports all of it once, and forks for each run.

It is started by its text, so that, as with ``python -m pytest``, imports look into the current directory first. Each
message on the socket that is its standard input is one run: a line of JSON, and the pipe that takes all its output and,
as the last line, how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

_MOST_BYTES = 65536


def _import_all() -> None:
    """Run a test of nothing, which makes pytest and its plugins import what they otherwise import in each run."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        import pytest

        Path(folder, "test_nothing.py").write_text("def test_nothing(): ...\n")
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main(["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder, folder])


def _run(arguments: list[str], output: int) -> None:
    """Be one run, in a session of its own, so that what it starts ends with it."""
    os.setsid()
    for channel in (1, 2):
        os.dup2(output, channel)
    import pytest

    sys.exit(pytest.main(arguments))


def _watch(job: dict[str, Any], output: int) -> None:
    """Start the run, wait for its end, and tell how it ended: its exit code, or ``late``."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    run = os.fork()
    if not run:
        _run(job["arguments"], output)
    late = False

    def end(number: int, frame: object) -> None:
        nonlocal late
        late = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.alarm(job["seconds"])
    _, status = os.waitpid(run, 0)
    signal.alarm(0)
    os.write(output, f"\n{'late' if late else os.waitstatus_to_exitcode(status)}".encode())
    os._exit(0)


def main() -> None:
    """Serve until nobody asks any more."""
    asked = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, (*outputs,), _, _ = socket.recv_fds(asked, _MOST_BYTES, 1)
        if not line:
            return
        if not os.fork():
            asked.close()
            _watch(json.loads(line), outputs[0])
        os.close(outputs[0])
        asked.sendall(b".")


if __name__ == "__main__":
    main()
