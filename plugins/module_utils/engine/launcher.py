"""Starts the engine that belongs to this host: installed as /usr/local/sbin/sluice-engine, for a forced command of sshd
or a line of sudoers. It reads one request as ``remote.payload()`` writes it, and runs nothing that comes with it.

It stands alone, and trusts neither its arguments nor its environment.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from typing import Any, BinaryIO, Dict, Tuple, Union

Codes = Dict[str, Tuple[str, Union[bytes, str]]]

_ROOT = "/usr/local/lib/sluice"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROXIES = ("https_proxy", "http_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
# Bytes, of a part of what is sent: an engine, a request, a bundle.
_MOST = 256 << 20
_HEADER = 512


def _read(stream: BinaryIO, size: int) -> bytes:
    part = stream.read(size)
    if len(part) != size:
        sys.exit("the payload ended early")
    return part


def _codes(folder: str) -> Codes:
    """Return the modules of the engine as ``loading`` takes them."""
    try:
        with open(os.path.join(folder, f"{sys.hexversion:x}.code"), "rb") as file:
            kept: Codes = marshal.load(file)
            return kept
    except (OSError, EOFError, TypeError, ValueError):
        pass
    # Python was updated since. The sources are read here, and compiled for it once more.
    sources = {}
    for place, _, names in os.walk(os.path.join(folder, "sluice")):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                with open(path, encoding="utf-8") as text:
                    sources[os.path.relpath(path, folder)] = text.read()
    space: dict[str, Any] = {}
    exec(sources["sluice/engine/install.py"], space)
    made: Codes = space["install"](sources, os.path.basename(folder), _ROOT, True)
    return made


def _started(digest: str) -> tuple[Codes, dict[str, Any]]:
    """Return the modules of an engine, and what starts them."""
    codes = _codes(os.path.join(_ROOT, "engine", digest))
    start = codes["sluice.engine.loading"][1]
    space: dict[str, Any] = {}
    exec(start if isinstance(start, str) else marshal.loads(start), space)
    return codes, space


def _current() -> str:
    with open(os.path.join(_ROOT, "current")) as file:
        return file.read().split()[0]


def pull(arguments: list[str]) -> None:
    """Look for a release that was published for this host, as ``sluice-pull`` is asked to."""
    gc.disable()
    # The way out may be a proxy's, which whoever starts this names.
    kept = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, PATH=_PATH, LC_ALL="C.UTF-8")
    os.umask(0o077)
    os.chdir("/")
    codes, space = _started(_current())
    code = space["run_pull"](codes, arguments)
    sys.stdout.flush()
    # A server that hangs may still be waited for on a thread.
    os._exit(code)


def main() -> None:
    """Answer one request."""
    if len(sys.argv) > 1:
        sys.exit("sluice-engine takes no arguments")
    # Until the engine is imported; see loading.py.
    gc.disable()
    os.environ.clear()
    os.environ.update(PATH=_PATH, LC_ALL="C.UTF-8")
    os.umask(0o022)
    os.chdir("/")
    stream = sys.stdin.buffer
    words = stream.readline(_HEADER).decode("ascii", "replace").split()
    sizes = [int(word) for word in words[2:] if word.isascii() and word.isdigit() and len(word) < 12]
    if len(words) != 5 or len(sizes) != 3 or max(sizes) > _MOST:
        sys.exit("this is the engine of Sluice on this host; it answers requests of Sluice only")
    _, request, bundle = [_read(stream, size) for size in sizes]
    digest = _current()
    codes, space = _started(digest)
    space["run_own"](codes, request, bundle, digest, words[0])
    sys.stdout.flush()
    # As for the engine that is sent along: a request of a check may still hang.
    os._exit(0)


if __name__ == "__main__":
    main()
