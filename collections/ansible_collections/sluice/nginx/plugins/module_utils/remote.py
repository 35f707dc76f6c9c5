"""The controller's side of the engine: what is sent to a host, and how its answer is read.

One round trip an operation: ``command()`` is run on the host with ``payload()`` on its standard input, and
``answer()`` finds the engine's answer in what comes back. The forms of requests and answers are in
``engine/forms.py``.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .engine import MARKER
from .errors import SluiceError

__all__ = ["Pack", "answer", "command", "pack", "payload"]

_SHIPPED = ("errors.py", "manifest.py", "receipt.py", "contract", "engine")
# Must live on any Python 3.8 and import little: what it costs is paid on each host in each phase. The engine is
# unpacked to disk rather than imported from the zip, because only then Python keeps it compiled. The guard's own engine
# stays. It ends at once, since a request of a check may still hang.
_BOOTSTRAP = """
import json,os,sys
i=sys.stdin.buffer
h=json.loads(i.readline())
z,r,b=(i.read(h[k]) for k in ("engine_size","request_size","bundle_size"))
if len(b)!=h["bundle_size"]: sys.exit("the payload ended early")
t=None
p=os.path.join("/var/lib/sluice/engine",h["engine"])
sys.dont_write_bytecode=not h["keep"]
if os.geteuid() or not os.path.isdir(p):
    import io,shutil,tempfile,zipfile
    d=os.path.dirname(p)
    try:
        if os.geteuid() or not h["keep"]: raise PermissionError
        os.makedirs(d,0o755,exist_ok=True)
        os.chmod(d,0o700)
        t=tempfile.mkdtemp(dir=d)
    except OSError:
        p=t=tempfile.mkdtemp()
    zipfile.ZipFile(io.BytesIO(z)).extractall(t)
    if p!=t:
        os.sync()
        try: os.rename(t,p)
        except OSError: shutil.rmtree(t)
        t=None
        try: g=open("/var/lib/sluice/guard.py").read()
        except OSError: g=""
        a=sorted((e for e in os.scandir(d) if e.path!=p and e.name not in g),key=lambda e:e.stat().st_mtime)
        for e in a[:-2]: shutil.rmtree(e.path,True)
sys.path.insert(0,p)
try:
    from sluice.engine.main import main
    main(r,b)
finally:
    if t: shutil.rmtree(t,True)
sys.stdout.flush()
os._exit(0)
"""


class Pack(NamedTuple):
    """What is shipped: a zip of the package ``sluice``, and the SHA-256 of it in hex."""

    digest: str
    data: bytes


@functools.lru_cache(maxsize=1)
def pack() -> Pack:
    """Pack the engine and what it imports; the same sources give the same bytes."""
    here = Path(__file__).parent
    sources: dict[str, bytes] = {"__init__.py": b""}
    for name in _SHIPPED:
        path = here / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            sources[source.relative_to(here).as_posix()] = source.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(sources.items()):
            # A fixed time and mode: the digest must depend on the sources alone.
            info = zipfile.ZipInfo(f"sluice/{name}", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    data = buffer.getvalue()
    return Pack(hashlib.sha256(data).hexdigest(), data)


def command(python: str = "python3") -> str:
    """Return the shell command that runs the engine with ``payload()`` on its standard input."""
    return f"{shlex.quote(python)} -IS -c {shlex.quote(_BOOTSTRAP.strip())}"


def payload(request: Mapping[str, Any], bundle: bytes = b"") -> bytes:
    """Return the standard input of ``command()``:

    a header line, the engine, the request and the bundle (tar.gz or nothing). A probe leaves nothing on the host, the
    engine included.
    """
    packed = pack()
    body = json.dumps(request, sort_keys=True).encode()
    header = {
        "bundle_size": len(bundle),
        "engine": packed.digest,
        "engine_size": len(packed.data),
        "keep": request.get("op") != "probe",
        "request_size": len(body),
    }
    return json.dumps(header).encode() + b"\n" + packed.data + body + bundle


def answer(stdout: str, stderr: str, rc: int) -> dict[str, Any]:
    """Find the engine's answer in the output of ``command()``; banners and the noise of sudo around it do not matter.

    Raises ``SluiceError`` in words when there is none.
    """
    for line in reversed(stdout.splitlines()):
        _, found, text = line.partition(MARKER)
        if found:
            try:
                parsed = json.loads(text)
            except ValueError:
                continue
            if isinstance(parsed, dict):
                return parsed
    raise SluiceError(_silence(f"{stdout}\n{stderr}", rc))


def _silence(output: str, rc: int) -> str:
    """Say why the engine gave no answer."""
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
    if re.search(
        r"(?i)a password is required|incorrect password|not in the sudoers|sorry, you must have a tty", output
    ):
        return f"the host refused to become root: {_last_line(output)}; check ansible_become_password and sudo there"
    said = _last_line(output)
    return f"the engine on the host ended with code {rc} and without an answer; its last words: {said or 'none'}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
