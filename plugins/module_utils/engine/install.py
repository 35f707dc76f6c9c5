"""Puts the engine on a host that lacks it: its sources, and one file of what they compile to.

Executed from the text that the controller has sent, so it imports nothing of the engine.
"""

from __future__ import annotations

import marshal
import os
import shutil
import sys
import tempfile
from importlib import import_module
from typing import Dict, Tuple, Union

Codes = Dict[str, Tuple[str, Union[bytes, str]]]

__all__ = ["install"]

# What operations import only when they need it. A Python that lacks any of it (python3-minimal) is told of at first
# contact, not in the middle of a switch.
_NEEDED = (
    *("ctypes", "datetime", "difflib", "fcntl", "gzip", "hashlib", "json", "pathlib", "signal", "socket", "ssl"),
    *("subprocess", "tarfile", "threading"),
)
# So many engines of before stay, beside the one that the watchdog of a pending phase runs.
_OTHERS = 2


def install(sources: dict[str, str], digest: str, root: str, keep: bool, watchdog: str = "") -> Codes:
    """Return the engine's modules, for ``loading.run``. With ``keep`` they are at ``root`` from then on.

    ``sources`` are texts by paths, as ``sluice/engine/main.py``. What is at ``root/engine/digest`` is always whole, and
    so is the file of compiled modules in it, which each Python has of its own. Where nothing can be kept, the engine
    runs from memory: a host that has no room must still be rolled back. ``watchdog`` is the script of the watchdog,
    whose engine stays.
    """
    for name in _NEEDED:
        import_module(name)
    folder = os.path.join(root, "engine", digest)
    if keep and not os.geteuid():
        try:
            if not os.path.isdir(folder):
                _unpack(sources, folder)
                _prune(watchdog or os.path.join(root, "watchdog.py"), folder)
            return _compiled(sources, folder)
        except OSError:
            pass
    return {_module(path): (path, text) for path, text in sources.items()}


def _module(path: str) -> str:
    name = path[: -len(".py")].replace("/", ".")
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


def _unpack(sources: dict[str, str], folder: str) -> None:
    parent = os.path.dirname(folder)
    os.makedirs(parent, 0o755, exist_ok=True)
    os.chmod(parent, 0o700)
    place = tempfile.mkdtemp(dir=parent)
    try:
        for path, text in sources.items():
            target = os.path.join(place, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        os.sync()
        os.rename(place, folder)
        _sync(parent)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        # Somebody else may have been faster.
        if not os.path.isdir(folder):
            raise


def _sync(folder: str) -> None:
    # The script of the watchdog names this engine, and is on disk from its own writing on.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compiled(sources: dict[str, str], folder: str) -> Codes:
    """Compile all modules into one file, which is there as a whole or not at all."""
    codes: Codes = {}
    for path, text in sources.items():
        full = os.path.join(folder, path)
        # Without docstrings and what else only people read: it is loaded again and again.
        codes[_module(path)] = (full, marshal.dumps(compile(text, full, "exec", dont_inherit=True, optimize=2)))
    descriptor, temporary = tempfile.mkstemp(dir=folder)
    try:
        with open(descriptor, "wb") as file:
            marshal.dump(codes, file)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, os.path.join(folder, f"{sys.hexversion:x}.code"))
    except OSError:
        os.unlink(temporary)
        raise
    return codes


def _prune(script: str, folder: str) -> None:
    try:
        with open(script) as file:
            watchdog = file.read()
    except OSError:
        watchdog = ""
    with os.scandir(os.path.dirname(folder)) as entries:
        others = [entry for entry in entries if entry.path != folder and entry.name not in watchdog]
    for entry in sorted(others, key=lambda entry: entry.stat().st_mtime)[:-_OTHERS]:
        shutil.rmtree(entry.path, ignore_errors=True)
