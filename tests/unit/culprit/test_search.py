"""Who is said to be the culprit, where an oracle stands for the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.culprit.change import TreeChange, read_change
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.search import OutOfTime, Search, Told
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

EDITS = 12
Fails = Callable[[frozenset[int]], bool]


def everything(*numbers: int) -> Fails:
    """Fails where all of these edits are taken over."""
    return frozenset(numbers).issubset


@dataclass
class Oracle:
    """Gates that fail as the table says: a gate, what it says, and for which edits."""

    table: Mapping[str, Mapping[str, Fails]]
    most: int = 1000
    asked: list[tuple[str, frozenset[int]]] = field(default_factory=list)

    def at_once(self, gate: str) -> int:
        return 2

    def ask(self, gate: str, sets: Sequence[frozenset[int]]) -> list[Told]:
        told: list[Told] = []
        for each in sets:
            if (gate, each) not in self.asked:
                if len(self.asked) == self.most:
                    raise OutOfTime
                self.asked.append((gate, each))
            told.append(frozenset(what for what, fails in self.table[gate].items() if fails(each)))
        return told


@pytest.fixture
def change(tmp_path: Path) -> TreeChange:
    """Twelve edits far from each other: line 2n + 1 of a file is another one."""
    for name, value in (("old", "off"), ("new", "on")):
        (tmp_path / name).mkdir()
        lines = [f"d{number} {value};\nsame{number};" for number in range(EDITS)]
        (tmp_path / name / "nginx.conf").write_text("\n".join(lines), encoding="utf-8")
    made = read_change(tmp_path / "old", tmp_path / "new")
    assert len(made.parts) == EDITS
    return made


def searched(change: TreeChange, oracle: Oracle, places: Mapping[str, int] | None = None) -> Search:
    """Search for all that fails with the whole change; ``places`` are lines that findings name."""
    search = Search(change, oracle)
    for gate in oracle.table:
        told = {what for what, fails in oracle.table[gate].items() if fails(change.all)}
        findings = [Finding(what, "nginx.conf", (places or {}).get(what, 0)) for what in sorted(told)]
        search.gate(Verdict("fail", "x", findings, gate=gate))
    return search


def culprit(search: Search) -> list[tuple[list[int], dict[str, list[str]]]]:
    return [
        (sorted(each.edits), {gate: [one.finding.what for one in failed] for gate, failed in each.fails.items()})
        for each in search.found
    ]


Expected = list[tuple[list[int], dict[str, list[str]]]]
STORIES: dict[str, tuple[dict[str, dict[str, Fails]], Expected]] = {
    "one edit": ({"smoke": {"a": everything(7)}}, [([7], {"smoke": ["a"]})]),
    "two edits together": ({"smoke": {"a": everything(3, 9)}}, [([3, 9], {"smoke": ["a"]})]),
    "one edit that fails many checks": (
        {"smoke": {"a": everything(7), "b": everything(7), "c": everything(7)}},
        [([7], {"smoke": ["a", "b", "c"]})],
    ),
    "two checks with an edit each": (
        {"smoke": {"a": everything(2), "b": everything(8)}},
        [([2], {"smoke": ["a"]}), ([8], {"smoke": ["b"]})],
    ),
    "two gates that fail because of one edit": (
        {"smoke": {"a": everything(5)}, "lint": {"x": everything(5)}},
        [([5], {"smoke": ["a"], "lint": ["x"]})],
    ),
    "two gates with an edit each": (
        {"smoke": {"a": everything(5)}, "lint": {"x": everything(6)}},
        [([5], {"smoke": ["a"]}), ([6], {"lint": ["x"]})],
    ),
    "two edits of which each is enough": (
        {"smoke": {"a": lambda edits: bool(edits & {1, 10})}},
        [([1], {"smoke": ["a"]}), ([10], {"smoke": ["a"]})],
    ),
    "half of a pair fails alone, and what is the cause is another one": (
        {"smoke": {"a": lambda edits: (0 in edits and 1 not in edits) or 6 in edits}},
        [([6], {"smoke": ["a"]})],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_who_is_the_culprit(change: TreeChange, name: str) -> None:
    table, expected = STORIES[name]
    search = searched(change, Oracle(table))
    assert culprit(search) == expected
    assert search.notes == []
    assert all(each.sure for each in search.found)


def test_it_is_said_whether_undoing_it_heals(change: TreeChange) -> None:
    assert [each.fixes for each in searched(change, Oracle({"smoke": {"a": everything(7)}})).found] == [True]
    either = Oracle({"smoke": {"a": lambda edits: bool(edits & {1, 10})}})
    assert [each.fixes for each in searched(change, either).found] == [False, False]


def test_the_line_that_a_finding_names_is_tried_first(change: TreeChange) -> None:
    oracle = Oracle({"lint": {"x": everything(4)}})
    assert culprit(searched(change, oracle, {"x": 9})) == [([4], {"lint": ["x"]})]
    # Nothing, everything, the guess, and everything without it.
    assert len(oracle.asked) == 4


def test_what_the_live_release_fails_as_well_is_nobodys_line(change: TreeChange) -> None:
    search = searched(change, Oracle({"smoke": {"a": lambda edits: True, "b": everything(3)}}))
    assert culprit(search) == [([3], {"smoke": ["b"]})]
    assert search.notes == ["smoke: a: it fails with the live release as well"]


def test_what_does_not_fail_again_is_nobodys_line(change: TreeChange) -> None:
    search = Search(change, Oracle({"smoke": {}}))
    search.gate(Verdict("fail", "x", [Finding("a"), Finding("b")], gate="smoke"))
    assert search.found == []
    assert search.notes == ["smoke: a (and 1 more): it does not fail so when it is asked again"]


def test_when_time_is_over_the_smallest_part_so_far_is_kept(change: TreeChange) -> None:
    search = Search(change, Oracle({"smoke": {"a": everything(3, 9)}}, most=8))
    with pytest.raises(OutOfTime):
        search.gate(Verdict("fail", "x", [Finding("a")], gate="smoke"))
    (left,) = search.found
    assert {3, 9} <= left.edits < change.all
    assert not left.sure
