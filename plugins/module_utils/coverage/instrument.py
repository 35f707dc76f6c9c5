"""Makes the copy of a release that logs, for each request, the blocks that it went through.

Each server, location and ``if`` gets a ``set`` as its first statement, which runs when nginx enters the block, whatever
led there. Everything is put in on the line where it belongs, so that lines stay what they are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from ..behaviour.exchange import caches
from ..config.parse import Config, Directive
from ..tree_reader import read_inside
from .reach import locked_locations, locked_servers
from .scan import Statement, scan

__all__ = ["TAG", "TRACE", "Block", "Copy", "Kind", "instrument"]

TRACE = "/sluice/coverage.log"
TAG = "X-Sluice-Request"
Kind = Literal["server", "location", "if", "limit_except"]

_FORMAT = "sluice_coverage"
_VARIABLE = "sluice_coverage"
_ROW = {
    "tag": "$http_" + TAG.lower().replace("-", "_"),
    "method": "$request_method",
    "path": "$request_uri",
    "status": "$status",
    "location": "$sent_http_location",
    "way": f"${_VARIABLE}",
}
_LOG = f"access_log {TRACE} {_FORMAT};"
_KINDS = ("server", "location", "if", "limit_except")


@dataclass(frozen=True)
class Block:
    """A block that can answer. ``locked`` says why no request can ask for it; ``server`` is the first that has it."""

    number: int
    kind: Kind
    words: str
    file: str
    line: int
    end_line: int
    locked: str
    directive: Directive
    server: Directive

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"


@dataclass
class Copy:
    """The files that differ from the release, the blocks by their numbers, and the directories of caches."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)


def instrument(config: Config, root: Path) -> Copy:
    """Make the copy of the release below ``root``. A configuration without a server gives no files."""
    maker = _Maker(config, root)
    if not config.servers():
        return Copy()
    for directive in config.directives:
        maker.walk(directive)
    return Copy(maker.written(), maker.blocks(), sorted(caches(config)))


def _words(directive: Directive) -> str:
    arguments = " ".join(directive.args)
    return f"if ({arguments})" if directive.name == "if" else f"{directive.name} {arguments}".strip()


class _File:
    """A file with the changes to it, by offset."""

    def __init__(self, content: bytes) -> None:
        # Bytes that are no UTF-8 stay what they are.
        self.text = content.decode("utf-8", "surrogateescape")
        self.changes: dict[int, tuple[int, str]] = {}
        self._places: dict[tuple[int, str], list[int]] = defaultdict(list)
        self._statements = scan(self.text)
        for number, statement in enumerate(self._statements):
            self._places[statement.line, statement.name].append(number)
        self._last = -1

    def find(self, directive: Directive) -> Statement | None:
        """Find a directive's statement. Directives come in the order of the file, once for each time it is included."""
        there = self._places.get((directive.line, directive.name))
        if not there:
            return None
        self._last = next((number for number in there if number > self._last), there[0])
        return self._statements[self._last]

    def change(self, start: int, end: int, text: str) -> None:
        """Put ``text`` in the place of what is there."""
        self.changes[start] = (end, text)

    def written(self) -> bytes:
        """The text with its changes."""
        text, at = [], 0
        for start, (end, new) in sorted(self.changes.items()):
            text += [self.text[at:start], new]
            at = end
        return "".join([*text, self.text[at:]]).encode("utf-8", "surrogateescape")


class _Maker:
    def __init__(self, config: Config, root: Path) -> None:
        self._root = root
        self._files: dict[str, _File] = {}
        self._locked_servers = locked_servers(config)
        self._locked: dict[int, str] = {}
        self._found: dict[tuple[str, int], Block] = {}

    def walk(self, directive: Directive, *, within: bool = False, server: Directive | None = None) -> None:
        """Go through a directive and all that is in it. Each is looked up, so that a file's place is never lost.

        ``within`` says that it is inside ``http``.
        """
        file = self._file(directive)
        statement = file.find(directive)
        if within and statement is not None and directive.name == "access_log" and directive.args[:1] == ["off"]:
            # It would hold for every log of its level.
            gone = file.text[statement.start : statement.end]
            file.change(statement.start, statement.end, "\n" * gone.count("\n"))
        if directive.block is None:
            return
        if within and directive.name == "server":
            server = directive
            why = self._locked_servers.get(id(directive), "")
            self._locked |= {id(directive): why, **locked_locations(directive, why)}
        added = ""
        if directive.name == "http" and not within:
            added = self._logging(directive)
        elif server is not None and directive.name in _KINDS and statement is not None:
            added = self._marking(directive, statement, server)
        if added and statement is not None and statement.opened >= 0:
            file.change(statement.opened, statement.opened, added)
        inside = within or directive.name == "http"
        for child in directive.block:
            # What an upstream calls a server is none.
            self.walk(child, within=inside and directive.name != "upstream", server=server)

    def _logging(self, http: Directive) -> str:
        quiet = "" if http.children("uninitialized_variable_warn") else "uninitialized_variable_warn off; "
        return f" {quiet}log_format {_FORMAT} escape=json '{json.dumps(_ROW)}'; {_LOG}"

    def _marking(self, directive: Directive, statement: Statement, server: Directive) -> str:
        """Number a block, and say what is put into it."""
        key = directive.file, statement.start
        known = self._found.get(key)
        locked = self._locked.get(id(directive), "")
        number = known.number if known else len(self._found) + 1
        if known is None or (known.locked and not locked):
            self._found[key] = Block(
                number,
                cast(Kind, directive.name),
                _words(directive),
                directive.file,
                directive.line,
                statement.end_line,
                locked,
                directive,
                server,
            )
        mark = "" if directive.name == "limit_except" else f' set ${_VARIABLE} "${{{_VARIABLE}}},{number}";'
        # Logs of a level replace those of the levels above.
        return mark + (f" {_LOG}" if directive.children("access_log") else "")

    def _file(self, directive: Directive) -> _File:
        if directive.file not in self._files:
            self._files[directive.file] = _File(read_inside(self._root, directive.file))
        return self._files[directive.file]

    def blocks(self) -> list[Block]:
        """The blocks in the order of their numbers."""
        return sorted(self._found.values(), key=lambda block: block.number)

    def written(self) -> dict[str, bytes]:
        """The files that changed."""
        return {name: file.written() for name, file in self._files.items() if file.changes}
