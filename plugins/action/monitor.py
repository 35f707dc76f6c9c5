"""Writes what a monitoring host needs, from the contracts of the releases and the inventory."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.template import Templar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.files import MonitorSettings, contents, write
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.probes import MonitoredHost, Public, probing
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.rules import Thresholds
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

_ADDRESS = "monitor_address"
_LEAST_INTERVAL = 1.0


class ActionModule(ControllerAction):
    """Works on the controller alone."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Write the files, and say what is not monitored."""
        install = options["install"]
        group = options["group"]
        monitors = list(task_vars["groups"].get(group) or [])
        if install and not monitors:
            raise SluiceError(
                f"the inventory has no host in the group '{group}' (monitor_group); add a monitoring host, or write "
                "only the files, for an existing Prometheus, with -e monitor_install=false -e monitor_files=DIR"
            )
        if not _is_network(options["listen"]) or "/" in options["listen"]:
            raise InputError("monitor_listen", f"{options['listen']!r} is no address; write it as 127.0.0.1 or 0.0.0.0")
        if options["interval"] < _LEAST_INTERVAL:
            raise InputError("monitor_interval", f"{options['interval']:g} s is too short; 1 s is the least")
        hosts = self._hosts(options["releases"], task_vars)
        made = probing(
            hosts,
            unsafe=options["unsafe"],
            public=Public(options["public_address"]) if options["public"] else None,
            # An answer that comes later than the next question counts as none.
            timeout=max(0.5, options["interval"] - 0.5),
        )
        thresholds = Thresholds(**{name: options[name] for name in Thresholds._fields})
        settings = MonitorSettings(
            rules=_rules(options["rules"]),
            thresholds=thresholds,
            **{name: options[name] for name in ("runbooks", "receivers", "routes", "status", "listen")},
        )
        # Where they are copied to hosts from here, they are no change of their own, and check mode compares with them.
        look = self._task.check_mode and not install
        written = write(path_of(project(), options["files"]), contents(hosts, made, settings), look=look)
        said = [*made.said, *_of_receivers(settings)]
        if not install:
            said.append(f"{len(written.changed)} of the files in {written.folder} {'would be' if look else 'are'} new")
        for sentence in said:
            show(self._display, f"monitor: {sentence}")
        return {
            "changed": bool(written.changed) and not install,
            "folder": str(written.folder),
            "files": written.changed,
            "scrapers": self._scrapers(options["scrapers"], monitors, task_vars) if install else [],
            "said": said,
        }

    def _hosts(self, releases: list[dict[str, Any]], task_vars: Mapping[str, Any]) -> list[MonitoredHost]:
        """Return the hosts with the checks of the releases that are made for them. Raises ``SluiceError``."""
        store = ReleaseStore(self._state() / "releases")
        found = []
        for release in releases:
            if not release["id"]:
                raise SluiceError("\n".join(release["problems"]))
            contract = tuple(store.get(release["id"]).described["contract"])
            for host in release["hosts"]:
                found.append(
                    MonitoredHost(host, self._address(host, task_vars["hostvars"]), release["hosts"][0], contract)
                )
        return sorted(found)

    def _scrapers(self, given: list[str], monitors: list[str], task_vars: Mapping[str, Any]) -> list[str]:
        """Return the addresses that may reach the exporters: ``given``, else those of the monitoring hosts.

        Raises ``InputError``.
        """
        for number, each in enumerate(given):
            if each != "any" and not _is_network(each):
                raise InputError(
                    f"monitor_scrapers[{number}]", f"{each!r} is no address; write it as 10.0.0.5, 10.0.0.0/24 or any"
                )
        if given:
            return given
        found = set()
        for host in monitors:
            name = self._address(host, task_vars["hostvars"])
            try:
                found |= {str(row[4][0]).partition("%")[0] for row in socket.getaddrinfo(name, None)}
            except (OSError, UnicodeError) as error:
                raise InputError(
                    "monitor_scrapers",
                    f"the address of the monitoring host {host} is not known here ({name}: {error}); "
                    "name the addresses that it asks the web hosts from, or any",
                ) from error
        return sorted(found)

    def _address(self, host: str, hostvars: Any) -> str:
        raw = hostvars.raw_get(host)
        wanted = raw.get(_ADDRESS) or raw.get("ansible_host") or host
        return str(Templar(loader=self._loader, variables=raw).template(wanted))


def _rules(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            "rules", f"{path} cannot be read ({error.strerror}); use the role's sluice.rules.yml"
        ) from error


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _of_receivers(settings: MonitorSettings) -> list[str]:
    if settings.receivers:
        return []
    return ["alerts reach nobody: monitor_receivers is empty; the pages of Prometheus and Alertmanager show them"]
