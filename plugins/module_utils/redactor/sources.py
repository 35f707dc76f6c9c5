"""Which values are secret: of the checks of a contract, of a configuration, and of the addresses of messages."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

from ..contract.showing import HIDDEN, is_open_header, is_secret_name, is_telling, shown_header
from ..manifest import CONF_ROOT
from ..secrets import REDACTED, is_secret_content, redact_line, redactions, secret_rows
from .known_secrets import LEAST

__all__ = ["of_channels", "of_checks", "of_tree"]

# Names, addresses, paths and types: what many lines say, and no secret.
_PUBLIC = re.compile(
    r"(?:https?://)?(?:[a-z0-9_-]+\.)+[a-z]{2,}(?::\d+)?(?:/[a-z._-]*)*|(?:/[a-z._-]+\d{0,3})+/?|/"
    r"|\d+(?:\.\d+){3}|\[?[0-9a-f]*:[0-9a-f:.]*:[0-9a-f]*\]?|[a-z]+/[\w.+*-]+|[A-Z][A-Za-z]+/\d[\d.]*"
    r"|[A-Za-z]{1,12}(?:[-,; ]+[A-Za-z]{1,12}){0,3}"
)
# What stands in such a file, as it is where it is included.
_AS_ROWS = "map $token $token {{\n{}\n}}"
_SEPARATORS = re.compile(r"[\s,;]+")
_WORDS = re.compile(r"[\s\"';]+")
_VARIABLES = re.compile(r"\$\{\w*\}|\$\w+")
# Larger files are read line by line: what one block says of another line is seen in the others alone.
_MOST_WHOLE = 400_000


def of_checks(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return what the checks of a contract, as they are shipped, have that people are not shown."""
    found: set[str] = set()
    for row in rows:
        request, expect = row.get("request") or {}, row.get("expect") or {}
        upstream = expect.get("upstream") or {}
        for name, value in {**(request.get("headers") or {}), **(row.get("headers") or {})}.items():
            if not is_open_header(name):
                found |= set(_of_header(str(name), str(value)))
        for headers in (expect.get("headers"), upstream.get("headers")):
            for name, value in (headers or {}).items():
                if value is not None and HIDDEN in shown_header(name, str(value), answered=True):
                    found |= set(_of_header(str(name), str(value).strip("/^$")))
        for url in (request.get("url"), row.get("url"), expect.get("location"), upstream.get("path")):
            found |= set(_of_url(str(url or "")))
        for sent in (request.get("body"), row.get("send")):
            found |= set(_of_body(str(sent))) if sent else set()
    return _long_enough(found)


def of_channels(urls: Iterable[str]) -> set[str]:
    """Return what is secret of the addresses that messages are sent to: all behind the scheme, and each part of it."""
    found: set[str] = set()
    for url in urls:
        rest = url.partition("://")[2]
        found |= {url, rest, *(part for part in re.split(r"[/?&=:@#]+", rest) if not _is_public(part))}
    return _long_enough({each for value in found for each in (value, unquote(value))})


def of_tree(root: Path) -> set[str]:
    """Return what is secret in the lines of a tree, which are those that may turn up in what is said of it."""
    found: set[str] = set()
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    rows = secret_rows(files, CONF_ROOT)
    for name, data in files.items():
        # Of keys and the like nothing is ever told.
        if b"\0" not in data and not is_secret_content(data):
            text = data.decode("utf-8", "replace")
            found |= of_text(_AS_ROWS.format(text) if name in rows else text)
    return _long_enough(found)


def of_text(text: str) -> set[str]:
    """Return what is secret in the text of a configuration."""
    if len(text) <= _MOST_WHOLE:
        rows = redactions(text)
    else:
        rows = {line: shown for line in text.splitlines() if (shown := redact_line(line)) != line}
    return {value for line, shown in rows.items() for piece in _taken_out(line, shown) for value in _of_line(piece)}


def _taken_out(line: str, shown: str) -> Iterator[str]:
    """Yield what stood where a line says that it is redacted."""
    kept = [re.escape(part) for part in shown.split(REDACTED)]
    match = re.fullmatch("(.+?)".join(kept), line, re.DOTALL)
    yield from match.groups() if match else ()


def _of_line(piece: str) -> Iterator[str]:
    for whole in (piece.strip("\"' "), *_VARIABLES.split(piece)):
        if not _VARIABLES.fullmatch(whole) and is_telling(whole):
            yield whole.strip("\"' ")
        yield from (word for word in _WORDS.split(whole) if "$" not in word and is_telling(word))


def _of_header(name: str, value: str) -> Iterator[str]:
    """Yield a value, what stands behind its scheme, and what a cookie holds."""
    certain = is_secret_name(name)
    if certain or not _is_public(value):
        yield value
    for part in _SEPARATORS.split(value):
        _, equals, inner = part.partition("=")
        if equals and inner.strip("="):
            part = inner.strip('"')
        if is_telling(part) and not _is_public(part):
            yield part
        if certain:
            yield from _of_basic(part)
    yield from _of_url(value)


def _of_basic(text: str) -> Iterator[str]:
    """Yield the user and password that ``Basic`` has in base64."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    if ":" in plain and plain.isprintable():
        yield plain
        yield plain.partition(":")[2]


def _of_url(url: str) -> Iterator[str]:
    if "?" not in url and "#" not in url:
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    for pair in re.split("[&;]", f"{parts.query}&{parts.fragment}"):
        name, equals, value = pair.partition("=")
        if value and (is_secret_name(name) or is_telling(value)) and not _is_public(value):
            yield from _spellings(value)
        elif not equals and is_telling(name) and not _is_public(name):
            yield from _spellings(name)


def _of_body(body: str) -> Iterator[str]:
    """Yield a body, and the values of its form or its JSON."""
    yield body
    try:
        leaves = list(_leaves(json.loads(body)))
    except ValueError:
        leaves = parse_qsl(body, keep_blank_values=False)
        leaves += [("", word) for word in _WORDS.split(body)] if not leaves else []
    for name, value in leaves:
        if is_secret_name(name) or (is_telling(value) and not _is_public(value)):
            yield from _spellings(value)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, str(key))
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, name)
    elif isinstance(value, str):
        yield name, value


def _spellings(value: str) -> Iterator[str]:
    yield from (value, unquote(value), unquote_plus(value), quote(value, safe=""))


def _is_public(value: str) -> bool:
    return not value or _PUBLIC.fullmatch(value) is not None


def _long_enough(values: Iterable[str]) -> set[str]:
    """Return the values that can be told apart from words, with the form that JSON and Python give them."""
    found = {value.strip() for value in values if value and len(value.strip()) >= LEAST}
    return found | {json.dumps(value)[1:-1] for value in found if not value.isalnum()}
