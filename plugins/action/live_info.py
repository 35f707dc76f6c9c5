"""Asks the hosts what they serve, and what they have of that which their new releases need. It changes nothing."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.needs.requests import questions
from ansible_collections.sluice.nginx.plugins.module_utils.release.live_trees import (
    find_live,
    is_packaged,
    keep_live,
    known_ids,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.fleet_progress import FleetProgress
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import pulling_hosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest, failure
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.staging import PlatformsOfHosts


class ActionModule(FleetAction):
    """A host that cannot be asked does not fail the task: its answer says why, and the gates judge that."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Ask, and keep the live trees that the controller does not have."""
        # Their needs are looked at by themselves, before they are switched.
        pulling = pulling_hosts(self._variables_of_task)
        hosts = [host for host in hosts if host not in pulling]
        platforms, known = PlatformsOfHosts(options["platform"]), known_ids(self._state())
        askings: dict[str, HostRequest] = {}
        for each in options["releases"]:
            # Hosts whose variables are wrong get no release, and the gate spec says so.
            if each["id"]:
                question = _question(
                    ReleaseStore(self._state() / "releases").get(each["id"]),
                    known,
                    endpoints=options["endpoints"],
                    packages=options["packages"],
                )
                asking = HostRequest(question, RolloutOptions().timeout)
                askings.update({host: asking for host in each["hosts"] if host in hosts})
        answers, progress = {}, FleetProgress()
        with LiveLine(self._display, progress.now) as live:
            progress.asks(live, dict.fromkeys(askings, "probe"), 0)
            for host, answer in self._answers(askings):
                progress.answered(host, "probe", answer)
                answers[host] = _kept_or_not(answer, Path(platforms.of(host)["tree"]), self._state())
        return {"changed": False, "answers": answers}


def _question(release: Release, known: list[ReleaseId], *, endpoints: bool, packages: bool) -> Question:
    rows = questions(release.described["needs"], release.tree, endpoints=endpoints)
    request = {"op": "probe", "run": visitor("probe").asking(), "needs": rows, "known": known}
    return Question({**request, "packages": True} if packages else request)


def _kept_or_not(answer: Answer, packaged: Path, state: Path) -> Answer:
    """Keep what a host has sent; whatever is wrong with it is that host's failure."""
    try:
        return kept(answer, packaged, state)
    except Exception as error:
        # What nobody foresaw is read from what a host sent, and must not end the run of the others.
        why = str(error) if isinstance(error, SluiceError) else f"{type(error).__name__}: {error}"
        rest = {name: value for name, value in answer.items() if name != "tree"}
        return {**rest, **failure(f"what the host serves cannot be kept: {why}"), "live_release": None}


def kept(answer: Answer, packaged: Path, state: Path) -> Answer:
    """Keep the tree that a host has sent, and name the release that it serves: none where that is what the package
    brings. Raises ``SluiceError`` where what it sent is none.
    """
    sent = {**answer}
    tree = sent.pop("tree", None)
    if not sent.get("live"):
        return sent
    claimed = read_release_id(sent["live"])
    release = find_live(state, claimed)
    if release is None and tree:
        try:
            data = base64.b64decode(tree, validate=True)
        except ValueError as error:
            raise SluiceError(f"the live tree that the host sent is no base64: {error}") from error
        release = keep_live(state, claimed, data, sent.get("withheld", []))
    is_untouched = release is not None and _is_packaged(release, packaged)
    return {**sent, "packaged": is_untouched, "live_release": release.id if release and not is_untouched else None}


@functools.cache
def _is_packaged(release: Release, packaged: Path) -> bool:
    return is_packaged(release.tree, packaged)
