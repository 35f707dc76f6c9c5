"""Runs the trees of hosts under another nginx, beside the one that they have, and prints what differs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.action.gates import ActionModule as Gates
from ansible_collections.sluice.nginx.plugins.module_utils.advisories.matching import Installed
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import releases, sources
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.published import PublishedFaults, published
from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.record import record_of, write_record
from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.rehearse import RehearsedNginx, rehearsal_of
from ansible_collections.sluice.nginx.plugins.module_utils.reports.progress import GatesProgress
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import listed
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.staging import PlatformsOfHosts, read_staging

# What has to hold before a tree can be run at all.
_FORERUNNERS = ("spec", "parse")
_MOST_HOSTS = 8


class ActionModule(Gates):
    """Opens two stages for each tree; no host is touched, and no receipt written."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Print what differs; fails where the other nginx would do worse."""
        staging = options["staging"]
        _hold_to_one(PlatformsOfHosts(staging).grouped(host for each in options["releases"] for host in each["hosts"]))
        present = RehearsedNginx(staging["image"], staging["flavour"], staging["nginx_version"], staging["os"])
        candidates = [
            replace(each, release=each.live or each.release, live=None, said=None) for each in self._candidates(options)
        ]
        door = door_of(each.release for each in candidates)
        with LiveLine(self._display, door=door) as live:
            other = self._other(options, live)
            progress = GatesProgress(live, door, len(candidates))
            live.now = progress.now
            settings, services = read_staging(staging)
            examiner = Examiner(
                client=connect(),
                gates=[
                    *(gate for gate in find_gates() if gate.name in _FORERUNNERS),
                    rehearsal_of(present, other),
                ],
                options=GateOptions(
                    replay_log=str(path_of(project(), options["replay_log"])) if options["replay_log"] else "",
                    replay_requests=options["replay_requests"],
                    behaviour_requests=options["behaviour_requests"],
                    docroots={path: str(folder) for path, folder in settings.docroots.items()},
                ),
                settings=settings,
                services=services,
                run=f"rehearsal-{os.getpid()}",
                watch=progress.of,
            )
            examined = [each.through(door) for each in examiner.examine(candidates)]
        staged = Installed(present.version, present.flavour, platform=staging["name"])
        concerns = [_published(each, options["said"], staged, other) for each in candidates]
        told = [
            "\n".join([_told(each, present, other), *(f"  {line}" for one in found for line in one.lines)])
            for each, found in zip(examined, concerns, strict=True)
        ]
        text = door.text("\n\n".join(told))
        show_text(self._display, text)
        rows = [
            door.data({**_row(each), "vulnerabilities": [one.to_json() for one in found]})
            for each, found in zip(examined, concerns, strict=True)
        ]
        run = visitor("rehearsal")
        who = {"who": run.who, "host": run.host}
        record = record_of(run.started, who, present.words, other.words, rows)
        page = write_record(self._state() / "rehearsals", record, text)
        self._display.display(f"record: {page}")
        result = {"changed": False, "rehearsals": rows, "record": str(page)}
        failed = sum(not each.passed for each in examined)
        if failed:
            words = f"{failed} of {len(examined)} trees would not be served by {other.words} as by {present.words}"
            return {**result, "failed": True, "msg": f"{words}; no host was touched"}
        return result

    def _other(self, options: Mapping[str, Any], live: LiveLine) -> RehearsedNginx:
        """Find or make the image of the nginx to rehearse. Raises ``InputError`` where none is named."""
        staging, version = options["staging"], options["nginx_version"]
        platform, source = options["platform"] or staging["name"], options["nginx"] or staging["source"]
        if (platform, source) == (staging["name"], staging["source"]) and not version:
            raise InputError(
                "nginx_version", "nothing is named to rehearse; use -e nginx_version=1.26.3 or -e platform=debian-13"
            )
        for option, value, known in (("platform", platform, releases()), ("nginx", source, sources())):
            if value not in known:
                raise InputError(option, f"{value!r} is none of {', '.join(known)}")
        bounds = read_bounds(staging["environment"].get("bounds", {}))
        cache = Path(self._state() / "cache")
        packages = staging["packages"]
        made = ensure_platform(
            connect(), platform, packages, cache, live.goes_on, bounds, source=source, version=version
        )
        return RehearsedNginx(made.image, made.flavour, made.nginx_version, made.os)


def _hold_to_one(platforms: Sequence[tuple[Mapping[str, Any], Sequence[str]]]) -> None:
    """Rehearse one upgrade at a time. Raises ``SluiceError`` where hosts have several platforms."""
    if len(platforms) > 1:
        there = "; ".join(f"{each['name']}: {listed(hosts, _MOST_HOSTS)}" for each, hosts in platforms)
        raise SluiceError(f"these hosts have several platforms ({there}); rehearse for those of one with --limit")


def _published(
    candidate: Candidate, said: Mapping[str, Any], staged: Installed, other: RehearsedNginx
) -> list[PublishedFaults]:
    """Return what is published of the nginx of a candidate's hosts; nothing for a tree that could not be made."""
    if candidate.release is None:
        return []
    return published(parse_tree(candidate.release.tree), candidate.hosts, said, staged, other.version)


def _told(examined: Examined, present: RehearsedNginx, other: RehearsedNginx) -> str:
    """Return what differs for one tree, a line each, the worst first; the places were told as the verdict fell."""
    release, verdict = examined.candidate.release, examined.verdicts[-1]
    hosts = listed(examined.candidate.hosts, _MOST_HOSTS)
    head = f"tree {release.id[:12] if release else '(none)'} of {hosts}: {present.words} → {other.words}"
    found = sorted((each for one in examined.verdicts for each in one.findings), key=lambda each: each.warning)
    said = [] if verdict.result == "fail" else [f"  {verdict.summary}"]
    return "\n".join([head, *said, *dict.fromkeys(f"  {each.what}" for each in found)])


def _row(examined: Examined) -> dict[str, Any]:
    release, verdict = examined.candidate.release, examined.verdicts[-1]
    return {
        "release": release.id if release else None,
        "hosts": list(examined.candidate.hosts),
        "result": verdict.result,
        "differences": [finding.what for finding in verdict.findings],
    }
