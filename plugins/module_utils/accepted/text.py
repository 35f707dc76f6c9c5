"""Reads the text of ``accepted.yml``, and writes entries into it. What people wrote between them stays.

The file comes with pull requests, so it is data of others: plain YAML, bounded, in which nothing stands for something
else and nothing hides from who reviews it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from ..errors import InputError, SluiceError
from ..packages import yaml
from ..textfmt import cut
from ..untrusted import has_controls, printable
from .model import AcceptedChange, read_changes

__all__ = ["MOST_BYTES", "AcceptedEntry", "appended", "read_text", "without"]

MOST_BYTES = 1 << 20
_MOST_ROWS, _MOST_LETTERS, _MOST_DEPTH = 50_000, 10_000, 8
_HEADER = """\
# What people let pass of what the gates found; `ansible-playbook sluice.nginx.accept` writes it. Who approves a change
# of this file approves these findings. An entry counts for its releases alone, and goes when its candidates are live.
"""
_PLAIN = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map")


class AcceptedEntry(NamedTuple):
    """An entry, and the lines of the text that it takes: from ``first`` up to ``end``, which is the next one's."""

    change: AcceptedChange
    first: int
    end: int


class _Short(list[int]):
    """A list that is written in one line."""


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    class Loader(yaml.SafeLoader):
        """Makes nodes of YAML in which each value stands where it counts."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Make a node. Raises ``yaml.YAMLError``."""
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            if isinstance(event, yaml.AliasEvent):
                raise _error("an alias (*name) stands for something else; write it out", event)
            self.depth += 1
            if self.depth > _MOST_DEPTH:
                raise _error("it is nested too deeply", event)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Loader


@functools.cache
def _dumper() -> type[yaml.SafeDumper]:
    class Dumper(yaml.SafeDumper):
        """Writes lists of numbers in one line."""

    Dumper.add_representer(
        _Short, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
    )
    return Dumper


def _error(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def read_text(text: str, where: str) -> list[AcceptedEntry]:
    """Read the entries of a file that is called ``where``. Raises ``SluiceError`` with what is wrong, and the line."""
    _check(text, where)
    try:
        node: Any = yaml.compose(text, Loader=_loader())
        rows = [] if node is None else _plain(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        raise SluiceError(f"{place}: {printable(str(error.problem or error.context))}; expected plain YAML") from error
    except yaml.YAMLError as error:
        raise SluiceError(f"{where}: {cut(printable(str(error)), 200)}; expected plain YAML") from error
    except (ValueError, OverflowError) as error:  # what PyYAML makes of "\\Uffffffff"
        raise SluiceError(f"{where}: an escape in it names no character; expected plain YAML") from error
    except RecursionError as error:
        raise SluiceError(f"{where}: it is nested too deeply; expected a list of entries") from error
    if not isinstance(rows, list):
        raise InputError(where, "it is no list; expected one entry after another, each with '- run: …' first")
    starts = [each.start_mark.line for each in node.value] if rows else []
    ends = [*starts[1:], len(text.splitlines())]
    return [
        AcceptedEntry(change, first, end)
        for change, first, end in zip(read_changes(rows, where), starts, ends, strict=False)
    ]


def _check(text: str, where: str) -> None:
    """Bound the text, and refuse what a reviewer would not see. Raises ``SluiceError``."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise SluiceError(f"{where} has more than {MOST_BYTES:,} bytes; delete what is spent")
    lines = text.split("\n")
    if len(lines) > _MOST_ROWS:
        raise SluiceError(
            f"{where}: it has {len(lines):,} lines; expected at most {_MOST_ROWS:,}: delete what is spent"
        )
    for number, line in enumerate(lines, 1):
        if len(line) > _MOST_LETTERS:
            raise SluiceError(
                f"{where}:{number}: the line has {len(line):,} letters; expected at most {_MOST_LETTERS:,}"
            )
        if has_controls(line):
            raise SluiceError(
                f"{where}:{number}: it has characters that nobody sees: {cut(printable(line.strip()), 120)}; expected "
                "text that a reviewer can read: retype the line"
            )


def _plain(node: yaml.Node) -> Any:
    """Return a node as plain data, all scalars as text. Raises ``yaml.YAMLError``."""
    if node.tag not in [f"tag:yaml.org,2002:{name}" for name in _PLAIN]:
        raise _error(f"the tag {printable(node.tag)} means nothing here", node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each) for each in node.value]
    if not isinstance(node, yaml.MappingNode):
        return None if node.tag.endswith(":null") else node.value
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error("a key is a word", key)
        if key.value in found:
            raise _error(f"the key '{key.value}' is there twice; delete one", key)
        found[key.value] = _plain(value)
    return found


def appended(text: str, changes: Sequence[AcceptedChange], where: str) -> str:
    """Return a text with more entries at its end. Raises ``SluiceError``."""
    before = [entry.change for entry in read_text(text, where)]
    if not changes:
        return text
    head = text if text.strip() else _HEADER
    joined = head.rstrip("\n") + "\n" + _written(changes)
    whole = joined if _has(joined, [*before, *changes], where) else _HEADER + _written([*before, *changes])
    # Never what would be refused when it is read: that stops every run.
    read_text(whole, where)
    return whole


def without(text: str, spent: Set[str], where: str) -> str:
    """Return a text without the entries all of whose candidates are ``spent``. Raises ``SluiceError``."""
    entries = read_text(text, where)
    gone = {row for each in entries if each.change.candidates <= spent for row in range(each.first, each.end)}
    if not gone:
        return text
    kept = [entry.change for entry in entries if not entry.change.candidates <= spent]
    cut_out = "".join(line for row, line in enumerate(text.splitlines(keepends=True)) if row not in gone)
    return cut_out if _has(cut_out, kept, where) else _HEADER + (_written(kept) if kept else "")


def _has(text: str, changes: Sequence[AcceptedChange], where: str) -> bool:
    """Return whether a text has exactly these entries: lists in brackets cannot be cut or added to by lines."""
    try:
        return [each.change.to_plain() for each in read_text(text, where)] == [each.to_plain() for each in changes]
    except SluiceError:
        return False


def _written(changes: Sequence[AcceptedChange]) -> str:
    rows = [each.to_plain() for each in changes]
    for row in rows:
        for found in row["findings"]:
            if "lines" in found:
                found["lines"] = _Short(found["lines"])
    style: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 110, "default_flow_style": False}
    return "".join(str(yaml.dump([row], Dumper=_dumper(), **style)) for row in rows)
