"""The agent in a container: how its code gets there, and the conversation with it.

It is the container's own process, asked over the container's own channels, a line of JSON each way. A command of its
own for each question would start Python anew, which costs a tenth of a second each time.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from .. import remote
from ..answers import read_agent_answer
from ..errors import SluiceError
from ..world import inside
from .containers import libraries, pack

__all__ = ["COMMAND", "Agent", "code"]

_INSIDE = Path(str(inside.__file__)).parent
_HOME = "sluice"
_PATHS = [f"/{_HOME}{part}" for part in ("", "/libraries.zip")]
# What the agent starts may neither read what is meant for it nor say something in its place. All that it needs comes
# to it as archives, each after a line with its size: that takes Docker no process of its own, as its copying does.
_BOOT = f"""
import io,os,sys,tarfile
i=os.fdopen(os.dup(0),"rb")
o=os.fdopen(os.dup(1),"w",encoding="utf-8")
os.dup2(os.open(os.devnull,os.O_RDONLY),0)
os.dup2(2,1)
while True:
    n=int(i.readline())
    if not n: break
    with tarfile.open(fileobj=io.BytesIO(i.read(n))) as a:
        a.extraction_filter=lambda member,_: member
        a.extractall("/")
sys.path[:0]={_PATHS}
from inside.main import main
main(i,o)
"""
COMMAND = ("python3", "-IS", "-c", _BOOT)
"""What a container runs that an agent is in."""

_CHANNELS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_HEADER_BYTES = 8
_ERRORS = 2
_KEPT_WORDS = 4000
# All that the agent does has bounds of its own, which are smaller.
_PATIENCE_SECONDS = 900.0
# Of one answer. The largest has the answers to some thousand requests, and a few KiB of each.
_MOST_BYTES = 256 << 20


@functools.lru_cache(maxsize=1)
def code() -> bytes:
    """Pack what agents are made of; it is the same for all of them."""
    files = {f"{_HOME}/inside/{path.relative_to(_INSIDE)}": path.read_bytes() for path in _INSIDE.rglob("*.py")}
    files |= {f"{_HOME}/{path}": text.encode() for path, text in remote.sources().items()}
    return pack({**files, f"{_HOME}/libraries.zip": libraries()}, {})


class Agent:
    """The conversation with the agent of a container that was created with ``COMMAND`` and is not started yet."""

    def __init__(self, container: Container) -> None:
        self._lock = threading.Lock()
        self._stream: Any = container.attach_socket(params=_CHANNELS)
        # The client gives a reader of a socket, or over SSH the channel itself.
        self._socket: Any = getattr(self._stream, "_sock", self._stream)
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._frames: Any = self._socket.makefile("rb")
        self._said = b""
        self._words = b""

    def give(self, archives: Iterable[bytes]) -> None:
        """Hand over archives, which are unpacked at the root of the container's files. Raises ``SluiceError``."""
        try:
            for archive in archives:
                self._socket.sendall(b"%d\n" % len(archive))
                self._socket.sendall(archive)
            self._socket.sendall(b"0\n")
        except OSError as error:
            raise self._ended("take its files", error) from error

    def tell(self, what: str, about: Any) -> None:
        """Have it do ``what``, and wait for no end of it. Raises ``SluiceError``."""
        try:
            self._socket.sendall(json.dumps([what, about]).encode() + b"\n")
        except OSError as error:
            raise self._ended(what, error) from error

    def ask(self, what: str, about: Any) -> dict[str, Any]:
        """Have it do ``what``. Raises ``SluiceError`` with its words when it cannot."""
        with self._lock:
            self.tell(what, about)
            try:
                line = self._line()
            except TimeoutError:
                raise SluiceError(f"staging cannot {what}: no answer within {_PATIENCE_SECONDS:.0f} s") from None
            except OSError as error:
                raise self._ended(what, error) from error
            if not line:
                raise self._ended(what)
        return read_agent_answer(what, line)

    def _ended(self, what: str, error: OSError | None = None) -> SluiceError:
        with contextlib.suppress(OSError, SluiceError):
            while self._line():
                pass
        words = self._words.decode(errors="replace").strip().rpartition("\n")[2]
        return SluiceError(f"staging cannot {what}: the agent ended: {words or error or 'no word'}")

    def _line(self) -> bytes:
        """The next line that it says; nothing when it has ended."""
        parts = [self._said]
        said = len(self._said)
        while b"\n" not in parts[-1]:
            header = self._frames.read(_HEADER_BYTES)
            if len(header) < _HEADER_BYTES:
                return b""
            data: bytes = self._frames.read(int.from_bytes(header[4:], "big"))
            if header[0] == _ERRORS:
                self._words = (self._words + data)[-_KEPT_WORDS:]
                continue
            parts.append(data)
            said += len(data)
            if said > _MOST_BYTES:
                raise SluiceError(f"staging's agent says more than {_MOST_BYTES >> 20} MiB at once")
        line, _, self._said = b"".join(parts).partition(b"\n")
        return line

    def close(self) -> None:
        """End the conversation; the container is for others to remove."""
        self._frames.close()
        self._stream.close()
