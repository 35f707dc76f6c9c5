"""Asks checks of the copy that says where it has been, and tells which of them reached which block."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config.match import choose_location
from ..contract.model import Check, Expect, from_json, to_json
from ..errors import SluiceError
from ..staging.stage import Stage
from .instrument import TAG, TRACE, Block, Copy

__all__ = ["Answered", "Coverage", "MeasuredCopy", "can_be_asked", "session"]

# nginx notes a request when it has answered it already. A place that notes nothing is waited for in vain.
_NOTED_SECONDS, _LOOK_SECONDS = 1.0, 0.05
_ANY = Expect(status=("1xx", "2xx", "3xx", "4xx", "5xx"))


@dataclass(frozen=True)
class Answered:
    """One request that nginx answered: the check's index, the blocks that it went through, and what came back."""

    check: int
    method: str
    path: str
    status: str
    location: str
    way: tuple[int, ...]


class MeasuredCopy:
    """The copy, being served from ``tree`` (path in the stage)."""

    def __init__(self, stage: Stage, tree: str, caches: Sequence[str]) -> None:
        self._stage = stage
        self._wanted = {"tree": tree, "caches": list(caches)}
        self._asked = 0

    def serve(self) -> None:
        """Start nginx cold from the copy. Raises ``SluiceError``."""
        self._stage.ask("serve", [self._wanted])

    def ask(self, checks: Sequence[Check]) -> tuple[list[dict[str, Any]], list[Answered]]:
        """Ask checks, whatever they expect. Returns their outcomes, and what nginx answered, redirects included.

        Where nginx noted none of them, they are asked once more from a cold start: a busy machine must not decide
        what a contract reaches.
        """
        outcomes, answered = self._ask(checks)
        if checks and not answered:
            self.serve()
            outcomes, answered = self._ask(checks)
        return outcomes, answered

    def _ask(self, checks: Sequence[Check]) -> tuple[list[dict[str, Any]], list[Answered]]:
        if not checks:
            return [], []
        first, self._asked = self._asked, self._asked + len(checks)
        rows = [_tagged(check, first + index) for index, check in enumerate(checks)]
        outcomes = self._stage.ask("checks", rows)["outcomes"]
        until = time.monotonic() + _NOTED_SECONDS
        while True:
            trace = [_answered(line, first) for line in self._stage.read(TRACE).splitlines()]
            answered = [each for each in trace if each is not None and 0 <= each.check < len(checks)]
            if _are_noted(outcomes, answered) or time.monotonic() > until:
                return outcomes, answered
            time.sleep(_LOOK_SECONDS)


def can_be_asked(check: Check) -> bool:
    """Return whether a check that nobody wrote is one that a contract could hold."""
    try:
        from_json(to_json(check))
    except SluiceError:
        return False
    return True


def _are_noted(outcomes: Sequence[Mapping[str, Any]], answered: Sequence[Answered]) -> bool:
    """Return whether there is a note of each answer that came back, those with redirects included."""
    noted = Counter(each.check for each in answered)
    return all(
        outcome.get("status") is None or noted[number] >= len(outcome.get("chain") or "1")
        for number, outcome in enumerate(outcomes)
    )


def _tagged(check: Check, tag: int) -> dict[str, object]:
    check = check._replace(name=f"{tag} {check.name}", expect=_ANY, headers=(*check.headers, (TAG, str(tag))))
    # What is said after an upgrade goes through no other block.
    return to_json(check._replace(send=None, send_hex=None) if check.protocol == "websocket" else check)


def _answered(line: str, first: int) -> Answered | None:
    try:
        row = json.loads(line)
        way = tuple(int(number) for number in row["way"].split(",") if number)
        return Answered(int(row["tag"]) - first, row["method"], row["path"], row["status"], row["location"], way)
    except (ValueError, KeyError):  # a request that is not ours, or what nginx cannot write as JSON
        return None


@contextlib.contextmanager
def session(stage: Stage, copy: Copy) -> Iterator[MeasuredCopy]:
    """Serve the copy on a stage, and the release's own bytes again in the end, each time with empty caches.

    Raises ``SluiceError``.
    """
    tree = stage.lay("coverage", copy.files)
    try:
        measured = MeasuredCopy(stage, tree, copy.caches)
        measured.serve()
        yield measured
    finally:
        stage.ask("serve", [{"caches": copy.caches}])


class Coverage:
    """Which checks reached which block. ``checks`` are named by ``names``, in the order of their indices."""

    def __init__(self, blocks: Sequence[Block], answered: Sequence[Answered], names: Sequence[str]) -> None:
        self.blocks = blocks
        self._names = names
        self._hits: dict[int, list[int]] = {block.number: [] for block in blocks}
        self._beside: dict[int, list[str]] = {block.number: [] for block in blocks}
        numbered = {block.number: block for block in blocks}
        limits = _limits(blocks)
        self._locations = {(block.file, block.line): block for block in reversed(blocks) if block.kind == "location"}
        for each in answered:
            way = [number for number in each.way if number in numbered]
            for number in way:
                self._hits[number].append(each.check)
            for limit in (limit for number in way for limit in limits.get(number, ())):
                if not _allows(limit, each.method):
                    self._hits[limit.number].append(each.check)
            self._note_beside(each, [numbered[number] for number in way])

    def _note_beside(self, answered: Answered, way: Sequence[Block]) -> None:
        """Two answers come before nginx enters a location: the slash that it adds, and the refusal of a large body."""
        words = {"301": "its redirect to the slash", "413": "its refusal of a large body"}.get(answered.status)
        if not words or any(block.kind == "location" for block in way):
            return
        server = next((block for block in way if block.kind == "server"), None)
        if server is None:
            return
        path = answered.path.split("?")[0]
        chosen = choose_location(server.directive, f"{path}/" if answered.status == "301" else path)
        if answered.status == "301" and (chosen is None or chosen.args[-1] != f"{path}/"):
            return
        found = self._locations.get((chosen.file, chosen.line)) if chosen is not None else None
        if found is not None and words not in self._beside[found.number]:
            self._beside[found.number].append(words)

    def hits(self, block: Block) -> int:
        """How many requests went through a block."""
        return len(self._hits[block.number])

    def checks(self, block: Block) -> list[str]:
        """The names of the checks that reached a block."""
        return [self._names[index] for index in dict.fromkeys(sorted(self._hits[block.number]))]

    def beside(self, block: Block) -> list[str]:
        """What was answered in the name of a block that nginx did not enter, in words."""
        return self._beside[block.number]

    def counted(self, kind: str) -> list[Block]:
        """The blocks of a kind that count: those that can be asked for, and those that were reached all the same."""
        return [block for block in self.blocks if block.kind == kind and (not block.locked or self.hits(block))]

    def missed(self, *kinds: str) -> list[Block]:
        """The blocks that can be asked for, and were not reached."""
        return [block for block in self.blocks if block.kind in kinds and not block.locked and not self.hits(block)]

    @property
    def share(self) -> float:
        """The share of the locations that were reached, in percent; all of them where there are none."""
        counted = self.counted("location")
        return 100 * sum(bool(self.hits(block)) for block in counted) / len(counted) if counted else 100.0

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """File by file, each block with its lines, what reached it, and why it cannot be asked for."""
        files: dict[str, list[dict[str, Any]]] = {}
        for block in sorted(self.blocks, key=lambda block: (block.file, block.line)):
            row: dict[str, Any] = {
                "kind": block.kind,
                "words": block.words,
                "line": block.line,
                "end_line": block.end_line,
                "hits": self.hits(block),
                "checks": self.checks(block),
            }
            row |= {"beside": self.beside(block)} if self.beside(block) else {}
            files.setdefault(block.file, []).append(row | ({"locked": block.locked} if block.locked else {}))
        return files


def _limits(blocks: Sequence[Block]) -> Mapping[int, list[Block]]:
    """The ``limit_except`` blocks directly in each location: nginx says nothing of them, and the method decides."""
    known = {(block.file, block.line): block for block in blocks if block.kind == "limit_except"}
    found: dict[int, list[Block]] = {}
    for block in blocks if known else ():
        if block.kind == "location":
            there = {(child.file, child.line) for child in block.directive.children("limit_except")}
            limits = [known[place] for place in there if place in known]
            if limits:
                found[block.number] = limits
    return found


def _allows(limit: Block, method: str) -> bool:
    """Return whether a ``limit_except`` lets a method alone; GET means HEAD as well."""
    methods = {argument.upper() for argument in limit.directive.args}
    return method in methods or (method == "HEAD" and "GET" in methods)
