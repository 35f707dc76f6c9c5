"""The corpus is as it says, mutations are drawn by rule, and the figures are counted right."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from benchmarks.catch_rate import MUTANTS, SEED, quick_selection, work
from benchmarks.catching.corpus import CORPUS, KINDS, MUTATION, Change, CorpusError, apply, names, read
from benchmarks.catching.mutants import mutants
from benchmarks.catching.outcome import Outcome
from benchmarks.catching.report import document, plot, targets

CASES = [read(name) for name in names()]
CHANGES = [
    pytest.param(case, change, id=change.name)
    for case in CASES
    for change in (*case.faults, *case.harmless, *case.improvements, *mutants(case, MUTANTS, SEED))
]


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    faults = [fault for case in CASES for fault in case.faults]
    kinds = Counter(fault.kind for fault in faults)
    assert len(CASES) >= 12
    assert len(faults) >= 150
    assert sum(len(case.harmless) for case in CASES) >= 60
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 5
    assert all(case.contract for case in CASES)


@pytest.mark.parametrize(("case", "change"), CHANGES)
def test_each_change_applies_exactly_once(case: object, change: Change) -> None:
    found = next(each for each in CASES if each is case)
    assert apply(found.tree, change) != found.tree


@pytest.mark.parametrize("case", CASES, ids=names())
def test_a_good_configuration_parses_and_is_of_a_real_size(case: object, tmp_path: Path) -> None:
    found = next(each for each in CASES if each is case)
    trees.write(trees.overlay(found.tree), tmp_path / "tree")
    lines = sum(len(node.data.splitlines()) for node in found.tree.values() if node.kind == "file")
    assert 60 <= lines <= 350
    assert len(found.tree) >= 3
    if "nginx.conf" in found.tree and "include mime.types" not in found.tree["nginx.conf"].data.decode():
        missing = ("mime.types", "fastcgi_params", "uwsgi_params", "scgi_params")
        problems = parse_tree(tmp_path / "tree").problems
        assert [each.what for each in problems if not each.what.endswith(missing)] == []


def test_no_two_changes_of_a_configuration_leave_the_same_tree() -> None:
    for case in CASES:
        left = [trees.manifest(trees.overlay(apply(case.tree, change))) for change in (*case.faults, *case.harmless)]
        assert len({tuple(each) for each in left}) == len(left), case.name


TREE = {"a.conf": trees.file(b"server {\n    listen 80;\n    root /srv;\n}\nlisten 80;\n", "a")}


class TestApplying:
    @pytest.mark.parametrize(
        ("edit", "wanted"),
        [
            ({"replace": ["root /srv", "root /var"]}, "server {\n    listen 80;\n    root /var;\n}\nlisten 80;\n"),
            (
                {"old": "listen 80;\nroot /srv;\n", "new": "listen 81;\n  root /x;\n"},
                "server {\n    listen 81;\n      root /x;\n}\nlisten 80;\n",
            ),
            ({"old": "    root /srv;\n", "new": ""}, "server {\n    listen 80;\n}\nlisten 80;\n"),
        ],
    )
    def test_text_and_lines_are_replaced(self, edit: dict[str, object], wanted: str) -> None:
        changed = apply(TREE, Change("c", "x", "value", "", ({"file": "a.conf", **edit},)))
        assert changed["a.conf"].data.decode() == wanted

    @pytest.mark.parametrize(
        ("edit", "words"),
        [
            ({"replace": ["listen 80", "listen 81"]}, "'listen 80' is in the file 2 times; once is wanted"),
            ({"old": "index x;\n", "new": ""}, "its lines are in the file 0 times"),
            ({"replace": ["/srv", "/srv"]}, "nothing is changed"),
            ({"file": "b.conf", "replace": ["a", "b"]}, "there is no file b.conf"),
            ({"write": "x"}, "a.conf is to be written, and there is one already"),
        ],
    )
    def test_an_edit_that_does_not_apply_once_is_told(self, edit: dict[str, object], words: str) -> None:
        with pytest.raises(CorpusError, match=words):
            apply(TREE, Change("c", "x", "value", "", ({"file": "a.conf", **edit},)))

    def test_files_are_written_moved_and_removed(self) -> None:
        edits = ({"file": "b.conf", "write": "x"}, {"file": "a.conf", "move": "c.conf"})
        assert set(apply(TREE, Change("c", "x", "value", "", edits))) == {"b.conf", "c.conf"}
        gone = apply({**TREE, "b": TREE["a.conf"]}, Change("c", "x", "v", "", ({"file": "b", "remove": True},)))
        assert set(gone) == {"a.conf"}


class TestMutants:
    def test_the_same_seed_draws_the_same_mutations(self) -> None:
        case = CASES[0]
        assert mutants(case, 10, 4) == mutants(case, 10, 4)
        assert mutants(case, 10, 4) != mutants(case, 10, 5)

    def test_what_concerns_only_speed_memory_or_logs_is_not_drawn(self) -> None:
        text = b"sendfile on;\naccess_log /var/log/x.log;\nworker_connections 512;\nautoindex off;\n"
        case = replace(CASES[0], tree={"a.conf": trees.file(text, "a")})
        drawn = mutants(case, 50, 1)
        assert [change.what for change in drawn] == ["switched: autoindex off; → autoindex on;"]

    def test_there_are_as_many_as_are_wanted(self) -> None:
        assert {len(mutants(case, MUTANTS, SEED)) for case in CASES} == {MUTANTS}
        assert {change.kind for change in mutants(CASES[0], MUTANTS, SEED)} == {MUTATION}


def _outcome(name: str, kind: str, gates: str = "", alone: str = "", *, plain: bool = False) -> Outcome:
    said = {gate: "fail" if gate in gates.split() else "pass" for gate in ("lint", "smoke", "behaviour")}
    return Outcome(name, kind, f"what {name} is", said, {}, {"behaviour": alone or "pass"}, plain)


GOOD = [
    _outcome("shop", "good"),
    *(_outcome(f"shop/f{number}", "value", "smoke behaviour", "fail") for number in range(20)),
    *(_outcome(f"shop/h{number}", "harmless") for number in range(5)),
]


class TestReport:
    def test_good_figures_meet_the_targets(self) -> None:
        assert [target.met for target in targets(GOOD)] == [True, True, True, True]

    @pytest.mark.parametrize(
        ("more", "unmet"),
        [
            ([_outcome("shop/x", "value")], "all gates catch 20 of 21 faults (95.2 %)"),
            ([_outcome(f"shop/x{n}", "value", "smoke") for n in range(4)], "20 of 24 without any contract (83.3 %)"),
            ([_outcome("shop/x", "harmless", "lint")], "1 of 6 harmless edits are stopped"),
            ([_outcome("mail", "good", "lint")], "1 of 2 good configurations pass every gate"),
        ],
    )
    def test_what_is_not_reached_is_told(self, more: list[Outcome], unmet: str) -> None:
        missed = [target.text for target in targets([*GOOD, *more]) if not target.met]
        assert any(unmet in text for text in missed), missed

    def test_nothing_tried_meets_no_target(self) -> None:
        assert [target.met for target in targets([])] == [False, False, False, False]

    def test_a_miss_is_named_and_explained(self) -> None:
        missed = _outcome("shop/lost", "unit")
        text = document([*GOOD, missed], {"shop/lost": "no request is that slow"})
        assert "| shop/lost | unit | what shop/lost is | no request is that slow |" in text
        assert "| lost | unit | what shop/lost is | content | **missed** | - |" in text
        assert "| smoke | 20 | 20 | 0 |" in text

    def test_a_gate_that_could_not_tell_stops_too(self) -> None:
        unsure = replace(_outcome("shop/x", "value"), gates={"smoke": "inconclusive"})
        assert unsure.caught
        assert unsure.caught_by == []
        assert unsure.unsure == ["smoke"]

    def test_the_plot_has_a_row_for_each_kind_that_was_tried(self) -> None:
        drawn = plot(GOOD)
        assert "all faults (20)" in drawn
        assert "value (20)" in drawn
        assert "unit (" not in drawn

    def test_an_outcome_is_read_as_it_was_written(self) -> None:
        assert Outcome.from_json(GOOD[1].to_json()) == GOOD[1]


def test_the_good_configurations_come_first_and_nothing_comes_twice() -> None:
    todo = work(CASES)
    found = [each.name for each in todo]
    assert found[: len(CASES)] == names()
    assert len(set(found)) == len(found) == len(CASES) * (1 + MUTANTS) + len(CHANGES) - len(CASES) * MUTANTS
    assert {each.name for each in quick_selection(CASES)} <= set(found)


def test_every_explanation_is_of_a_change_that_there_is() -> None:
    reasons = yaml.safe_load((CORPUS / "misses.yml").read_text(encoding="utf-8"))
    assert set(reasons) <= {each.name for each in work(CASES)}
