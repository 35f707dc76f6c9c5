"""The files of a monitoring host: what is in them, and how they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.files import MonitorSettings, contents, write
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.probes import MonitoredHost, Probing
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.rules import Thresholds

HOSTS = [MonitoredHost("web1", "192.0.2.1", "web1", ()), MonitoredHost("web2", "2001:db8::2", "web1", ())]
NOTHING = Probing({}, [], [], [])
RULES = (Path(__file__).resolve().parents[3] / "roles/monitor/files/rules/sluice.rules.yml").read_text(encoding="utf-8")
TEAM = {"name": "team", "webhook_configs": [{"url": "https://chat.example/hooks/secret"}]}


def _files(**settings: Any) -> dict[str, bytes]:
    return contents(HOSTS, NOTHING, MonitorSettings(RULES, **settings))


def _yaml(name: str, **settings: Any) -> dict[str, Any]:
    return dict(yaml.safe_load(_files(**settings)[name]))


def test_exporters_are_targets_with_the_hosts_that_share_a_release() -> None:
    files = _files(status=True)
    assert json.loads(files["targets/hosts.json"]) == [
        {"targets": ["192.0.2.1:9100"], "labels": {"host": "web1", "variant": "web1"}},
        {"targets": ["[2001:db8::2]:9100"], "labels": {"host": "web2", "variant": "web1"}},
    ]
    assert [each["targets"] for each in json.loads(files["targets/nginx.json"])] == [
        ["192.0.2.1:9113"],
        ["[2001:db8::2]:9113"],
    ]
    assert json.loads(_files()["targets/nginx.json"]) == []


@pytest.mark.parametrize(
    ("listen", "target"),
    [("127.0.0.1", "127.0.0.1:9093"), ("0.0.0.0", "127.0.0.1:9093"), ("10.0.0.7", "10.0.0.7:9093")],
)
def test_prometheus_asks_alertmanager_where_it_listens(listen: str, target: str) -> None:
    (managers,) = _yaml("prometheus.yml", listen=listen)["alerting"]["alertmanagers"]
    assert managers["static_configs"] == [{"targets": [target]}]


def test_everything_keeps_the_interval() -> None:
    settings = _yaml("prometheus.yml", thresholds=Thresholds(interval=15))["global"]
    assert set(settings.values()) == {"15s"}
    (group,) = _yaml("rules/sluice.yml", thresholds=Thresholds(interval=15))["groups"]
    assert group["interval"] == "15s"
    assert {rule["alert"]: rule.get("for") for rule in group["rules"]}["SluiceCheckFails"] == "30s"


def test_the_first_receiver_gets_what_no_route_takes() -> None:
    route = {"receiver": "night", "matchers": ['severity="critical"']}
    config = _yaml("alertmanager.yml", receivers=[TEAM, {"name": "night"}], routes=[route])
    assert config["route"]["receiver"] == "team"
    assert config["route"]["routes"] == [route]
    assert config["receivers"] == [TEAM, {"name": "night"}]
    assert _yaml("alertmanager.yml")["receivers"] == [{"name": "nobody"}]


def test_a_receiver_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"monitor_receivers\[1\].*has no name"):
        _files(receivers=[TEAM, {"webhook_configs": []}])


def test_only_what_differs_is_written_and_secrets_are_for_their_owner(tmp_path: Path) -> None:
    files = _files(receivers=[TEAM])
    assert write(tmp_path / "new", files).changed == list(files)
    assert write(tmp_path / "new", files).changed == []
    assert write(tmp_path / "new", _files()).changed == ["alertmanager.yml"]
    modes = {name: (tmp_path / "new" / name).stat().st_mode & 0o777 for name in files}
    secret = {"alertmanager.yml", "blackbox.yml", "targets/probes.json", "targets/public.json"}
    assert {name for name, mode in modes.items() if mode == 0o600} == secret
    assert {mode for name, mode in modes.items() if name not in secret} == {0o644}


def test_who_only_looks_writes_nothing(tmp_path: Path) -> None:
    files = _files()
    assert write(tmp_path / "new", files, look=True).changed == list(files)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SluiceError, match=r"cannot be written to .*; name another directory in monitor_files"):
        write(tmp_path / "file" / "below", _files())
