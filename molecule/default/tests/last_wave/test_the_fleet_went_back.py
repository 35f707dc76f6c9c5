"""One host of the last wave cannot take the release: all go back, and words and records say who, where and what."""

from __future__ import annotations

import pytest
from story import Incident, journal, live, name_of, state
from testinfra.host import Host


@pytest.fixture(scope="module")
def incident() -> Incident:
    return Incident.read()


@pytest.mark.parametrize(
    "words",
    [
        "smoke      pass",
        "web1  {before}  rolled back; the release before serves again, proved",
        "web2  {before}  rolled back; the release before serves again, proved",
        "web3  {before}  rolled back by itself; the release before serves again, proved",
        "web3: activate: the check 'the host has the current build of the shop' does not hold on this host",
        "expected the body to contain 'build 42', got build 41",
        "the 2 switched before it were rolled back",
    ],
)
def test_a_person_reads_who_where_and_what(incident: Incident, words: str) -> None:
    activated = next(event for event in incident.record()["events"] if event["phase"] == "activate")
    assert incident.code == 2
    assert words.format(before=activated["answer"]["before"][:12]) in incident.output


def test_the_hosts_were_switched_one_wave_after_the_other_and_rolled_back(incident: Incident) -> None:
    events = [(event["phase"], event["host"], event["good"]) for event in incident.record()["events"]]
    activated = [event for event in events if event[0] == "activate"]
    assert activated == [("activate", "web1", True), ("activate", "web2", True), ("activate", "web3", False)]
    assert {(host, good) for phase, host, good in events if phase == "finalize"} == {
        (f"web{n}", True) for n in (1, 2, 3)
    }


def test_the_host_serves_the_confirmed_release_of_before(host: Host) -> None:
    known = state(host)
    assert known["pending"] is None
    assert known["confirmed"]["release"] == known["live"] == live(host)
    assert host.run("nginx -t").rc == 0


def test_the_journal_of_the_host_tells_it(host: Host, incident: Incident) -> None:
    run = incident.record()["run"]["id"]
    told = [(event["event"], event.get("mark")) for event in journal(host) if event["run"] == run]
    assert told[0] == ("activate", "begin")
    assert ("confirm", "begin") not in told
    failed = next((event for event in journal(host) if event["event"] == "failed"), None)
    if name_of(host) == "web3":
        assert failed is not None
        assert "the host has the current build of the shop" in failed["why"]
    else:
        assert failed is None
        assert ("rollback", "begin") in told


def test_the_page_that_was_refused_is_not_served(host: Host) -> None:
    fetch = "import http.client as h; c = h.HTTPConnection('127.0.0.1'); c.request('GET', '/number', headers={'Host': "
    fetch += "'build.cedi-mart.example'}); print(c.getresponse().status)"
    assert host.run(f'python3 -c "{fetch}"').stdout.strip() != "200"


def test_whoever_asked_the_host_got_every_answer(host: Host, incident: Incident) -> None:
    seen = incident.hosts[name_of(host)]
    assert seen["asked"] > 100
    assert seen["failures"] == []
    # The earlier waves did serve the other release for a while, and web3 until its check failed.
    assert set(seen["releases"]) | {"another"} == {"good", "another"}
    assert name_of(host) == "web3" or "another" in seen["releases"], seen["releases"]
    assert set(seen["after"]) == {"good"}
