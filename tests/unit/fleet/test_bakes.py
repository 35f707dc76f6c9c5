from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.bakes import short_bake
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event


def _at(second: float) -> str:
    return f"2026-01-02T03:04:{second:06.3f}Z"


def _switched(host: str, asked: float, second: float, *, good: bool = True) -> Event:
    return Event(_at(second), "activate", host, good, {"asked": _at(asked)})


def _baked(host: str, second: float, requests: int, **more: Any) -> Event:
    return Event(_at(second), "bake", host, True, {"requests": requests, "traffic": {"step": 1}, **more})


FIRST = _switched("web1", 0, 1)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], ""),
        # Where nothing was switched, and where nobody knows which access logs there are.
        ([_switched("web1", 0, 1, good=False), _baked("web1", 31, 5)], ""),
        ([FIRST, _baked("web1", 31, 5, traffic=None)], ""),
        ([FIRST, _baked("web1", 31, 300)], ""),
        (
            [FIRST, _baked("web1", 31, 60)],
            "the first wave saw 60 requests in 30 s: a fault in up to 5% of them may not have shown; 300 requests show "
            "1 % and take 2 min 30 s at this rate (rollout_bake)",
        ),
        # The last look before the next wave counts, of all hosts of the first one.
        (
            [
                FIRST,
                _switched("web2", 0, 1.5),
                _baked("web1", 11, 5),
                _baked("web2", 11, 5),
                _baked("web1", 21, 30),
                _baked("web2", 21, 30),
                _switched("web3", 21, 22),
                _baked("web1", 40, 900),
            ],
            "the first wave saw 60 requests in 20 s",
        ),
        ([FIRST, _baked("web1", 31, 2)], "a fault in up to 50% of them may not have shown"),
        (
            [FIRST, _baked("web1", 31, 0)],
            "no visitor came to the first wave in 30 s, so only its checks have judged the release",
        ),
        # A bake that is part of the activation began before that had an answer; the clock of the host is its own.
        (
            [
                FIRST,
                _baked(
                    "web1",
                    1.1,
                    60,
                    traffic={
                        "start": "2026-01-02T09:00:00Z",
                        "step": 1,
                        "began": "2026-01-02T09:00:30.000Z",
                        "requests": [2] * 60,
                    },
                ),
            ],
            "the first wave saw 60 requests in 30 s",
        ),
    ],
)
def test_whether_a_bake_was_long_enough_for_the_traffic(events: list[Event], words: str) -> None:
    said = short_bake(events)
    assert (words in said) if words else not said
