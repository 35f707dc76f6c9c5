"""The first push fails on one host, and nobody who asked for the hand-made site was refused."""

from __future__ import annotations

import pytest
from story import Incident, name_of
from testinfra.host import Host


@pytest.mark.parametrize(
    "words",
    [
        "web1  {before}  rolled back; the release before serves again, proved",
        "web3  {before}  rolled back by itself; the release before serves again, proved",
        "web3 failed in activate (the check 'the host has the current build of the shop' does not hold on this host",
    ],
)
def test_a_person_reads_what_became_of_it(words: str) -> None:
    incident = Incident.read()
    befores = {
        event["host"]: event["answer"]["before"]
        for event in incident.record()["events"]
        if event["phase"] == "activate"
    }
    assert incident.code == 2
    assert words.format(before=befores[words[:4]][:12]) in incident.output


def test_whoever_asked_the_host_got_every_answer(host: Host) -> None:
    seen = Incident.read().hosts[name_of(host)]
    # Only the first site is on these hosts before the push.
    assert [failure for failure in seen["failures"] if failure.startswith("marker.example")] == []
    assert set(seen["after"]) == {"made by hand"}
