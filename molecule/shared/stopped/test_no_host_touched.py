"""A change that the gates stopped reached no host: not by the run's record, not on its disk, not in its answers."""

from __future__ import annotations

import pytest
from story import Incident, changed_since, live, name_of, state
from testinfra.host import Host


@pytest.fixture(scope="module")
def incident() -> Incident:
    return Incident.read()


def test_the_run_failed_although_nginx_itself_was_content(incident: Incident) -> None:
    assert incident.code == 2
    assert "syntax     pass" in incident.output
    assert "1 of 1 releases did not pass the gates; no host was touched" in incident.output


def test_no_host_was_asked_anything(incident: Incident) -> None:
    record = incident.record()
    assert record["result"] == "stopped"
    assert record["outcome"].startswith("stopped by the gate ")
    assert {event["host"] for event in record["events"]} == {""}


def test_nothing_was_written_and_no_process_started(host: Host, incident: Incident) -> None:
    assert changed_since(host, incident.began) == []
    known = state(host)
    assert (known["pending"], known["confirmed"]["release"]) == (None, live(host))


def test_whoever_asked_the_host_saw_only_the_old_release(host: Host, incident: Incident) -> None:
    seen = incident.hosts[name_of(host)]
    assert seen["asked"] > 50
    assert seen["failures"] == []
    assert set(seen["releases"]) == set(seen["after"]) == {"good"}
