"""By whom a check is asked: the blackbox exporter from outside, or this project's own client on the host itself.

Both sides decide by this: the controller, which writes the probes, and the host, which asks the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Mapping

from ...contract.model import Check
from ...contract.pattern import regex
from ...contract.protocols import HTTP, words_of

__all__ = ["check_id", "here_only", "is_safe", "on_host"]

_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.", "localhost", "::1")
# What Python's patterns have, and Go's have not or read in another way. It is looked for in the text: a false alarm
# only means that the host asks the check itself.
_NOT_IN_GO = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=|[a-zA-Z-]*[aLux])|\\[0-9ZuUN]|[*+?}]\+|\{,|\{\d{4}")


def check_id(row: Mapping[str, Any]) -> str:
    """Name a check by what it asks and expects: twelve hex digits, the same wherever in the variables it stands.

    ``row`` is a check as ``contract.model.to_json`` gives it.
    """
    named = {key: value for key, value in row.items() if key != "source"}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]


def is_safe(check: Check) -> bool:
    """Return whether a check asks, and changes nothing. Others are monitored only where the user says so."""
    if check.protocol in HTTP:
        return check.method in _SAFE
    # A message may order anything; a health check, an upgrade and a connection order nothing.
    return (check.is_health_check and check.send_hex is None) or (
        check.protocol in ("tcp", "websocket") and check.send is None and check.send_hex is None
    )


def on_host(check: Check) -> str:
    """Return why the blackbox exporter cannot hold a host to all that a check expects; nothing where it can."""
    if check.follow:
        # nginx redirects to absolute URLs, whose name may lead from outside to any of the hosts.
        return "it follows redirects on one host"
    if check.expect.max_ms is not None:
        return "it has a bound on the time"
    return here_only(check)


def here_only(check: Check) -> str:
    """Return why nobody but the host can ask a check; nothing where others can."""
    if check.protocol != "h1":
        return f"it speaks {words_of(check.protocol)}"
    if check.connect or check.host.startswith(_LOOPBACK):
        return "its address is the host's own"
    expect = check.expect
    plain = [_is_plain(value) for _, value in expect.headers if value and regex(value)]
    if expect.body and regex(expect.body):
        # Before a newline at the end, only Python's `$` matches.
        plain.append(_is_plain(expect.body) and "$" not in expect.body)
    if expect.location and regex(expect.location, path=True):
        plain.append(_is_plain(expect.location))
    return "" if all(plain) else "Go has no such pattern"


def _is_plain(pattern: str) -> bool:
    """Return whether Go's regular expressions read a pattern as Python's do."""
    return pattern.isascii() and not _NOT_IN_GO.search(pattern)
