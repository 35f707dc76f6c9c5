"""Values with units: equal ones are told to be equal, and a jump that only a wrong unit explains is told as one."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

__all__ = ["jump", "normal", "slip"]

# A lost digit is a factor of ten, minutes for seconds sixty, kilo for mega a thousand.
_JUMP = 10
# People give caches, buffers and time-outs ten times as much on purpose.
_FAR = 30
# Whoever lets larger files in may mean videos.
_ROOMY = 100
# Who waits longer loses no request, and an hour is what balancers and uploads ask for.
_PATIENT = 3600
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2.6e6, "y": 3.15e7}
_SIZES = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}
_TIME_NAMES = re.compile(r"(_timeout|_time|_interval|_delay|_valid|_ttl|_age|^expires|^timeout|^resolver)$")
_TIME_KEYS = ("inactive", "fail_timeout", "valid", "slow_start", "time", "timeout", "manager_sleep", "interval")
_COUNTED = re.compile(
    r"^(client_|large_client|proxy_|fastcgi_|uwsgi_|scgi_|grpc_|gzip_|send|keepalive|worker_|limit_|ssl_session|"
    r"output_|postpone_|open_file|lingering|reset_|resolver|http2_|server_names_hash|map_hash|types_hash|variables_hash|"
    r"expires|subrequest_|sendfile_|slice$|directio|aio|min_|read_ahead|memcached_|auth_)"
)
_NOT_COUNTED = ("limit_req_status", "limit_conn_status", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(ms|[smhdwMykKgG]?)")
_RATE = re.compile(r"(\d+)r/([sm])")
_SEVERAL = re.compile(r"(?:\d+(?:ms|[smhdwMy]))+")


def normal(name: str, args: Sequence[str]) -> tuple[str, ...]:
    """Write arguments so that equal values are equal texts: ``1m`` and ``60s`` of a timeout, ``1024k`` and ``1m``."""
    return tuple([_normal(name, word) for word in args])


def jump(name: str, old: Sequence[str], new: Sequence[str], times: float = _JUMP) -> str:
    """Return which value of a directive jumped ``times`` or more, or to or from nothing; "" where none did."""
    for before, after, first, second in _changed(name, old, new):
        low, high = sorted((abs(first), abs(second)))
        if low == 0:
            unlimited = name == "client_max_body_size" or (name.endswith("_timeout") and name != "keepalive_timeout")
            if unlimited:
                return f"{before} → {after}"
        elif (
            high / low >= (_ROOMY if name == "client_max_body_size" and second > first else times)
            and min(first, second) >= 0
        ):
            return f"{before} → {after}: {high / low:.0f} times as {'much' if second > first else 'little'}"
    return ""


def slip(name: str, old: Sequence[str], new: Sequence[str]) -> str:
    """Return which value has another unit and the same number, or jumped further than a person means to; "" for
    none.
    """
    for before, after, first, second in _changed(name, old, new):
        numbers = [_NUMBER.findall(text.rpartition("=")[2]) for text in (before, after)]
        if [number for number, _ in numbers[0]] == [number for number, _ in numbers[1]]:
            return f"{before} → {after}: the unit is another, and the number is not"
        if first and second and [unit for _, unit in numbers[0]] != [unit for _, unit in numbers[1]]:
            # Who writes another number and another unit means both.
            return ""
        if name.endswith("_timeout") and 0 < first < second <= _PATIENT:
            return ""
    return jump(name, old, new, _FAR)


def _changed(name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str, float, float]]:
    """Yield each value that is another one, as it is written before and after, and as a number."""
    for before, after in zip(old, new, strict=True) if len(old) == len(new) else ():
        first, second = _value(name, before), _value(name, after)
        if first is not None and second is not None and first != second:
            yield before, after, first, second


# Trials of a search for culprits compare the same lines again and again.
@functools.lru_cache(maxsize=50_000)
def _normal(name: str, word: str) -> str:
    value = _value(name, word)
    return word if value is None else f"{word.partition('=')[0] if '=' in word else ''}#{value:g}"


def _value(name: str, word: str) -> float | None:
    """A number in seconds, bytes, requests per second or as it is; None for what is none."""
    key, equals, text = word.rpartition("=")
    rate = _RATE.fullmatch(text)
    if rate:
        return float(rate[1]) / (60.0 if rate[2] == "m" else 1.0)
    is_time = key in _TIME_KEYS if equals else _TIME_NAMES.search(name) is not None
    if not equals and (not _COUNTED.match(name) or name in _NOT_COUNTED):
        return None
    if is_time and _SEVERAL.fullmatch(text):
        parts = _NUMBER.findall(text)
        return sum(float(number) * _TIMES.get(unit, 1.0) for number, unit in parts)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    unit = match[2]
    table = _TIMES if is_time else _SIZES
    scale = table.get(unit if is_time else unit.lower())
    return None if scale is None else float(match[1]) * scale
