"""The agent in a container: how its code gets there, and the conversation with it.

It is the container's own process, asked over the container's own channels, a line of JSON each way. A command of its
own for each question would start Python anew, which costs a tenth of a second each time.

What runs beside nginx can end nginx's agent, keep it from answering or write lines of its own. None of that passes for
an answer: each has the token of its question and bounds on its bytes and time, and after the first that has not the
agent is asked no more.
"""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import environment, remote
from ..errors import SluiceError
from .containers import libraries, pack

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["Agent", "code", "command"]

_ENVIRONMENT = Path(str(environment.__file__)).parent
_HOME = "sluice"
_PATHS = [f"/{_HOME}{part}" for part in ("", "/libraries.zip")]
# What the agent starts may neither read what is meant for it nor say something in its place. All that it needs comes
# to it as archives, each after a line with its size: that takes Docker no process of its own, as its copying does.
# The first one is its own code, which is there and read before anything of a release is.
_BOOT = f"""
import io,os,sys,tarfile
i=os.fdopen(os.dup(0),"rb")
o=os.fdopen(os.dup(1),"w",encoding="utf-8")
os.dup2(os.open(os.devnull,os.O_RDONLY),0)
os.dup2(2,1)
def unpack():
    n=int(i.readline())
    if not n: return False
    with tarfile.open(fileobj=io.BytesIO(i.read(n))) as a:
        a.extraction_filter=lambda member,_: member
        a.extractall("/")
    return True
unpack()
sys.path[:0]={_PATHS}
from sluice.environment.inside.main import main, work_of
work=work_of(sys.argv[1])
while unpack(): pass
main(i,o,sys.argv[1],work)
"""


def command(part: str) -> list[str]:
    """What a container runs that the agent of that part is in: ``nginx``, ``stub`` or ``judge``."""
    return ["python3", "-IS", "-c", _BOOT, part]


_CHANNELS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_HEADER_BYTES = 8
_ERRORS = 2
_KEPT_WORDS = 4000
_MOST_ANSWER = 96 * 1024 * 1024
_MOST_LINES = 100
# All that the agent does has bounds of its own, which are smaller.
_TIMEOUT_SECONDS = 900.0
_TAKEN_SECONDS = 60.0


@functools.lru_cache(maxsize=1)
def code() -> bytes:
    """Pack what agents are made of; it is the same for all of them."""
    files = {f"{_HOME}/{path}": text.encode() for path, text in remote.sources().items()}
    for path in (_ENVIRONMENT / "__init__.py", *(_ENVIRONMENT / "inside").rglob("*.py")):
        files[f"{_HOME}/sluice/environment/{path.relative_to(_ENVIRONMENT)}"] = path.read_bytes()
    return pack({**files, f"{_HOME}/libraries.zip": libraries()}, {})


class Agent:
    """The conversation with the agent of a container that was created with ``command`` and is not started yet, or over
    the ``stream`` of one that another process began.

    ``why`` says in words why the container has ended, where that is known; ``reached`` what is wrong with the hits that
    the agent has counted of its container's bounds.
    """

    def __init__(
        self,
        container: Container,
        why: Callable[[], str] = lambda: "",
        reached: Callable[[Mapping[str, Any]], str] = lambda _: "",
        stream: socket.socket | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._stream: Any = stream or container.attach_socket(params=_CHANNELS)
        # The client gives a reader of a socket, or over SSH the channel itself.
        self._socket: Any = getattr(self._stream, "_sock", self._stream)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        self._frames: Any = self._socket.makefile("rb")
        self._said = b""
        self._words = b""
        self._why = why
        self._reached = reached
        self._broken = ""

    @property
    def stream(self) -> socket.socket:
        """What another process can go on with, where the engine ``is_local``."""
        found: socket.socket = self._socket
        return found

    def give(self, archives: Iterable[bytes], *, last: bool = True) -> None:
        """Hand over archives, which are unpacked at the root of the container's files; the first one is ``code()``.

        It waits for more until the ``last`` ones have come. Raises ``SluiceError``.
        """
        try:
            for archive in archives:
                self._socket.sendall(b"%d\n" % len(archive))
                self._socket.sendall(archive)
            if last:
                self._socket.sendall(b"0\n")
        except OSError as error:
            raise self._ended("take its files", error) from error

    def tell(self, what: str, about: Any, token: str = "") -> None:
        """Have it do ``what``, and wait for no end of it. Raises ``SluiceError``."""
        try:
            self._socket.settimeout(_TAKEN_SECONDS)
            self._socket.sendall(json.dumps([token, what, about]).encode() + b"\n")
        except OSError as error:
            raise self._ended(what, error) from error

    def ask(self, what: str, about: Any, seconds: float = _TIMEOUT_SECONDS) -> dict[str, Any]:
        """Have it do ``what`` within ``seconds``. Raises ``SluiceError`` with its words when it cannot."""
        with self._lock:
            if self._broken:
                raise SluiceError(f"staging cannot {what}: {self._broken}")
            token = secrets.token_hex(16)
            self.tell(what, about, token)
            try:
                line = self._line(time.monotonic() + seconds)
            except TimeoutError:
                raise self._broke(what, f"no answer within {seconds:.0f} s") from None
            except OSError as error:
                raise self._ended(what, error) from error
            if line is None:
                raise self._ended(what)
            answer = _read(line, token)
            if answer is None:
                raise self._broke(what, "what came is not its agent's answer: something else in the container spoke")
        reached = self._reached(answer.pop("hits"))
        if "error" in answer or reached:
            raise SluiceError(f"staging cannot {what}: {'; '.join(filter(None, [reached, answer.get('error')]))}")
        return answer

    def _broke(self, what: str, words: str) -> SluiceError:
        self._broken = words
        return SluiceError(f"staging cannot {what}: {self._broken}")

    def _ended(self, what: str, error: OSError | None = None) -> SluiceError:
        with contextlib.suppress(OSError, SluiceError):
            for _ in range(_MOST_LINES):
                if self._line(time.monotonic() + 1) is None:
                    break
        words = self._words.decode(errors="replace").strip().rpartition("\n")[2]
        return self._broke(what, f"the agent ended: {self._why() or words or error or 'no word'}")

    def _line(self, until: float) -> bytes | None:
        """The next line that it says; None when it has ended. Raises ``SluiceError`` for one without an end."""
        parts, size = [self._said], 0
        while b"\n" not in parts[-1]:
            self._socket.settimeout(max(0.01, until - time.monotonic()))
            header = self._frames.read(_HEADER_BYTES)
            if len(header) < _HEADER_BYTES:
                return None
            data: bytes = self._frames.read(int.from_bytes(header[4:], "big"))
            if header[0] == _ERRORS:
                self._words = (self._words + data)[-_KEPT_WORDS:]
            else:
                parts.append(data)
                size += len(data)
            if size > _MOST_ANSWER:
                raise self._broke("hear it out", f"it says more than {_MOST_ANSWER} bytes at once")
            if time.monotonic() > until:
                raise TimeoutError
        line, _, self._said = b"".join(parts).partition(b"\n")
        return line

    def close(self) -> None:
        """End the conversation; the container is for others to remove."""
        self._frames.close()
        self._stream.close()


def _read(line: bytes, token: str) -> dict[str, Any] | None:
    """Read an answer; None where it is not one to the question with that token."""
    try:
        answer = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    known = isinstance(answer, dict) and answer.pop("token", None) == token and isinstance(answer.get("hits"), dict)
    return answer if known else None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
