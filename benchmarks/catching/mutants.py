"""Mutations of a good configuration, drawn with a fixed seed.

A mutation changes one directive. Which directives, and what counts as a mutation at all, is ruled beforehand, and not
judged afterwards:

- Directives that concern only speed, memory or logs (``_QUIET``) are left alone: nobody who asks gets another answer.
- A directive whose loss leaves nginx's own default is not dropped where it says that default (``_DEFAULTS``), and
  neither is a server that is down anyway.
- What stands twice in one block is one mutation, not two: equal texts are drawn once.
- Numbers of an upstream's ``server`` (``weight``, ``max_fails``, ``fail_timeout``) are left alone: they spread load.
- A directive is doubled only where nginx allows it once, and not where it merely adds the same again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .corpus import MUTATION, Case, Change

__all__ = ["mutants"]

_QUIET = frozenset(
    word
    for row in (
        "access_log error_log log_format log_not_found sendfile tcp_nopush tcp_nodelay keepalive keepalive_timeout",
        "keepalive_requests worker_processes worker_connections worker_rlimit_nofile types_hash_max_size user pid",
        "map_hash_max_size map_hash_bucket_size server_names_hash_bucket_size ssl_session_cache ssl_session_timeout",
        "fastcgi_buffers fastcgi_buffer_size proxy_buffering proxy_request_buffering zone limit_conn_zone use",
        "gzip_min_length gzip_proxied gzip_disable gzip_static gzip_vary proxy_cache_lock proxy_cache_lock_timeout",
        "proxy_cache_lock_age proxy_cache_background_update proxy_cache_min_uses http2_max_concurrent_streams",
        "client_header_timeout client_body_timeout send_timeout preread_timeout ssl_handshake_timeout limit_rate",
        "limit_rate_after etag charset autoindex_exact_size proxy_cache_path fastcgi_cache_path grpc_connect_timeout",
        "proxy_connect_timeout proxy_next_upstream proxy_next_upstream_tries grpc_next_upstream",
        "grpc_next_upstream_tries server_tokens ssl_stapling ssl_stapling_verify ssl_dhparam ssl_verify_depth",
        "proxy_cache_use_stale fastcgi_cache_use_stale valid_referers least_conn ip_hash",
    )
    for word in row.split()
)
_DEFAULTS = frozenset({"autoindex off", "etag on", 'default ""', "absolute_redirect on", "gzip off"})
_LINE = re.compile(r"^(?P<indent>[ \t]*)(?P<name>[a-z][a-z0-9_]*)(?P<rest>[ \t][^;{}#]*)?;[ \t]*$")
_NUMBER = re.compile(r"(?<![\w.$:/-])(\d{1,4})(?![\w.:/-])")
_UNIT = re.compile(r"(?<![\w.$:/-])(\d+)([smhdkg])(?![\w.:/-])")
_SHIFTED = {"s": "m", "m": "s", "h": "m", "d": "h", "k": "m", "g": "m"}
_WORD = re.compile(r"[a-z]{4,}")

Draw = Callable[["_Line", random.Random], "str | None"]


@dataclass(frozen=True)
class _Line:
    """A directive that is a line of its own, and the text that is in the file once."""

    file: str
    text: str
    name: str
    rest: str


def mutants(case: Case, wanted: int, seed: int) -> list[Change]:
    """Draw ``wanted`` mutations; the same seed draws the same ones."""
    chance = random.Random(f"{seed}/{case.name}")
    lines = list(_lines(case))
    found: dict[str, Change] = {}
    for _ in range(wanted * 50):
        if len(found) == wanted or not lines:
            break
        line, (name, draw) = chance.choice(lines), chance.choice(_OPERATORS)
        new = draw(line, chance)
        if new is None or new == line.text:
            continue
        key = f"{line.file}/{line.text}"
        what = f"{name}: {line.text.strip()} → {new.strip() or 'nothing'}"
        edit = {"file": line.file, "replace": [line.text, new]}
        found.setdefault(key, Change(case.name, f"mutant-{len(found) + 1:02}", MUTATION, what, (edit,)))
    return list(found.values())


def _lines(case: Case) -> Iterator[_Line]:
    for path, node in sorted(case.tree.items()):
        if node.kind != "file" or path.endswith((".htpasswd", "passwords")):
            continue
        text = node.data.decode()
        for row in text.splitlines(keepends=True):
            match = _LINE.match(row.rstrip("\n"))
            if match and match["name"] not in _QUIET and text.count(row) == 1:
                yield _Line(path, row, match["name"], (match["rest"] or "").strip())


def _drop(line: _Line, chance: random.Random) -> str | None:
    if f"{line.name} {line.rest}" in _DEFAULTS or line.name in ("include", "index") or line.rest.endswith(" down"):
        return None
    return ""


def _typo(line: _Line, chance: random.Random) -> str | None:
    """Double, drop or swap letters of a word in an argument; variables and regular expressions stay as they are."""
    if any(sign in line.rest for sign in "^\\(") or not (words := list(_WORD.finditer(line.rest))):
        return None
    word = chance.choice([match for match in words if line.rest[: match.start()][-1:] != "$"] or words)
    text, at = word[0], chance.randrange(1, len(word[0]) - 1)
    wrong = chance.choice(
        [
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1 :],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        ]
    )
    return line.text.replace(line.rest, line.rest[: word.start()] + wrong + line.rest[word.end() :])


def _tenfold(line: _Line, chance: random.Random) -> str | None:
    if line.name == "server" or not (numbers := list(_NUMBER.finditer(line.rest))):
        return None
    number = chance.choice(numbers)
    value = int(number[1])
    wrong = value * 10 if chance.random() < 0.5 or value < 10 else value // 10
    return _with(line, number, str(wrong))


def _unit(line: _Line, chance: random.Random) -> str | None:
    if line.name == "server" or not (units := list(_UNIT.finditer(line.rest))):
        return None
    unit = chance.choice(units)
    return _with(line, unit, unit[1] + _SHIFTED[unit[2]])


def _switch(line: _Line, chance: random.Random) -> str | None:
    wrong = {"on": "off", "off": "on"}.get(line.rest)
    return line.text.replace(f" {line.rest};", f" {wrong};") if wrong and f" {line.rest};" in line.text else None


def _duplicate(line: _Line, chance: random.Random) -> str | None:
    """Nginx adds up what may stand several times, and refuses the rest."""
    return line.text * 2 if line.name in ("root", "alias", "proxy_pass", "index", "client_max_body_size") else None


def _opposite(line: _Line, chance: random.Random) -> str | None:
    for right, wrong in (("allow", "deny"), ("deny", "allow"), ("permanent", "redirect"), ("last", "break")):
        if line.name == right:
            return line.text.replace(right, wrong, 1)
        if line.name == "rewrite" and line.rest.endswith(f" {right}"):
            return line.text.replace(f" {right};", f" {wrong};")
    return None


def _slash(line: _Line, chance: random.Random) -> str | None:
    """Give or take the slash at the end of a target."""
    if line.name not in ("proxy_pass", "alias") or "$" in line.rest or "unix:" in line.rest:
        return None
    wrong = line.rest[:-1] if line.rest.endswith("/") else line.rest + "/"
    return line.text.replace(f"{line.rest};", f"{wrong};")


def _with(line: _Line, match: re.Match[str], wrong: str) -> str:
    return line.text.replace(line.rest, line.rest[: match.start()] + wrong + line.rest[match.end() :])


_OPERATORS: tuple[tuple[str, Draw], ...] = (
    ("dropped", _drop),
    ("typo", _typo),
    ("typo", _typo),
    ("ten times", _tenfold),
    ("unit", _unit),
    ("switched", _switch),
    ("doubled", _duplicate),
    ("opposite", _opposite),
    ("slash", _slash),
)
