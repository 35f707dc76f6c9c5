"""The quantities in a directive: timeouts, sizes, rates, counts, each with the words that a person wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..config.parse import Directive
from .values import in_bytes, in_seconds, number, per_second

__all__ = ["Quantity", "is_measured", "measures", "usual"]

_Read = Callable[[str], float | None]


class Quantity(NamedTuple):
    """One quantity. ``what`` distinguishes it from others of its directive, as the codes of a cache's time do.

    ``directive`` is None for the value that nginx takes where none is written.
    """

    what: str
    text: str
    size: float
    directive: Directive | None


_UPSTREAMS = ("proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached")
_TIMES = {
    **{f"{name}_{what}_timeout": "60s" for name in _UPSTREAMS for what in ("read", "send", "connect")},
    **dict.fromkeys(("client_body_timeout", "client_header_timeout", "send_timeout"), "60s"),
    **{f"{name}_next_upstream_timeout": "" for name in _UPSTREAMS},
    **{f"{name}_cache_lock_timeout": "5s" for name in _UPSTREAMS},
    "keepalive_timeout": "75s",
    "resolver_timeout": "30s",
    "ssl_session_timeout": "5m",
    "open_file_cache_valid": "60s",
    "proxy_timeout": "10m",
    "worker_shutdown_timeout": "",
    "lingering_timeout": "5s",
    "auth_delay": "",
}
_SIZES = {
    "client_max_body_size": "1m",
    "client_body_buffer_size": "16k",
    "client_header_buffer_size": "1k",
    "proxy_max_temp_file_size": "1024m",
    "limit_rate": "",
    "limit_rate_after": "",
    "proxy_upload_rate": "",
    "proxy_download_rate": "",
    **{f"{name}_buffer_size": "8k" for name in _UPSTREAMS},
}
_NUMBERS = {
    "worker_connections": "512",
    "worker_rlimit_nofile": "",
    "keepalive": "",
    "keepalive_requests": "1000",
    "proxy_next_upstream_tries": "",
    "proxy_cache_min_uses": "1",
}
# What nginx takes where nothing is written; empty: nothing that could be compared.
_DEFAULTS = {**_TIMES, **_SIZES, **_NUMBERS}

_PLAIN: dict[str, _Read] = {
    **dict.fromkeys(_TIMES, in_seconds),
    **dict.fromkeys(_SIZES, in_bytes),
    **dict.fromkeys(_NUMBERS, number),
}
_PARAMETERS: dict[str, _Read] = {
    **dict.fromkeys(("inactive", "valid", "fail_timeout", "slow_start", "timeout"), in_seconds),
    **dict.fromkeys(("max_size", "min_free"), in_bytes),
    **dict.fromkeys(("weight", "max_conns", "max_fails", "burst", "delay"), number),
    "rate": per_second,
}
_WITH_PARAMETERS = (
    *("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "limit_req_zone"),
    *("limit_conn_zone", "limit_req", "resolver", "server", "keyval_zone", "ssl_session_cache", "open_file_cache"),
)


def _parameters(directive: Directive) -> Iterator[tuple[str, str, float | None]]:
    """Yield the parameters written as ``name=value``, and the sizes of zones after their names."""
    if directive.name == "ssl_session_cache":
        for arg in directive.args:
            kind, _, size = arg.rpartition(":")
            yield kind, size, in_bytes(size)
        return
    given = {name: value for name, equals, value in (arg.partition("=") for arg in directive.args) if equals}
    zone = given.get("zone") or given.get("keys_zone") or ""
    first = directive.args[0] if "=" not in directive.args[0] and "$" not in directive.args[0] else ""
    about = zone.split(":")[0] or first
    for name, value in given.items():
        if name in ("zone", "keys_zone"):
            size = value.partition(":")[2]
            yield f"{name}={about}", size, in_bytes(size)
        elif name in _PARAMETERS:
            yield f"{about} {name}".strip(), value, _PARAMETERS[name](value)


def is_measured(name: str) -> bool:
    """Return whether directives of a name have quantities that are known as such."""
    known = name in _PLAIN or name in _WITH_PARAMETERS or name in ("limit_conn", "add_header", "expires")
    return known or name.endswith(("_cache_valid", "_buffers"))


def measures(directive: Directive) -> Iterator[Quantity]:
    """Yield the quantities of a directive that are known as such."""
    name, args = directive.name, directive.args
    if not args or directive.block is not None:
        return
    found: list[tuple[str, str, float | None]] = []
    if name in _PLAIN:
        found = [("", args[0], _PLAIN[name](args[0]))]
    elif name.endswith("_cache_valid"):
        found = [(" ".join(sorted(args[:-1])), args[-1], in_seconds(args[-1]))]
    elif name == "expires":
        found = [(" ".join(args[:-1]), args[-1], in_seconds(args[-1]))]
    elif name.endswith("_buffers") and len(args) == 2:
        found = [("number", args[0], number(args[0])), ("size", args[1], in_bytes(args[1]))]
    elif name == "limit_conn" and len(args) == 2:
        found = [(args[0], args[1], number(args[1]))]
    elif name == "add_header" and args[0].lower() == "strict-transport-security" and len(args) > 1:
        age = next((word for word in args[1].replace(" ", "").split(";") if word.startswith("max-age=")), "")
        found = [("max-age", age[8:], number(age[8:]))]
    elif name in _WITH_PARAMETERS:
        found = list(_parameters(directive))
    for what, text, size in found:
        if size is not None:
            yield Quantity(what, text, size, directive)


def usual(name: str) -> Quantity | None:
    """Return the value that nginx takes where a directive is not written; None where there is none to compare with."""
    text = _DEFAULTS.get(name, "")
    size = _PLAIN[name](text) if text else None
    return None if size is None else Quantity("", text, size, None)
