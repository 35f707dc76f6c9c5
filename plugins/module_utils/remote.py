"""The controller's side of the engine: what is sent to a host, and how its answer is read.

One round trip an operation: ``command()`` is run on the host with ``payload()`` on its standard input, and
``answer()`` finds the engine's answer in what comes back. The forms of requests and answers are in
``engine/protocol.py``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shlex
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .engine import MARKER
from .errors import SluiceError
from .untrusted import printable

__all__ = ["EngineMissing", "Pack", "answer", "command", "pack", "payload", "sources"]

_SHIPPED = (
    "closest_match.py",
    "errors.py",
    "manifest.py",
    "nginx_build.py",
    "untrusted.py",
    "receipt.py",
    "redaction.py",
    "secrets.py",
    "contract",
    "coordination",
    "engine",
)
_MISSING = "SLUICE-ENGINE missing"
# Of what a host printed in place of an answer, the end is read.
_MOST_WORDS = 16 << 10
_MOST_LINES = 10
# Must live on any Python 3.8. It is compiled each time that it is sent, so it only starts what is compiled;
# engine/install.py puts that on the host. Where engine/resident.py listens, that one answers; without its sign it has
# not begun. The garbage collector pauses until the engine is imported, see engine/loading.py. It ends at once, since a
# request of a check may still hang.
_BOOTSTRAP = f"""
import gc,marshal,os,sys
gc.disable()
i=sys.stdin.buffer
d,k,*n=i.readline().decode().split()
z,r,b=p=[i.read(int(m)) for m in n]
if [str(len(m)) for m in p]!=n: sys.exit("the payload ended early")
e={{}}
q="/run/sluice/%s.%x%s.socket"%(d[:16],sys.hexversion,sys.executable.replace("/","."))
a=b""
if os.path.exists(q):
    import _socket as socket
    s=socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    try:
        s.connect(q)
        a=s.recv(1)
    except OSError: pass
if a:
    s.settimeout(None)
    s.sendall(("%d %d"%(len(r),len(b))+chr(10)).encode()+r+b)
    while a:
        a=s.recv(65536)
        sys.stdout.buffer.write(a)
    sys.stdout.flush()
    os._exit(0)
try:
    with open("/var/lib/sluice/engine/%s/%x.code"%(d,sys.hexversion),"rb") as f: c=marshal.load(f)
except (OSError,EOFError,TypeError,ValueError):
    if not z:
        print(chr(10)+"{_MISSING}",flush=True)
        os._exit(0)
    import hashlib,json,zlib
    z=zlib.decompress(z)
    if hashlib.sha256(z).hexdigest()!=d: sys.exit("the engine that came is not the one that was announced")
    c=json.loads(z)
    exec(c["sluice/engine/install.py"],e)
    c=e["install"](c,d,"/var/lib/sluice",k=="keep")
t=c["sluice.engine.loading"][1]
exec(t if isinstance(t,str) else marshal.loads(t),e)
e["run"](c,r,b)
sys.stdout.flush()
os._exit(0)
"""

# What sudo, doas and su say when they refuse, and what helps.
_WAYS_TO_ROOT = {
    "must have a tty": "set ansible_pipelining: false for this host, or take requiretty away for this user",
    "not allowed to": (
        "who may run named commands only reaches the host's own engine: set rollout_engine_command (docs/security.md)"
    ),
    "": "check ansible_become_method and ansible_become_password, and what it allows there",
}
_REFUSED = re.compile(
    r"(?i)a password is required|incorrect password|not in the sudoers|must have a tty|is not allowed to "
    r"|doas: (?:operation not permitted|auth\w* (?:failed|required))|su: (?:authentication failure|permission denied)"
)

_packing = threading.Lock()


class EngineMissing(SluiceError):
    """The host does not have this engine, and it was not sent along: ask again with it."""


class Pack(NamedTuple):
    """What is shipped: the sources of the package ``sluice`` as JSON, and the SHA-256 of that in hex."""

    digest: str
    content: bytes

    @property
    def data(self) -> bytes:
        """The sources as they are sent. May be asked for from any thread."""
        with _packing:
            return _compressed(self.content)


def sources() -> dict[str, str]:
    """Return what is shipped to hosts: the texts of the package ``sluice`` by their paths, as ``sluice/errors.py``."""
    here = Path(__file__).parent
    found = {"sluice/__init__.py": ""}
    for name in _SHIPPED:
        path = here / name
        for source in path.rglob("*.py") if path.is_dir() else [path]:
            found[f"sluice/{source.relative_to(here).as_posix()}"] = source.read_text(encoding="utf-8")
    return found


def pack() -> Pack:
    """Pack the engine and what it imports; the same sources give the same digest. May be called from any thread."""
    with _packing:
        return _packed()


@functools.lru_cache(maxsize=1)
def _packed() -> Pack:
    content = json.dumps(sources(), sort_keys=True).encode()
    return Pack(hashlib.sha256(content).hexdigest(), content)


# Apart, since it takes longer than all else here, and most hosts have the engine.
@functools.lru_cache(maxsize=1)
def _compressed(content: bytes) -> bytes:
    return zlib.compress(content, 9)


def command(python: str = "python3") -> str:
    """Return the shell command that runs the engine with ``payload()`` on its standard input.

    It is one line, for csh ends a quoted text with its line, and has no pair of backslashes, for fish makes one of it:
    some log in with these. ``python`` may be ``/usr/bin/env python3``.
    """
    words = python.split() if python.startswith("/usr/bin/env ") else [python]
    return f"{shlex.join(words)} -IS -c {shlex.quote(f'exec({_BOOTSTRAP.strip()!r})')}"


def payload(request: Mapping[str, Any], bundle: bytes = b"", *, engine: bool = True) -> bytes:
    """Return the standard input of ``command()``:

    a header line, the engine, the request and the bundle (tar.gz or nothing). Without ``engine`` it is left out, as
    most hosts have it; one that lacks it only says so. Who only looks leaves nothing on the host, the engine included.
    """
    packed = pack()
    parts = [packed.data if engine else b"", json.dumps(request, sort_keys=True).encode(), bundle]
    kept = "leave" if request.get("op") in ("probe", "nginx_files") or request.get("looking") else "keep"
    header = " ".join([packed.digest, kept, *(str(len(part)) for part in parts)])
    return b"".join([header.encode(), b"\n", *parts])


def answer(stdout: str, stderr: str, rc: int, operation: str) -> dict[str, Any]:
    """Find the engine's answer to ``operation`` in the output of ``command()``, and read it; banners and the noise of
    sudo around it do not matter.

    Raises ``EngineMissing`` where the engine must be sent along, and ``SluiceError`` in words when there is no answer,
    or it is not one to this operation.
    """
    # Here, as staging imports this for what is shipped.
    from .replies import MOST_BYTES, NoJson, read_answer

    if len(stdout) > MOST_BYTES:
        raise SluiceError(
            f"the host answered to {operation} with more than {MOST_BYTES >> 20} MiB; nothing of it was taken. "
            "See what prints there when the engine is started, as a shell's profile"
        )
    cut: NoJson | None = None
    for text in _marked(stdout):
        try:
            return read_answer(operation, text)
        except NoJson as error:
            cut = cut or error
    if _MISSING in stdout:
        raise EngineMissing("the host lacks the engine, and it was not sent along")
    if cut:
        raise cut
    raise SluiceError(_silence(f"{stdout[-_MOST_WORDS:]}\n{stderr[-_MOST_WORDS:]}", rc))


def _marked(stdout: str) -> Iterator[str]:
    """Yield what stands behind the marker in the last lines that have it, the last one first."""
    end = len(stdout)
    for _ in range(_MOST_LINES):
        found = stdout.rfind(MARKER, 0, end)
        if found < 0:
            return
        begin = stdout.rfind("\n", 0, found) + 1
        yield stdout[begin:].split("\n", 1)[0].partition(MARKER)[2]
        end = begin


def _silence(output: str, rc: int) -> str:
    """Return why the engine gave no answer."""
    missing = re.search(r"(?:ModuleNotFound|Import)Error: (?:No module named|.* from) '([\w.]+)'", output)
    if missing and not missing[1].startswith("sluice"):
        return (
            f"Python on the host is incomplete: its standard library lacks {missing[1]}; "
            "install the distribution's whole python3 package (python3-minimal is not enough)"
        )
    if rc == 127 or re.search(r"(?i)python\S*: (?:command )?not found|python\S*: No such file", output):
        return "python3 is missing on the host: install it, or set ansible_python_interpreter to one that is there"
    if "SyntaxError" in output:
        return "the host's Python is too old: 3.8 or newer is needed; set ansible_python_interpreter to one that is"
    refused = _REFUSED.search(output)
    if refused:
        do = next(do for words, do in _WAYS_TO_ROOT.items() if words in refused[0].lower())
        return f"the host refused to become root: {_last_line(output)}; {do}"
    said = _last_line(output)
    return f"the engine on the host ended with code {rc} and without an answer; its last words: {said or 'none'}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return printable(lines[-1])[:300] if lines else ""
