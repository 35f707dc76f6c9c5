"""A value is implausible with its unit, or without one.

``client_max_body_size 20`` is 20 bytes, ``proxy_read_timeout 60ms`` is almost no time, and ``expires 30`` is half a
minute. Only values that nobody can mean are reported: a time to connect that is as long as those to send and to read
beside it is of one mind with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes
from ...values import in_bytes, in_seconds, unit

LEVEL = "high"

_HOUR, _DAY, _KIB, _GIB = 3600.0, 86400.0, 1024.0, 1024.0**3


class _Bounds(NamedTuple):
    """What is still sensible: from ``least`` to ``most``; ``bare`` is the least where no unit is written."""

    read: Callable[[str], float | None]
    least: float
    most: float
    bare: float


_READING = _Bounds(in_seconds, 0.1, 400 * _DAY, 1)
_CLIENT = _Bounds(in_seconds, 0.5, _DAY, 1)
_BUFFER = _Bounds(in_bytes, 256, _GIB, 256)
_BOUNDS = {
    **{
        f"{name}_{what}_timeout": _READING
        for name in ("proxy", "fastcgi", "uwsgi", "scgi", "grpc")
        for what in ("read", "send")
    },
    **{
        f"{name}_connect_timeout": _Bounds(in_seconds, 0.02, _HOUR, 1)
        for name in ("proxy", "fastcgi", "uwsgi", "scgi", "grpc")
    },
    **dict.fromkeys(("client_body_timeout", "client_header_timeout", "send_timeout"), _CLIENT),
    "keepalive_timeout": _Bounds(in_seconds, 0.5, _HOUR, 1),
    "resolver_timeout": _Bounds(in_seconds, 0.1, _HOUR, 1),
    "ssl_session_timeout": _Bounds(in_seconds, 30, 60 * _DAY, 60),
    "expires": _Bounds(in_seconds, 0, 4000 * _DAY, 60),
    "proxy_cache_valid": _Bounds(in_seconds, 0.1, 4000 * _DAY, 15),
    "fastcgi_cache_valid": _Bounds(in_seconds, 0.1, 4000 * _DAY, 15),
    "client_max_body_size": _Bounds(in_bytes, _KIB, 1024 * _GIB, _KIB),
    "client_body_buffer_size": _BUFFER,
    "client_header_buffer_size": _Bounds(in_bytes, 128, _GIB / 1024, 128),
    "proxy_buffer_size": _BUFFER,
    "fastcgi_buffer_size": _BUFFER,
    "proxy_max_temp_file_size": _Bounds(in_bytes, _KIB, 1024 * _GIB, _KIB),
    "limit_rate": _Bounds(in_bytes, _KIB, 100 * _GIB, _KIB),
    # Parameters of proxy_cache_path and resolver.
    "max_size": _Bounds(in_bytes, 64 * _KIB, 1024**2 * _GIB, 64 * _KIB),
    "inactive": _Bounds(in_seconds, 1, 4000 * _DAY, 30),
    "valid": _Bounds(in_seconds, 0.1, 30 * _DAY, 1),
}
_WITH_PARAMETERS = ("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "resolver")


def _values(directive: Directive) -> Iterator[tuple[str, str]]:
    if directive.name in _WITH_PARAMETERS:
        for word in directive.args:
            name, equals, value = word.partition("=")
            if equals and name in _BOUNDS:
                yield name, value
    elif directive.name in _BOUNDS and directive.args:
        # The time of a cache comes after the codes, and so does that of expires after "modified".
        last = directive.name in ("expires", "proxy_cache_valid", "fastcgi_cache_valid")
        yield directive.name, directive.args[-1 if last else 0]


def _lines(config: Config) -> Iterator[tuple[BlockScope, Directive]]:
    for scope in scopes(config):
        for directives in scope.own.values():
            yield from ((scope, each) for each in directives)


def _is_one_of_three(scope: BlockScope, directive: Directive, value: str) -> bool:
    """Return whether a time to connect is written beside the times to send and to read, as long as they are."""
    protocol, _, what = directive.name.partition("_")
    return what == "connect_timeout" and all(
        any(each.args == [value] for each in scope.own.get(f"{protocol}_{other}_timeout", ()))
        for other in ("send", "read")
    )


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find values that are far from what their directive is for."""
    for scope, directive in _lines(config):
        for name, value in _values(directive):
            read, least, most, bare = _BOUNDS[name]
            size = read(value)
            without_unit = unit(value)[1] == ""
            if not size or (bare if without_unit else least) <= size <= most:
                continue
            if not without_unit and _is_one_of_three(scope, directive, value):
                continue
            time = read is in_seconds
            yield finding(
                directive,
                f"{name} {value} means {size:g} {'seconds' if time else 'bytes'}: the unit is "
                + ("missing" if without_unit else "wrong"),
                expected="a value with a unit, as " + ("30s, 5m or 1h" if time else "16k, 20m or 1g"),
                fix="write the unit that was meant",
            )
