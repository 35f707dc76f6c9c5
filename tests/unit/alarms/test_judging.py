from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.alarms import asking, of_run
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.asking import Burning, Look
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import before, during
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import AlarmRow, read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.of_run import AlarmsOfRun

HOSTS = ("web1", "web2")


def _row(**more: Any) -> AlarmRow:
    return read_alarms([{"http": "http://shop.example", "name": "orders", **more}], "")[0]


def _burning(host: str = "", **labels: str) -> Burning:
    return Burning("orders", tuple(sorted({**({"host": host} if host else {}), **labels}.items())), "too few")


def test_what_burns_already_stops_the_run_unless_it_is_ignored() -> None:
    stopped = before([Look(_row(), (_burning(),))])
    assert stopped["ok"] is False
    assert stopped["problems"][0]["what"] == "orders burns already: too few"
    assert stopped["problems"][0]["fix"] == "see to it first, or set `burning: ignore` at rollout_alarms[0]"
    ignored = before([Look(_row(burning="ignore"), (_burning(),))])
    assert (ignored["ok"], len(ignored["burning"])) == (True, 1)


def test_an_alarm_that_cannot_be_asked_stops_the_run_before_its_first_wave() -> None:
    answer = before([Look(_row(burning="ignore"), trouble="it does not answer: refused")])
    assert answer["problems"][0]["what"] == "orders cannot be asked: it does not answer: refused"


@pytest.mark.parametrize(
    ("burning", "ok", "warned"),
    [
        ((), True, 0),
        ((_burning(),), False, 0),
        ((_burning("web1"),), False, 0),
        # As Prometheus names what it scrapes.
        ((_burning(instance="web1:9100"),), False, 0),
        ((_burning("web2"),), True, 1),
        # Nobody knows whose that is.
        ((_burning("db1"),), False, 0),
        ((_burning("web1"), _burning("web2")), False, 1),
        ((_burning(zone="known"),), True, 0),
    ],
)
def test_what_begins_on_switched_hosts_or_on_none_is_a_problem(
    burning: tuple[Burning, ...], ok: bool, warned: int
) -> None:
    label = "instance" if burning and "instance" in dict(burning[0].labels) else "host"
    known = {_burning(zone="known").key}
    answer = during([Look(_row(host_label=label), burning)], known, {"web1"}, HOSTS, last=False)
    assert (answer["ok"], len(answer["warnings"])) == (ok, warned)


def test_an_alarm_that_cannot_be_asked_is_a_problem_at_the_last_look() -> None:
    looks = [Look(_row(), trouble="it does not answer")]
    assert during(looks, (), {"web1"}, HOSTS, last=False)["ok"] is True
    assert during(looks, (), {"web1"}, HOSTS, last=True)["ok"] is False


def test_who_gives_no_answer_is_asked_again_where_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    row, asked = _row(), []

    def ask(rows: Any, project: Path) -> list[Look]:
        asked.append(list(rows))
        return [Look(row) if len(asked) == 3 else Look(row, trouble="it does not answer") for row in rows]

    monkeypatch.setattr(asking, "ask_alarms", ask)
    monkeypatch.setattr(of_run, "_BETWEEN", 0.0)
    alarms = AlarmsOfRun([row], Path())
    assert alarms.before()["ok"] is True
    assert len(asked) == 3
    asked.clear()
    alarms.during([], HOSTS, last=False)
    assert len(asked) == 1
