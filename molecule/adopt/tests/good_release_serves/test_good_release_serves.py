"""The release serves, and the hand-made is there to go back to."""

from __future__ import annotations

import client
from story import STATE, live, ports, state
from testinfra.host import Host


def test_both_sites_answer(host: Host) -> None:
    for question in client.QUESTIONS:
        status, answer = client.ask(question, ports(host))
        assert (status, question.words in answer) == (200, True), answer


def test_the_hand_made_is_kept(host: Host) -> None:
    known = state(host)
    before = known["confirmed"]["before"]
    assert known["confirmed"]["release"] == known["live"] == live(host)
    assert known["releases"][before]["origin"] == "adopted"
    assert host.file(f"{STATE}/releases/{before}/conf.d/by-hand.conf").mode == 0o640
