"""Takes out of texts what is secret, and writes what a terminal, a log or a page may obey as escapes.

What is compared stays as it is: this is for the way out, to terminals, files and people.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from ..contract.showing import HIDDEN, is_secret_name, is_telling, shown_header
from ..secrets import REDACTED, is_secret_content, redact_line, redactions
from ..untrusted import printable
from .known_secrets import KnownSecrets

__all__ = ["Cleared", "Redactor", "cleared"]

T = TypeVar("T")

# Fields with texts of several lines; a line end in any other is no end of a line.
_TEXTS = frozenset(("fix", "log", "nginx", "output", "text", "traceback", "yaml"))
_DIFFS = frozenset(("diff", "drift_diff", "prepared"))
_LINES = frozenset(("new", "old"))
_HEADERS = frozenset(("headers", "params"))
# Paths, which nobody cuts off. They may end with a name that a secret value begins with.
_PATHS = frozenset(("file", "origin"))
# A release, as a whole or its beginning, and a moment: no secrets, though made of letters and digits.
_PLAIN = re.compile(r"[0-9a-f]{12}(?:[0-9a-f]{52})?|\d{4}-\d\d-\d\dT[\d:.]+Z|[\d.]*")
_PAIR = re.compile(r"([?&;#])([\w.\-\[\]%]+)=([^\s&#\"'<>`|]+)")
_USER = re.compile(r"(://)[^\s/@\"'<>]+@")
_HEADER = re.compile(
    r"(?i)(?<![\w$-])((?:proxy-)?authorization|(?:set-)?cookie"
    r"|x-[\w-]{0,60}(?:token|key|secret|auth|signature|session)[\w-]{0,60})"
    r"(\s*:\s*)(?!expected|got)([^\s\"'()][^\n\"')]*?)(?=$|[\n\"')]|, (?:[\w-]+: |got |expected |another )|; )"
)
# A promise about a header that was broken, in the words of those who judge answers.
_PROMISE = re.compile(
    r"(expected (?:no )?header ([!#$%&'*+.^_`|~\w-]+))(?:: (.*?))?, got (.*?)(?=; (?:expected |at the upstream: )|\n|$)"
)
_NOT_SHOWN = "(changed, and not shown: it is a key, a certificate or a list of passwords)"
_KEY = re.compile(r"-----BEGIN [^-\n]*(?:PRIVATE|SECRET) KEY[^-\n]*-----.*?(?:-----END [^-\n]*-----|\Z)", re.DOTALL)
_BASE64 = re.compile(r"\s*[A-Za-z0-9+/]{48,}={0,2}")
# Lines of which it is remembered how they are shown: hosts say much that others have said, and files have lines alike.
_KEPT = 1 << 15
# Letters. Longer texts are hardly ever said twice.
_SHORT = 256
_STATEMENTS = re.compile(r"([;{}]\s*)")
# What is no beginning of a sentence, too.
# How variables of the user's begin.
_OWN = "(?:gates|monitor|nginx|notify|postmortem|rollout|sandbox|staging)_"
_DIRECTIVE = re.compile(rf"\s*(?:(?!{_OWN})[a-z]+_[a-z0-9_]+\s|(?:set|if)\s+[\"'(]*\$)")
# What stands in front of a line that is told of, and of what is wrong with a variable of the user's.
_PLACE = re.compile(rf"\s*(?:\S+:\d+ (?:\(live\) )?|{_OWN}[\w.\[\]]+: )")
# A line that is a command of GitHub's, and the beginning of one of Azure's or TeamCity's anywhere.
_COMMAND = re.compile(r"^[ \t]*:(?=:[\w-]+(?: [^\n]*)?::)|#(?=#\w*\[)", re.MULTILINE)
_HEADS = ("--- ", "+++ ", "@@ ")
# Stands for a value that is gone until all else has been looked for: an ellipsis would be read as a value.
_GONE = "\x00"


class Cleared(dict[str, Any]):
    """A record that has passed the door."""


def cleared(record: Mapping[str, Any]) -> Cleared:
    """Return a record, which may be an old one or another's, as reports are made of it. It passes once for all."""
    return record if isinstance(record, Cleared) else Cleared(Redactor().data(record))


class Redactor:
    """``known`` are the values that the run knows to be secret; what is secret by its name or form is none of them."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = KnownSecrets(known)
        # Hosts say what others have said: of a thousand answers nearly every text was seen before.
        self._lines: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def line(self, text: object) -> str:
        """Return a text of one line: a line end in it is an escape, too."""
        return _kept(self._lines, str(text), lambda each: printable(self._hidden(each)))

    def text(self, text: object) -> str:
        """Return a text of several lines."""
        return _kept(self._texts, str(text), lambda each: _inert(self._hidden(each.replace("\r\n", "\n"))))

    def diff(self, text: object) -> str:
        """Return a diff of configurations, each file of which that is a key or a list of passwords is only named."""
        shown: list[str] = []
        for part in _files(self._known.hide(str(text))):
            plain = "\n".join(line[1:] for line in part if not line.startswith(_HEADS))
            if is_secret_content(plain.encode("utf-8", "replace")):
                shown += [*(line for line in part if line.startswith(_HEADS[:2])), _NOT_SHOWN]
            else:
                shown += _shown_part(part)
        return _inert("\n".join(shown))

    def config(self, line: object) -> str:
        """Return a line of a configuration."""
        return self.line(_of_config(self._known.hide(str(line))))

    def data(self, value: T, name: str = "", *, texts: bool = False) -> T:
        """Return plain data, or what is made of it, with each text in it as it may leave; ``texts`` have lines."""
        return self._data(value, name, texts)  # type: ignore[no-any-return]

    def _data(self, value: Any, name: str, texts: bool) -> Any:
        if isinstance(value, str):
            return self._of_field(value, name, texts)
        if isinstance(value, Mapping):
            texts = texts or name == "evidence"
            shown = _of_headers(value.items()) if name in _HEADERS else value.items()
            return {self._key(key): self._data(each, str(key), texts) for key, each in shown}
        if isinstance(value, (list, tuple)):
            if name in _HEADERS and all(isinstance(each, (list, tuple)) and len(each) == 2 for each in value):
                return [self._data(list(each), "", texts) for each in _of_headers(value)]
            rows = [self._data(each, name, texts) for each in value]
            return rows if isinstance(value, list) else type(value)(*rows) if hasattr(value, "_fields") else tuple(rows)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {
                field.name: self._data(getattr(value, field.name), field.name, texts or field.name == "evidence")
                for field in dataclasses.fields(value)
            }
            return dataclasses.replace(value, **fields)
        return value

    def _key(self, key: Any) -> Any:
        if not isinstance(key, str):
            return key
        return _kept(self._keys, key, lambda each: printable(self._known.hide(each)))

    def _of_field(self, value: str, name: str, texts: bool) -> str:
        if _PLAIN.fullmatch(value):
            return self._known.hide(value)
        if name in _DIFFS:
            return self.diff(value)
        if name in _LINES:
            return self.config(value)
        if name in _PATHS:
            return printable(self._hidden(value, whole=True))
        return self.text(value) if texts or name in _TEXTS else self.line(value)

    def _hidden(self, text: str, *, whole: bool = False) -> str:
        text = text.replace(_GONE, "\\x00")
        if "KEY" in text:
            text = _KEY.sub(_NOT_SHOWN, text)
        text = self._known.hide(text, whole=whole)
        if "header " in text:
            text = _PROMISE.sub(_shown_promise, text)
        if "=" in text:
            text = _PAIR.sub(_shown_pair, text)
        if "@" in text:
            text = _USER.sub(rf"\1{HIDDEN}@", text)
        if ":" in text:
            text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
        return "\n".join(map(_prose, text.split("\n"))).replace(_GONE, f"={HIDDEN}")


def _kept(known: dict[str, str], text: str, show: Callable[[str], str]) -> str:
    """Return what is ``known`` of a text, or what ``show`` makes of it."""
    shown = known.get(text)
    if shown is None:
        shown = show(text)
        if len(text) <= _SHORT and len(known) < _KEPT:
            known[text] = shown
    return shown


def _inert(text: str) -> str:
    """Return lines that are read in a log, in which services of CI look for their commands."""
    lines = (printable(line, "\t") for line in text.split("\n"))
    plain = "\n".join(lines)
    return _COMMAND.sub(lambda sign: _escaped(sign[0]), plain) if "::" in plain or "##" in plain else plain


def _escaped(sign: str) -> str:
    return f"{sign[:-1]}\\x{ord(sign[-1]):02x}"


def _of_headers(rows: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield headers, or parameters that stand for them, with what of their values is shown."""
    for name, value in rows:
        known = str(name).removeprefix("HTTP_").replace("_", "-")
        yield name, shown_header(known, value, answered=True) if isinstance(value, str) else value


def _shown_promise(match: re.Match[str]) -> str:
    head, name, expected, seen = match.groups()
    wanted = f": {shown_header(name, expected, answered=True)}" if expected else ""
    shown = seen if seen == "none" else shown_header(name, seen, answered=True)
    return f"{head}{wanted}, got {'another value' if shown == HIDDEN else shown}"


def _shown_pair(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    bare = value.rstrip(";,.)}]:")
    if value.startswith("$") or not bare or not (is_secret_name(name) or is_telling(bare)):
        return match[0]
    return f"{mark}{name}{_GONE}{value[len(bare) :]}"


@functools.lru_cache(maxsize=64)
def _redactions(text: str) -> dict[str, str]:
    return redactions(text)


def _of_diff(line: str, rows: Mapping[str, str]) -> str:
    """Show a line of a diff; ``rows`` are those that the whole text says are secret."""
    return line[:1] + _of_config(rows.get(line[1:], line[1:]))


@functools.lru_cache(maxsize=_KEPT)
def _of_config(line: str) -> str:
    if _BASE64.fullmatch(line.rstrip()):
        return REDACTED
    marked = _USER.sub(rf"\1{HIDDEN}@", _PAIR.sub(_shown_pair, line))
    return redact_line(marked).replace(_GONE, f"={HIDDEN}")


def _shown_part(part: Sequence[str]) -> Iterator[str]:
    """Show what a diff says of one file, hunk by hunk: the two sides of each are texts of their own."""
    begins = [n for n, line in enumerate(part) if line.startswith(_HEADS)]
    for start, end in pairwise([*begins, len(part)] if begins[:1] == [0] else [0, *begins, len(part)]):
        hunk = part[start:end]
        rows: dict[str, str] = {}
        for other in ("+", "-"):
            side = [line[1:] for line in hunk if not line.startswith((*_HEADS, other))]
            rows.update(_redactions("\n".join(side)))
        yield from (line if line.startswith(_HEADS) else _of_diff(line, rows) for line in hunk)


@functools.lru_cache(maxsize=_KEPT)
def _prose(line: str) -> str:
    """Show a line in which a configuration is told of.

    ``redact_line`` takes what begins a statement for a row of a map where it is no directive: here it is a name.
    """
    if redact_line(line) == line and not _PLACE.match(line):
        return line
    parts = []
    for piece in _STATEMENTS.split(line):
        place = _PLACE.match(piece)
        head = place[0] if place else ""
        rest = piece[len(head) :]
        lead = "" if _DIRECTIVE.match(rest) else "is "
        parts.append(head + redact_line(lead + rest)[len(lead) :])
    return "".join(parts)


def _files(text: str) -> Iterable[list[str]]:
    """Split a diff by its files."""
    part: list[str] = []
    for line in text.split("\n"):
        if line.startswith("--- ") and part:
            yield part
            part = []
        part.append(line)
    yield part
