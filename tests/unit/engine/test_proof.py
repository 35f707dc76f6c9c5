"""The proof of a reload as a table: what was seen, and what is to be made of it."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.processes import Worker
from ansible_collections.sluice.nginx.plugins.module_utils.engine.proof import Proof, Sample

OLD = (Worker(10, 1, False), Worker(11, 1, False))
DRAINING = (Worker(10, 1, True), Worker(11, 1, True))
NEW = (Worker(20, 5, False), Worker(21, 5, False))
TWO = frozenset({2})


def judge(samples: list[Sample], expected: frozenset[int] = TWO, before: tuple[Worker, ...] = OLD) -> tuple[str, str]:
    proof = Proof(before, expected)
    verdict = None
    for sample in samples:
        verdict = proof.feed(sample)
    assert verdict is not None
    return verdict.state, verdict.why or proof.missing()


def samples(*moments: tuple[float, tuple[Worker, ...]]) -> list[Sample]:
    return [Sample(at, True, workers) for at, workers in moments]


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        pytest.param(samples((0, OLD)), "waiting", "no worker of the new configuration has started", id="nothing yet"),
        pytest.param(samples((0, OLD), (9, OLD)), "waiting", "no worker of the new", id="a reload that lies"),
        pytest.param(samples((0, (*OLD, *NEW))), "waiting", "2 workers of the old", id="both serve"),
        pytest.param(samples((0, (*OLD, NEW[0]))), "waiting", "1 worker of the new", id="not all started"),
        pytest.param(samples((0, (*DRAINING, *NEW))), "finalized", "", id="the old ones drain"),
        pytest.param(samples((0, NEW), (0.49, NEW)), "finalized", "", id="not long enough"),
        pytest.param(samples((0, NEW), (0.5, NEW)), "proved", "", id="half a second"),
        pytest.param(
            samples((0, (*DRAINING, *NEW)), (0.5, (*DRAINING, *NEW))), "proved", "", id="long drains do no harm"
        ),
        pytest.param(
            samples((0, NEW), (0.1, NEW[:1])), "failed", "1 worker of the new configuration died", id="one died"
        ),
        pytest.param(samples((0, NEW), (0.1, ())), "failed", "2 workers of the new configuration died", id="all died"),
        pytest.param(samples((0, NEW), (0.1, (NEW[0], Worker(22, 6, False)))), "failed", "died", id="one was replaced"),
        pytest.param(
            samples((0, OLD), (0.1, (Worker(10, 7, False), Worker(11, 7, False)))),
            "finalized",
            "",
            id="pids come again",
        ),
        pytest.param(
            samples((0, (*NEW, Worker(22, 5, False)))),
            "waiting",
            "3 workers of the new configuration run, 2",
            id="too many",
        ),
        pytest.param(
            samples(
                (0, NEW),
                (
                    0.4,
                    (
                        *(Worker(worker.pid, worker.started, True) for worker in NEW),
                        Worker(30, 9, False),
                        Worker(31, 9, False),
                    ),
                ),
                (0.6, (Worker(30, 9, False), Worker(31, 9, False))),
            ),
            "finalized",
            "",
            id="somebody else reloads meanwhile: the time begins anew",
        ),
    ],
)
def test_verdict(seen: list[Sample], state: str, why: str) -> None:
    found = judge(seen)
    assert found[0] == state
    assert why in found[1]


def test_any_number_is_right_when_none_is_known() -> None:
    assert judge(samples((0, NEW[:1]), (0.5, NEW[:1])), frozenset(), before=())[0] == "proved"


def test_either_meaning_of_auto_is_right() -> None:
    assert judge(samples((0, NEW), (0.5, NEW)), frozenset({2, 8}))[0] == "proved"


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (Sample(0, False, ()), "master process has ended"),
        (Sample(0, True, NEW, ("[emerg] bind() failed",)), "reports a fault"),
    ],
)
def test_a_fault_ends_the_proof_at_once(sample: Sample, why: str) -> None:
    verdict = Proof(OLD, TWO).feed(sample)
    assert verdict.state == "failed"
    assert why in verdict.why
    assert verdict.nginx == "\n".join(sample.lines)


def test_when_the_first_new_worker_came_is_remembered() -> None:
    proof = Proof(OLD, TWO)
    for sample in samples((0, OLD), (0.02, (*OLD, NEW[0])), (0.13, (*DRAINING, *NEW))):
        proof.feed(sample)
    assert proof.first_at == 0.02
    assert proof.new == [(20, 5), (21, 5)]
    assert proof.old == [(10, 1), (11, 1)]
