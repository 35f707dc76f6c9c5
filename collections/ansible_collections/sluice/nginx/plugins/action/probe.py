"""Asks the hosts what they serve, and what they have of that which their new releases need. It changes nothing."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import Question, Terms
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.needs.asking import questions
from ansible_collections.sluice.nginx.plugins.module_utils.release.fetched import (
    find_live,
    is_packaged,
    keep_live,
    known_ids,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, Store
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import state
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, Asking, FleetAction, failure


class ActionModule(FleetAction):
    """A host that cannot be asked does not fail the task: its answer says why, and the gates judge that."""

    SPEC: ClassVar[dict[str, Any]] = {
        "releases": {"type": "list", "elements": "dict", "required": True},
        "platform": {"type": "dict", "required": True},
    }

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Ask, and keep the live trees that the controller does not have."""
        packaged, known = Path(options["platform"]["tree"]), known_ids(state())
        askings: dict[str, Asking] = {}
        for each in options["releases"]:
            # Hosts whose variables are wrong get no release, and the gate spec says so.
            if each["id"]:
                question = _question(Store(state() / "releases").get(each["id"]), known)
                asking = Asking(question, Terms().patience)
                askings.update({host: asking for host in each["hosts"] if host in hosts})
        answers = {host: kept(answer, packaged) for host, answer in self._answers(askings)}
        return {"changed": False, "answers": answers}


def _question(release: Release, known: list[str]) -> Question:
    rows = questions(release.described["needs"], release.tree)
    return Question({"op": "probe", "run": visitor("probe").asking(), "needs": rows, "known": known})


def kept(answer: Answer, packaged: Path) -> Answer:
    """Keep the tree that a host has sent, and name the release that it serves: none where that is what the package
    brings.
    """
    sent = {**answer}
    tree = sent.pop("tree", None)
    if not sent.get("live"):
        return sent
    release = find_live(state(), sent["live"])
    if release is None and tree:
        more = {"contract": sent["contract"], "withheld": sent["withheld"], "platform": sent["facts"]}
        try:
            release = keep_live(state(), sent["live"], base64.b64decode(tree), more)
        except (SluiceError, OSError, ValueError) as error:
            return {**sent, **failure(f"what the host serves cannot be kept: {error}"), "live_release": None}
    is_untouched = release is not None and _is_packaged(release, packaged)
    return {**sent, "packaged": is_untouched, "live_release": release.id if release and not is_untouched else None}


@functools.cache
def _is_packaged(release: Release, packaged: Path) -> bool:
    return is_packaged(release.tree, packaged)
