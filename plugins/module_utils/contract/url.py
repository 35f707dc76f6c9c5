"""A URL that a check can ask for, taken apart once and for all."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, Sequence
from urllib.parse import quote, urljoin, urlsplit

__all__ = ["Url", "bracketed", "is_host", "joined", "parse_url"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HTTP = ("http", "https")
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_LONGEST_NAME = 253
_FORM = "use http://host/path or https://host/path"


class Url(NamedTuple):
    """What a request needs: ``host`` is ASCII, lower case and without brackets, ``target`` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the ``Host`` header says: the port is left out where it is the scheme's own."""
        return bracketed(self.host) + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def bracketed(host: str) -> str:
    """Write a host as it stands before a port: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def is_host(text: str) -> bool:
    """Return whether ``text`` is a host name, an IPv4 or an IPv6 address (without brackets)."""
    if ":" not in text:
        return 0 < len(text) <= _LONGEST_NAME and text[0] not in ".-" and _NAME.issuperset(text)
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def parse_url(text: str, schemes: Sequence[str] = _HTTP, form: str = _FORM) -> Url:
    """Take an absolute URL apart; what is not ASCII is encoded, a fragment is dropped as browsers do.

    It has one of ``schemes``; ``form`` says to people what they look like. One without a port of its own names it.
    Raises ``ValueError`` with words that say what was found and what to use.
    """
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise ValueError(f"{text!r} holds a space or a control character; write %20 for a space")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL ({error}); {form}") from None
    if not parts.scheme or (not parts.netloc and parts.scheme not in schemes):
        raise ValueError(f"{text!r} is not a whole URL; {form}")
    if parts.scheme not in schemes:
        raise ValueError(f"{text!r} has the scheme {parts.scheme!r}; {form}")
    if not parts.hostname:
        raise ValueError(f"{text!r} has no host; {form}")
    if parts.username is not None:
        raise ValueError(f"{text!r} holds a user name; send an Authorization header instead")
    if port == 0:
        raise ValueError(f"{text!r} has the port 0; use 1 to 65535")
    port = port or _PORTS.get(parts.scheme)
    if port is None:
        raise ValueError(f"{text!r} names no port; {form}")
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    target = f"{path}?{parts.query}" if parts.query else path
    return Url(parts.scheme, _ascii_host(parts.hostname, text, form), port, _percent_encoded(target))


def joined(base: str, target: str) -> str:
    """Return where ``target`` leads from ``base``, as browsers do it. Raises ``ValueError``."""
    return urljoin(base, target)


def _ascii_host(host: str, text: str, form: str) -> str:
    try:
        # Python's encoder takes quadratic time, and no name is that long.
        name = host if host.isascii() or len(host) > _LONGEST_NAME else host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not is_host(name):
        raise ValueError(f"{text!r} has the host {host!r}, which is neither a name nor an address; {form}")
    return name.lower()


def _percent_encoded(target: str) -> str:
    return "".join(letter if letter.isascii() else quote(letter) for letter in target)
