"""Files, directories and sockets that a release needs of this host."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Iterable, Tuple

from ...closest_match import closest_path
from ..safe_open import read_any
from ..session import Session

if TYPE_CHECKING:
    from ..protocol import Json

# Whether it is there, what was seen, and the nearest thing that exists.
Seen = Tuple[bool, str, str]

__all__ = ["look_at_paths"]

# What nginx makes by itself, where it has a directory for it.
_MADE = {"file": ("lock", "log", "pid"), "directory": ("cache", "temp")}
_SECONDS = 1.0


def look_at_paths(session: Session, needs: Iterable[Json]) -> list[Seen]:
    """Look at each need of the kinds file, directory and socket, in their order.

    ``path`` is where the value leads to by links of the release. What is below ``/etc/nginx`` goes with the release
    that is live now, so it does not count; what is kept there does.
    """
    rows = list(needs)
    found = [_look(session, need) for need in rows]
    sockets = {need["path"] for need, seen in zip(rows, found) if need["kind"] == "socket" and seen[0]}
    said = _refused(sockets) if sockets else {}
    for place, need in enumerate(rows):
        refused = said.get(need["path"], "") if need["kind"] == "socket" else ""
        if refused:
            found[place] = (False, f"nobody listens there: {refused}", "")
    return found


def _refused(paths: Iterable[str]) -> dict[str, str]:
    """Return for each socket why nobody answers there, or nothing."""
    import socket

    from .network import Target, connect

    said = connect([Target(socket.AF_UNIX, path) for path in paths], _SECONDS)
    return {target.address: words for target, words in said.items()}


def _look(session: Session, need: Json) -> Seen:
    kind, path = need["kind"], str(need["path"])
    if _below(path, str(session.layout.shared)):
        live = str(session.layout.conf / os.path.relpath(path, session.layout.shared))
        path = path if os.path.exists(path) else live
    elif _below(path, str(session.layout.conf)):
        return False, "the release does not bring it, and it is not kept there (nginx_shared_paths)", ""
    if need["purpose"] in _MADE.get(kind, ()) and not os.path.lexists(path):
        path, kind = os.path.dirname(path), "directory"
    seen = _seen(path, kind)
    if not seen and kind == "file" and need["purpose"] == "certificate":
        seen = _certificate_fault(path, str(need["beside"]))
    return not seen, seen, closest_path(path) if seen else ""


def _below(path: str, folder: str) -> bool:
    return os.path.normpath(path).startswith(folder + "/")


def _seen(path: str, kind: str) -> str:
    """Return what is wrong with what is at ``path``, or nothing."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
    there = "directory" if stat.S_ISDIR(mode) else "socket" if stat.S_ISSOCK(mode) else "file"
    return "" if there == kind else f"{path} is a {there}"


def _certificate_fault(path: str, key: str) -> str:
    """Return why nginx could not use a certificate with its key, or nothing where that is not certain."""
    # A pipe would be read without end.
    if not key or not (os.path.isfile(key) and os.path.isfile(path)):
        return ""
    # Here, because most operations need none of it, and it takes longest to import.
    import ssl

    try:
        # A key with a password is not asked for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"the key {key} is not that of the certificate"
        if error.reason == "NO_START_LINE" or "PEM lib" in str(error):
            return f"there is no certificate in {path}, or no key in {key}" if _is_plain(key) else ""
    except (OSError, ValueError):
        return ""
    return ""


def _is_plain(key: str) -> bool:
    return b"ENCRYPTED" not in read_any(key, 1 << 20)
