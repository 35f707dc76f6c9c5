"""The files of a monitoring host: Prometheus with its rules and targets, the blackbox exporter, Alertmanager."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..engine.host.copying import create
from ..errors import InputError, SluiceError
from ..packages import yaml
from .packing import pack_program
from .probes import MonitoredHost, Probing
from .rules import Thresholds, duration, render

__all__ = ["MonitorSettings", "Written", "contents", "write"]

_BLACKBOX, _ALERTMANAGER_PORT = "127.0.0.1:9115", 9093
_NODE_PORT, _NGINX_PORT = 9100, 9113
# Headers and URLs of checks and addresses of receivers may be secrets.
_SECRET = ("alertmanager.yml", "blackbox.yml", "targets/probes.json", "targets/public.json")
_HEAD = "# Written by the role monitor; what is changed here is lost at its next run.\n"


class MonitorSettings(NamedTuple):
    """What the user sets. ``rules`` is the text of the rule file, ``runbooks`` the address of the alerts' pages.
    ``receivers`` and ``routes`` are Alertmanager's own; ``status`` is whether nginx has a page for its exporter.
    ``listen`` is the address of Alertmanager and Prometheus.
    """

    rules: str
    runbooks: str = ""
    thresholds: Thresholds = Thresholds()
    receivers: Sequence[Mapping[str, Any]] = ()
    routes: Sequence[Mapping[str, Any]] = ()
    status: bool = False
    listen: str = "127.0.0.1"


class Written(NamedTuple):
    """Where the files are, and which of them are new or different."""

    folder: Path
    changed: list[str]


def contents(hosts: Sequence[MonitoredHost], probing: Probing, settings: MonitorSettings) -> dict[str, bytes]:
    """Return each file by its path below the folder. Raises ``InputError`` for invalid receivers or runbooks."""
    return {
        "prometheus.yml": _yaml(_prometheus(settings.thresholds.interval, settings.listen)),
        "rules/sluice.yml": (_HEAD + render(settings.rules, settings.thresholds, settings.runbooks)).encode(),
        "targets/hosts.json": _json([_exporter(host, _NODE_PORT) for host in hosts]),
        "targets/nginx.json": _json([_exporter(host, _NGINX_PORT) for host in hosts] if settings.status else []),
        "targets/probes.json": _json(probing.hosts),
        "targets/public.json": _json(probing.public),
        "blackbox.yml": _yaml({"modules": probing.modules}),
        "alertmanager.yml": _yaml(_alertmanager(settings)),
        "metrics.pyz": pack_program(),
    }


def write(folder: Path, files: Mapping[str, bytes], *, look: bool = False) -> Written:
    """Write the files that differ, or with ``look`` only name them. Raises ``SluiceError`` if one cannot be written."""
    changed = []
    try:
        for name, data in files.items():
            path = folder / name
            if path.is_file() and path.read_bytes() == data:
                continue
            changed.append(name)
            if not look:
                path.parent.mkdir(parents=True, exist_ok=True)
                aside = path.with_name(f".{path.name}.new")
                aside.unlink(missing_ok=True)
                with open(create(aside), "wb") as file:
                    file.write(data)
                    os.fchmod(file.fileno(), 0o600 if name in _SECRET else 0o644)
                os.replace(aside, path)
    except OSError as error:
        raise SluiceError(
            f"the files of the monitor cannot be written to {folder}: {error.strerror}; name another directory in "
            "monitor_files"
        ) from error
    return Written(folder, changed)


def _exporter(host: MonitoredHost, port: int) -> dict[str, Any]:
    where = f"[{host.address}]:{port}" if ":" in host.address else f"{host.address}:{port}"
    return {"targets": [where], "labels": {"host": host.name, "variant": host.variant}}


def _prometheus(interval: float, listen: str) -> dict[str, Any]:
    every = duration(interval)
    alertmanager = f"{'127.0.0.1' if listen == '0.0.0.0' else listen}:{_ALERTMANAGER_PORT}"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules/sluice.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            # Of the node exporter only what Sluice writes: the rest is another job's, and costs more.
            {"job_name": "sluice_hosts", "params": {"collect[]": ["textfile"]}, **_targets("hosts")},
            {"job_name": "sluice_nginx", **_targets("nginx")},
            {"job_name": "sluice_probes", **_targets("probes"), **_THROUGH_BLACKBOX},
            {"job_name": "sluice_public", **_targets("public"), **_THROUGH_BLACKBOX},
        ],
    }


def _targets(name: str) -> dict[str, Any]:
    return {"file_sd_configs": [{"files": [f"targets/{name}.json"]}]}


_THROUGH_BLACKBOX: dict[str, Any] = {
    "metrics_path": "/probe",
    "relabel_configs": [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"target_label": "__address__", "replacement": _BLACKBOX},
    ],
}


def _alertmanager(settings: MonitorSettings) -> dict[str, Any]:
    receivers = [dict(each) for each in settings.receivers] or [{"name": "nobody"}]
    for number, receiver in enumerate(receivers):
        if not receiver.get("name"):
            raise InputError(f"monitor_receivers[{number}]", "has no name; Alertmanager's receivers each have one")
    return {
        "route": {
            "receiver": receivers[0]["name"],
            # One message for a site that is broken, however many hosts and checks show it.
            "group_by": ["alertname", "site"],
            "group_wait": "3s",
            "group_interval": "15s",
            "repeat_interval": "4h",
            "routes": [dict(each) for each in settings.routes],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['alertname="SluiceHostDown"'],
                "target_matchers": ['alertname!="SluiceHostDown"'],
                "equal": ["host"],
            },
            {
                "source_matchers": ['alertname="SluiceNginxDown"'],
                "target_matchers": ['alertname="SluiceCheckFails"'],
                "equal": ["host"],
            },
        ],
        "receivers": receivers,
    }


def _yaml(content: object) -> bytes:
    # By way of JSON, since a variable of Ansible may hold strings of its own kinds.
    plain = json.loads(json.dumps(content, default=str))
    return (_HEAD + str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120))).encode()


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n").encode()
