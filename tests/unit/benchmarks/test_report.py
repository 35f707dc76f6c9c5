"""The targets of the benchmark of lost requests: each can be missed, and says by what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from benchmarks.judge import Seen
from benchmarks.load import Counted
from benchmarks.paced import Paced
from benchmarks.report import BARE, Measured, result, table, targets

NONE = dict.fromkeys(("connect", "read", "write", "timeout", "status"), 0)


def counted(*, fresh: bool, sent: int = 1000, unanswered: int = 0, **errors: int) -> Counted:
    """What wrk saw of one kind."""
    return Counted(fresh, sent, unanswered, {**NONE, **errors}, 5, [float(at) for at in range(unanswered)])


def part(
    name: str = "deployments", *, fresh: Counted | None = None, kept: Counted | None = None, **more: Any
) -> Measured:
    """A part in which something was done a hundred times, with a reload each, one a second."""
    load = {"page, fresh": fresh or counted(fresh=True), "page, keep-alive": kept or counted(fresh=False)}
    paced = {"page, fresh": Paced(100, gap=0.2), "slow, fresh": Paced(10, gap=0.9)}
    more.setdefault("seen", [Seen("1", 500, 1.0, 2.0)])
    return Measured(name, 100, 100, load=load, begins=[float(at) for at in range(100)], **{"paced": paced, **more})


def missed(*measured: Measured, quick: bool = True) -> list[str]:
    """The texts of the targets that are missed."""
    return [target.text for target in targets(measured, quick=quick) if not target.met]


def test_nothing_lost_meets_all() -> None:
    assert missed(part(), part(BARE)) == []


def test_a_failure_on_a_fresh_connection_is_one_too_many() -> None:
    kinds = {
        "unanswered": counted(fresh=True, unanswered=1, read=1),
        "connect": counted(fresh=True, connect=1),
        "status": counted(fresh=True, status=1),
    }
    for fresh in kinds.values():
        assert missed(part(fresh=fresh), part(BARE))[0].startswith("1 of 1,110 requests failed on fresh connections")
    paced = {"page, fresh": Paced(100, Counter(timeout=1))}
    assert "(deployments: {'timeout': 1})" in missed(part(paced=paced), part(BARE))[0]


def test_what_fails_beside_the_targets_is_counted_and_not_judged() -> None:
    dying = part("workers die", fresh=counted(fresh=True, connect=7), judged=False)
    assert missed(dying, part(), part(BARE)) == []
    assert dying.lost(fresh=True) == 7


def test_connections_closed_between_two_requests_lose_none() -> None:
    assert counted(fresh=False, read=90).lost == 0
    assert counted(fresh=True, read=90).lost == 90


def test_keep_alive_is_held_to_bare_reloads() -> None:
    many, few = counted(fresh=False, unanswered=90), counted(fresh=False, unanswered=3)
    assert missed(part(kept=many), part(BARE, kept=many)) == []
    assert missed(part(kept=many), part(BARE, kept=few)) == []
    judged = targets([part(kept=many), part(BARE, kept=few)], quick=True)
    assert judged[1].text.endswith("too few reloads to judge")
    assert missed(part(kept=many), part(BARE, kept=few), quick=False)[:1] == [
        "90 of 1,000 requests lost on keep-alive connections through 100 reloads, "
        "at most 45 allowed by the 3 of 100 bare ones"
    ]


def test_an_answer_of_a_release_that_was_gone_is_named() -> None:
    stray = part(strays=[Seen("7", 3, 1.0, 2.0)])
    assert "(3 of release 7 (deployments))" in missed(stray, part(BARE))[0]


def test_what_was_not_asked_has_not_been_answered_well() -> None:
    assert [text.split(" came")[0] for text in missed(part(seen=[]), part(BARE))] == ["0 of 500 answers"]
    nothing = part(fresh=counted(fresh=True, sent=0), kept=counted(fresh=False, sent=0), paced={"page, fresh": Paced()})
    assert len(missed(nothing, part(BARE))) == 2


def test_the_full_run_is_a_million_requests() -> None:
    assert missed(part(), part(BARE), quick=False) == ["4,220 requests, 1,000,000 are wanted"]


def test_the_figures_are_written_for_people_and_for_programs() -> None:
    measured = [part(kept=counted(fresh=False, unanswered=50)), part(BARE)]
    row = table(measured).splitlines()[2].split()
    assert row == ["deployments", "100", "100", "2,110", "0", "50", "0.50", "0.20", "s", "0"]
    written = result(measured, targets(measured, quick=True), quick=True)["parts"]["deployments"]
    assert (written["lost_keep_alive"], sum(written["lost_keep_alive_each_time"])) == (50, 50)
