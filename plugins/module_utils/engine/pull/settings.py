"""Where a host that pulls finds what is published, and under which name: ``/etc/sluice/pull.json``, root's alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ...errors import SluiceError
from ...untrusted import has_controls

if TYPE_CHECKING:
    from pathlib import Path

    from ..store import Layout

__all__ = ["FILE", "PullSettings", "read_settings", "read_target", "settings_of", "settings_path"]

FILE = "pull.json"
_SCHEMES = ("https", "http", "file", "git+https", "git+ssh", "git+file")
_TARGET = r"(?a)[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_BRANCH = r"(?a)[A-Za-z0-9][A-Za-z0-9._/-]{0,127}"
_HEADER = r"[A-Za-z0-9-]{1,64}: [\x20-\x7e]{1,8000}"
_LONGEST = 2000
_LEAST, _MOST = 10, 7 * 86400


class PullSettings(NamedTuple):
    """``interval`` is in seconds; ``header`` is a line that is sent along, as ``Authorization: Bearer TOKEN``; ``ca``
    is the path of a PEM file on the host. With ``plain_http`` a source may be ``http://``.
    """

    source: str
    name: str
    interval: int = 300
    header: str = ""
    ca: str = ""
    plain_http: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return them as plain data."""
        return dict(self._asdict())


def settings_path(layout: Layout) -> Path:
    """Return where they are kept."""
    return layout.allowed_signers.with_name(FILE)


def settings_of(layout: Layout) -> PullSettings | None:
    """Return the settings of this host; None where it does not pull. Raises ``SluiceError``."""
    path = settings_path(layout)
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SluiceError(f"{path} cannot be read: {error}; run sluice.nginx.pull again, which writes it") from error
    return read_settings(found)


def read_settings(form: object) -> PullSettings:
    """Return settings that were given. Raises ``SluiceError`` in words."""
    if not isinstance(form, dict):
        raise SluiceError(f"the settings of pull are a mapping, not {type(form).__name__}")
    odd = sorted(set(map(str, form)) - set(PullSettings._fields))
    if odd:
        raise SluiceError(f"pull has no setting {odd[0]!r}; it has {', '.join(PullSettings._fields)}")
    plain, interval = form.get("plain_http") or False, form.get("interval", 300)
    if not isinstance(plain, bool):
        raise SluiceError("plain_http: expected true or false")
    if not isinstance(interval, int) or isinstance(interval, bool) or not _LEAST <= interval <= _MOST:
        raise SluiceError(f"interval: {interval!r} is no time to wait; expected seconds from {_LEAST} to {_MOST}")
    header, ca = _text(form, "header"), _text(form, "ca")
    if header and not re.fullmatch(_HEADER, header):
        raise SluiceError("header: it is no line of a header; expected as Authorization: Bearer TOKEN")
    if ca and not ca.startswith("/"):
        raise SluiceError(f"ca: {ca!r} is no absolute path; expected that of a PEM file on the host")
    return PullSettings(
        _source(_text(form, "source"), is_plain=plain), read_target(form.get("name")), interval, header, ca, plain
    )


def read_target(value: object) -> str:
    """Return the name for which something is published, which becomes part of a path. Raises ``SluiceError``."""
    if isinstance(value, str) and re.fullmatch(_TARGET, value):
        return value
    shown = repr(value)[:80]
    raise SluiceError(f"{shown} is no name for what is published; use letters, digits, dots, hyphens and underscores")


def _text(form: dict[str, Any], name: str) -> str:
    value = form.get(name) or ""
    if not isinstance(value, str) or has_controls(value) or len(value) > 4 * _LONGEST:
        raise SluiceError(f"{name}: expected a line of text")
    return value


def _source(text: str, *, is_plain: bool) -> str:
    where = f"source: {text[:200]!r}"
    try:
        parts = urlsplit(text)
        scheme, there = parts.scheme, parts.hostname
        _ = parts.port
    except ValueError as error:
        raise SluiceError(f"{where} is no address: {error}") from error
    if scheme not in _SCHEMES or len(text) > _LONGEST or " " in text:
        raise SluiceError(
            f"{where} is no source; expected https://HOST/FOLDER, file:///FOLDER or git+https://HOST/REPO"
        )
    is_local = scheme in ("file", "git+file")
    if is_local and (parts.netloc or not parts.path.startswith("/")):
        raise SluiceError(f"{where} names no folder of this host; expected {scheme}:///FOLDER")
    if not is_local and not there:
        raise SluiceError(f"{where} names no host; expected {scheme}://HOST/PATH")
    if parts.password is not None or (parts.username is not None and scheme != "git+ssh"):
        raise SluiceError("source: it has a user and a password, which logs would show; give them by header")
    if parts.query or (parts.fragment and not scheme.startswith("git+")):
        raise SluiceError(f"{where} has more than a path; a git source alone may end in #BRANCH")
    if parts.fragment and not re.fullmatch(_BRANCH, parts.fragment):
        raise SluiceError(f"{where}: {parts.fragment[:80]!r} is no name of a branch")
    if scheme == "http" and not is_plain:
        raise SluiceError(
            f"{where} has no TLS, so whoever is on the way reads the releases and holds new ones back; use https://, "
            "or set plain_http: true where that may be (signatures are verified in any case)"
        )
    return text
