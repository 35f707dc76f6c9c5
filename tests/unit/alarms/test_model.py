from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

URL = "http://prometheus.example"


def test_a_row_is_of_one_kind_and_is_called_by_what_it_asks() -> None:
    rows = [
        {"prometheus": URL, "query": "up == 0"},
        {"alertmanager": URL, "name": "pages"},
        {"http": f"{URL}/ok"},
        {"command": ["scripts/budget", 10]},
    ]
    assert [row.title for row in read_alarms(rows, "")] == ["up == 0", "pages", f"{URL}/ok", "scripts/budget 10"]


def test_the_word_monitor_stands_for_the_critical_alerts_of_the_role() -> None:
    (row,) = read_alarms(["monitor"], "http://mon1:9093")
    assert (row.title, row.alertmanager, row.matchers) == ("monitor", "http://mon1:9093", ('severity="critical"',))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("monitor", "rollout_alarms: 'monitor' is not a list"),
        (["monitor"], "rollout_alarms[0]: 'monitor' needs monitor_alertmanager_url, which is not set"),
        (["other"], "rollout_alarms[0]: 'other' is not a mapping"),
        ([{}], "rollout_alarms[0]: an alarm has exactly one of prometheus, alertmanager, http, command"),
        ([{"http": URL, "alertmanager": URL}], "rollout_alarms[0]: an alarm has exactly one of"),
        ([{"prometheus": URL}], "rollout_alarms[0]: prometheus and query belong together"),
        ([{"http": "shop.example"}], "rollout_alarms[0].http: 'shop.example' is no URL"),
        ([{"http": URL, "timeout": 0}], "rollout_alarms[0].timeout: 0 is no number of seconds up to 60"),
        ([{"http": URL, "timeout": "nan"}], "rollout_alarms[0].timeout: 'nan' is no number of seconds"),
        ([{"http": URL, "burning": "yes"}], "rollout_alarms[0].burning: 'yes' is not known; use refuse or ignore"),
        ([{"command": "budget"}], "rollout_alarms[0].command: 'budget' is not a list"),
        ([{"http": URL, "headers": {"Authorization": "Bearer a\nb"}}], "rollout_alarms[0].headers.Authorization: "),
    ],
)
def test_what_is_no_alarm_is_refused_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(InputError) as raised:
        read_alarms(value, "")
    assert str(raised.value).startswith(words)
