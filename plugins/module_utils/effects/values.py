"""Variables and conditions of a configuration, as automata over the target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from ..config.parse import Directive
from ..config.regexes import compiled
from .cases import unknown
from .machines import Machines, TableEntry
from .patterns import captures_rest
from .sides import ConfigSide
from .views import PathView, Read, found_in, seen

__all__ = ["Values", "as_written", "captured", "filled"]

_READS = {"uri": "uri", "document_uri": "uri", "request_uri": "request", "args": "args", "query_string": "args"}
_PART = re.compile(r"(\$\{\w+\}|\$\w+)")
_FILE_TESTS = ("-f", "-d", "-e", "-x", "!-f", "!-d", "!-e", "!-x")
# Expressions have braces of their own; this one ends before what comes after a variable.
_CAPTURED = re.compile(r"\$\{(\w+) in (.+?)\}(?=$|[/?#&,. ]|\$\{|\$is_args)")
_DEEPEST = 8
# A variable whose value is not known here, with whose it is; and the one text beside the empty one that is no truth.
_OPEN = re.compile(r"\$\{[^}]*\}|\$\w+(?: of (?:live|the candidate))?(?: \(changed by a rewrite\))?|0")


class Values:
    """The variables of one side, as a request to one server by one listener sees them. ``known`` are texts by name."""

    def __init__(self, machines: Machines, side: ConfigSide, known: Mapping[str, str]) -> None:
        self._machines = machines
        self._side = side
        self._known = known
        self._maps: dict[tuple[str, PathView], int] = {}
        self._join = machines.function("join", lambda *parts: "".join(map(str, parts)))
        self._true = machines.function("true", _is_true)

    def text(self, template: str, own: Mapping[str, int], view: PathView, depth: int = 0) -> int:
        """Return a template with the variables that are known in it; ``own`` are those that ``set`` has set."""
        machines = self._machines
        parts = [part for part in _PART.split(template) if part]
        numbers = [
            self._variable(part.strip("${}"), own, view, depth) if _PART.fullmatch(part) else machines.constant(part)
            for part in parts
        ]
        if not numbers:
            return machines.constant("")
        return numbers[0] if len(numbers) == 1 else machines.applied(self._join, *numbers)

    def _variable(self, name: str, own: Mapping[str, int], view: PathView, depth: int) -> int:
        machines = self._machines
        if name in own:
            return own[name]
        if name == "server_name":
            return machines.constant(self._known.get(name, ""))
        block = self._side.definitions.get(name)
        if block is not None and block.name == "map" and depth < _DEEPEST:
            key = (name, view)
            if key not in self._maps:
                self._maps[key] = self._map(name, block, view, depth)
            return self._maps[key]
        text = self._side.variable("uri" if name == "document_uri" else name)
        return machines.constant(
            f"{text} (changed by a rewrite)"
            if name in _READS and name != "request_uri" and not view.is_original
            else text
        )

    def read(self, template: str, own: Mapping[str, int], view: PathView) -> Read | None:
        """Return what a template reads of the target; a text where it reads nothing; None where that is not known."""
        parts = [part for part in _PART.split(template) if part]
        before = ""
        for number, part in enumerate(parts):
            name = part.strip("${}")
            if not _PART.fullmatch(part):
                # What an expression captures is in it, and not known.
                if "$" in part:
                    return None
                before += part
            elif name in _READS and name not in own:
                return _at_end(name, before) if number == len(parts) - 1 else None
            elif name in self._known and name not in own:
                before += self._known[name]
            else:
                text = self._plain(own[name]) if name in own else self._mapped(name, view)
                if text is None:
                    return None
                if text.strip("${}") in _READS and text.startswith("$") and number == len(parts) - 1:
                    return _at_end(text.strip("${}"), before)
                if "$" in text:
                    return None
                before += text
        return Read(before=before)

    def _plain(self, number: int) -> str | None:
        if not self._machines.is_constant(number):
            return None
        value = self._machines.value(number)
        return value if isinstance(value, str) else None

    def _mapped(self, name: str, view: PathView) -> str | None:
        return self._plain(self._variable(name, {}, view, 0)) if name in self._side.definitions else None

    def _map(self, name: str, block: Directive, view: PathView, depth: int) -> int:
        machines = self._machines
        read = self.read(block.args[0], {}, view)
        # What a map says for a value that is not known here is a variable like any other.
        if read is None or (read.reads == "uri" and view.lost):
            return machines.constant(self._side.variable(name))
        own: dict[str, int] = {}
        entries, rows, wild = [], [], []
        default = machines.constant("")
        hostnames = any(each.name == "hostnames" and not each.args for each in block.block or [])
        for each in block.block or []:
            if not each.args:
                continue
            key, value = each.name, self._row(each, own, view, depth)
            if key == "default":
                default = value
            elif key.startswith("~"):
                loose = key.startswith("~*")
                rows.append((found_in(machines, read, view, key[2:] if loose else key[1:], loose), value))
            elif hostnames and ("*" in key or key.startswith(".")):
                wild.append((key, found_in(machines, read, view, _as_regex(key), True), value))
            else:
                word = key.removeprefix("\\")
                entries.append(TableEntry(word, value, -1))
        exact = machines.table(entries, machines.none, reads=read.reads or "uri", loose=True)
        # Whatever their order, those that end with an asterisk come last, and longer ones before shorter ones.
        wild.sort(key=lambda each: (each[0].endswith("*"), -len(each[0].lstrip("*"))))
        rows = [each[1:] for each in wild] + rows
        return machines.fallback(
            machines.fallback(seen(machines, read, view, exact), machines.rows(rows)),
            default,
        )

    def _row(self, row: Directive, own: Mapping[str, int], view: PathView, depth: int) -> int:
        value = row.args[0]
        if row.name.startswith("~"):
            value = captured(value, row.name.lstrip("~*"))
        return self.text(value, own, view, depth + 1)

    def condition(self, args: list[str], own: Mapping[str, int], view: PathView) -> int:
        """Return the automaton of whether the condition of an ``if`` holds."""
        machines = self._machines
        if args and args[0] in _FILE_TESTS:
            word = " ".join(args[1:])
            found = machines.applied(
                machines.function(("file", args[0]), lambda text: unknown(f"{args[0].lstrip('!')} {text}")),
                self.text(word, own, view),
            )
            return self._negated(found) if args[0].startswith("!") else found
        if len(args) == 1:
            return machines.applied(self._true, self.text(args[0], own, view))
        if len(args) != 3:
            return machines.constant(unknown(self._side.marked(" ".join(args))))
        left, operator, right = args
        found = self._compared(left, operator.removeprefix("!"), right, own, view)
        return self._negated(found) if operator.startswith("!") else found

    def _negated(self, number: int) -> int:
        return self._machines.applied(self._machines.function("not", lambda holds: not holds), number)

    def _compared(self, left: str, operator: str, right: str, own: Mapping[str, int], view: PathView) -> int:
        machines = self._machines
        read = self.read(left, own, view)
        if operator == "=":
            wanted = self._plain(self.text(right, own, view))
            if (
                read is not None
                and wanted is not None
                and "$" not in wanted
                and not (read.reads == "uri" and view.lost)
            ):
                table = machines.table(
                    [TableEntry(wanted, machines.constant(True), -1)],
                    machines.constant(False),
                    reads=read.reads or "uri",
                )
                return seen(machines, read, view, table)
            return machines.applied(
                machines.function("equal", _is_equal), self.text(left, own, view), self.text(right, own, view)
            )
        loose = operator == "~*"
        if read is not None:
            return found_in(machines, read, view, right, loose)

        def matches(value: object) -> object:
            if "$" in str(value):
                return unknown(f"{value} {operator} {right}")
            return machines.value(found_in(machines, Read(before=str(value)), view, right, loose))

        return machines.applied(machines.function(("matches", operator, right), matches), self.text(left, own, view))


def captured(template: str, pattern: str) -> str:
    """Return a template in which groups of a pattern say whose they are: they mean something else in another one."""
    names = re.findall(r"\(\?P?<(\w+)>", pattern)

    rest = captures_rest(pattern)

    def named(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name == "1" and rest is not None:
            return f"${{1 in ^{re.escape(rest)}(.*)}}"
        return f"${{{name} in {pattern}}}" if name.isdigit() or name in names else found[0]

    return re.sub(r"\$(?:\{(\w+)\}|([1-9]|[A-Za-z_]\w*))", named, template) if "$" in template else template


def as_written(words: str) -> str:
    """Return words in which groups of expressions stand as users write them."""
    return _CAPTURED.sub(r"$\1", words)


def filled(words: str, target: str) -> str:
    """Return words in which groups of expressions are what these capture in a target."""
    if "${" not in words:
        return words

    def group(found: re.Match[str]) -> str:
        regex = compiled(found[2])
        match = regex.search(unquote(target.partition("?")[0])) if regex else None
        if match is None:
            return found[0]
        name = int(found[1]) if found[1].isdigit() else found[1]
        known = name <= match.re.groups if isinstance(name, int) else name in match.re.groupindex
        return (match[name] or "") if known else found[0]

    return _CAPTURED.sub(group, words)


def _at_end(name: str, before: str) -> Read | None:
    """Return what a variable reads after a text. The query is only read alone, as it begins later than that text."""
    reads = _READS[name]
    return None if before and reads == "args" else Read(reads, before)


def _as_regex(name: str) -> str:
    if name.startswith("*."):
        return rf"^.+\.{re.escape(name[2:])}$"
    if name.startswith("."):
        return rf"^(?:.+\.)?{re.escape(name[1:])}$"
    return rf"^{re.escape(name[:-1])}.+$"


def _is_true(value: object) -> object:
    text = str(value)
    return unknown(text) if "$" in text and not _OPEN.sub("", text) else text not in ("", "0")


def _is_equal(one: object, other: object) -> object:
    if "$" in f"{one}{other}":
        return unknown(f"{one} = {other}")
    return one == other
