"""What people read of a run, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.drift import Drift, drift_problem
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, Run
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import PathDifference
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.events import after_look, after_step
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.run_so_far import RunSoFar
from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import Message
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import RunFailure

from . import stories
from .conftest import NEW, OLD

Journal = Callable[..., list[Event]]

LAST = "Record: https://ci.example/1f2e\nRun: 20261121T140000-1f2e, started by ada on ctl at 2026-11-21 14:00:00 UTC"
FIX = "What is being done: no host was changed; fix what is named above, and deploy again"


def said(step: str, run: Run, events: list[Event], open_since: str = "") -> list[Message]:
    facts = RunSoFar.of(run, events)
    return after_step(step, facts, link="https://ci.example/1f2e", service="the shop", open_since=open_since)


def texts(messages: list[Message]) -> list[str]:
    return [f"{each.audience}, {each.kind}: {each.title}\n{each.body}" for each in messages]


def test_a_roll_out_begins(run: Run, journal: Journal) -> None:
    assert texts(said("waves", run, journal(stories.PASSED, *stories.LOOKED))) == [
        f"""team, info: Release {"b" * 12} is being rolled out to 2 hosts
What happens: all gates passed, every host passed preflight, and the first wave begins
Affected:
  web1 and web2
  until now: {"a" * 12}
Since: 2026-11-21 14:00:15 UTC
What is being done: hosts are switched wave by wave, checked and watched; another message follows
{LAST}"""
    ]


def test_an_emergency_is_said_with_it(run: Run, journal: Journal) -> None:
    emergency = {"reason": "the certificate is over", "gates": {NEW: ["lint"]}}
    gate = ("", "gate", None, {"releases": [], "emergency": emergency})
    (message,) = said("waves", run, journal(gate, *stories.LOOKED))
    stopped = f"gates that failed do not stop this run (release {'b' * 12}: lint)"
    assert f"Emergency: EMERGENCY: {stopped}, because: the certificate is over" in message.body
    assert "What happens: every host passed preflight, and the first wave begins" in message.body


def test_a_rollback_knows_of_no_gates(run: Run, journal: Journal) -> None:
    (message,) = said("waves", run, journal(*stories.LOOKED))
    assert "What happens: every host passed preflight, and the first wave begins" in message.body


def test_a_release_is_confirmed(run: Run, journal: Journal) -> None:
    assert texts(said("finalize", run, journal(*stories.CONFIRMED))) == [
        f"""team, success: Release {"b" * 12} is confirmed on 2 hosts
What happened: 2 hosts switched and confirmed
Affected: web1 and web2
Since: 2026-11-21 14:00:35 UTC
What is being done: nothing more; every host serves the release, and all its checks pass
{LAST}"""
    ]


def test_a_gate_stops_a_release_and_the_culprit_line_is_named(run: Run, journal: Journal) -> None:
    assert texts(said("gates", run, journal(stories.REFUSED))) == [
        rf"""team, warning: Release {"b" * 12} was stopped by the gate smoke; no host was touched
What happened: smoke: the front page lists what is sold
Where: sites-enabled/shop.conf:38 (roles/nginx/templates/site.conf.j2)
Culprit:
  sites-enabled/shop.conf:38 (roles/nginx/templates/site.conf.j2, nginx_sites[0].php)
    - location ~ \.php$ {{
    + location ~ \.phpp$ {{
Affected:
  no host; it was for web1 and web2
  sites: shop.example
  checks: the front page lists what is sold
Since: 2026-11-21 14:00:05 UTC
{FIX}
{LAST}"""
    ]


def test_gates_that_could_not_be_asked_say_why(run: Run, journal: Journal) -> None:
    assert texts(said("gates", run, journal(stories.NOT_ASKED))) == [
        f"""team, warning: A release was not rolled out: the gates could not be run; no host was touched
What happened: Docker does not answer at unix:///run/docker.sock
Affected: no host
Since: 2026-11-21 14:00:05 UTC
{FIX}
{LAST}"""
    ]


def test_a_host_that_cannot_take_a_release_stops_it(run: Run, journal: Journal) -> None:
    assert texts(said("finalize", run, journal(*stories.UNTOUCHED))) == [
        f"""team, warning: Release {"b" * 12} was not rolled out: web1 failed in preflight; no host was touched
What happened: web1: preflight: this host runs another platform than staging
Affected: no host; it was for web1 and web2
Since: 2026-11-21 14:00:10 UTC
{FIX}
{LAST}"""
    ]


def test_a_fleet_goes_back_and_customers_hear_of_what_they_may_have_seen(run: Run, journal: Journal) -> None:
    assert texts(said("finalize", run, journal(*stories.WENT_BACK))) == [
        f"""team, failure: Release {"b" * 12} was rolled back on web1 and web2: web2 failed in activate
What happened: web2: activate: {stories.CHECK}; actual GET https://shop.example/orders/track?id=42: status 404
Affected:
  web1 and web2
  sites: shop.example
  checks: an order is tracked
Since: 2026-11-21 14:00:25 UTC
What is being done:
  every host serves what it served before, and its checks pass
  web1: rolled back; the release before serves again, proved
  web2: rolled back by itself; the release before serves again, proved
{LAST}""",
        """customers, info: The shop: a short disruption is over
At 14:00 UTC on 21 November 2026, some requests to the shop may have failed or been answered wrongly. The cause was a \
change that we were making. We have rolled it back, and everything works as before. We are sorry for the trouble, and \
are looking into how it came to this. There is nothing that you need to do.""",
    ]


def test_a_host_is_neither_here_nor_there(run: Run, journal: Journal) -> None:
    assert texts(said("finalize", run, journal(*stories.LOST))) == [
        f"""team, failure: web1 needs manual intervention: neither confirmed on release {"b" * 12} nor rolled back
What happened:
  web1: bake: nginx's workers died
  web1: finalize: the rollback failed
Affected: web1
Since: 2026-11-21 14:00:30 UTC
What is being done:
  web1: BROKEN: every rollback failed; see sluice.nginx.status, and fix it there
  web2: rolled back; the release before serves again, proved
  inspect with sluice.nginx.status; sluice.nginx.rollback tries again
{LAST}""",
        """customers, failure: The shop: disruption
Since 14:00 UTC on 21 November 2026, some requests to the shop may fail or be answered wrongly. The cause is a change \
that we were making. We are working on it, and will tell you here when everything works again.""",
    ]


def test_a_run_that_ended_before_it_was_finalized_says_what_will_happen(run: Run, journal: Journal) -> None:
    team, customers = said("finalize", run, journal(*stories.WENT_BACK[:4]))
    assert team.title == f"web1 needs manual intervention: neither confirmed on release {NEW[:12]} nor rolled back"
    assert "web1: was switched, and the run ended before it was finalized; its watchdog rolls it back" in team.body
    assert customers.event == "broken"


@pytest.mark.parametrize("rows", [stories.CONFIRMED, stories.UNCHANGED])
def test_customers_hear_that_a_disruption_is_over(run: Run, journal: Journal, rows: list[stories.Row]) -> None:
    *_, last = said("finalize", run, journal(*rows), open_since="2026-11-20T23:04:00.000Z")
    assert texts([last]) == [
        """customers, success: The shop: the disruption is over
The shop works again as it should. The disruption was between 23:04 UTC on 20 November 2026 and 14:00 UTC on 21 \
November 2026. We are sorry for the trouble, and are looking into how it came to this. There is nothing that you need \
to do."""
    ]


def test_drift_stops_a_run_and_is_told_once(run: Run, journal: Journal) -> None:
    assert texts(said("finalize", run, journal(*stories.DRIFTED))) == [
        f"""team, warning: web2 no longer serves what was deployed (drift)
What happened:
  files below /etc/nginx were changed on the host since the last deployment
  web2: nginx.conf (changed)
Affected:
  web2
  with these changes: {"a" * 12}
Seen: at 2026-11-21 14:00:15 UTC, by the preflight of every host before the first wave
What is being done: the run was stopped, and no host was touched; bring the change into the deployed tree, or deploy \
with -e rollout_drift=adopt (keeps a copy to roll back to) or -e rollout_drift=discard
{LAST}"""
    ]


def test_drift_beside_another_fault_is_told_beside_it(run: Run, journal: Journal) -> None:
    rows = [*stories.DRIFTED, ("web3", "preflight", "no space is left", {})]
    assert [each.event for each in said("finalize", run, journal(*rows))] == ["drift", "stopped"]


def test_drift_that_a_look_finds(journal: Journal) -> None:
    said = {"web1": {"live": OLD, "drift": []}, "web2": {"live": OLD, "drift": ["nginx.conf", "conf.d/a.conf"]}}
    assert texts(after_look(said, "2026-11-21T14:00:15.000Z")) == [
        f"""team, warning: web2 no longer serves what was deployed (drift)
What happened:
  files below /etc/nginx were changed on the host since the last deployment
  web2: nginx.conf and conf.d/a.conf
Affected: web2, of release {"a" * 12}
Seen: at 2026-11-21 14:00:15 UTC, by sluice.nginx.status, which shows the difference
What is being done: nothing yet: bring the change into the deployed tree, or deploy with -e rollout_drift=adopt (keeps \
a copy to roll back to) or -e rollout_drift=discard"""
    ]
    assert after_look({"web1": {"live": OLD, "drift": []}, "web3": {"unreachable_host": True}}, "") == []


def test_the_words_of_the_engine_for_drift_are_known() -> None:
    # Where nothing was ever live there is no file to compare, and no host is asked.
    session: Any = None
    problem = drift_problem(session, {"live": None}, Drift([PathDifference("nginx.conf", "changed")], {}, [], []))
    assert RunFailure(problem.to_json()["what"]).is_drift
    assert not RunFailure("no space is left").is_drift


@pytest.mark.parametrize(
    ("step", "rows"),
    [
        ("gates", [stories.PASSED]),
        ("gates", []),
        ("waves", stories.UNTOUCHED),
        ("waves", stories.UNCHANGED),
        ("finalize", stories.UNCHANGED),
        ("finalize", []),
    ],
)
def test_where_nothing_happened_nothing_is_said(run: Run, journal: Journal, step: str, rows: list[Any]) -> None:
    assert said(step, run, journal(*rows)) == []


def test_customers_learn_nothing_of_the_inside(run: Run, journal: Journal) -> None:
    inside = [
        "web1",
        "web2",
        "/",
        "http",
        "nginx",
        "1f2e",
        "bbbb",
        "ada",
        "ctl",
        "check",
        "release",
        "host",
        "activate",
    ]
    for rows in (stories.WENT_BACK, stories.LOST, stories.CONFIRMED):
        for message in said("finalize", run, journal(*rows), open_since="2026-11-20T23:04:00.000Z"):
            if message.audience == "customers":
                assert [word for word in inside if word in (message.title + message.body).lower()] == []


def test_customers_hear_nothing_where_nobody_was_served(run: Run, journal: Journal) -> None:
    rows: list[stories.Row] = [stories.PASSED, *stories.LOOKED, ("web1", "activate", "nginx -t fails", {})]
    finalized = ("web1", "finalize", None, {"operation": "rollback", "rolled_back": None, "release": OLD})
    assert [(each.event, each.audience) for each in said("finalize", run, journal(*rows, finalized))] == [
        ("rolled_back", "team")
    ]


def test_a_hundred_hosts_and_faults_stay_readable(run: Run, journal: Journal) -> None:
    hosts = [f"web{number:03}" for number in range(100)]
    rows = [stories.PASSED, *((host, "preflight", f"{host} is full: {'x' * 1000}", {}) for host in hosts)]
    (message,) = said("finalize", run, journal(*rows))
    assert "web000 failed in preflight (and 99 more); no host was touched" in message.title
    assert "… and 95 more lines, in the record" in message.body
    assert "web008, web009 and 90 more" in message.body
    assert len(message.body) < 4000
